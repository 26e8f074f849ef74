"""`plan`: what a run would write, read with the real state and without any way to write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC
from itertools import groupby
from pathlib import Path

from msgspec import Struct

from fhir_remission.domain.answer.layout import printable, wrapped
from fhir_remission.domain.answer.wording import number_of
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.effects.files.private_file import check_output
from fhir_remission.errors import ReadIncomplete, RequestRefused
from fhir_remission.fhir.server.queries import chunked
from fhir_remission.jobs.reading.cohort import find_cohort
from fhir_remission.jobs.site.site import Site, open_site, settings_of
from fhir_remission.jobs.site.site_claim import identity_of
from fhir_remission.jobs.site.site_files import files_of
from fhir_remission.jobs.sync.devices import look_around
from fhir_remission.jobs.sync.read_ahead import read_patients, records_of
from fhir_remission.jobs.write_back.plan_file import Entry, PlanFile, entries_of, seal_plan


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


def plan_table(planned: Planned, width: int = 0) -> Iterator[str]:
    """The plan as lines for a person; 0 is a page as wide as the plan, for a pipe.

    One row per resource where they fit the page, else a block each.
    """
    plan = planned.plan
    rows = [_cells(entry) for entry in plan.entries]
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
    if not width or sum(widths) + 2 * (len(HEAD) - 1) <= width:
        for row in (HEAD, *rows):
            yield "  ".join(map(str.ljust, row, widths)).rstrip()
    else:
        for patient, own in groupby(rows, lambda row: row[1]):
            yield from _block(patient, own, width)
    count = sum(entry.operation not in ("none", "park") for entry in plan.entries)
    told = [
        f"{number_of(plan.cohort, 'patient')}, {number_of(count, 'resource')} to write, "
        f"{number_of(plan.changed, 'changes', 'change')} category"
    ]
    if planned.too_much:
        told += ["More than write.max_changed_share: sync would hold this back;"
                 " apply carries it out."]  # fmt: skip
    if planned.unread:
        told += [f"{number_of(len(planned.unread), 'patient')} could not be read: not in the plan"]
    yield from (line for one in told for line in (wrapped(one, width=width) if width else [one]))


HEAD = ("operation", "patient", "resource", "before", "after", "why")


def _cells(entry: Entry) -> tuple[str, ...]:
    operation = "leave" if entry.operation == "none" else entry.operation
    patient = entry.patient.partition("/")[2]
    cells = (
        operation,
        patient,
        entry.reference,
        entry.before or "-",
        entry.after or "-",
        entry.why,
    )
    return tuple(printable(cell) for cell in cells)


def _block(patient: str, rows: Iterable[tuple[str, ...]], width: int) -> Iterator[str]:
    """One patient: what would be done, and below it to which resources."""
    yield from wrapped(patient, rest="  ", width=width)
    for (operation, before, after, why), held in groupby(rows, lambda row: (row[0], *row[3:])):
        change = after if before == "-" else f"{before} -> {after}"
        yield from wrapped(f"{operation} {change}: {why}", first="  ", rest="    ", width=width)
        for row in held:
            yield from wrapped(row[2], first="    ", width=width)
