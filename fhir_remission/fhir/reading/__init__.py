"""From resources to the record of a patient."""
