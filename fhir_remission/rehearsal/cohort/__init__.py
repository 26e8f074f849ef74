"""The invented patients that it serves."""
