"""Settings: flags over environment over TOML file over defaults, as one frozen value."""

from fhir_remission.settings.loading import load_settings, read_assignments
from fhir_remission.settings.model import NAMESPACE, Auth, Server, Settings, Sink, Source

__all__ = [
    "NAMESPACE",
    "Auth",
    "Server",
    "Settings",
    "Sink",
    "Source",
    "load_settings",
    "read_assignments",
]
