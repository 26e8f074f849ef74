"""What is read of a server: cohort, evidence, changes."""
