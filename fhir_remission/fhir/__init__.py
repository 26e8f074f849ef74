"""Pure translation between FHIR JSON and domain values."""
