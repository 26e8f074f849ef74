"""Every file of fixtures/hostile ends in a reason that is written down, never in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_remission.domain.nouns.inputs import Interval, PatientRecord, Unreadable
from fhir_remission.domain.nouns.tsv import read_rows
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.effects.files.mapping_files import load_issue_codes, load_mappings
from fhir_remission.errors import InputError
from fhir_remission.fhir.incoming.damage import Damaged
from fhir_remission.fhir.incoming.documents import read_documents
from fhir_remission.fhir.incoming.grouping import Groups, group_by_patient
from fhir_remission.fhir.incoming.pages import PageEnds, lacking
from fhir_remission.fhir.r4.wire import Entry
from fhir_remission.fhir.reading.record import Reading, read_record

FOLDER = Path(__file__).parent.parent / "fixtures" / "hostile"
EXPECTED = FOLDER / "expected.tsv"
COLUMNS = ("file", "ends_as", "reason")
CASES = [
    (row["file"], row["ends_as"], row["reason"])
    for row in read_rows(EXPECTED.read_text(), file=str(EXPECTED), columns=COLUMNS)
]


@pytest.fixture(scope="module")
def mappings() -> Mappings:
    """The shipped tables."""
    return load_mappings()


def test_every_hostile_file_is_expected_and_every_expectation_has_a_file() -> None:
    """No file is forgotten, and no line names a file that is not there."""
    files = {path.name for path in FOLDER.iterdir()} - {EXPECTED.name}

    assert files == {name for name, _, _ in CASES}
    assert len(files) >= 40


@pytest.mark.parametrize(("name", "ends_as", "reason"), CASES, ids=[name for name, _, _ in CASES])
def test_a_hostile_file_ends_as_expected(
    name: str, ends_as: str, reason: str, mappings: Mappings
) -> None:
    """Each odd thing is named, and what is good beside it still counts."""
    body = (FOLDER / name).read_bytes()
    if ends_as == "input-error":
        with pytest.raises(InputError) as caught:
            list(read_documents([body], name=name))
        place, _, said = str(caught.value).partition(": ")
        assert place.startswith(name)
        assert said == reason
        return

    items = list(read_documents([body], name=name, harmless=load_issue_codes()))
    entries = [item for item in items if isinstance(item, Entry)]
    ends = lacking([item for item in items if isinstance(item, PageEnds)])
    lost = (*(item for item in items if isinstance(item, Damaged)), *ends)
    damage = [(item.kind, item.reason) for item in lost]
    groups = group_by_patient(entries)
    record = read_record("Patient/p1", groups.patients["Patient/p1"], mappings, Reading())

    assert _endings(ends_as, record, damage, _nobodys(groups)) == [reason]


def _nobodys(groups: Groups) -> list[str]:
    others = ["about no patient" for _ in groups.others]
    return [*(one.reason for one in groups.unassigned), *others]


def _endings(
    ends_as: str, record: PatientRecord, damage: list[tuple[str, str]], unassigned: list[str]
) -> list[str]:
    skipped = [skip.reason for skip in record.skipped]
    values = [result.value for result in record.results]
    match ends_as:
        case "damaged" | "incomplete":
            assert not skipped
            return [reason for kind, reason in damage if kind == ends_as]
        case "unassigned":
            assert not record.results
            return unassigned
        case "skipped":
            assert not record.results
            # A refuted AML is no AML, and no silence about AML either.
            assert all(event.kind == "aml-refuted" for event in record.events)
            return skipped
        case "unreadable":
            reasons = {value.reason for value in values if isinstance(value, Unreadable)}
            assert len(values) == sum(isinstance(value, Unreadable) for value in values) >= 1
            assert reasons == set(skipped)
            return skipped
        case "read":
            assert not skipped
            assert not damage
            return [str(value.low) for value in values if isinstance(value, Interval)]
    raise AssertionError(ends_as)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_how_a_text_is_cut_into_chunks_makes_no_difference(size: int) -> None:
    """A byte order mark or a line may be cut anywhere."""
    for name, ends_as, _ in CASES:
        body = (FOLDER / name).read_bytes()
        if ends_as == "input-error" or len(body) > 5000:
            continue
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        assert [_told(item) for item in read_documents(chunks, name=name)] == [
            _told(item) for item in read_documents([body], name=name)
        ]


def _told(item: Entry | Damaged | PageEnds) -> tuple[str, str]:
    if isinstance(item, Damaged | PageEnds):
        return item.place, item.reason
    return item.place, item.ref
