"""What a server can do, and what is asked of it."""
