"""Where a token may go: below the base path of the server, in every way a path may be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_remission.effects.http.origin import Refused, lies_below, read_base

BASE = read_base("https://fhir.example/api/r4")
HOST = "https://fhir.example"
ELSEWHERE = [
    *("/admin", "/api", "/api/", "/api/r4x", "/api/r40/Observation", "/API/r4/Observation", "/"),
    *("/api/r4/../admin", "/api/r4/../../admin", "/api/r4/x/../../admin", "/api/../api/r4x"),
    # Encoded once, twice, in part, in either case.
    *("/api/r4/%2e%2e/admin", "/api/r4/%2E%2E/admin", "/api/r4/.%2e/admin", "/api/r4/%2e./admin"),
    *("/api/r4/%252e%252e/admin", "/api/r4/%25252e%25252e/admin", "/api/r4/..%2fadmin"),
    *("/api/r4/..%252fadmin", "/api/r4%2f..%2fadmin", "/api/r4/%2e%2e%2fadmin", "/api%2fr4x"),
    *("/api/r4/..%5cadmin", "/api/r4%5c..%5cadmin", "/api/r4/..%255cadmin"),
    # Parameters of a segment, which Tomcat takes away before it looks for dots.
    *("/api/r4/..;/admin", "/api/r4/..;a=b/admin", "/api/r4/..;a=b;c/admin", "/api/r4/..%3b/admin"),
    *("/api/r4/.%2e;x/admin", "/api/r4;/../admin", "/api/r4/x/..;/..;/admin", "/api/r4/%2e%2e;/a"),
    # Double slashes, which some servers make one of and some do not.
    *("/api/r4//../admin", "/api/r4//..//admin", "/api//r4/..", "/api/r4///../../r4x"),
    *("/api/r4/x//../../admin", "/api/r4/%2f../admin", "/api/r4//%2e%2e/admin"),
    # Out and in again: what lies between is not ours.
    *("/api/r4/../r4/Observation", "/api/r4/..;/r4/Observation", "/api/r4/%2e%2e/r4/Observation"),
    # Not text, not one line, or encoded without end.
    *("/api/r4/%c0%ae%c0%ae/admin", "/api/r4/%ff", "/api/r4/a%0d%0aX:%20y", "/api/r4/%00"),
    "/api/r4/%2525252525252e",
]
OURS = [
    *("/api/r4", "/api/r4/", "/api/r4?_getpages=a==", "/api/r4/Observation?page=2"),
    *("/api/r4/./Observation", "/api/r4/x/../Observation", "/api/r4//Observation", "//api/r4/x"),
    *("/api/r4;v=1/Observation", "/api/r4/Observation;jsessionid=1?page=2", "/api/r4/a%2Fb.ndjson"),
    *(
        "/api/r4/a%2eb",
        "/api/r4/%24export-poll-status?id=1",
        "/api/r4/Observation?next=../../admin",
    ),
    *("/api/r4/...", "/api/r4/..x", "/api/r4/x..", "/api/r4/caf%C3%A9"),
]
STRANGE = [
    # Equivalent to our host, but not our host: ideographic full stops, full-width letters, a
    # long s, a soft hyphen, a Kelvin sign.
    *("https://fhir\u3002example/api/r4", "https://fhir\uff0eexample/api/r4"),
    *("https://\uff46hir.example/api/r4", "https://fhir.example\u3002/api/r4"),
    *("https://fhir.e\u00adxample/api/r4", "https://\u212ahir.example/api/r4"),
    *(
        "https://fhir.example/api/r4/\uff0e\uff0e/admin",
        "https://fhir.example/api/r4?name=M\u00fcller",
    ),
    *(
        "https://fhir.example:\u0664\u0664\u0663/api/r4",
        "https://[fe80::1%25eth0]/api/r4",
    ),
    *("https://fhir.example:-1/api/r4", "https://fhir.example:65536/api/r4", "https://["),
    *("\ud800", "https://fhir.example/\udcff", "\x00", "\u2028https://fhir.example/api/r4"),
    "https://xn--fhir-.example/api/r4",
]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_a_path_that_leaves_the_base_in_any_reading_gets_no_token(path: str) -> None:
    """Neither as a link that is followed nor as an address that something else came to."""
    if ".." not in path:  # a link library resolves plain dots itself, before anybody looks
        assert isinstance(BASE.resolve(f"{HOST}{path}", against=f"{BASE.url}/Observation"), Refused)
    assert not BASE.holds(f"{HOST}{path}")
    assert not lies_below(path, BASE.path)


@pytest.mark.parametrize("path", [one for one in ELSEWHERE if one not in OURS])
def test_a_link_is_resolved_before_it_is_compared(path: str) -> None:
    """What is followed then lies below the base, or it is not followed."""
    followed = BASE.resolve(f"{HOST}{path}", against=f"{BASE.url}/Observation")

    assert isinstance(followed, Refused) or BASE.holds(followed)


@pytest.mark.parametrize("path", OURS)
def test_a_path_below_the_base_is_followed(path: str) -> None:
    """Session ids in a path, encoded names of files, a question that speaks of other paths."""
    assert BASE.resolve(f"{HOST}{path}", against=f"{BASE.url}/Observation") != Refused
    assert BASE.holds(f"{HOST}{path}")


@pytest.mark.parametrize("link", STRANGE)
def test_an_address_in_letters_that_no_address_has_is_refused(link: str) -> None:
    """One library's host must not be another one's; never an exception."""
    assert isinstance(BASE.resolve(link, against=f"{BASE.url}/Observation"), Refused)
    assert not BASE.holds(link)


PIECES = st.sampled_from(
    [*("/", "//", ".", "..", ";", "%2e", "%2f", "%5c", "%25", "\\", "api", "r4", "admin", "x", "?")]
)


def simply_read(path: str) -> list[str]:
    """Other readings, one by one: decoded n times, slashes merged or not, parameters dropped."""
    from urllib.parse import unquote

    found = []
    for times in range(4):
        one = path
        for _ in range(times):
            one = unquote(one, errors="replace")
        for parameters in (True, False):
            segments = [
                part.partition(";")[0] if parameters else part
                for part in one.replace("\\", "/").split("/")
            ]
            for merged in (True, False):
                kept: list[str] = []
                for part in segments[1:]:
                    if part == "..":
                        kept[-1:] = []
                    elif part != "." and (part or not merged):
                        kept.append(part)
                found.append("/" + "/".join(kept))
    return found


@given(st.lists(PIECES, max_size=9).map("".join))
def test_no_reading_of_a_path_that_is_followed_lies_elsewhere(tail: str) -> None:
    """Each combination of decoding, merging and dropping ends below the base."""
    path = f"/api/r4/{tail}".partition("?")[0]

    if lies_below(path, "/api/r4"):
        for one in simply_read(path):
            merged = "/" + "/".join(part for part in one.split("/") if part)
            assert (merged + "/").startswith("/api/r4/"), one
