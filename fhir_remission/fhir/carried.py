"""Identity in words: an EHR that drops identifiers keeps notes, and a note can be found again.

One Annotation holds what three identifiers would. It is in no digest, as they are not.
"""

from __future__ import annotations

from fhir_remission.fhir.datatypes import Json, Resource, objects, text_of


def carried_value(resource: Resource, system: str) -> str:
    """The value that an identifier of this system would have, from a note; or empty."""
    namespace, _, wanted = system.rpartition("/id/")
    for held in objects(resource.get("note")):
        if _is_mark(held, namespace):
            words = (word.partition("=") for word in text_of(held.get("text")).split())
            return next((value for name, _, value in words if name == wanted), "")
    return ""


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
    words = " ".join(f"{name}={value}" for name, value in sorted(ours.items()))
    mark: Json = {"text": f"{namespace}/id {words}"}
    kept = {name: value for name, value in resource.items() if name != "identifier"}
    return {**kept, "note": [*without_mark(resource.get("note"), namespace), mark]}


def without_mark(notes: Json, namespace: str) -> list[Json]:
    """The notes that are said to a reader."""
    return [held for held in objects(notes) if not _is_mark(held, namespace)]


def _is_mark(held: Resource, namespace: str) -> bool:
    return text_of(held.get("text")).startswith(f"{namespace}/id ")
