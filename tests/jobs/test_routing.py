"""Whose line is it: the quick pattern on a subject says what the full decoding says, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_remission.jobs.archive.routing import plain_key, subject_key


def compact(one: object) -> str:
    return json.dumps(one, separators=(",", ":"), ensure_ascii=False)


def spaced(one: object) -> str:
    return json.dumps(one, ensure_ascii=False)


@pytest.mark.parametrize("write", [compact, spaced])
@pytest.mark.parametrize("more", [{}, {"display": "Ada Ö."}], ids=["bare", "with a display"])
def test_what_most_servers_send_is_read_by_the_pattern(
    write: Callable[[object], str], more: dict[str, str]
) -> None:
    found = plain_key(write({"reference": "Patient/p-1.A"} | more).encode())
    assert found is not None
    assert found[1] == b"Patient/p-1.A"


@pytest.mark.parametrize(
    "text",
    [
        '{"reference":"Group/p1"}',
        '{"reference":"Patient/p1/_history/2"}',
        '{"reference":"https://ehr.example/Patient/p1"}',
        '{"reference":"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}',
        '{"reference":"#p1"}',
        '{"reference":"Patient/p1\\u0041"}',
        '{"reference":"Patient/p1","display":"\\u00d6"}',
        '{"reference":"Patient/p1","reference":"Patient/p2"}',
        '{"reference":"Patient/p1","display":"\\",\\"reference\\":\\"Patient/p2"}',
        '{"reference":"Patient/p1","identifier":{"value":"1"}}',
        '{"reference":"Patient/' + "a" * 65 + '"}',
        '{"reference":"Patient/"}',
        '[{"reference":"Patient/p1"}]',
        "null",
        "",
    ],
)
def test_any_other_form_is_left_to_the_decoder(text: str) -> None:
    assert plain_key(text.encode()) is None


_NAMES = st.sampled_from(["reference", "display", "type", "identifier", "id"])
_TEXTS = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"Patient/[A-Za-z0-9.\-]{1,66}", fullmatch=True),
    st.sampled_from(["Patient/a", "Group/a", "#a", "Patient/a b", "https://e.example/Patient/a"]),
)


@given(st.dictionaries(_NAMES, _TEXTS, max_size=3), st.sampled_from([compact, spaced, json.dumps]))
def test_where_the_pattern_answers_the_decoder_says_the_same(
    subject: dict[str, str], write: Callable[[object], str]
) -> None:
    body = write(subject).encode(errors="replace")
    found = plain_key(body)
    if found is not None:
        assert found[1].decode() == subject_key(body)
