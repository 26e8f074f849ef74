"""What a user runs, one module each."""
