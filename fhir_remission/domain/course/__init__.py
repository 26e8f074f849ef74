"""Through time: where the course of the disease stands."""
