"""Which links are followed: decided by parsing, never by how an address begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from fhir_remission.effects.http.origin import Base, Refused, origin_of, read_base
from fhir_remission.errors import SettingsError

BASE = read_base("https://fhir.example/r4")


@pytest.mark.parametrize(
    "link",
    [
        "https://fhir.example/r4?_getpages=abc==&_pageId=%2Ba%7C%22",
        "https://fhir.example:443/r4/Observation?page=2",
        "https://FHIR.EXAMPLE/r4/Observation?page=2",
        "https://fhir.example./r4/Observation?page=2",
        "https://fhir.example/r4/./x/../Observation?page=2",
    ],
)
def test_an_address_of_ours_is_followed_byte_for_byte(link: str) -> None:
    """Opaque tokens with `==`, `%2B`, `|` and quotes stay as the server wrote them."""
    assert BASE.resolve(link, against="https://fhir.example/r4/Observation") == link


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("?page=2", "https://fhir.example/r4/Observation?page=2"),
        ("/r4/Observation?page=2", "https://fhir.example/r4/Observation?page=2"),
        ("Observation?page=a|b", "https://fhir.example/r4/Observation?page=a|b"),
        ("//fhir.example/r4?page=2", "https://fhir.example/r4?page=2"),
    ],
)
def test_relative_links_are_resolved_against_the_request(link: str, leads_to: str) -> None:
    """Canvas, Aidbox and others send relative links."""
    assert BASE.resolve(link, against="https://fhir.example/r4/Observation") == leads_to


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/r4/Observation",
        "https://fhir.example.evil/r4",
        "https://fhir.example@evil/r4",
        "https://me:pw@fhir.example/r4",
        "https://evil/?https://fhir.example/r4",
        "http://fhir.example/r4",
        "https://fhir.example:8443/r4",
        "https://fhir.example:443:443/r4",
        "https://fhir.example/r4x/Observation",
        "https://fhir.example/r4/../admin",
        "https://fhir.example/r4/%2e%2e/admin",
        "https://fhir.example/r4/..%2fadmin",
        "https://fhir.example/r4\\..\\admin",
        "https://fhir.example\\@evil/r4",
        "//evil/r4",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://fhir.example:/r4",
        "https://[::1/r4",
        "https://fhir.example:99999/r4",
        "\thttps://fhir.example/r4",
        "https://fhir.example/r4\r\nX: y",
    ],
)
def test_an_address_that_only_looks_like_ours_is_refused(link: str) -> None:
    """Another origin, another base path, or an address that could mean two places."""
    assert isinstance(BASE.resolve(link, against="https://fhir.example/r4/Observation"), Refused)


def test_a_known_alias_is_rewritten_and_an_unknown_one_is_named() -> None:
    """A proxy's inner address is followed at the outer one, and only if the settings list it."""
    link = "http://inner:8080/fhir/Observation?token=a==&b=%2B"

    with_alias = read_base("https://fhir.example/r4", rewrite_origin=["http://inner:8080/fhir"])
    followed = with_alias.resolve(link, against="https://fhir.example/r4")
    refused = BASE.resolve(link, against="https://fhir.example/r4")

    assert followed == "https://fhir.example/r4/Observation?token=a==&b=%2B"
    assert isinstance(refused, Refused)
    assert "https://fhir.example leads to http://inner:8080" in refused.reason
    assert "token" not in refused.reason


def test_an_alias_without_a_path_means_the_same_path() -> None:
    """`rewrite_origin = ["http://inner:8080"]` is the usual proxy."""
    base = read_base("https://fhir.example/r4", rewrite_origin=["http://inner:8080"])

    followed = base.resolve("http://inner:8080/r4?p=2", against="https://fhir.example/r4")

    assert followed == "https://fhir.example/r4?p=2"
    assert isinstance(base.resolve("http://inner:8080/x", against="https://fhir.example"), Refused)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("fhir.example/r4", "is not an http or https address"),
        ("", "is not an http or https address"),
        ("https://me:pw@fhir.example", "carries user information"),
        ("https://fhir.example/r4?x=1", "query or fragment"),
        ("http://fhir.example/r4", "is not https"),
        ("https://fhir.example:x/r4", "base_url"),
    ],
)
def test_a_bad_base_url_is_a_settings_error(url: str, complaint: str) -> None:
    """Found before anything is sent."""
    with pytest.raises(SettingsError, match=complaint):
        read_base(url)


def test_plain_http_is_for_this_machine_only() -> None:
    """Loopback, or an explicit permission."""
    assert isinstance(read_base("http://127.0.0.1:8080/fhir"), Base)
    assert isinstance(read_base("http://[::1]:8080/fhir"), Base)
    assert isinstance(read_base("http://fhir.example", allow_insecure=True), Base)


def test_origins_are_written_without_default_ports() -> None:
    """So that two spellings of one origin read the same."""
    assert str(origin_of("https://A.example:443/x")) == "https://a.example"
    assert str(origin_of("http://[::1]:80/x")) == "http://[::1]"
    assert str(origin_of("http://a:8080/x")) == "http://a:8080"


@given(
    st.one_of(
        st.text(),
        st.builds(
            "".join,
            st.lists(
                st.sampled_from(
                    [
                        *(
                            "https:",
                            "http:",
                            "//",
                            "/",
                            "\\",
                            "@",
                            ":",
                            "443",
                            "8443",
                            "?",
                            "#",
                            ".",
                            "..",
                        ),
                        *(
                            "fhir.example",
                            "evil",
                            "r4",
                            "%2e",
                            "%2F",
                            "[::1]",
                            "Observation",
                            " ",
                            "\t",
                        ),
                        *("xn--", "ß", "。", ";", "&", "=="),
                    ]
                ),
                max_size=8,
            ),
        ),
    )
)
def test_whatever_is_followed_goes_to_our_host_in_the_eyes_of_the_http_library_too(
    link: str,
) -> None:
    """Two parsers that disagree are how tokens escape; never an exception either."""
    followed = BASE.resolve(link, against="https://fhir.example/r4/Observation")

    if not isinstance(followed, Refused):
        seen = parse_url(followed)
        assert (seen.scheme, (seen.host or "").rstrip(".").lower(), seen.port or 443) == (
            *("https", "fhir.example", 443),
        )
        assert seen.auth is None
        assert ((seen.path or "/").rstrip("/") + "/").startswith("/r4/")
