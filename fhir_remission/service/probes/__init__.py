"""What the service says of itself: probes, metrics, definitions."""
