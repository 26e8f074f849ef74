"""What can go wrong at it, by name."""
