"""What the Specimen of a result says: blood or marrow, whose, whether it can be judged, when."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from fhir_remission.fhir.context import Context, period_of, term_of
from fhir_remission.fhir.elements import Reference
from fhir_remission.fhir.references import named
from fhir_remission.fhir.times import Placed, Unplaced, read_time
from fhir_remission.fhir.wire import DiagnosticReport, Resource, Specimen, contained

_VOID = frozenset({"unsatisfactory", "entered-in-error"})


class SpecimenSays(Struct, frozen=True):
    """What is known of the specimen of one result."""

    kind: str = ""
    """blood, marrow, csf, other; empty where it is not said in a way we know."""
    given: bool = False
    void: str = ""
    """Why nothing measured in it counts."""
    draw_keys: tuple[str, ...] = ()
    taken: Placed | Unplaced | None = None


def read_specimen(
    reference: Reference | None, inside: Mapping[str, Resource], context: Context
) -> SpecimenSays:
    """Read the Specimen a result refers to, contained or at hand."""
    if reference is None:
        return SpecimenSays()
    specimen = context.index.resource(reference, inside)
    if not isinstance(specimen, Specimen):
        return SpecimenSays(draw_keys=_keys(reference, None), given=False)
    return SpecimenSays(
        kind=term_of("specimen", specimen.type, context.mappings),
        given=specimen.type is not None,
        void=_void(specimen, context),
        draw_keys=_keys(reference, specimen),
        taken=_taken(specimen, context),
    )


def report_specimen(ref: str, context: Context) -> SpecimenSays:
    """The specimen of the report that holds a result, where the report has exactly one."""
    for report in context.reports.get(ref, ()):
        resource = report.resource
        listed = resource.specimen or [] if isinstance(resource, DiagnosticReport) else []
        if isinstance(resource, DiagnosticReport) and len(listed) == 1:
            return read_specimen(listed[0], contained(resource.contained), context)
    return SpecimenSays()


def _void(specimen: Specimen, context: Context) -> str:
    if specimen.status in _VOID:
        return f"its specimen is {specimen.status}"
    for condition in specimen.condition or []:
        if term_of("specimen-condition", condition, context.mappings):
            return "its specimen is unsatisfactory"
    if specimen.subject is not None and not context.is_patient(specimen.subject):
        return "its specimen is of another person"
    return ""


def _keys(reference: Reference, specimen: Specimen | None) -> tuple[str, ...]:
    names = [named(reference.identifier)]
    if reference.reference and not reference.reference.startswith("#"):
        names.append(reference.reference)
    if specimen is not None:
        names.extend(named(identifier) for identifier in specimen.identifier or [])
        names.append(named(specimen.accession_identifier))
    return tuple(dict.fromkeys(name for name in names if name))


def _taken(specimen: Specimen, context: Context) -> Placed | Unplaced | None:
    collection, zone = specimen.collection, context.reading.zone
    if collection is None:
        return None
    if collection.collected_date_time:
        return read_time(collection.collected_date_time, zone)
    period = collection.collected_period
    return period_of(period, zone) if period else None
