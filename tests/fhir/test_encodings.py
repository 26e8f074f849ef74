"""Texts in whatever encoding, packed or one after another: read, or named as what they are."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable

import pytest

from fhir_remission.errors import InputError
from fhir_remission.fhir.incoming.bundle import Damaged
from fhir_remission.fhir.incoming.documents import read_documents
from fhir_remission.fhir.r4 import encodings
from fhir_remission.fhir.r4.encodings import texts_of
from fhir_remission.fhir.r4.wire import Entry

PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"text": 'M"ü{ller} 医'}]}
OTHER = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}}
ENTRIES = [{"resource": PATIENT}, {"resource": OTHER}]
BUNDLE = {"resourceType": "Bundle", "type": "collection", "entry": ENTRIES}
TEXT = json.dumps(BUNDLE, ensure_ascii=False)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be")


def pieces(body: bytes, size: int) -> list[bytes]:
    """The body in pieces of that size."""
    return [body[at : at + size] for at in range(0, len(body), size)]


def read(chunks: Iterable[bytes]) -> list[str]:
    """What a text holds, in words."""
    items = list(read_documents(chunks, name="x.json"))
    return [
        one.ref if isinstance(one, Entry) else f"{one.place}: {one.reason}"
        for one in items
        if isinstance(one, Entry | Damaged)
    ]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_a_text_is_read_in_any_encoding_of_unicode(encoding: str, size: int) -> None:
    """With its mark or without, however it is cut."""
    body = TEXT.encode(encoding)
    assert read(pieces(body, size)) == ["Patient/p1", "Condition/c1"]
    lines = "\n".join(json.dumps(one, ensure_ascii=False) for one in (PATIENT, OTHER))
    assert read(pieces(lines.encode(encoding), size)) == ["Patient/p1", "Condition/c1"]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_gzip_is_read_under_any_name(size: int) -> None:
    """Several members, what is in UTF-16 in it, and zeros behind it."""
    half = len(TEXT) // 2
    members = gzip.compress(TEXT[:half].encode()) + gzip.compress(TEXT[half:].encode())
    assert read(pieces(members + b"\0" * 5, size)) == ["Patient/p1", "Condition/c1"]
    wide = gzip.compress(TEXT.encode("utf-16"))
    assert read(pieces(wide, size)) == ["Patient/p1", "Condition/c1"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"PK\x03\x04....", "x.json: zip, which is not read here; unpack it"),
        (b"\x28\xb5\x2f\xfd....", "x.json: zstd, which is not read here; unpack it, or use"),
        (b"BZh91AY", "x.json: bzip2, which is not read here; unpack it"),
        (b"<?xml version='1.0'?><Bundle/>", "x.json: XML, which is not read here; give FHIR in J"),
        (gzip.compress(TEXT.encode())[:-9], "x.json: gzip that ends in the middle"),
        (b"\x1f\x8b\x08" + b"x" * 50, "x.json: gzip that is damaged"),
        (TEXT.encode("utf-16")[:-1], "x.json: begins as utf-16-le and is not: truncated data"),
        (b"\xff\xfe\x00\xd8\x20\x00\x20\x00", "x.json: begins as utf-16-le and is not: illegal"),
    ],
)
def test_what_is_not_read_is_named_as_what_it_is(body: bytes, said: str) -> None:
    """So that the reader knows what to do with the file."""
    with pytest.raises(InputError) as caught:
        read([body])
    assert str(caught.value).startswith(said)


def test_a_gzip_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file may hold a thousand times its size."""
    monkeypatch.setattr(encodings, "LARGEST_UNPACKED", 1 << 16)
    with pytest.raises(InputError, match="gzip of more than"):
        read([gzip.compress(b"{" + b" " * (1 << 20))])


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("between", ["", "\n", "\n\n", "\r\n"])
def test_resources_one_after_another_are_read_each(indent: int | None, between: str) -> None:
    """On one line or on many, with brackets and quotes in their strings."""
    resources = (PATIENT, OTHER)
    text = between.join(json.dumps(one, indent=indent, ensure_ascii=False) for one in resources)
    assert read([text.encode()]) == ["Patient/p1", "Condition/c1"]


def test_a_broken_one_among_several_is_damage_on_its_line() -> None:
    """And those before it count."""
    text = json.dumps(PATIENT, indent=1) + "\n" + json.dumps(OTHER, indent=1)[:-20]
    found = read([text.encode()])
    assert found[0] == "Patient/p1"
    assert found[1].startswith(f"x.json:{json.dumps(PATIENT, indent=1).count(chr(10)) + 2}: ")
    assert len(found) == 2


def test_the_lines_of_texts_are_those_of_the_file() -> None:
    """Counted from 1, where each begins."""
    assert list(texts_of(b'\n{"a":\n1}\n\n {"b":"}"}{"c":[{}]} x')) == [
        (2, b'{"a":\n1}'), (5, b'{"b":"}"}'), (5, b'{"c":[{}]}'), (5, b"x"),
    ]  # fmt: skip
