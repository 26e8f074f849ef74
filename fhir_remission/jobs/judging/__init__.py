"""The middle of every job: resources of one patient to assessments."""
