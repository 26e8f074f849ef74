"""`plan`: what a run would write, read with the real state and without any way to write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC
from pathlib import Path

from msgspec import Struct

from fhir_remission.domain.assessment import Assessment
from fhir_remission.effects.private_file import check_output
from fhir_remission.errors import ReadIncomplete, RequestRefused
from fhir_remission.fhir.queries import chunked
from fhir_remission.jobs.cohort import find_cohort
from fhir_remission.jobs.devices import look_around
from fhir_remission.jobs.plan_file import Entry, PlanFile, entries_of, seal_plan
from fhir_remission.jobs.reading import read_patients, records_of
from fhir_remission.jobs.site import Site, open_site, settings_of
from fhir_remission.jobs.site_claim import identity_of
from fhir_remission.jobs.site_files import files_of


class Planned(Struct, frozen=True):
    """A plan, and what could not be planned."""

    plan: PlanFile
    unread: tuple[str, ...]
    too_much: bool

    @property
    def exit_code(self) -> int:
        """3 where somebody could not be read."""
        return 3 if self.unread else 0


def make_plan(
    config: Path | None, assignments: tuple[str, ...], as_of: str, out: Path | None = None
) -> Planned:
    """Read the whole cohort and plan every write of it; `out` is where the caller will put it."""
    settings = settings_of(config, assignments, {})
    if out is not None:
        check_output(out, inputs=files_of(settings, config))
    with open_site(settings, as_of=as_of, dry_run=False, looking=True) as site:
        entries: list[Entry] = []
        unread: list[str] = []
        cohort = 0
        for sink in site.sinks:
            look_around(sink, site.state, beside_old_sites=settings.write.beside_old_sites)
        for patient, judged in _judged(site):
            cohort += 1
            try:
                if judged is None:
                    raise ReadIncomplete("not read to the end")
                entries += [e for one in judged for e in _entries(site, one)]
            except (RequestRefused, ReadIncomplete):
                unread.append(patient)
        identity = identity_of(settings)
        moment = site.judge.as_of.astimezone(UTC).isoformat().replace("+00:00", "Z")
        told = tuple(sorted(set(entries)))
        plan = PlanFile(settings.site.id, moment, cohort, told, site.back_dated)
        share = int(settings.write.max_changed_share * cohort)
        return Planned(seal_plan(plan, identity.key), tuple(unread), plan.changed > max(1, share))


def _entries(site: Site, assessments: tuple[Assessment, ...]) -> Iterator[Entry]:
    for sink in site.sinks:
        prospect = sink.look(assessments)
        if prospect is not None:
            yield from entries_of(prospect)


def _judged(site: Site) -> Iterator[tuple[str, list[tuple[Assessment, ...]] | None]]:
    """Each patient with all assessments by each set; None where not read to the end."""
    client = site.connection.client(site.profile)
    members = find_cohort(site.settings.cohort, client, site.judge.mappings, as_of=site.judge.as_of)
    yield from ((f"Patient/{odd.text}", None) for odd in members.odd)
    chunks = chunked(members.patients, max(1, site.profile.max_patients))
    done: set[str] = set()
    with closing(read_patients(site, chunks)) as reading:
        for patient, evidence in reading:
            site.stop.check()
            name = f"Patient/{evidence.person.survivor or patient}"
            if name in done:
                continue
            done.add(name)
            if evidence.incomplete or evidence.unknown:
                yield name, None
                continue
            # As a run has it: what stands under a merged record is taken back first.
            record, nothing, _ = records_of(site.judge, name, evidence, members)
            all_of_it = (*nothing, record)
            yield name, [judged for one in all_of_it for _, judged in site.judge.assess(one)]


def plan_table(planned: Planned) -> Iterator[str]:
    """The plan as lines for a person: one row per resource, and what it comes to."""
    plan = planned.plan
    rows = [("operation", "patient", "resource", "before", "after", "why")]
    rows += [
        (
            *(e.operation if e.operation != "none" else "leave", e.patient.partition("/")[2]),
            *(e.reference, e.before or "-", e.after or "-", e.why),
        )
        for e in plan.entries
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    count = sum(entry.operation not in ("none", "park") for entry in plan.entries)
    yield f"{plan.cohort} patients, {count} resources to write, {plan.changed} change category"
    if planned.too_much:
        yield "More than write.max_changed_share: sync would hold this back; apply carries it out."
    if planned.unread:
        yield f"{len(planned.unread)} patients could not be read and are not in the plan"
