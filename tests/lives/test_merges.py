"""Merges that one side knows, that are undone, that come in any order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lives.world import Site

MakeSite = Callable[..., Site]


def whole(site: Site) -> Site:
    """After its first run."""
    assert site.run().code == 0
    assert site.idle()
    return site


def flags(site: Site, patient: str) -> list[str]:
    """The flags of a patient's answer when read again."""
    (line,) = [
        one for one in site.run("source.reread=0s").lines if one["patient"] == f"Patient/{patient}"
    ]
    found: list[str] = line["flags"]
    return found


def test_an_active_record_is_not_merged_by_what_another_one_says(make_site: MakeSite) -> None:
    """Told once, at the record that says it; nobody's result is touched, in any run."""
    site = whole(make_site("a", "b"))
    before = site.living()
    site.link("a", "replaces", "b")

    told = site.run()

    assert told.code == 0
    assert [line["patient"] for line in told.lines] == ["Patient/a"]
    assert told.lines[0]["flags"].count("merge-one-sided") == 1
    assert told.summary["merge_one_sided"] == 1
    assert [one[:3] for one in site.living()] == [one[:3] for one in before]
    assert [site.idle() for _ in range(3)] == [True] * 3
    # Also where everybody is read again, and where the other one changes.
    site.change("Observation", "b-3-marrow", status="corrected")
    assert site.run().line("b")["write"] == "updated"
    assert {line["write"] for line in site.run("source.reread=0s").lines} == {"none"}
    assert sorted(site.answers()) == ["a", "b"]


@pytest.mark.parametrize("how", ["seealso", "refer"])
def test_a_record_in_use_beside_another_says_so(how: str, make_site: MakeSite) -> None:
    """It is judged by itself, and what the other one holds is assumed to change nothing."""
    site = whole(make_site("a", "b"))
    site.link("a", how, "b")

    told = site.run()

    assert [line["patient"] for line in told.lines] == ["Patient/a"]
    assert {"id": "linked-record", "class": "material"} in told.lines[0]["assumptions"]
    assert "merge-one-sided" not in told.lines[0]["flags"]
    assert site.idle()


@pytest.mark.parametrize(
    ("says", "order"),
    [
        ("both", ("a",)),
        ("both", ("b",)),
        ("survivor", ("a", "b")),
        ("survivor", ("b", "a")),
        ("survivor", ("a",)),
        ("former", ("a", "b")),
        ("former", ("b", "a")),
        ("former", ("b",)),
    ],
)
def test_whoever_says_it_the_person_is_read_whole(
    make_site: MakeSite, says: str, order: tuple[str, ...]
) -> None:
    """The former record is out of force; its results count for the survivor in every order."""
    site = make_site("a", "b")
    if says != "former":
        site.link("a", "replaces", "b")
    if says != "survivor":
        site.link("b", "replaced-by", "a")
    site.change("Patient", "b", active=False)
    site.listed(order)

    ran = site.run()

    assert ran.code == 0
    assert [line["patient"] for line in ran.lines] == ["Patient/a"]
    assert "merged-patient" in ran.lines[0]["flags"]
    assert list(site.answers()) == ["a"]
    assert site.idle()
    # Whatever makes either of them due, both are read.
    site.change("Observation", "b-3-marrow", status="corrected")
    assert [line["patient"] for line in site.run().lines] == ["Patient/a"]
    site.change("Observation", "a-3-marrow", status="corrected")
    assert [line["patient"] for line in site.run().lines] == ["Patient/a"]
    assert list(site.answers()) == ["a"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_merge_that_is_undone_is_undone(make_site: MakeSite, order: tuple[str, ...]) -> None:
    """Both have again what they had, and nothing more is sent."""
    site = make_site("a", "b")
    site.listed(order)
    whole(site)
    before = site.answers()
    site.merge("b", "a")
    assert site.run().code == 0
    assert list(site.answers()) == ["a"]
    assert site.idle()

    site.unmerge("b", "a")

    assert site.run().code == 0
    assert site.answers() == before
    assert [site.idle() for _ in range(3)] == [True] * 3


def test_a_merge_undone_on_one_side_is_told_and_both_are_themselves(make_site: MakeSite) -> None:
    """B is back in force; A still says that it replaces it."""
    site = whole(make_site("a", "b"))
    before = site.answers()
    site.merge("b", "a")
    site.run()
    site.move("a", "b", only="b")
    site.change("Patient", "b", link=None, active=True)

    ran = site.run()

    assert ran.code == 0
    assert site.answers() == before
    assert "merge-one-sided" in flags(site, "a")
    assert "merge-one-sided" not in flags(site, "b")
    assert [site.idle() for _ in range(3)] == [True] * 3


def test_a_former_record_that_was_deleted_is_nobodys_failure(make_site: MakeSite) -> None:
    """The list still has it; the survivor says whose it was."""
    site = whole(make_site("a", "b", "c"))
    site.merge("b", "a")
    site.store.delete("Patient", "b")

    ran = site.run("source.reread=0s")

    assert ran.code == 0
    assert sorted(line["patient"] for line in ran.lines) == ["Patient/a", "Patient/c"]
    assert sorted(site.answers()) == ["a", "c"]
    assert site.idle()


def test_a_link_to_another_server_is_no_link_here(make_site: MakeSite) -> None:
    """Its patient of the same id is somebody else."""
    site = whole(make_site("a", "b"))
    before = site.answers()
    site.link("a", "replaces", "b")
    other = {"reference": "https://elsewhere.example/fhir/Patient/b"}
    site.change("Patient", "b", active=False)
    site.change("Patient", "a", link=[{"other": other, "type": "replaces"}])

    ran = site.run()

    assert ran.code == 0
    assert all("merged-patient" not in line["flags"] for line in ran.lines)
    assert site.answers() == before


@pytest.mark.parametrize("asked_between", [False, True])
def test_what_stands_under_a_record_outside_the_cohort_goes_with_the_merge(
    make_site: MakeSite, asked_between: bool
) -> None:
    """The survivor was read because of B; when B is itself again, nobody else would look there."""
    site = make_site("a", "b")
    site.listed(["b"])
    whole(site)
    before = site.answers()
    site.merge("b", "a")
    assert site.run().code == 0
    assert list(site.answers()) == ["a"]
    site.unmerge("b", "a")
    if asked_between:
        assert site.run(patients=("b",)).code == 0

    assert site.run("source.reread=0s").code == 0

    assert site.answers() == before
    assert site.idle()
