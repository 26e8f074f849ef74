"""`serve --openhim`: registered and heard of at a core, and answers in its envelope."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_remission import Classifier
from fhir_remission.cli.main import main
from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.errors import SettingsError
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.openhim.mediator import Mediator, described
from tests.service.conftest import OPERATION, SOURCE, Serve, case, parameters
from tests.service.openhim_core import LOGIN, Core, core
from tests.service.process import Process

AS_OF = "2026-06-30T00:00:00Z"
BODY = json.dumps(parameters(case("complete-remission"), record="complete", asOf=AS_OF)).encode()
JSON = {"Content-Type": "application/fhir+json"}
LINE = {**JSON, "Accept": "application/vnd.fhir-remission+json"}
THROUGH = "/fhir-remission" + OPERATION


def settings(url: str, folder: Path) -> str:
    """A site with an OpenHIM."""
    (folder / "openhim.password").write_text(f"{LOGIN[1]}\n")
    return (
        f'[service.openhim]\nurl = "{url}"\nusername = "{LOGIN[0]}"\n'
        'password_file = "openhim.password"\n'
    )


@pytest.fixture
def hub() -> Iterator[Core]:
    """A core that knows nobody yet."""
    with core() as held:
        yield held


def site_at(folder: Path, lines: str) -> ServedSite:
    """A site with these lines in its settings."""
    if not (folder / "site.key").exists():
        new_site_key(folder / "site.key")
    (folder / "site.toml").write_text(f'[site]\nid = "st. e"\n{lines}')
    return ServedSite(folder / "site.toml")


def test_a_process_registers_and_is_routed_to(tmp_path: Path, hub: Core) -> None:
    """The real command: known to the core, whose client gets the answer it asked for."""
    running = Process(tmp_path, settings(hub.url, tmp_path), "--openhim")
    try:
        for _ in range(100):
            if hub.beats:
                break
            time.sleep(0.1)
        (beat,) = {urn for urn, _ in hub.beats}
        status, headers, body, again = hub.route("POST", THROUGH, BODY, **LINE)
        plain = running.ask("POST", OPERATION, BODY, **LINE)
    finally:
        assert running.stop() == 0

    assert beat == "urn:mediator:fhir-remission-st-e"
    (expected,) = Classifier(as_of=AS_OF)(case("complete-remission"))
    assert (status, body.encode(), again) == (200, expected.to_json(), False)
    assert headers["content-type"].startswith("application/vnd.fhir-remission+json")
    assert headers["x-request-id"] == "5f1a2b3c4d5e6f7a8b9c0d1e"
    assert plain == (200, expected.to_json())


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [(BODY, 200, "Successful"), (b"{", 400, "Completed")],
)
def test_the_envelope_says_how_it_went(serve: Serve, body: bytes, status: int, word: str) -> None:
    """An error of the caller's is `Completed`, as OpenHIM calls it, and nothing to send again."""
    told = enveloped(serve, "", "POST", OPERATION, body)

    assert (told["status"], told["response"]["status"]) == (word, status)
    assert "error" not in told
    assert told["orchestrations"] == []


def test_an_answer_without_a_body_has_an_envelope(serve: Serve) -> None:
    """Nothing new since then is 304 for the client, in an answer that may have a body."""
    served = serve("", openhim=True)
    tag = served.ask("GET", "/metadata").headers["etag"]
    names = {"If-None-Match": tag, "X-OpenHIM-TransactionID": "5f1a2b3c4d5e6f7a8b9c0d1e"}
    answer = served.ask("GET", "/metadata", headers=names)

    assert (answer.status_code, answer.json["response"]["status"]) == (200, 304)
    assert answer.json["response"]["body"] == ""


def test_what_can_succeed_later_is_sent_again(serve: Serve) -> None:
    """A source that is down: 503 with an `error`, without which OpenHIM would not try again."""
    down = SOURCE.format(base="http://127.0.0.1:9/fhir") + 'max_wait = "1s"\n'
    told = enveloped(serve, down, "GET", "/Patient/p1/$classify-remission", b"")

    assert told["response"]["status"] == 503
    assert told["status"] == "Failed"
    assert told["error"]["message"].startswith("503")
    assert "retry-after" in told["response"]["headers"]
    assert "p1" not in json.dumps(told)


def enveloped(serve: Serve, lines: str, method: str, path: str, body: bytes) -> Any:
    """An answer to OpenHIM; the same request from elsewhere has no envelope."""
    served = serve(lines, openhim=True)
    plain = served.ask(method, path, body)
    assert "openhim" not in plain.headers["content-type"]
    answer = served.ask(
        method, path, body, headers={"X-OpenHIM-TransactionID": "5f1a2b3c4d5e6f7a8b9c0d1e"}
    )
    assert answer.headers["content-type"] == "application/json+openhim"
    assert answer.status_code == answer.json["response"]["status"]
    return answer.json


def test_a_core_that_forgot_us_hears_of_us_again(tmp_path: Path, hub: Core) -> None:
    """Unreachable, then there, then emptied: each beat does what is needed."""
    mediator = Mediator(site_at(tmp_path, settings(hub.url, tmp_path)))
    hub.down = True
    mediator.beat()
    assert hub.mediators == {}
    hub.down = False
    mediator.beat()
    assert list(hub.mediators) == ["urn:mediator:fhir-remission-st-e"]
    hub.mediators.clear()
    mediator.beat()
    mediator.beat()
    assert hub.asked == [502, 201, 200, 404, 201, 200]
    assert [up >= 0 for _, up in hub.beats] == [True, True]


def test_nobody_there_keeps_nobody_from_serving(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A refused connection is one line of the log, however often."""
    mediator = Mediator(site_at(tmp_path, settings("http://127.0.0.1:9", tmp_path)))
    for _ in range(3):
        mediator.beat()
    assert capfd.readouterr().err.count("openhim_unreachable") <= 1


def test_the_address_is_the_one_callers_use(tmp_path: Path) -> None:
    """Behind a proxy it is that of the proxy, with its path and TLS."""
    site = site_at(tmp_path, '[service]\npublic_url = "https://r.example.org/aml/"\n')
    (route,) = described(site.settings)["defaultChannelConfig"][0]["routes"]

    assert (route["host"], route["port"], route["secured"]) == ("r.example.org", 443, True)
    assert route["pathTransform"] == r"s/^\/fhir-remission/\/aml/"


@pytest.mark.parametrize(
    "lines",
    [
        "",
        '[service.openhim]\nurl = "http://core.example.org:8080"\nusername = "u"\n'
        'password_file = "openhim.password"\n',
        '[service.openhim]\nurl = "https://core.example.org:8080"\nusername = "u"\n'
        'password_file = "nowhere"\n',
        '[service]\nbind = "0.0.0.0:8443"\n[service.openhim]\nusername = "u"\n'
        'url = "https://core.example.org:8080"\npassword_file = "openhim.password"\n',
    ],
    ids=["nothing set", "no TLS", "no password", "an address that is none"],
)
def test_a_core_that_cannot_be_used_is_a_matter_of_settings(tmp_path: Path, lines: str) -> None:
    """Nothing is served then; a password never goes out in the clear."""
    (tmp_path / "openhim.password").write_text("x")
    with pytest.raises(SettingsError):
        Mediator(site_at(tmp_path, lines))
    config = str(tmp_path / "site.toml")
    assert main(["serve", "--config", config, "--openhim"]) == 2
