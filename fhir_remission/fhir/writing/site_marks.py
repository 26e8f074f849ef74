"""The mark that everything of a site carries, and the names that only its key can have made."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable

from msgspec import structs

from fhir_remission.domain.nouns.assessment import Anchor, AnchorKind
from fhir_remission.domain.nouns.namespace import IDENTIFIERS_OF_RESULTS
from fhir_remission.fhir.r4.datatypes import (
    Json,
    Resource,
    objects,
    references_in,
    target_of,
    text_of,
)
from fhir_remission.fhir.writing.carried import carried_marks, carried_value
from fhir_remission.fhir.writing.identity import (
    KINDS,
    Identity,
    assessment_name,
    key_check,
    opaque_id,
)

UNSAID = "1"
"""The version of all sets when notes named none: that of the sets of 0.1.0."""
ANCHORS: tuple[AnchorKind, ...] = ("marrow", "blood", "mrd", "extramedullary")


def site_mark(identity: Identity) -> str:
    """Who wrote it and with which key, in clear."""
    return f"{identity.site_id}:{key_check(identity.key)}"


def site_marks(identity: Identity) -> frozenset[str]:
    """The marks that are ours, also those from before the site was renamed."""
    check = key_check(identity.key)
    return frozenset(folded(f"{name}:{check}") for name in (identity.site_id, *identity.former))


def site_of(mark: str) -> str:
    """The site id in a mark; an id may hold colons, a check value does not."""
    return mark.rpartition(":")[0]


def folded(text: str) -> str:
    """The text as it is compared: servers may store `é` as one character or as two."""
    return unicodedata.normalize("NFC", text)


def site_values(resource: Resource, identity: Identity) -> list[Json]:
    """The values of all site marks of the resource, whatever they are."""
    system = identity.identifier_system("site")
    found = [item.get("value") for item in identifiers_of(resource) if item.get("system") == system]
    return [*found, *(words["site"] for words in notes_of(resource, identity) if "site" in words)]


def notes_of(resource: Resource, identity: Identity) -> list[dict[str, str]]:
    """What each note that stands for identifiers says; the same note twice is one."""
    found: list[dict[str, str]] = []
    for namespace, words in carried_marks(resource):
        if namespace == identity.namespace and words not in found:
            found.append(words)
    return found


def is_marked(identity: Identity, resource: Resource) -> bool:
    """Whether some site's fhir-remission wrote it: our identifiers, our tag, or a note for them.

    Also under another namespace, where what is written there has the shape of ours.
    """
    prefix = f"{identity.namespace}/id/"
    systems = [text_of(held.get("system")) for held in identifiers_of(resource)]
    if any(system.startswith(prefix) for system in systems):
        return True
    meta = resource.get("meta")
    tags = objects(meta.get("tag")) if isinstance(meta, dict) else ()
    if any(tag.get("system") == identity.system("tag") for tag in tags):
        return True
    return any(system.endswith(IDENTIFIERS_OF_RESULTS) for system in systems) or any(
        namespace == identity.namespace or "content-digest" in words
        for namespace, words in carried_marks(resource)
    )


def identifiers_of(resource: Resource) -> list[Resource]:
    """The identifiers, whatever stands in their place."""
    held = resource.get("identifier")
    return list(objects(held if isinstance(held, list) else [held]))


def is_named_by_key(
    resource: Resource,
    identity: Identity,
    *,
    patients: Iterable[str] = (),
    names: Collection[str] = (),
) -> bool:
    """Whether only our key could have made the name that the resource goes by."""
    own = {
        assessment_name(resource, identity.namespace),
        text_of(resource.get("id")),
    } - {""}
    return bool(own & {*names}) or bool(own & _possible(resource, identity, patients))


def criteria_version_of(resource: Resource, identity: Identity) -> str:
    """By which version of its set a resource of ours was made; empty if it does not say."""
    carried = carried_value(resource, identity.identifier_system("criteria"))
    if carried:
        return carried.partition("|")[2] or UNSAID
    base = f"{identity.namespace}/criteria/"
    protocols = resource.get("protocol")
    if isinstance(protocols, list):
        texts = [text_of(item) for item in protocols]
        return next((t.partition("|")[2] for t in texts if t.startswith(base)), "")
    method = resource.get("method")
    said = text_of(method.get("text")) if isinstance(method, dict) else ""
    name, _, version = said.partition(" ")
    return version if name == criteria_id_of(resource, identity) else ""


def criteria_id_of(resource: Resource, identity: Identity) -> str:
    """By which set of criteria a resource of ours was made; empty if it does not say."""
    carried = carried_value(resource, identity.identifier_system("criteria"))
    if carried:
        return carried.partition("|")[0]
    base = f"{identity.namespace}/criteria/"
    protocols = resource.get("protocol")
    if isinstance(protocols, list):
        texts = [text_of(item) for item in protocols]
        return next((t[len(base) :].partition("|")[0] for t in texts if t.startswith(base)), "")
    method = resource.get("method")
    codings = objects(method.get("coding")) if isinstance(method, dict) else ()
    system = identity.system("criteria")
    return next((text_of(c.get("code")) for c in codings if c.get("system") == system), "")


def _possible(resource: Resource, identity: Identity, patients: Iterable[str]) -> set[str]:
    """Every name that our key gives to a result that hangs on something this one cites."""
    kind = KINDS.get(text_of(resource.get("resourceType")))
    if kind is None:
        return set()
    cited = {target_of(held) for held in references_in(resource)} - {""}
    about = {*patients, *(one for one in cited if one.startswith("Patient/"))}
    criteria_id = criteria_id_of(resource, identity)
    people = sorted({name.rpartition("/")[2] for name in about})
    anchors = [Anchor(how, "", (ref,)).key for ref in cited for how in ANCHORS]
    return {
        opaque_id(structs.replace(identity, site_id=site), kind, patient, criteria_id, anchor)
        for site in (identity.site_id, *identity.former)
        for patient in people
        for anchor in anchors
    }
