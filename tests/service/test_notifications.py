"""Notifications are wake-up calls: proved, taken at once, known again, and never evidence."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.effects.state.state import open_state
from fhir_remission.errors import SettingsError
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.subscriptions.notices import Notice, read_notice, read_secrets
from fhir_remission.service.subscriptions.receiver import Marks
from tests.service.conftest import DEMO, SOURCE, Serve, Served

SECRET, NEXT = "s" * 32, "n" * 40
PROOF = {"Authorization": f"Bearer {SECRET}"}
RESULT = {
    "resourceType": "Observation",
    "id": "o1",
    "subject": {"reference": f"Patient/{DEMO}"},
    "valueQuantity": {"value": 1, "unit": "%"},
}
SETTINGS = '[service.subscriptions]\nsecret_file = "notify.secret"\n'


def backport(kind: str, *, number: str = "", focus: str = "", **more: Any) -> dict[str, Any]:
    """A notification of the R5 backport on R4."""
    parts: list[dict[str, Any]] = [{"name": "event-number", "valueString": number}]
    parts += [{"name": "focus", "valueReference": {"reference": focus}}] if focus else []
    listed: list[dict[str, Any]] = [
        {"name": "subscription", "valueReference": {"reference": "Subscription/s"}},
        {"name": "status", "valueCode": "active"},
        {"name": "type", "valueCode": kind},
    ]
    listed += [{"name": "notification-event", "part": parts}] if number else []
    status = {"resourceType": "Parameters", "parameter": listed}
    entry = [{"resource": status, "request": {"method": "GET", "url": "x"}}]
    entry += [{"resource": one} for one in more.get("resources", ())]
    return {"resourceType": "Bundle", "type": "history", "entry": entry}


R5 = {
    "resourceType": "Bundle",
    "type": "subscription-notification",
    "entry": [
        {
            "resource": {
                "resourceType": "SubscriptionStatus",
                "type": "event-notification",
                "subscription": {"reference": "Subscription/s"},
                "notificationEvent": [
                    {"eventNumber": 7, "focus": {"reference": "https://x.example/Patient/p7"}}
                ],
            }
        }
    ],
}
ME = frozenset({f"Patient/{DEMO}"})


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        (b"", "", Notice()),
        (b"not JSON", "", Notice()),
        (b"[" * 10_000, "", Notice()),
        (RESULT, "Observation/o1", Notice(patients=ME)),
        ({"resourceType": "Patient", "id": DEMO}, f"Patient/{DEMO}", Notice(patients=ME)),
        (b"{}", f"Patient/{DEMO}", Notice(patients=ME)),
        ({**RESULT, "subject": {"reference": "Patient/../x"}}, "", Notice()),
        ({**RESULT, "subject": {"reference": "Group/g"}}, "", Notice()),
        (backport("handshake"), "", Notice("handshake")),
        (backport("heartbeat"), "", Notice("heartbeat")),
        (
            backport("event-notification", number="3", focus=f"Patient/{DEMO}"),
            "",
            Notice(patients=ME, key="Subscription/s|3"),
        ),
        (
            backport("event-notification", number="4", focus="Observation/o1", resources=[RESULT]),
            "",
            Notice(patients=ME, key="Subscription/s|4"),
        ),
        (R5, "", Notice(patients=frozenset({"Patient/p7"}), key="Subscription/s|7")),
        (
            {"resourceType": "Bundle", "type": "history", "entry": [{"resource": 7}, 7]},
            "",
            Notice(),
        ),
    ],
)
def test_a_notification_is_read_for_whom_it_is_about(
    body: Any, path: str, expected: Notice
) -> None:
    """In all three shapes; what cannot be read is about nobody in particular."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert read_notice(sent, path) == expected


@pytest.fixture
def notified(serve: Serve, tmp_path: Path, source: EmbeddedServer) -> Served:
    """A site that takes notifications of its source."""
    (tmp_path / "notify.secret").write_text(f"{SECRET}\n{NEXT}\n")
    return serve(SOURCE.format(base=source.base_url) + SETTINGS)


