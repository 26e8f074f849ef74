"""From where a course stands to what is said: words, flags, proof, dates, the page."""
