"""The files of a connection, looked at before anything is sent: which is wrong, and how."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from fhir_remission.errors import SettingsError
from fhir_remission.settings import Server


def check_tls_files(settings: Server) -> None:
    """Raise SettingsError for a CA bundle, certificate or key that cannot be used."""
    auth = settings.auth
    mutual = auth.mode == "mtls"
    files = {
        "ca_bundle": settings.ca_bundle,
        "auth.cert_file": auth.cert_file if mutual else None,
        "auth.key_file": auth.key_file if mutual else None,
    }
    held = {name: _text(name, file) for name, file in files.items() if file is not None}
    if "ENCRYPTED" in held.get("auth.key_file", ""):
        raise SettingsError(
            f"auth.key_file: {auth.key_file} is encrypted: write it without a password"
            " (openssl pkey -in OLD -out NEW) where only we can read it"
        )
    if settings.base_url.lower().startswith("https:"):
        _load(settings, mutual=mutual)


def _load(settings: Server, *, mutual: bool) -> None:
    # What is loaded here is thrown away: libraries load it again, and tell less when they fail.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bundle, certificate, key = settings.ca_bundle, settings.auth.cert_file, settings.auth.key_file
    if bundle is not None:
        _try("ca_bundle", bundle, lambda: context.load_verify_locations(bundle))
    if mutual and certificate is not None:
        _try("auth.cert_file", certificate, lambda: context.load_cert_chain(certificate, key))


def _try(name: str, file: Path, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ssl.SSLError):
        raise SettingsError(
            f"{name}: {file} is not what is needed: certificates in PEM form, and for a client"
            " certificate the private key that belongs to it"
        ) from None


def _text(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="latin-1")
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {file} ({error.strerror})") from None
