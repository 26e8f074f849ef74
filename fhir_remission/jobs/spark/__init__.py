"""The archive job beyond one machine."""
