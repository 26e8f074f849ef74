"""One marrow with its window against the criteria."""
