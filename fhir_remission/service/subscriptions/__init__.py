"""Wake-up calls of a FHIR server: who has changed, never what."""
