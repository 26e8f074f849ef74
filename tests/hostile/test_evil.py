"""The evil server itself: it hands on what no rule concerns, and keeps a client waiting."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from fhir_remission.rehearsal import EmbeddedServer
from tests.hostile.evil import DRIPS, Evil, at, say, silent


def test_what_no_rule_concerns_is_answered_by_the_server_behind_at_our_address() -> None:
    """A run gets as far as the evil: links lead back to it."""
    patient = {"resourceType": "Patient", "id": "p1"}
    with (
        EmbeddedServer(resources=[patient]) as good,
        Evil(at("Specimen", silent), behind=good.base_url) as evil,
        urlopen(f"{evil.base_url}/Patient") as answer,
    ):
        body = answer.read()

    assert evil.base_url.encode() in body
    assert good.base_url.encode() not in body
    assert not evil.first.is_set()


def test_a_rule_may_begin_after_some_requests() -> None:
    """The second page, the third token."""
    with Evil(at("x", say(b"evil"), after=1)) as evil, pytest.raises(OSError, match="404"):
        urlopen(f"{evil.base_url}/x")
    with Evil(at("x", say(b"evil"))) as evil, urlopen(f"{evil.base_url}/x") as answer:
        assert answer.read() == b"evil"


@pytest.mark.parametrize("phase", DRIPS)
def test_every_drip_keeps_a_client_waiting_that_looks_at_single_reads_only(phase: str) -> None:
    """Something comes within any timeout of a socket, or nothing ever; the end never comes."""
    with Evil(lambda _: DRIPS[phase]) as evil:
        host, port = urlsplit(evil.origin).hostname, urlsplit(evil.origin).port
        with socket.create_connection((host, port), timeout=1) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            if phase == "silence":
                with pytest.raises(TimeoutError):
                    client.recv(1)
                return
            came = [client.recv(1 << 16) for _ in range(2)]

    assert all(came)
