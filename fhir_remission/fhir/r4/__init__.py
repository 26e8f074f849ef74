"""FHIR R4 itself: datatypes, wire shapes, times, references, Bundles, outcomes."""
