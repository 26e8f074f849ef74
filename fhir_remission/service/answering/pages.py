"""Pages for clinicians: behind a login, or by a signed link that is good for ten minutes.

A link holds a sealed token and no id: addresses end up in histories, logs and proxies.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from fhir_remission.jobs.files.explain import words_of_pages
from fhir_remission.jobs.site.site_claim import identity_of
from fhir_remission.report import dossier_of, patient_page
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.request.arguments import Asked
from fhir_remission.service.request.refusals import Refused

LASTING = 600
_LABEL = b"fhir-remission|page-link|1"
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)


class Pages:
    """The pages of a site's patients."""

    def __init__(self, site: ServedSite) -> None:
        self._site = site
        key = hmac.digest(identity_of(site.settings).key, _LABEL, hashlib.sha256)
        self._seal = Fernet(base64.urlsafe_b64encode(key))

    def signed(self, patient: str) -> str:
        """The path that opens the page of this patient (a bare id) for ten minutes."""
        return f"/pages/{self._seal.encrypt(patient.encode()).decode()}"

    def on_get(self, req: Any, resp: Any, patient: str) -> None:
        """The page of a patient, for who has logged in."""
        req.context.caller.check([f"Patient/{patient}"])
        self._shown(resp, patient, req.context.caller.name)

    def on_get_signed(self, _: Any, resp: Any, token: str) -> None:
        """The page of a link; nobody learns whether it is too old or was made up."""
        try:
            patient = self._seal.decrypt(token.encode(), ttl=LASTING).decode()
        except (InvalidToken, ValueError):
            raise Refused(404, "not-found", "this link does not open a page any more") from None
        self._shown(resp, patient, "signed-link")

    def _shown(self, resp: Any, patient: str, caller: str) -> None:
        answer = self._site.source.answer(patient, Asked(record="complete", history=True))
        self._site.audit(answer.patients, caller)
        source = self._site.settings.source.base_url
        dossier = dossier_of(answer.judged[0], answer.judge, words_of_pages(), source=source)
        if dossier is None:
            raise Refused(404, "not-found", "there is no page of this patient")
        show(resp, patient_page(dossier))


def show(resp: Any, page: str) -> None:
    """A page with the policy that lets it do nothing but be seen."""
    resp.content_type = "text/html; charset=utf-8"
    resp.set_header("Content-Security-Policy", _POLICY)
    resp.data = page.encode()
