"""The embedded FHIR server for the demo, the tests and dress rehearsals."""

from fhir_remission.rehearsal.listening.server import EmbeddedServer, serve

__all__ = ["EmbeddedServer", "serve"]
