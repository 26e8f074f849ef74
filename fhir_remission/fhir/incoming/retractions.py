"""What is said beside a result and takes it back: Provenance, DetectedIssue, VerificationResult.

And the DocumentReference of a document, which an archive of documents calls superseded or wrong,
and the List of what has changed.

None is read for anything else. What cannot be read of them is not taken for harmless: a name of
nobody's may be the activity, a code of a known system that no row has may be a retraction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Raw, Struct, structs

from fhir_remission.fhir.incoming.damage import Damaged, damaged
from fhir_remission.fhir.r4.elements import Identifier, Reference
from fhir_remission.fhir.r4.references import name_of, named, names_of, parse_literal
from fhir_remission.fhir.r4.wire import READ_TYPES, UNREADABLE, Entry


class Doubted(Struct, frozen=True):
    """Something that another resource takes back: `Observation/o1`, an address, `system|value`."""

    ref: str
    reason: str


_SHARED = """
    resourceType id meta implicitRules language text contained extension modifierExtension
    fhir_comments"""
# The pages of DSTU2, STU3, R4, R4B and R5 of that name: https://hl7.org/fhir/R4/provenance.html,
# https://hl7.org/fhir/R4/detectedissue.html.
_KNOWN = {
    "Provenance": """
        activity agent authorization basedOn encounter entity location occurredDateTime
        occurredPeriod patient period policy reason recorded signature target""",
    "DetectedIssue": """
        author category code date detail encounter evidence identified identifiedDateTime
        identifiedPeriod identifier implicated mitigation patient qualityOfEvidence reference
        severity status subject""",
    "VerificationResult": """
        attestation failureAction frequency lastPerformed need nextScheduled primarySource status
        statusDate statusReason target targetLocation validationProcess validationType
        validator""",
}
_DOCUMENT = "DocumentReference"
_LIST = "List"
RETRACTING = frozenset({*_KNOWN, _DOCUMENT, _LIST})
# https://hl7.org/fhir/R4/valueset-document-reference-status.html
_SUPERSEDED = frozenset({"superseded", "entered-in-error"})
_NAMES = {kind: frozenset(f"{_SHARED} {names}".split()) for kind, names in _KNOWN.items()}
_POINTS = {"Provenance": "target", "DetectedIssue": "implicated", "VerificationResult": "target"}
_WORDS = re.compile(
    r"nullif|entered.in.error|retract|revok|withdraw|invalid|delet|destroy|obsolet|cancel|abort"
    r"|wrong|mislabel|mix.?up|swap|misidentif|contaminat|haemoly|hemoly|clott"
    r"|storn|zur.?ckgezogen|widerruf|verwechs|ung.?ltig|falsche[rns]? (?:patient|probe)|annul",
    re.IGNORECASE,
)
# By the last part of the address of the system: what leaves a result as it is. Of each system's
# other codes none does, or nobody knows. https://terminology.hl7.org/CodeSystem-v3-DataOperation.html
# and the pages of v3-ActStatus, v3-DocumentCompletion (NU is nullified), iso-21089-lifecycle and
# https://hl7.org/fhir/R4/codesystem-restful-interaction.html.
_HARMLESS = {
    "v3-dataoperation": """
        operate create read update append execute activate complete release resume reactivate jump
        modifystatus""",
    "v3-actstatus": "normal active completed new",
    "v3-documentcompletion": "au di do in ip la pa",
    "iso-21089-lifecycle": """
        access amend archive attest decrypt deidentify disclose encrypt extract link originate
        pseudonymize reactivate receive reidentify report restore transform transmit unhold
        verify""",
    "restful-interaction": "create update patch read vread",
}
_SYSTEM = re.compile(r'"system"\s*:\s*"[^"]*?([A-Za-z0-9-]+)/?"')
_CODE = re.compile(r'"code"\s*:\s*"\s*([^"]*?)\s*"')
# What a DetectedIssue finds by these codes is about a therapy, and none of a result.
_THERAPY = re.compile(r"v3-ActCode", re.IGNORECASE)
_CLOSED = frozenset({"entered-in-error", "cancelled", "mitigated"})
# http://hl7.org/fhir/R4/valueset-verificationresult-status.html; the others say that it failed,
# or that it is to be looked at again.
_VERIFIED = frozenset({"attested", "validated", "in-process"})
_MILD = frozenset({"moderate", "low"})
# An issue about a drug is about the drug, however severe.
_DRUGS = frozenset({"MedicationAdministration", "Medication", "Procedure"})

_GONE = {"removal": "it was removed", "revision": "another was made in its place"}

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_REFERENCES = msgspec.json.Decoder(list[Reference] | Reference | None)
_TEXT = msgspec.json.Decoder(str | None)
_NULL = Raw(b"null")


class _Entity(Struct):
    role: str | None = None
    what: Reference | None = None


class _Attachment(Struct):
    url: str | None = None


class _Content(Struct):
    attachment: _Attachment | None = None


class _Indexed(Struct, rename="camel"):
    status: str | None = None
    master_identifier: Identifier | None = None
    identifier: list[Identifier] | None = None
    content: list[_Content] | None = None


class _Item(Struct):
    deleted: bool | None = None
    flag: Raw = _NULL
    item: Reference | None = None


class _Listed(Struct):
    status: str | None = None
    mode: str | None = None
    entry: list[_Item] | None = None


_LISTED = msgspec.json.Decoder(_Listed)
_INDEXED = msgspec.json.Decoder(_Indexed)
_ENTITIES = msgspec.json.Decoder(list[_Entity] | None)


def retractions(body: bytes | Raw, kind: str, place: str) -> list[Doubted | Damaged]:
    """What a Provenance or DetectedIssue takes back; nothing where it leaves all as it is."""
    if kind == _DOCUMENT and not any(one.encode() in bytes(body) for one in _SUPERSEDED):
        return []
    try:
        if kind == _DOCUMENT:
            return list(_superseded(_INDEXED.decode(body)))
        if kind == _LIST:
            return list(_crossed_out(_LISTED.decode(body)))
        members = _MEMBERS.decode(body)
        why = _why(kind, members)
        return _named(body, kind, place, members, why) if why else _removed(members)
    except UNREADABLE as error:
        return [structs.replace(damaged(body, place, error), resource_type="", ref="")]


def _superseded(indexed: _Indexed) -> Iterator[Doubted]:
    """The names of the document that stands no more."""
    if indexed.status not in _SUPERSEDED:
        return
    held = [indexed.master_identifier, *(indexed.identifier or [])]
    urls = [one.attachment.url for one in indexed.content or [] if one.attachment is not None]
    for one in (*(Reference(identifier=name) for name in held), *(Reference(url) for url in urls)):
        if name := name_of(one):
            yield Doubted(name, f"its DocumentReference has the status {indexed.status}")


def _crossed_out(listed: _Listed) -> Iterator[Doubted]:
    """What a list of changes says was deleted, or any list flags as wrong.

    https://hl7.org/fhir/R4/list-definitions.html#List.entry.deleted
    """
    for one in (listed.entry or []) if listed.status != "entered-in-error" else ():
        deleted = listed.mode == "changes" and one.deleted
        literal = parse_literal(one.item.address) if one.item else None
        known = literal is None or literal.type in READ_TYPES.keys() - {"Patient"}
        name = name_of(one.item) if one.item and known else ""
        if name and (deleted or _WORDS.search(_text(one.flag))):
            yield Doubted(name, "a List says that it was deleted")


def told_once(found: Sequence[Doubted | Damaged]) -> tuple[list[Doubted], list[Damaged]]:
    """What one resource takes back, and its damage: it is counted once, be it used or damaged."""
    lost = [one for one in found if isinstance(one, Damaged)]
    return [one for one in found if isinstance(one, Doubted)], lost[:1]


def _why(kind: str, members: Mapping[str, Raw]) -> str:
    """Why what it points to is doubtful; empty where it is not."""
    strange = " ".join(_text(held) for name, held in members.items() if _odd(name, kind))
    if kind == "Provenance":
        done = _text(members.get("activity")) or _text(members.get("reason"))
        if _WORDS.search(f"{done} {strange}"):
            return "a Provenance says that it was taken back"
        return "a Provenance says of it what is not read" if _unread(done) else ""
    status = _TEXT.decode(members.get("status", _NULL))
    if kind == "VerificationResult":
        failed = status not in _VERIFIED or _WORDS.search(strange)
        return "a VerificationResult does not say that it holds" if failed else ""
    if status in _CLOSED:
        return ""
    found = " ".join(_text(members.get(name)) for name in ("code", "category"))
    therapy = _THERAPY.search(found) is not None
    detail = "" if therapy else _text(members.get("detail"))
    if _WORDS.search(f"{found} {detail} {strange}"):
        return "a DetectedIssue says that it is wrong"
    severity = _TEXT.decode(members.get("severity", _NULL))
    mild = severity is None or severity in _MILD or therapy
    return "" if mild else "a DetectedIssue of high severity is about it"


def _odd(name: str, kind: str) -> bool:
    return name.removeprefix("_") not in _NAMES[kind]


def _text(held: Raw | None) -> str:
    return bytes(held).decode(errors="replace") if held is not None else ""


def _unread(said: str) -> bool:
    """Whether it has a code of a known system that is not known to be harmless."""
    systems = [one.lower() for one in _SYSTEM.findall(said)]
    known = [_HARMLESS[one].split() for one in systems if one in _HARMLESS]
    if not known:
        return False
    codes = [one.lower() for one in _CODE.findall(said)]
    return not codes or not any(code in held for held in known for code in codes)


def _named(
    body: bytes | Raw, kind: str, place: str, members: Mapping[str, Raw], why: str
) -> list[Doubted | Damaged]:
    given = _REFERENCES.decode(members.get(_POINTS[kind], _NULL))
    pointed = [given] if isinstance(given, Reference) else given or []
    found: list[Doubted | Damaged] = []
    for one in pointed:
        literal = parse_literal(one.address.partition("#")[0])
        if literal is not None and literal.type == "Patient":
            found.append(Damaged(place, why, subject=literal.relative))
        elif literal is not None and _is_other(literal.type, kind):
            continue
        elif name := literal.relative if literal else one.address or named(one.identifier):
            found.append(Doubted(name, why))
        else:
            pointed = []
    if pointed:
        return [*found, *_removed(members)]
    lost = damaged(body, place, None, f"{kind} does not say in a way that is read what it is about")
    return [structs.replace(lost, resource_type="", ref=""), *found]


def _is_other(kind: str, holder: str) -> bool:
    return kind not in READ_TYPES or (holder == "DetectedIssue" and kind in _DRUGS)


def _removed(members: Mapping[str, Raw]) -> list[Doubted | Damaged]:
    """What a Provenance says was removed to make its target, or has its target in its place.

    http://hl7.org/fhir/R4/valueset-provenance-entity-role.html
    """
    if "entity" not in members:
        return []
    given = _REFERENCES.decode(members.get("target", _NULL))
    made = {name_of(one) for one in ([given] if isinstance(given, Reference) else given or [])}
    found: list[Doubted | Damaged] = []
    for one in _ENTITIES.decode(members["entity"]) or []:
        literal = parse_literal(one.what.address) if one.what is not None else None
        why = _GONE.get(one.role or "")
        # An older version of the target itself is none of another name.
        if why and literal and literal.type in READ_TYPES and literal.relative not in made:
            found.append(Doubted(literal.relative, f"a Provenance says that {why}"))
    return found


def doubt(entries: Iterable[Entry], doubted: Mapping[str, str]) -> None:
    """Mark what was taken back; it is as doubtful as what must be understood and is not."""
    for entry in entries if doubted else ():
        for name in sorted(names_of(entry)):
            if name in doubted:
                entry.resource.doubt = doubted[name]
