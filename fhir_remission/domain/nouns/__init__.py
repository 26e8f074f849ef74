"""The nouns of the clinical model: what a record holds, intervals, verdicts, the assessment."""
