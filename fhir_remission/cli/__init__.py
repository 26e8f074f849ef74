"""The command line: flags, wiring, exit codes; the only place that prints."""
