"""What becomes of results: plan, send, settle, read back."""
