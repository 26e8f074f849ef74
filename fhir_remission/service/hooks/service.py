"""The hook `patient-view`: discovery, the service, feedback; who may call it, and from where."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from typing import Any

import msgspec
from msgspec import Raw, Struct, structs
from pydantic import SecretStr

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.effects.files.mapping_files import load_mappings
from fhir_remission.fhir.r4.references import is_id
from fhir_remission.service.answering.judging import Answer
from fhir_remission.service.answering.pages import Pages
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.callers.tokens import Tokens, unauthorized
from fhir_remission.service.hooks.cards import card_of
from fhir_remission.service.hooks.prefetch import read_prefetch, templates
from fhir_remission.service.request.arguments import Asked
from fhir_remission.service.request.body import read_whole
from fhir_remission.service.request.refusals import Refused

PATH, ID = "/cds-services", "aml-remission"
_UUID = re.compile(r"[0-9a-fA-F-]{36}")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,16384}")
_REPLAYS = 65_536


class _Authorization(Struct):
    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - a kind, no secret
    scope: str = ""


class _Context(Struct, rename="camel"):
    user_id: str
    patient_id: str


class _Request(Struct, rename="camel"):
    hook: str
    hook_instance: str
    context: _Context
    fhir_server: str | None = None
    fhir_authorization: _Authorization | None = None
    prefetch: dict[str, Raw] | None = None


class _Feedback(Struct):
    card: str
    outcome: str


class _Feedbacks(Struct):
    feedback: list[_Feedback]


_REQUEST = msgspec.json.Decoder(_Request)
_FEEDBACK = msgspec.json.Decoder(_Feedbacks)


class Clients:
    """CDS clients by their tokens, each of which is good once."""

    def __init__(self, site: ServedSite) -> None:
        hooks, self._clock = site.settings.service.hooks, site.clock
        self.named = bool(hooks.issuer)
        self._tokens = Tokens(hooks, site.clock) if self.named else None
        self._audience, self._base = hooks.audience, site.settings.service.public_url
        self._used: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def name(self, authorization: str, path: str) -> str:
        """Who calls; 401 without a word where the token is not good, or not any more."""
        scheme, _, token = authorization.partition(" ")
        if self._tokens is None or scheme.lower() != "bearer":
            raise unauthorized()
        audience = self._audience or (f"{self._base.rstrip('/')}{path}",)
        claims = self._tokens.claims(token.strip(), audience, ("jti",))
        self._once(f"{claims['iss']} {claims['jti']}", float(claims["exp"] - claims["iat"]))
        return "cds-client"

    def _once(self, name: str, lasting: float) -> None:
        now = self._clock.monotonic()
        with self._lock:
            while self._used and next(iter(self._used.values())) < now:
                self._used.popitem(last=False)
            if name in self._used or len(self._used) >= _REPLAYS:
                raise unauthorized()
            self._used[name] = now + lasting + 60


class Discovery:
    """`GET /cds-services`."""

    def __init__(self, site: ServedSite) -> None:
        settings = site.settings
        codes = load_mappings(settings.mappings.dir, namespace=settings.site.base).codes
        self._body = msgspec.json.encode(
            {
                "services": [
                    {
                        "hook": "patient-view",
                        "id": ID,
                        "title": "Remission of acute myeloid leukaemia",
                        "description": "State and response category by published criteria.",
                        "prefetch": templates(code for _, code in codes.analyte_codes()),
                    }
                ]
            }
        )

    def on_options(self, _: Any, resp: Any) -> None:
        """Anybody's page may ask what may be asked."""
        resp.status = 204

    def on_get(self, _: Any, resp: Any) -> None:
        """The one service."""
        _json(resp, self._body)


