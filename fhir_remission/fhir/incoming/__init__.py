"""What came in: documents to entries, whose each is, which version counts, what was damaged."""
