"""From settings to a source of tokens: SMART Backend Services, or OAuth2 with a client secret."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from fhir_remission.effects.http.auth import needed, secret_of
from fhir_remission.effects.http.keys import read_signing_key
from fhir_remission.effects.http.origin import Base
from fhir_remission.effects.http.scopes import wanted_scopes
from fhir_remission.effects.http.smart import (
    Discovery,
    TokenHeaders,
    assertion_form,
    discover,
    secret_form,
    secret_headers,
    token_url,
)
from fhir_remission.effects.http.transport import RequestsExchange
from fhir_remission.effects.process.clock import Clock
from fhir_remission.settings import Server


def token_headers(
    settings: Server,
    base: Base,
    clock: Clock,
    exchange: RequestsExchange,
    read: tuple[str, ...],
    write: tuple[str, ...],
) -> TokenHeaders:
    """Prepare the tokens of one server; the first is fetched with the first request."""
    auth = settings.auth
    client_id = needed(auth.client_id, "auth.client_id")
    known = bool(auth.token_url and auth.scopes)
    found = Discovery() if known else discover(base, exchange, clock)
    url = token_url(auth.token_url, base, found)
    scopes = auth.scopes or wanted_scopes(read, write, v2=found.has_v2_scopes)
    if auth.mode == "secret":
        return TokenHeaders(
            url,
            exchange,
            lambda: secret_form(scopes),
            clock=clock,
            wanted=scopes,
            headers=secret_headers(client_id, secret_of(auth)),
        )
    key = read_signing_key(secret_of(auth), kid=auth.key_id)

    def form() -> Mapping[str, str]:
        return assertion_form(
            client_id, key, url, scopes, clock=clock, jti=lambda: str(uuid.uuid4())
        )

    return TokenHeaders(url, exchange, form, clock=clock, wanted=scopes)