class Hook:
    """`POST /cds-services/aml-remission`, and what became of its cards."""

    def __init__(self, site: ServedSite, pages: Pages) -> None:
        self._site, self._pages, self._clock = site, pages, site.clock

    def on_options(self, _: Any, resp: Any) -> None:
        """What a browser asks first."""
        resp.status = 204

    def on_post(self, req: Any, resp: Any) -> None:
        """One card, or none where there is nothing to say of this patient."""
        asked = _read(self._body(req), _REQUEST)
        patient = asked.context.patient_id.removeprefix("Patient/")
        if asked.hook != "patient-view" or not _UUID.fullmatch(asked.hook_instance):
            raise Refused(400, "value", "this is the service of patient-view, with a hookInstance")
        if not is_id(patient):
            raise Refused(400, "value", "context.patientId is no id")
        req.context.caller.check([f"Patient/{patient}"])
        answer = self._answer(asked, patient)
        self._site.audit(answer.patients, req.context.caller.name)
        found = [found[-1] for one in answer.judged for found in one.assessments]
        cards = [card_of(one, self._links(patient)) for one in found if _says_something(one)]
        _json(resp, msgspec.json.encode({"cards": cards}))

    on_options_feedback = on_options

    def on_post_feedback(self, req: Any, resp: Any) -> None:
        """Taken note of as a count; what a user wrote stands nowhere."""
        given = _read(self._body(req), _FEEDBACK)
        if any(one.outcome not in ("accepted", "overridden") for one in given.feedback):
            raise Refused(400, "value", "an outcome is accepted or overridden")
        _json(resp, b"{}")

    def _answer(self, asked: _Request, patient: str) -> Answer:
        held = read_prefetch(asked.prefetch or {})
        if held is not None:
            record = Asked(record="complete" if held.whole else "partial", resource=held.body)
            answer = self._site.judging(record)
            if answer.patients != (f"Patient/{patient}",):
                raise Refused(400, "value", "the prefetch is about another patient")
            return answer
        token = asked.fhir_authorization
        if token is None or not asked.fhir_server:
            raise Refused(
                412, "incomplete", "prefetch observations whole, or send fhirAuthorization"
            )
        return self._read_there(asked.fhir_server, token.access_token, patient)

    def _read_there(self, server: str, token: str, patient: str) -> Answer:
        """The record from a server of the settings: the caller's token goes nowhere else."""
        base = server.rstrip("/")
        known = [one.rstrip("/") for one in self._site.settings.service.hooks.fhir_servers]
        if base not in known or not _TOKEN.fullmatch(token):
            raise Refused(412, "incomplete", "evidence is not read from this fhirServer")
        settings = self._site.settings
        auth = settings.source.auth.model_copy(
            update={
                "mode": "header",
                "header": "Authorization",
                "secret": SecretStr(f"Bearer {token}"),
            }
        )
        source = settings.source.model_copy(update={"base_url": base, "auth": auth})
        there = settings.model_copy(update={"source": source, "sink": {}})
        reader = structs.replace(self._site.source, settings=there)
        return reader.answer(patient, Asked(record="complete"))

    def _links(self, patient: str) -> list[dict[str, str]]:
        base = self._site.settings.service.public_url.rstrip("/")
        if not base or not self._site.settings.source.base_url:
            return []
        url = f"{base}{self._pages.signed(patient)}"
        return [{"label": "How this answer comes about", "url": url, "type": "absolute"}]

    def _body(self, req: Any) -> bytes:
        service = self._site.settings.service
        return read_whole(req.env, service.max_body_mib << 20, service.body_time.total_seconds())


def _says_something(assessment: Assessment) -> bool:
    """A patient without leukaemia on record gets no card at each opened chart."""
    return assessment.anchor.kind != "none" or assessment.state != "unknown"


def _read(body: bytes, decoder: Any) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise Refused(400, "structure", "this is no request of CDS Hooks 2.0") from None


def _json(resp: Any, body: bytes) -> None:
    resp.content_type = "application/json"
    resp.data = body


def allow_origin(req: Any, resp: Any, origins: tuple[str, ...]) -> None:
    """CORS for the pages of the settings."""
    origin = req.get_header("Origin") or ""
    if origin in origins:
        resp.set_header("Access-Control-Allow-Origin", origin)
        resp.set_header("Vary", "Origin")
        resp.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type")
        resp.set_header("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
