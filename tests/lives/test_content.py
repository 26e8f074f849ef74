"""Servers that count no versions and stamp no changes: what stands is compared by its content."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from fhir_remission.effects.http.transport import Answer, NoAnswer, Request
from tests.lives.world import Site

MakeSite = Callable[..., Site]


def without_meta(value: Any) -> Any:
    """A page whose rows say nothing of versions and times."""
    if isinstance(value, dict):
        return {name: without_meta(item) for name, item in value.items() if name != "meta"}
    return [without_meta(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
def site(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site on such a server."""
    made = make_site("a", "b")
    answered = made._answered

    def bare(request: Request) -> Answer | NoAnswer:
        answer = answered(request)
        if isinstance(answer, NoAnswer) or not request.url.endswith("_search"):
            return answer
        body = json.dumps(without_meta(json.loads(answer.body))).encode()
        return msgspec.structs.replace(answer, body=body)

    monkeypatch.setattr(made, "_answered", bare)
    return made


def test_a_correction_is_seen_by_what_it_says(site: Site) -> None:
    """In the next run, and only then: the same rows come again and again."""
    assert site.run().code == 0
    for status in ("corrected", "amended"):
        site.change("Observation", "a-3-marrow", status=status)

        assert [line["patient"] for line in site.run().lines] == ["Patient/a"]
        assert site.run().lines == []


def test_a_correction_that_no_look_brings_is_seen_by_the_recheck(site: Site) -> None:
    """What our results cite is compared by content where it has no version."""
    assert site.run("source.delta=issued").code == 0
    assert site.run("source.delta=issued").lines == []
    marrow = site.store.resource("Observation", "a-3-marrow")
    quantity = {**marrow["valueQuantity"], "value": 40}
    site.change("Observation", "a-3-marrow", valueQuantity=quantity, status="corrected")

    again = [site.run("source.delta=issued", "source.recheck=0s") for _ in range(2)]

    assert [line["patient"] for line in again[0].lines] == ["Patient/a"]
    assert again[1].lines == []
