"""Through time: every course that the record allows, walked from anchor to anchor."""
