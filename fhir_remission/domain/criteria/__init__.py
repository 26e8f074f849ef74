"""From a criteria file to a criteria set."""
