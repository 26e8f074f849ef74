"""Who calls, and how often one may."""
