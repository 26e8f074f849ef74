"""From the text of a mapping table to a look-up: codes, units, answers, events."""
