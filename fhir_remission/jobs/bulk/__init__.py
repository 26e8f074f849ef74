"""The job over a server's own export."""
