"""The job over files of any size."""
