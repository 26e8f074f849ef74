"""Taking one run back: what it created is entered in error, what it changed gets its old content.

The former content comes from the server's own history. What somebody has changed since, or a
later run has written again, stays as it is and is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from msgspec import Struct, structs

from fhir_remission.effects.http.transport import OutcomeUnknown
from fhir_remission.effects.server.writer import WritingClient
from fhir_remission.effects.state.parked_rows import ParkedRow, evidence_of, settle_parked
from fhir_remission.effects.state.state_rows import AssessmentRow
from fhir_remission.errors import RemissionError, RequestRefused, UsageError
from fhir_remission.fhir.r4.datatypes import Resource, objects, text_of, version_of
from fhir_remission.fhir.writing.authorship import Change
from fhir_remission.fhir.writing.decide import category_of
from fhir_remission.fhir.writing.identity import content_digest, identifier_value
from fhir_remission.fhir.writing.ownership import Known, owner_of
from fhir_remission.fhir.writing.parked import RETRACTED, fingerprint, stands_as
from fhir_remission.fhir.writing.retraction import retracted, sent_back
from fhir_remission.jobs.site.site import Site, open_site, settings_of
from fhir_remission.jobs.write_back.deleted_evidence import without_gone
from fhir_remission.jobs.write_back.existing_results import (
    Familiar,
    read_by_name,
    search_results,
    sifted,
)
from fhir_remission.jobs.write_back.planned_requests import here
from fhir_remission.jobs.write_back.result_rows import name_of, own_name, status_of
from fhir_remission.jobs.write_back.sink import NOBODY, Sink

Progress = Callable[[str, int, int], None]


class TakenBack(Struct, frozen=True):
    """What became of one resource."""

    reference: str
    how: str
    """withdrawn, restored, or left."""
    reason: str = ""


def retract_run(
    config: Path | None,
    assignments: tuple[str, ...],
    run: str,
    progress: Progress = lambda *_: None,
) -> list[TakenBack]:
    """Take back all that one run wrote last."""
    settings = settings_of(config, assignments, {})
    with open_site(settings, as_of="", dry_run=False) as site:
        if run not in {row.id for row in site.state.runs(limit=100_000)}:
            raise UsageError(f"no run {run} in the state; the last were {_last(site)}")
        written = [(sink, site.state.written_by(run, sink.place.name)) for sink in site.sinks]
        total = sum(len(rows) for _, rows in written)
        found: list[TakenBack] = []
        with _row_of(site, found):
            for sink, rows in written:
                for one in _at(site, sink, rows):
                    found.append(one)
                    progress("taking back", len(found), total)
        return found


@contextmanager
def _row_of(site: Site, found: list[TakenBack]) -> Iterator[None]:
    """The row of this run in the state: ended however the run ends, with what it came to."""
    site.state.begin_run(site.run_id)
    code = RemissionError.exit_code
    try:
        yield
        code = 3 if any(one.how == "left" for one in found) else 0
    except RemissionError as error:
        code = error.exit_code
        raise
    finally:
        taken_back = sum(one.how != "left" for one in found)
        site.state.end_run(site.run_id, code, {"taken_back": taken_back})


def _last(site: Site) -> str:
    """The last ten runs, the newest first."""
    return ", ".join(f"{row.id} (exit {row.exit})" for row in site.state.runs(limit=10)) or "none"


def _at(site: Site, sink: Sink, rows: Iterable[AssessmentRow]) -> Iterator[TakenBack]:
    for row in rows:
        if row.patient == NOBODY or row.status == "pending":
            continue
        try:
            yield _one(site, sink, row)
        except RequestRefused as error:
            yield TakenBack(name_of(row), "left", str(error))


def _one(site: Site, sink: Sink, row: AssessmentRow) -> TakenBack:
    by, client, name = sink.place.by, sink.client, name_of(row)
    current = _current(sink, row)
    if current is None:
        return TakenBack(name, "left", "it is not there any more")
    namespace = by.identity.namespace
    known = Known(row.evidence_hash, row.content_digest)
    if owner_of(current, by.identity, known=known) != "ours":
        return TakenBack(name, "left", "edited by somebody")
    kind, own = text_of(current["resourceType"]), text_of(current["id"])
    history = client.read(kind, own, below="/_history")
    former = _former(history, content_digest(current, namespace=namespace), namespace)
    change = Change("run-withdrawn", before=category_of(current, by))
    new = retracted(current, by, change) if former is None else former
    new = without_gone(client, by, new)
    done = cast(WritingClient, client).update(new, if_match=version_of(current))
    if isinstance(done, OutcomeUnknown):
        return TakenBack(name, "left", "the server never said what became of it")
    system = by.identity.identifier_system("evidence-hash")
    settled = structs.replace(
        row,
        evidence_hash=identifier_value(new, system),
        content_digest=content_digest(new, namespace=namespace),
        etag=done.version,
        status=status_of(new),
        run=site.run_id,
    )
    patient = site.patient_hash(row.patient)
    site.audit.record("retract", patient, server=client.host, outcome="done")
    if site.lease is not None:
        if site.settings.write.retracted == "hold":
            settle_parked(site.state.database, site.lease, [_hold(site, sink, row, new)])
        site.state.settle(site.lease, [settled])
    return TakenBack(here(new), "withdrawn" if former is None else "restored")


def _hold(site: Site, sink: Sink, row: AssessmentRow, new: Resource) -> ParkedRow:
    """The note that this is not to come back while it would rest on the same evidence."""
    by, cited = sink.place.by, evidence_of(site.state.database, row.key)
    return ParkedRow(
        key=row.key,
        source=row.source,
        patient=row.patient,
        sink=row.sink,
        reference=here(new),
        why=RETRACTED,
        who=site.run_id,
        since=by.computed_at,
        stands=stands_as(new, by),
        says="",
        evidence=fingerprint(cited) if cited else "",
        word="acknowledged",
    )


def _current(sink: Sink, row: AssessmentRow) -> Resource | None:
    place, read = sink.place, list[Resource]()
    if sink.client.profile.write_mode == "put":
        read = read_by_name(sink.client, [name_of(row)]).resources
    if not read:
        subject = sink.subjects.find(row.patient)
        by = structs.replace(place.by, subject=subject.reference, former_subjects=subject.former)
        read = search_results(sink.client, row.patient, by, place.resources)
    known = Known(row.evidence_hash, row.content_digest)
    familiar = Familiar((row.patient,), {name_of(row).rpartition("/")[2]}, lambda _: known)
    named = [item for item in read if own_name(item, place.by) == name_of(row)]
    standing = sifted(sink.client, named, place.by, familiar)
    return next(iter(standing.resources), None)


def _former(history: object, digest: str, namespace: str) -> Resource | None:
    """The last version of other content, without what servers own; None where there is none.

    A server that reindexes makes versions of the same content.
    """
    entries = objects(cast(Resource, history).get("entry")) if isinstance(history, dict) else ()
    held = [cast(Resource, e["resource"]) for e in entries if isinstance(e.get("resource"), dict)]
    ordered = sorted(held, key=_age, reverse=True)
    others = (one for one in ordered if content_digest(one, namespace=namespace) != digest)
    former = next(others, None)
    return None if former is None else sent_back(former)


def _age(item: Resource) -> tuple[int, str]:
    version, meta = version_of(item), item.get("meta")
    stamp = text_of(meta.get("lastUpdated")) if isinstance(meta, dict) else ""
    return (int(version) if version.isdecimal() else 0, stamp)
