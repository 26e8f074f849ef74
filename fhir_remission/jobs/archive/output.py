"""What an archive run leaves behind: the lines by patient, and what the cohort is like."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.domain.answer.wording import number_of
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import Unreadable
from fhir_remission.effects.files.private_file import new_file
from fhir_remission.effects.process.environment import allow_open_files
from fhir_remission.jobs.archive.parts import LISTED, Flaw, Judgement, Setup, Split, Tally
from fhir_remission.jobs.judging.columns import read_patients, write_parquet
from fhir_remission.jobs.judging.incoming import Judged
from fhir_remission.version import VERSION

_PATIENT = re.compile(rb'"patient":("(?:[^"\\]|\\.)*")')
_TOLD = 10
# Besides the parts: streams, the output, what libraries hold.
_OTHER_FILES = 64
Format = Literal["ndjson", "parquet"]
FORMATS: tuple[Format, ...] = ("ndjson", "parquet")


class Summary(Struct, frozen=True):
    """One archive run in counts and in what was wrong with its input."""

    software: str
    as_of: str
    criteria: tuple[str, ...]
    inputs: list[str]
    bytes: int
    kept: int
    entries: dict[str, int]
    """What was read, and where it ended."""
    cohort: Tally
    damage: list[Flaw]
    damage_not_listed: int
    damage_accepted: bool


def merge(parts: Sequence[Path], out: Path, form: Format) -> None:
    """Bring the sealed parts into one file, sorted by patient, and put it in place whole.

    The other format of an earlier run goes: it would stand beside a summary that is not its own.
    """
    allow_open_files(len(parts) + _OTHER_FILES)
    with ExitStack() as files, new_file(out / f"assessments.{form}") as file:
        streams = [_keyed(files.enter_context(part.open("rb"))) for part in parts]
        lines = (line for _, line in heapq.merge(*streams, key=lambda pair: pair[0]))
        if form == "parquet":
            write_parquet(lines, file)
        else:
            file.writelines(lines)
    for other in set(FORMATS) - {form}:
        (out / f"assessments.{other}").unlink(missing_ok=True)


def patients_in(out: Path, form: Format) -> Iterator[str]:
    """Everybody a finished run has a line for, each once, sorted."""
    path = out / f"assessments.{form}"
    if form == "parquet":
        yield from dict.fromkeys(read_patients(path))
        return
    with path.open("rb") as file:
        yield from (name for name, _ in groupby(name for name, _ in _keyed(file)))


def _keyed(lines: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    for line in lines:
        found = _PATIENT.search(line)
        yield msgspec.json.decode(found[1], type=str) if found else "", line


def summary_of(
    setup: Setup,
    splits: Iterable[Split],
    judgements: Iterable[Judgement],
    flaws: Sequence[Flaw],
    *,
    accepted: bool,
) -> Summary:
    """Add everything up."""
    splits, judgements = list(splits), list(judgements)
    tally = Tally()
    for judgement in judgements:
        tally.add(judgement.tally)
    for split in splits:
        tally.add(Tally(unmapped=split.unmapped))
    account = Account()
    for ended in [one.account for one in splits] + [one.account for one in judgements]:
        account.add(ended)
    more = sum(one.more_flaws for one in splits) + sum(one.more_flaws for one in judgements)
    ordered = sorted(flaws, key=lambda flaw: (flaw.file, flaw.offset, flaw.reason))
    return Summary(
        software=VERSION,
        as_of=setup.request.as_of,
        criteria=setup.request.criteria,
        inputs=[source.path for source in setup.sources],
        bytes=sum(source.size for source in setup.sources),
        kept=sum(split.kept for split in splits),
        entries=account.told(),
        cohort=tally.ordered(),
        damage=ordered[:LISTED],
        damage_not_listed=more + max(0, len(ordered) - LISTED),
        damage_accepted=accepted,
    )


def complaints(summary: Summary) -> Iterator[str]:
    """What a person should know of the run, a few lines at most."""
    for flaw in summary.damage[:_TOLD]:
        yield f"{flaw.file} at byte {flaw.offset}: {flaw.reason}"
    more = len(summary.damage) - _TOLD + summary.damage_not_listed
    if more > 0:
        yield f"and {more} more; summary.json names them"
    account = Account(**summary.entries)
    if summary.damage or account.lost:
        yield str(account)
    if summary.cohort.incomplete:
        left = number_of(summary.cohort.incomplete, "patient is", "patients are")
        yield f"{left} incomplete and without a category"


def count(one: Judged, tally: Tally) -> None:
    """Add one patient to what the cohort looks like."""
    tally.patients += 1
    if one.incomplete:
        tally.incomplete += 1
    for assessments in one.assessments:
        _count_answer(assessments[-1], tally)
    if one.record is None:
        return
    tally.results += len(one.record.results)
    for code, many in one.record.unmapped:
        tally.unmapped[code] = tally.unmapped.get(code, 0) + many
    for result in one.record.results:
        if isinstance(result.value, Unreadable) and "unit-refused" in result.flags:
            _more(tally.refused_units, f"{result.source.code}: {result.value.reason}"[:120])


def _count_answer(answer: Assessment, tally: Tally) -> None:
    chosen = answer.criteria_id
    _more(tally.states, f"{chosen} {answer.state}")
    _more(tally.categories, f"{chosen} {answer.category}")
    if answer.response_date is not None:
        _more(tally.response_months, f"{chosen} {answer.response_date:%Y-%m}")
    for name in answer.missing:
        _more(tally.missing, f"{chosen} {name}")


def _more(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1
