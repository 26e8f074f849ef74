"""An embedded FHIR server."""
