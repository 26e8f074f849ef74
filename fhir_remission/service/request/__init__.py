"""What came in: its form, its arguments, its limits, and what it is refused with."""
