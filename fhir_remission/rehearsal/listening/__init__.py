"""The embedded server behind a port, with its faults."""
