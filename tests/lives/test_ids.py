"""Ids that are none, and ids of other servers: told, left out, and nobody else's trouble."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from fhir_remission.effects.server import connect
from fhir_remission.fhir.r4.references import is_id
from tests.lives.world import Site

MakeSite = Callable[..., Site]
ODD = [
    "a b",
    "a,b",
    "Müller-1",
    "a/_history/1",
    "https://x.example/Patient/a",
    "a|b",
    "..",
    "$",
    "a\\",
]


@pytest.mark.parametrize("text", [*ODD, "", " ", "a\nb", "a?_id=b", "a#b", "x" * 129])
def test_what_is_no_id(text: str) -> None:
    """R4 allows letters, digits, `-` and `.`; servers send `_` and more than 64 characters."""
    assert not is_id(text)
    assert is_id("Xy-1.2_3")
    assert is_id("x" * 128)


@pytest.mark.parametrize("text", ["a b", "a,b", "Müller-1"])
def test_opaque_ids_are_for_servers_that_have_them(text: str) -> None:
    """And even those are no addresses and no lists."""
    assert is_id(text, opaque=True)
    for bad in ("a/b", "..", "a?b", "a#b", "a|b", "a\x00b", "\u2028", " ", "x" * 129):
        assert not is_id(bad, opaque=True)


@pytest.mark.parametrize("odd", [*ODD, "y" * 131_073])
def test_an_odd_cell_is_told_with_its_line_and_costs_nobody_else(
    make_site: MakeSite, odd: str
) -> None:
    """Neither the run nor the server is to blame."""
    site = make_site("a", "b")
    cell = '"' + odd + '"'
    (site.folder / "cohort.csv").write_text(f"patient\na\n{cell}\nb\n")

    ran = site.run()

    told = [line for line in ran.lines if line["disposition"] == "failed"]
    assert ran.code == 3, ran.error
    assert [line["reason"] for line in told] == ["cohort.csv:3: is not the id of a FHIR resource"]
    assert sorted(site.answers()) == ["a", "b"]
    assert site.rows("SELECT * FROM backlog") == []
    assert all("y" * 100 not in row for row in map(str, site.rows("SELECT * FROM dirty")))


def by(site: Site, kind: str) -> str:
    """The settings of a cohort of another kind."""
    text = site.config.read_text().replace('kind = "list"', kind)
    site.config.write_text(text)
    return text


def diagnosis(number: int, patient: str) -> dict[str, Any]:
    """Somebody has AML."""
    code = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C92.00"}
    return {
        "resourceType": "Condition",
        "id": f"c{number}",
        "code": {"coding": [code]},
        "subject": {"reference": patient},
    }


def test_patients_found_by_condition_do_not_vanish(make_site: MakeSite) -> None:
    """Each subject that names nobody is told with the resource that says it."""
    site = make_site("a", "b")
    by(site, 'kind = "condition"')
    subjects = ["Patient/a b", "Patient/a,b", "Patient/Müller-1", "urn:uuid:1", "Group/g"]
    site.store.load([diagnosis(n, subject) for n, subject in enumerate(subjects)])
    site.store.load([diagnosis(9, "https://elsewhere.example/fhir/Patient/b2")])
    site.store.load([diagnosis(10, f"{site.source.base_url}/Patient/a")])

    ran = site.run()

    told = {line["reason"] for line in ran.lines if line["disposition"] == "failed"}
    assert ran.code == 3
    assert told == {f"Condition/c{n}: is not the id of a FHIR resource" for n in range(5)}
    assert ran.summary["elsewhere"] == 1
    assert sorted(site.answers()) == ["a", "b"]


@pytest.mark.parametrize("odd", ["a b", "a,b", "Müller-1"])
def test_opaque_ids_are_read_where_the_profile_says_so(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    """Escaped in lists, encoded in addresses, named as they are."""
    chosen = connect.choose_profile

    def opaque(*args: Any, **how: Any) -> Any:
        return msgspec.structs.replace(chosen(*args, **how), opaque_ids=True)

    monkeypatch.setattr(connect, "choose_profile", opaque)
    site = make_site("a", odd)
    (site.folder / "cohort.csv").write_text(f'patient\na\n"{odd}"\n')

    ran = site.run()

    assert (ran.code, sorted(site.answers())) == (0, sorted(["a", odd]))
    assert site.idle()
    site.change("Observation", f"{odd}-3-marrow", status="corrected")
    assert [line["patient"] for line in site.run().lines] == [f"Patient/{odd}"]


def group(*members: str) -> dict[str, Any]:
    """A Group of these references."""
    listed = [{"entity": {"reference": one}} for one in members]
    return {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": listed}


def test_members_of_another_server_are_nobody_here(make_site: MakeSite) -> None:
    """The patient of the same id on this server is somebody else."""
    site = make_site("a", "b")
    by(site, 'kind = "group"\ngroup = "g"')
    here = f"{site.source.base_url}/Patient/a"
    site.store.load([group(here, "https://elsewhere.example/fhir/Patient/b", "Patient/a b")])

    ran = site.run()

    assert ran.code == 3
    assert [(line["patient"], line["disposition"]) for line in ran.lines] == [
        ("Patient/a b", "failed"),
        ("Patient/a", "classified"),
    ]
    assert ran.lines[0]["reason"] == "Group/g member 2: is not the id of a FHIR resource"
    assert ran.summary["elsewhere"] == 1
    assert list(site.answers()) == ["a"]


@pytest.mark.parametrize(
    "name", ["g 1", "../Patient/a", "g?_summary=true", "Group/g/_history/1", "ä"]
)
def test_a_groups_name_is_an_id_and_no_path(make_site: MakeSite, name: str) -> None:
    """Said before anything is asked."""
    site = make_site("a")
    by(site, f'kind = "group"\ngroup = {json.dumps(name)}')

    ran = site.run()

    assert ran.code == 2
    assert "cohort.group" in ran.error
    assert "is not the id" in ran.error
