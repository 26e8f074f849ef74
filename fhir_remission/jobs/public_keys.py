"""The public halves of a site's signing keys, to be registered with its servers."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fhir_remission.effects.auth import secret_of
from fhir_remission.effects.keys import public_jwks, read_signing_key
from fhir_remission.errors import SettingsError
from fhir_remission.jobs.site import settings_of
from fhir_remission.settings.model import Server


def public_keys(config: Path | None, assignments: tuple[str, ...]) -> bytes:
    """The public halves of all configured signing keys, as a JWKS to register."""
    settings = settings_of(config, assignments, {})
    servers: list[Server] = [settings.source, *settings.sink.values()]
    auths = [server.auth for server in servers if server.auth.mode == "smart"]
    if not auths:
        raise SettingsError("no server has auth.mode = smart, so there is no key to publish")
    keys = {k.kid: k for a in auths for k in [read_signing_key(secret_of(a), kid=a.key_id)]}
    return msgspec.json.format(msgspec.json.encode(public_jwks(list(keys.values())))) + b"\n"
