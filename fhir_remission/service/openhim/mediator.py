"""The service as a mediator of OpenHIM: registered at its start, and heard of every ten seconds.

By openhim-core's `src/api/mediators.js`: 201 for a registration, 404 for a heartbeat of somebody
it does not know. It calls a mediator dead after a minute of silence.
"""

from __future__ import annotations

import re
import threading
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from fhir_remission.effects.process.logs import get_logger
from fhir_remission.errors import SettingsError
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.settings import Settings
from fhir_remission.version import VERSION

BEAT = 10.0
_PATIENCE = (3, 5)
_EVERYWHERE = ("0.0.0.0:", "[::]:")
_LOCAL = ("http://127.0.0.1", "http://localhost", "http://[::1]")


def urn_of(settings: Settings) -> str:
    """The name of this site's mediator."""
    plain = re.sub(r"[^A-Za-z0-9-]+", "-", settings.site.id)
    return f"urn:mediator:fhir-remission-{plain}"


def described(settings: Settings) -> dict[str, Any]:
    """What is registered: where the service is, and a channel that keeps no body."""
    service = settings.service
    scheme = "https" if service.cert_file else "http"
    place = urlsplit(service.public_url or f"{scheme}://{service.bind}")
    secured = place.scheme == "https"
    name = f"fhir-remission {settings.site.id}"
    endpoint = {
        "name": name,
        "host": place.hostname or "127.0.0.1",
        "port": place.port or (443 if secured else 80),
        "type": "http",
        "secured": secured,
        "primary": True,
    }
    below = place.path.rstrip("/").replace("/", r"\/")
    channel = {
        "name": name,
        "urlPattern": "^/fhir-remission/.*$",
        "type": "http",
        "methods": ["GET", "POST"],
        "authType": "private",
        "allow": ["fhir-remission"],
        "requestBody": False,
        "responseBody": False,
        "routes": [{**endpoint, "pathTransform": rf"s/^\/fhir-remission/{below}/"}],
    }
    return {
        "urn": urn_of(settings),
        "version": VERSION,
        "name": name,
        "description": "Works out the remission category of patients with AML",
        "endpoints": [endpoint],
        "defaultChannelConfig": [channel],
        "configDefs": [],
        "config": {},
    }


class Mediator:
    """Registers, and says that it lives, until the site stops."""

    def __init__(self, site: ServedSite) -> None:
        self._site = site
        self._began = site.clock.monotonic()
        self._known, self._said = False, ""
        self._url, self._login, self._trust = _core(site.settings)

    def start(self) -> None:
        """Go on in a thread of its own: a core that is down keeps nobody from serving."""
        threading.Thread(target=self._run, name="openhim", daemon=True).start()

    def _run(self) -> None:
        while not self._site.stopping:
            self.beat()
            self._site.clock.sleep(BEAT)

    def beat(self) -> None:
        """Register if the core does not know us, then say how long we have been up."""
        try:
            self._known = self._known or self._register()
            if self._known:
                self._live()
        except requests.RequestException as error:
            self._say("openhim_unreachable", type(error).__name__)

    def _register(self) -> bool:
        status = self._post("/mediators", described(self._site.settings))
        self._say("openhim_registered" if status == 201 else "openhim_refused", str(status))
        return status == 201

    def _live(self) -> None:
        urn = quote(urn_of(self._site.settings), safe="")
        up = round(self._site.clock.monotonic() - self._began, 1)
        status = self._post(f"/mediators/{urn}/heartbeat", {"uptime": up})
        if status == 404:
            self._known = False
        elif status != 200:
            self._say("openhim_refused", str(status))

    def _post(self, path: str, body: Any) -> int:
        with requests.post(
            f"{self._url}{path}",
            json=body,
            auth=self._login,
            timeout=_PATIENCE,
            verify=self._trust,
            allow_redirects=False,
            stream=True,
        ) as answer:
            return answer.status_code

    def _say(self, event: str, reason: str) -> None:
        """Once for each change: a core that is down for a night is one line."""
        if (said := f"{event} {reason}") != self._said:
            self._said = said
            level = "info" if event == "openhim_registered" else "warning"
            getattr(get_logger(), level)(event, reason=reason)


def _core(settings: Settings) -> tuple[str, tuple[str, str], str | bool]:
    """Address, login and certificates of the core; SettingsError where one cannot be used."""
    wanted = settings.service.openhim
    if not wanted.url or not wanted.username or wanted.password_file is None:
        raise SettingsError(
            "--openhim: set service.openhim.url (https://core:8080), username and password_file"
        )
    if not wanted.url.startswith(("https://", *_LOCAL)):
        raise SettingsError("service.openhim.url must be https: a password goes there")
    if not settings.service.public_url and settings.service.bind.startswith(_EVERYWHERE):
        raise SettingsError("--openhim: set service.public_url, where the core reaches us")
    try:
        password = wanted.password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(
            f"service.openhim.password_file: cannot read {wanted.password_file}"
        ) from None
    if wanted.ca_file is not None and not wanted.ca_file.is_file():
        raise SettingsError(f"service.openhim.ca_file: there is no {wanted.ca_file}")
    trust = str(wanted.ca_file) if wanted.ca_file is not None else True
    return wanted.url.rstrip("/"), (wanted.username, password), trust
