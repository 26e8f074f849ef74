"""The embedded FHIR server for the demo, the tests and dress rehearsals."""
