"""`python -m fhir_remission`."""

from fhir_remission.cli import entry_point

entry_point()