def due(site: ServedSite) -> dict[str, str]:
    """Whom the state says to read."""
    with closing(open_state(site.settings.state.url, site.clock)) as state:
        return state.dirty(site.settings.source.base_url)


def test_who_was_notified_of_is_due(notified: Served, source: EmbeddedServer) -> None:
    """Taken with 200 before anything is asked of the source; the next run of `sync` reads them."""
    marks = Marks(notified.site, start_runs=False)
    for method, path in (("PUT", "/notify/Observation/o1"), ("POST", "/notify")):
        answer = notified.ask(method, path, RESULT, headers=PROOF)
        assert answer.status_code == 200
    assert len(source.requests) == 0
    marks.take(read_notice(json.dumps(RESULT).encode()))
    marks.write()

    assert set(due(notified.site)) == ME


def test_each_call_is_a_mark_of_its_own(notified: Served) -> None:
    """A run that is reading somebody takes off the mark it saw, not the one made meanwhile."""
    marks = Marks(notified.site, start_runs=False)
    source = notified.site.settings.source.base_url
    with closing(open_state(notified.site.settings.state.url, notified.site.clock)) as state:
        marks.take(read_notice(json.dumps(RESULT).encode()))
        marks.write()
        (seen,) = state.marked(source)
        marks.take(read_notice(json.dumps(RESULT).encode()))
        marks.write()
        state.clean(source, seen.patient, seen.since_run)
        assert set(state.dirty(source)) == ME


def test_a_notification_with_nothing_in_it_is_taken(notified: Served) -> None:
    """HAPI sends an empty form without a payload."""
    form = {**PROOF, "Content-Type": "application/x-www-form-urlencoded"}
    assert notified.ask("POST", "/notify", b"", headers=form).status_code == 200
    assert notified.ask("DELETE", "/notify/Observation/o1", headers=PROOF).status_code == 200


@pytest.mark.parametrize("proof", ["", "Bearer ", f"Bearer {SECRET}x", "Basic abc", "Bearer é"])
def test_a_forged_notification_marks_nobody(notified: Served, proof: str) -> None:
    """Without one of the secrets: 401, and nothing is noted."""
    answer = notified.ask("POST", "/notify", RESULT, headers={"Authorization": proof})
    assert answer.status_code == 401
    assert due(notified.site) == {}


def test_the_next_secret_is_good_while_the_first_is_replaced(notified: Served) -> None:
    """Each of the file opens."""
    proof = {"Authorization": f"Bearer {NEXT}"}
    assert notified.ask("POST", "/notify", RESULT, headers=proof).status_code == 200


def test_an_event_counts_once(notified: Served) -> None:
    """A server may deliver it several times; a handshake and a heartbeat wake nobody."""
    marks = Marks(notified.site, start_runs=False)
    event = read_notice(
        json.dumps(backport("event-notification", number="3", focus="Patient/p1")).encode()
    )
    marks.take(event)
    marks.write()
    with closing(open_state(notified.site.settings.state.url, notified.site.clock)) as state:
        (row,) = state.marked(notified.site.settings.source.base_url)
        state.clean(notified.site.settings.source.base_url, "Patient/p1", row.since_run)
    marks.take(event)
    marks.take(read_notice(json.dumps(backport("handshake")).encode()))
    marks.write()

    assert due(notified.site) == {}


def test_without_a_secret_nothing_is_taken(serve: Serve, tmp_path: Path) -> None:
    """And a secret that a header could cut is none."""
    assert serve().ask("POST", "/notify", RESULT, headers=PROOF).status_code == 404
    for text in ("short", f"{'a' * 20}:{'b' * 20}", ""):
        (tmp_path / "bad").write_text(text)
        with pytest.raises(SettingsError):
            read_secrets(tmp_path / "bad")
