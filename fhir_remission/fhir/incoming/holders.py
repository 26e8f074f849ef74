"""What takes back the results it holds: a withdrawn report, panel or document, or a replaced one.

It need not be of the same patient, nor of anybody: whoever bears a name that it names is doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Raw, Struct, field

from fhir_remission.fhir.incoming.envelope import BundleBody, addresses_in
from fhir_remission.fhir.incoming.retractions import Doubted
from fhir_remission.fhir.r4.composition import Composition, Replaced
from fhir_remission.fhir.r4.elements import Identifier, Reference, is_there
from fhir_remission.fhir.r4.references import holds_of, name_of
from fhir_remission.fhir.r4.wire import UNREADABLE, DiagnosticReport, Entry, Resource

# A report or panel in one of these states stands for what it holds (`modified` is of R5).
LIVE = frozenset(
    {
        *("registered", "partial", "preliminary", "final"),
        *("amended", "corrected", "appended", "modified"),
    }
)
# What these hold is held no more, or nobody knows.
DEAD = frozenset({"entered-in-error", "cancelled", "unknown"})
WITHDRAWN = DEAD - {"unknown"}
# How a document may stand to another that holds all the same. Any other relation takes the other
# one's place, one that nobody can read too, or says that the other one takes its own.
# https://hl7.org/fhir/R4/valueset-document-relationship-type.html,
# https://hl7.org/fhir/R5/valueset-related-artifact-type-all.html
_RELATIONS = """
    appends appended-with cite-as cited-by cites comment-in comments-on composed-of contained-in
    contains created-with depends-on derived-from documentation documents justification part-of
    predecessor reprint reprint-of signs similar-to specification-of successor supported-with
    supports transformed-into transformed-with transforms"""
_BESIDE = frozenset(_RELATIONS.split())


class _Extension(Struct):
    url: str | None = None
    value: Reference | None = field(default=None, name="valueReference")


_EXTENSIONS = msgspec.json.Decoder(list[_Extension] | None)
_ID = msgspec.json.Decoder(str)
_IDENTIFIERS = msgspec.json.Decoder(list[Identifier] | Identifier)
# https://hl7.org/fhir/R4/extension-diagnosticreport-replaces.html
_REPLACES = "http://hl7.org/fhir/StructureDefinition/diagnosticReport-replaces"
_GIVEN_UP = frozenset({"amended-with", "correction-in", "replaced-with", "retracted-by"})


def taken_back(entry: Entry) -> list[Doubted]:
    """The names of what a withdrawn holder holds, and of the documents that one replaces."""
    holder = entry.resource
    status = getattr(holder, "status", None)
    if status in WITHDRAWN:
        why = f"{entry.ref}, which holds it, has the status {status}"
        named = (name_of(one) for one in holds_of(holder))
    else:
        why = f"what shows it is replaced by {entry.ref}"
        named = (name_of(one) for one in replaced_by(holder))
    return [Doubted(name, why) for name in named if name and not name.startswith("#")]


def all_taken_back(entries: Iterable[Entry]) -> dict[str, str]:
    """The same of many, with the reasons."""
    found = (one for entry in entries for one in taken_back(entry))
    return {one.ref: one.reason for one in found}


def replaced_by(holder: Resource) -> Iterator[Reference]:
    """The documents or reports in whose place one stands."""
    if getattr(holder, "status", None) not in LIVE:
        return
    if isinstance(holder, DiagnosticReport):
        yield from _extended(holder.extension)
    for one in holder.relates_to or [] if isinstance(holder, Composition) else []:
        if not {one.code, one.type} & (_BESIDE | _GIVEN_UP):
            yield from _targets(one)


def _extended(extensions: Raw) -> list[Reference]:
    """The reports that one replaces, as an extension says."""
    try:
        found = _EXTENSIONS.decode(extensions) if is_there(extensions) else None
    except UNREADABLE:
        return []
    return [one.value for one in found or [] if one.url == _REPLACES and one.value is not None]


def is_given_up(holder: Resource) -> bool:
    """Whether a document says itself that another stands in its place."""
    said = holder.relates_to or [] if isinstance(holder, Composition) else []
    return any({one.code, one.type} & _GIVEN_UP for one in said)


def bind(held: Sequence[Entry], bundle: BundleBody, address: str) -> None:
    """Let each Composition of a Bundle know what came with it, and a document hold all of it."""
    pages = [one.resource for one in held if isinstance(one.resource, Composition)]
    came = addresses_in(bundle) if pages else set()
    for page in pages:
        page.came = sorted({*came, *(page.came or [])})
    if pages and bundle.type == "document":
        page = pages[0]
        page.identifier = [*(page.identifier or []), *_identifiers(bundle)]
        page.bundles = [name for name in (_called(bundle), address) if name]
        _hold(page, [one for one in held if one.resource is not page])


def _hold(page: Composition, others: Iterable[Entry]) -> None:
    """Let the first page of a document hold what stands in it."""
    page.inside, stands = [], page.status in LIVE or page.status == "unknown"
    for one in others:
        if one.full_url or one.resource.id:
            page.inside.append(Reference(one.full_url or one.ref))
        elif not stands:
            # Nothing else can name it.
            one.resource.doubt = f"the document it stands in has the status {page.status}"


def _called(bundle: BundleBody) -> str:
    try:
        name = _ID.decode(bundle.id) if is_there(bundle.id) else ""
    except UNREADABLE:
        return ""
    return f"Bundle/{name}" if name else ""


def _identifiers(bundle: BundleBody) -> list[Identifier]:
    try:
        found = _IDENTIFIERS.decode(bundle.identifier) if is_there(bundle.identifier) else []
    except UNREADABLE:
        return []
    return found if isinstance(found, list) else [found]


def _targets(one: Replaced) -> list[Reference]:
    named = [one.target_reference, one.resource_reference, Reference(one.resource)]
    if one.target_identifier is not None:
        named.append(Reference(identifier=one.target_identifier))
    return [target for target in named if target is not None]
