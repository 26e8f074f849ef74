"""The public halves of a site's signing keys, to be registered with its servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from fhir_remission.effects.http.auth import secret_of
from fhir_remission.effects.http.keys import SigningKey, public_jwks, read_signing_key
from fhir_remission.errors import SettingsError
from fhir_remission.jobs.site.site import settings_of
from fhir_remission.settings.model import Auth, Server


def public_keys(config: Path | None, assignments: tuple[str, ...]) -> bytes:
    """The public halves of all configured signing keys, as a JWKS to register."""
    settings = settings_of(config, assignments, {})
    servers: list[Server] = [settings.source, *settings.sink.values()]
    auths = [server.auth for server in servers if server.auth.mode == "smart"]
    if not auths:
        raise SettingsError("no server has auth.mode = smart, so there is no key to publish")
    keys = {key.kid: key for auth in auths for key in _keys_of(auth)}
    return msgspec.json.format(msgspec.json.encode(public_jwks(list(keys.values())))) + b"\n"


def _keys_of(auth: Auth) -> Iterator[SigningKey]:
    """The key in use, and the one that is to follow it."""
    yield read_signing_key(secret_of(auth), kid=auth.key_id)
    if auth.next_key_file is not None:
        yield read_signing_key(secret_of(Auth(mode="smart", key_file=auth.next_key_file)))
