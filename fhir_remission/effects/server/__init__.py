"""One FHIR server: pages, parallel reads, writes, bulk export."""
