"""From assessments to resources, their identity, and transactions."""
