"""Pure clinical logic: knows no FHIR, no files, no clock."""
