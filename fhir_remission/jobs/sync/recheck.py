"""Whether what we wrote is still there: a sample in each run, all of it every `write.recheck`.

A server is restored from a backup, or says 201 and stores nothing: our state would say for ever
that there is nothing to do. What is gone, stands as it stood before, or stands twice (a conditional
create that two requests passed) makes its patient due, and the row of it is trusted no longer.
Edits of people are no matter here: they stay.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from msgspec import structs

from fhir_remission.effects.process.clock import timestamp
from fhir_remission.effects.state.state_rows import AssessmentRow
from fhir_remission.effects.state.watermarks import read_marks, written_rows
from fhir_remission.errors import ReadIncomplete, RequestRefused
from fhir_remission.fhir.r4.datatypes import Resource
from fhir_remission.fhir.server.queries import Query, by_ids, chunked, token
from fhir_remission.fhir.writing.identity import KINDS, identifier_value
from fhir_remission.jobs.site.site import Site
from fhir_remission.jobs.write_back.result_rows import name_of, own_name, status_of
from fhir_remission.jobs.write_back.sink import Sink

SAMPLE = 10


def look_for_ours(site: Site, patients: Sequence[str]) -> int:
    """Make due whose results are not as we left them; returns how many results that were."""
    if site.lease is None:
        return 0
    wanted = {f"Patient/{name}" for name in patients}
    found = 0
    for sink in site.sinks:
        rows = written_rows(site.state.database, sink.place.source, sink.place.name)
        ours = [
            row for row in rows if row.patient in wanted and name_of(row).partition("/")[0] in KINDS
        ]
        chosen, mark = _chosen(site, sink, ours)
        lost = list(_not_as_left(sink, chosen)) if chosen else []
        found += len(lost)
        if lost or mark:
            due = {row.patient: "a result is not as we left it" for row in lost}
            site.state.advance(sink.place.source, mark, due, site.run_id)
        if lost:
            # Nothing says any more what stands there: the next look asks the server.
            unsure = [structs.replace(row, evidence_hash="", status="standing") for row in lost]
            site.state.settle(site.lease, unsure)
    return found


def _chosen(
    site: Site, sink: Sink, rows: Sequence[AssessmentRow]
) -> tuple[Sequence[AssessmentRow], dict[str, str]]:
    """All of them where that is due, with the mark that says so; else a few, others each run."""
    group, now = f"recheck|{sink.place.name}", site.clock.now()
    last = read_marks(site.state.database, sink.place.source).get(group, "")
    every: timedelta = site.settings.write.recheck
    if rows and (not last or last <= timestamp(now - every)):
        return rows, {group: timestamp(now)}
    several = random.Random(site.run_id)  # noqa: S311
    return several.sample(rows, min(SAMPLE, len(rows))), {}


def _not_as_left(sink: Sink, rows: Sequence[AssessmentRow]) -> Iterator[AssessmentRow]:
    by = sink.place.by
    system = by.identity.identifier_system("evidence-hash")
    try:
        there: dict[str, list[Resource]] = {}
        for one in _search(sink, [name_of(row) for row in rows]):
            there.setdefault(own_name(one, by), []).append(one)
    except (RequestRefused, ReadIncomplete):
        # Another run asks again; what is to be written is read before that anyway.
        return
    for row in rows:
        found = there.get(name_of(row), [])
        # One that was withdrawn may stand beside the one that stands in its place.
        stands = [one for one in found if status_of(one) == "standing"] or found[:1]
        left = [(row.status, row.evidence_hash)] if found or row.status == "standing" else []
        if [(status_of(one), identifier_value(one, system)) for one in stands] != left:
            yield row


def _search(sink: Sink, names: Iterable[str]) -> Iterator[Resource]:
    client, system = sink.client, sink.place.by.identity.identifier_system("assessment")
    kinds: dict[str, list[str]] = {}
    for name in names:
        kind, _, own = name.partition("/")
        kinds.setdefault(kind, []).append(own)
    for kind, ids in kinds.items():
        if client.profile.write_mode == "put":
            queries = by_ids(kind, ids, client.profile)
        else:
            size = 10 if client.profile.id_lists else 1
            queries = [
                Query(kind, (("identifier", ",".join(token((system, own)) for own in chunk)),))
                for chunk in chunked(sorted(ids), size)
            ]
        for query in queries:
            yield from client.search_whole(query)
