"""A set as a page, and two sets beside each other: nothing of the file is left out."""

from pathlib import Path

import pytest
from msgspec.structs import asdict

from fhir_remission.cli.main import main
from fhir_remission.domain.criteria.kinds import Sourced
from fhir_remission.domain.criteria.printed import differences, page_of
from fhir_remission.effects.files.mapping_files import criteria_names, default_dir, load_criteria

WIDE = 10_000


@pytest.mark.parametrize("name", criteria_names())
def test_the_page_holds_every_row_with_source_and_mark(name: str) -> None:
    """Categories in order, criteria, numbers, policies: each with where it comes from."""
    criteria = load_criteria(name)
    page = "\n".join(page_of(criteria, WIDE))
    rows = [*criteria.criterion, *criteria.category, *criteria.policy, *criteria.mrd.cutoffs]
    rows += [one for one in asdict(criteria.numbers).values() if isinstance(one, Sourced)]

    for row in rows:
        assert f"source: {row.source}" in page
        assert f"{getattr(row, 'id', '')}" in page
    for one in (*criteria.criterion, *criteria.category):
        assert any(one.id in line and f"[{one.mark}]" in line for line in page.splitlines()), one.id
    places = [
        page.index(f". {row.id}  " if row.remission else f". {row.id} [")
        for row in criteria.category
    ]
    assert places == sorted(places) or len(set(places)) < len(places)


def test_a_page_fits_the_width() -> None:
    """No line is cut by a terminal of eighty columns."""
    assert max(map(len, page_of(load_criteria("eln-2022"), 80))) <= 80


def test_what_two_sets_say_differently() -> None:
    """CRh is new, MLFS asks for clear blood, PD is gone; what is equal is not told."""
    told = "\n".join(differences(load_criteria("eln-2017"), load_criteria("eln-2022"), WIDE))

    assert "  CRh\n    < not in this set\n" in told
    assert "no blasts in the blood" in told.split("  MLFS\n")[1].split("\n")[1]
    assert "  PD, way 2\n" in told
    assert "  platelets-recovered\n" not in told
    assert "window_after" not in told


def test_a_set_does_not_differ_from_itself() -> None:
    """And says so, rather than nothing."""
    same = load_criteria("iwg-2003")

    assert differences(same, same, WIDE)[-1] == "no difference but in sources, names or trust marks"


def test_one_changed_number_is_one_difference(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A site's own set is read, shown and compared as the shipped ones are."""
    (tmp_path / "criteria").mkdir()
    text = (default_dir() / "criteria" / "eln-2022.toml").read_text(encoding="utf-8")
    text = text.replace('id = "eln-2022"', 'id = "ours"')
    text = text.replace("window_after           = { value = 14", "window_after = { value = 21")
    (tmp_path / "criteria" / "ours.toml").write_text(text, encoding="utf-8")

    assert main(["criteria", "diff", "eln-2022", "ours", "--mappings", str(tmp_path)]) == 0
    told = [line.strip() for line in capsysbinary.readouterr().out.decode().splitlines()]

    assert told[-3:] == ["window_after", "< value 14; unit d", "> value 21; unit d"]
    assert sum(line.startswith("<") for line in told) == 2
    assert main(["criteria", "show", "ours", "--mappings", str(tmp_path)]) == 0
    assert b"value 21" in capsysbinary.readouterr().out


def test_an_unknown_set_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The sets that there are are named."""
    assert main(["criteria", "show", "eln-2099"]) == 2
    assert "eln-2017, eln-2022" in capsys.readouterr().err
