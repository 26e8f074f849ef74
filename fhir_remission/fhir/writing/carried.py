"""Identity in words: an EHR that drops identifiers keeps notes, and a note can be found again.

One Annotation holds what three identifiers would. It is in no digest, as they are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, unquote

from fhir_remission.fhir.r4.datatypes import Json, Resource, objects, text_of


def carried_value(resource: Resource, system: str) -> str:
    """The value that an identifier of this system would have, from a note; or empty."""
    namespace, _, wanted = system.rpartition("/id/")
    for held, words in carried_marks(resource):
        if held == namespace:
            return words.get(wanted, "")
    return ""


def carried_marks(resource: Resource) -> Iterator[tuple[str, dict[str, str]]]:
    """Each note that stands for identifiers: under which namespace, and what it says."""
    for held in objects(resource.get("note")):
        head, *words = text_of(held.get("text")).split(" ")
        pairs = [word.partition("=") for word in words]
        if head.endswith("/id") and words and all(sign for _, sign, _ in pairs):
            yield head.removesuffix("/id"), {name: unquote(value) for name, _, value in pairs}


def is_carried(resource: Resource) -> bool:
    """Whether a note stands for the identifiers."""
    return "identifier" not in resource and any(
        " assessment=" in text_of(held.get("text")) for held in objects(resource.get("note"))
    )


def into_note(resource: Resource, namespace: str) -> Resource:
    """The resource with our identifiers as its last note, and none as identifiers."""
    held = objects(resource.get("identifier"))
    ours = {
        text_of(one.get("system")).removeprefix(f"{namespace}/id/"): text_of(one.get("value"))
        for one in held
        if text_of(one.get("system")).startswith(f"{namespace}/id/")
    }
    words = " ".join(f"{name}={_word(value)}" for name, value in sorted(ours.items()) if value)
    mark: Json = {"text": f"{namespace}/id {words}"}
    kept = {name: value for name, value in resource.items() if name != "identifier"}
    return {**kept, "note": [*without_mark(resource.get("note"), namespace), mark]}


def without_mark(notes: Json, namespace: str) -> list[Json]:
    """The notes that are said to a reader."""
    return [held for held in objects(notes) if not _is_mark(held, namespace)]


def _is_mark(held: Resource, namespace: str) -> bool:
    return text_of(held.get("text")).startswith(f"{namespace}/id ")


def _word(value: str) -> str:
    """The value without spaces: a site may be called `St. E`."""
    return "".join(quote(sign) if sign.isspace() or sign == "%" else sign for sign in value)
