"""The scheduled job over a cohort, and what looks after its memory."""
