"""From settings to a wired site; the doctor."""
