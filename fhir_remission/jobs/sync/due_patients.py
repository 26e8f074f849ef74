"""Which patients one run has to read, and the note that they were."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from fhir_remission.effects.process.clock import timestamp
from fhir_remission.effects.state.watermarks import citations, read_marks
from fhir_remission.errors import CapabilityMissing
from fhir_remission.fhir.server.queries import chunked
from fhir_remission.jobs.reading.changed_patients import Due, Looking, find_due
from fhir_remission.jobs.reading.evidence import Evidence, named_samples
from fhir_remission.jobs.reading.watermarks import ReadMark, fresh_rows, parse_read_mark, read_mark
from fhir_remission.jobs.site.site import Site
from fhir_remission.version import VERSION

PERSON = "person|"


def due_now(site: Site, patients: Sequence[str], *, everybody: bool) -> Due:
    """Find the patients to read; all of them where the server has no way to tell of changes."""
    source = site.connection.base.url
    delta = site.profile.delta
    if everybody or delta == "none" or site.clocks.server_time is None:
        return Due({f"Patient/{name}": "scheduled" for name in patients}, {})
    whole_server = site.settings.source.whole_server
    if delta == "history" and not whole_server:
        raise CapabilityMissing(
            "source.delta = history reads the changes of every patient of the server: "
            "allow it by source.whole_server = true, or choose another delta"
        )
    looking = Looking(
        now=site.clocks.server_time,
        codes=sorted({*site.judge.mappings.codes.analyte_codes(), *site.panels}),
        rules=rules(site),
        reread=site.settings.source.reread,
        recheck=site.settings.source.recheck,
        whole_server=whole_server and not site.profile.needs_patient,
    )
    database = site.state.database
    marks = read_marks(database, source)
    with closing(site.connection.chains(site.profile)) as chains:
        return find_due(chains, patients, marks, citations(database, source), looking)


def in_chunks(site: Site, patients: Sequence[str]) -> Iterator[Sequence[str]]:
    """Those that an earlier run left come first, so that no patient is always too late."""
    source = site.connection.base.url
    left = set(site.state.dirty(source))
    waiting = {row.patient for row in site.state.backlog(source)} & left
    ordered = sorted(patients, key=lambda name: (f"Patient/{name}" not in waiting, name))
    yield from chunked(ordered, max(1, site.profile.max_patients))


def person_marks(site: Site) -> dict[str, frozenset[str]]:
    """The other records of each patient (`Patient/p1`) who was read as a person of several."""
    marks = read_marks(site.state.database, site.connection.base.url)
    found = {name: parse_read_mark(value).others for name, value in marks.items()}
    return {name[len(PERSON) :]: names for name, names in found.items() if name.startswith(PERSON)}


def person_read(site: Site, patient: str, names: Iterable[str]) -> dict[str, str]:
    """Say under which other records somebody was read: what stands there is ours to take back."""
    others = frozenset(names) - {patient.partition("/")[2], ""}
    mark = ReadMark(timestamp(site.clock.now()), others=others)
    return {f"{PERSON}{patient}": str(mark)}


def marks_read(site: Site, patient: str, evidence: Evidence) -> dict[str, str]:
    """Say, as of the server's clock when the run began, that a patient was read whole."""
    if site.clocks.server_time is None:
        return {}
    person = evidence.person
    others = frozenset({*person.names, *person.one_sided}) - {patient.partition("/")[2], ""}
    # No look by `issued` tells that a record was linked or unlinked: these are read each time.
    if others and site.profile.delta == "issued":
        return {read_mark(patient): ""}
    marks = read_marks(site.state.database, site.connection.base.url)
    fresh = fresh_rows(evidence.entries, marks)
    samples = named_samples(evidence.entries)
    mark = ReadMark(timestamp(site.clocks.server_time), rules(site), fresh, others, samples)
    return {read_mark(patient): str(mark)}


def rules(site: Site) -> str:
    """Software, tables, criteria and policies in one word: another one makes everybody due."""
    judge, settings = site.judge, site.settings
    told = (
        VERSION,
        judge.mappings.version,
        [(chosen.id, chosen.version) for chosen in judge.sets],
        settings.criteria.model_dump_json(),
        settings.evidence.model_dump_json(),
        settings.site.model_dump_json(exclude={"key_file"}),
        settings.write.model_dump_json(),
        sorted((name, sink.kind, sink.resources) for name, sink in settings.sink.items()),
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]
