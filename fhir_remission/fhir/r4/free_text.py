"""What a person wrote in a resource in words of their own, wherever FHIR lets one write.

It is heard and supports nothing. Not in the table are the words of codes, which are read by them,
and those of a reference range, which say what a number would mean: `relapse: above 5 %`.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator

import msgspec
from msgspec import Raw, Struct

from fhir_remission.fhir.r4.elements import NOTHING, is_there

SHOWN = 80
"""How much of a text is repeated where it is the reason for something."""
_TEXTS = ("text", "display", "description", "valueString", "valueMarkdown", "valueCode")


def texts_in(raw: Raw) -> Iterator[str]:
    """Every text, display, description, string and code in it, however deep.

    Of an extension that is answered with yes, its name: `preliminary`. None of what is broken.
    """
    try:
        held = [msgspec.json.decode(raw)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    for one in held:
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            held += one
        elif isinstance(one, dict):
            if one.get("valueBoolean") is True:
                yield str(one.get("url", "")).rpartition("/")[2].replace("-", " ")
            held += (v for k, v in one.items() if k in _TEXTS or not isinstance(v, str))


class Attachment(Struct, rename="camel"):
    """A form that somebody may look at: what it is called, and what it shows."""

    title: str | None = None
    content_type: str | None = None
    data: str | None = None

    @property
    def words(self) -> Iterator[str]:
        """Its title, and its text where it is plain or HTML; of a PDF or a scan, none."""
        if self.title:
            yield self.title
        kind = (self.content_type or "").casefold()
        if self.data and (kind.startswith("text/") or "html" in kind):
            text = _decoded(self.data)
            yield _without_tags(text) if "html" in kind else text


def free_text(resource: Struct) -> tuple[str, ...]:
    """Every text of a resource that a person may have written into it."""
    sent = ((getattr(resource, name, NOTHING), read) for name, read in _WRITTEN)
    noted = [text for raw, read in sent if is_there(raw) for text in read(raw) if text]
    forms = _listed(getattr(resource, "presented_form", None))
    return tuple(mended(text) for text in (*noted, *(w for one in forms for w in one.words)))


# What an interface leaves of a letter, and of a sentence that was longer than a line.
_ESCAPED = re.compile(r"\\X([0-9A-Fa-f]{2})\\")
_WRAPPED = re.compile(r"(?<![.!?:;\s])[ \t]*\r?\n[ \t]*(?=[^\W\d_])(?![A-ZÀ-Þ])")


def mended(text: str) -> str:
    """The text as it was written: entities, escapes of HL7 v2 and lines broken by their length."""
    if "&" in text:
        text = html.unescape(text)
    if "\\X" in text:
        text = _ESCAPED.sub(lambda found: bytes.fromhex(found[1]).decode("cp1252", "replace"), text)
    return _WRAPPED.sub(" ", text) if "\n" in text else text


def _annotated(raw: Raw) -> Iterator[str]:
    """Each note, and all as one: an engine makes a note of every line of a segment."""
    texts = list(texts_in(raw))
    return iter((*texts, "\n".join(texts)) if len(texts) > 1 else texts)


Shown = list[Attachment | None] | Attachment | None


def titles(attached: Shown) -> list[str]:
    """What attachments are called."""
    return [one.title for one in _listed(attached) if one.title]


def _listed(attached: Shown) -> list[Attachment]:
    return [one for one in (attached if isinstance(attached, list) else [attached]) if one]


_ATTACHMENT = msgspec.json.Decoder(Attachment)


def _attached(raw: Raw) -> Iterator[str]:
    try:
        yield from _ATTACHMENT.decode(raw).words
    except (msgspec.DecodeError, UnicodeDecodeError):
        return


def _decoded(data: str) -> str:
    try:
        sent = base64.b64decode(data)
    except (binascii.Error, ValueError):
        return ""
    try:
        return sent.decode("utf-8-sig")
    except UnicodeDecodeError:
        return sent.decode("cp1252", "replace")


# What begins a line of its own parts sentences; an emphasis within one does not.
_LINES = re.compile(r"</?(?:p|div|br|li|ul|ol|tr|td|th|table|h\d|hr|pre|section)\b[^<>]*>", re.I)
_TAGS = re.compile(r"<[^<>]*>")


def _without_tags(marked: str) -> str:
    return html.unescape(_TAGS.sub("", _LINES.sub("\n", marked)))


class _Narrative(Struct):
    status: str | None = None
    div: str | None = None


_NARRATIVE = msgspec.json.Decoder(_Narrative)


def _narrated(raw: Raw) -> Iterator[str]:
    """What a narrative adds: one that was generated says what the elements say.

    http://hl7.org/fhir/R4/valueset-narrative-status.html
    """
    if b"additional" not in bytes(raw):
        return
    try:
        told = _NARRATIVE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    if told.status == "additional" and told.div:
        yield _without_tags(told.div)


def _extended(raw: Raw) -> Iterator[str]:
    return texts_in(raw) if b"extension" in bytes(raw) else iter(())


_WRITTEN: tuple[tuple[str, Callable[[Raw], Iterator[str]]], ...] = (
    ("note", _annotated),
    ("notes", texts_in),  # DSTU2 of Condition and Procedure
    ("comment", texts_in),  # STU3 of Observation
    ("comments", texts_in),  # DSTU2 of Observation
    ("text", _narrated),
    ("extension", texts_in),
    ("value_quantity", _extended),
    ("value_attachment", _attached),
)
"""The elements of https://hl7.org/fhir/R4/ and of the releases before and after it."""
