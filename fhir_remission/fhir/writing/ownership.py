"""Whose is what stands on a server: one table over all that can be seen of a resource.

Several sites may write to one server, with their own keys or a copied one, and people edit, copy
and delete. Ours is what carries our site mark (site id and check value of the key), and what
version 0.1.0, which had no marks, wrote under a name that our key or our state proves. Everything
else of our systems belongs to another site: it is never changed, retracted or counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

from msgspec import Struct

from fhir_remission.fhir.r4.datatypes import Resource, text_of, version_of
from fhir_remission.fhir.writing.carried import carried_marks
from fhir_remission.fhir.writing.fidelity import differences
from fhir_remission.fhir.writing.identity import Identity, content_digest, is_unedited
from fhir_remission.fhir.writing.site_marks import (
    folded,
    identifiers_of,
    is_named_by_key,
    notes_of,
    site_marks,
    site_of,
    site_values,
)

There = Literal["stands", "deleted", "gone"]
Mark = Literal["ours", "other-key", "other-site", "other-namespace", "two", "unreadable", "none"]
"""`two` is one of ours beside one of another site; a person copied it."""
Content = Literal["as-written", "as-stored", "changed"]
"""`as-stored`: what our state read back, where the server rewrites what it is given."""
# fmt: off
Whose = Literal[
    "ours", "edited", "disputed", "deleted", "gone", "free", "foreign",
    "other-key", "other-namespace", "unreadable",
]
# fmt: on

# Nothing may be written while one of these stands: a person has to look first.
STOPS: dict[str, str] = {
    "other-key": (
        "was written by this site.id with another site key: restore that key, or give this site "
        "an id of its own"
    ),
    "other-namespace": (
        "was written by this site under another namespace: put the old site.namespace back"
    ),
    "unreadable": (
        "carries a site mark that cannot be read: have that identifier corrected or removed there"
    ),
}


class Known(Struct, frozen=True):
    """What our state remembers of one resource; a cache, so it may be missing or old."""

    evidence_hash: str
    content_digest: str = ""
    """Digest of the content as it was read back, where the server rewrites what it is given."""
    sent: Resource | None = None
    """What was sent without an answer that we lived to record."""
    replaced: str = ""
    """The version that it was sent to replace; empty where nothing stood."""
    patient: str = ""
    """Whom it was written about, as `Patient/p1`."""


class Sight(Struct, frozen=True):
    """All that decides whose a resource is."""

    there: There
    mark: Mark = "none"
    known: bool = False
    """Our state has written under this name."""
    proved: bool = False
    """Only our key could have made its name."""
    content: Content = "changed"


# The first row that fits; None fits everything. Read by people: keep one case per row.
TABLE: tuple[tuple[There, Mark | None, bool | None, bool | None, Content | None, Whose], ...] = (
    # there      mark               known  proved content       whose
    ("gone", None, True, None, None, "gone"),
    ("gone", None, False, None, None, "free"),
    ("deleted", None, None, None, None, "deleted"),
    ("stands", "unreadable", None, None, None, "unreadable"),
    ("stands", "other-key", None, None, None, "other-key"),
    ("stands", "other-namespace", None, None, None, "other-namespace"),
    ("stands", "two", None, None, None, "disputed"),
    ("stands", "ours", None, None, "as-written", "ours"),
    ("stands", "ours", None, None, "as-stored", "ours"),
    ("stands", "ours", None, None, "changed", "edited"),
    # Our name under the mark of another site: somebody changed the one or copied the other.
    ("stands", "other-site", True, None, None, "disputed"),
    ("stands", "other-site", False, True, None, "disputed"),
    ("stands", "other-site", False, False, None, "foreign"),
    # Version 0.1.0 wrote no marks; and a person may take one away.
    ("stands", "none", True, None, "as-written", "ours"),
    ("stands", "none", True, None, "as-stored", "ours"),
    ("stands", "none", True, None, "changed", "edited"),
    ("stands", "none", False, True, "as-written", "ours"),
    ("stands", "none", False, True, "as-stored", "ours"),
    ("stands", "none", False, True, "changed", "edited"),
    ("stands", "none", False, False, None, "foreign"),
)


def whose(sight: Sight) -> Whose:
    """Whose it is, by the table."""
    seen = (sight.there, sight.mark, sight.known, sight.proved, sight.content)
    for *row, answer in TABLE:
        if all(cell is None or cell == value for cell, value in zip(row, seen, strict=True)):
            return answer
    raise AssertionError(f"no row for {seen}")


def owner_of(
    resource: Resource,
    identity: Identity,
    *,
    patients: Iterable[str] = (),
    names: Collection[str] = (),
    known: Known | None = None,
) -> Whose:
    """Whose the resource is that was just read.

    `patients` are those of the source it may be about, `names` the ids that this run made itself.
    """
    return whose(sight_of(resource, identity, patients=patients, names=names, known=known))


def sight_of(
    resource: Resource,
    identity: Identity,
    *,
    patients: Iterable[str] = (),
    names: Collection[str] = (),
    known: Known | None = None,
) -> Sight:
    """All that can be seen of a resource that stands."""
    mark = _mark(resource, identity)
    # A name costs a few hundred hashes to prove: asked only where the mark does not tell.
    proved = mark in ("none", "other-site") and is_named_by_key(
        resource, identity, patients=patients, names=names
    )
    if mark == "none" and _is_elsewhere(resource, identity, names):
        mark = "other-namespace"
    return Sight("stands", mark, known is not None, proved, _content(resource, identity, known))


def _mark(resource: Resource, identity: Identity) -> Mark:
    values = site_values(resource, identity)
    notes = notes_of(resource, identity)
    if not values:
        return "two" if len(notes) > 1 else "none"
    texts = [folded(value) for value in values if isinstance(value, str) and site_of(value)]
    if len(texts) < len(values):
        return "unreadable"
    own = site_marks(identity)
    here = [text in own for text in texts]
    if all(here):
        return "two" if len(notes) > 1 else "ours"
    if any(here) or len(notes) > 1:
        return "two"
    other_key = any(site_of(text) in {site_of(mark) for mark in own} for text in texts)
    return "other-key" if other_key else "other-site"


def _is_elsewhere(resource: Resource, identity: Identity, names: Collection[str]) -> bool:
    """Whether it carries our mark, or a name of this run, under another namespace."""
    own = site_marks(identity)
    spelled = [
        (text_of(item.get("system")), text_of(item.get("value")))
        for item in identifiers_of(resource)
    ]
    spelled += [
        (f"{namespace}/id/{name}", value)
        for namespace, words in carried_marks(resource)
        for name, value in words.items()
    ]
    return any(
        not system.startswith(f"{identity.namespace}/id/")
        and (
            (system.endswith("/id/site") and folded(value) in own)
            or (system.endswith("/id/assessment") and value in names)
        )
        for system, value in spelled
    )


def _content(resource: Resource, identity: Identity, known: Known | None) -> Content:
    if is_unedited(resource, namespace=identity.namespace):
        return "as-written"
    if known is None:
        return "changed"
    digest = content_digest(resource, namespace=identity.namespace)
    return "as-stored" if known.content_digest == digest or _arrived(resource, known) else "changed"


def _arrived(existing: Resource, known: Known) -> bool:
    """Whether this is what we sent, less what the server drops, and nobody came after us.

    Only servers that count their versions can say the second; elsewhere a person is asked.
    """
    version, replaced = version_of(existing), known.replaced or "0"
    if known.sent is None or not (version.isdecimal() and replaced.isdecimal()):
        return False
    found = differences(known.sent, existing)
    return int(version) == int(replaced) + 1 and not (found.changed or found.added)
