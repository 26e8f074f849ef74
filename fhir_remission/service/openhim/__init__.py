"""OpenHIM: the service as one of its mediators."""
