"""The HTTP service: what engines, EHRs and Subscriptions call; it needs the extra `service`."""

from importlib import import_module


def __getattr__(name: str) -> object:
    """`from fhir_remission.service import wsgi`, for servers of one's own."""
    if name == "wsgi":
        return import_module("fhir_remission.service.running.wsgi")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
