"""Profiles: what a server says, what its family is known for, what the settings insist on."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from fhir_remission.effects.files.mapping_files import default_dir
from fhir_remission.effects.server.server_families import choose_profile, load_families
from fhir_remission.errors import CapabilityMissing, SettingsError, TableError
from fhir_remission.fhir.r4.datatypes import Json
from fhir_remission.fhir.server.server_profile import Facts

SERVERS = default_dir() / "servers"
FAMILIES = load_families(SERVERS)
PACKAGE = Path(__file__).parents[2] / "fhir_remission"
ALL = ("ClinicalImpression", "Observation", "Provenance", "Condition")


def statement(
    *,
    version: str = "4.0.1",
    software: str = "",
    publisher: str = "",
    search: tuple[str, ...] = ("_lastUpdated",),
    **flags: bool,
) -> dict[str, Json]:
    """A CapabilityStatement of four types."""
    types: list[Json] = [
        {
            "type": kind,
            "interaction": [{"code": code} for code in ("read", "search-type", "create")],
            "searchParam": [{"name": name, "type": "string"} for name in search],
            **flags,
        }
        for kind in ALL
    ]
    return {
        "resourceType": "CapabilityStatement",
        "fhirVersion": version,
        "software": {"name": software},
        "publisher": publisher,
        "rest": [
            {"mode": "client", "interaction": [{"code": "transaction"}]},
            {"mode": "server", "resource": types, "interaction": [{"code": "batch"}]},
        ],
    }


@pytest.mark.parametrize(
    ("software", "publisher", "family"),
    [
        ("Epic", "", "epic"),
        ("", "Cerner", "oracle"),
        ("", "Oracle Health", "oracle"),
        ("HAPI FHIR Server", "", "hapi"),
        ("Azure Health Data Services", "Microsoft", "azure"),
        ("Blaze", "The Samply Community", "blaze"),
        ("SEKMET FHIR R4 Tester", "", "sekmet"),
        ("Google Cloud Healthcare API", "", "google"),
        ("medplum", "", "medplum"),
        ("Own work", "A hospital", "generic"),
    ],
)
def test_the_family_is_recognised_by_what_the_server_calls_itself(
    software: str, publisher: str, family: str
) -> None:
    """Software first, publisher second, generic for everybody else."""
    found = choose_profile(
        statement(software=software, publisher=publisher), FAMILIES, setting="auto"
    )

    assert found.name == family


def test_a_feature_is_used_only_if_nobody_denies_it() -> None:
    """Told and known must not disagree; told by neither is not there."""
    silent = choose_profile(statement(), FAMILIES, setting="auto")
    told = choose_profile(statement(updateCreate=True), FAMILIES, setting="auto")
    denied = choose_profile(statement(updateCreate=True), FAMILIES, setting="epic")
    conditional = choose_profile(statement(conditionalCreate=True), FAMILIES, setting="auto")

    assert [p.write_mode for p in (silent, told, denied, conditional)] == [
        *("search", "put", "search", "conditional-create"),
    ]
    assert not silent.transaction


def test_the_way_of_finding_changes_follows_the_search_parameters() -> None:
    """_lastUpdated, else issued, else none; the settings may insist."""

    def delta(*search: str, setting: str = "auto") -> str:
        return choose_profile(
            statement(search=search), FAMILIES, setting="auto", delta=setting
        ).delta

    assert delta("_lastUpdated", "issued") == "_lastUpdated"
    assert delta("issued") == "issued"
    assert delta("date") == "none"
    assert delta("_lastUpdated", setting="none") == "none"


@pytest.mark.parametrize("version", ["3.0.2", "5.0.0", "4.6.0", "", "R4"])
def test_another_version_of_fhir_is_a_missing_capability(version: str) -> None:
    """Exit 7, before the first search."""
    with pytest.raises(CapabilityMissing, match=r"4\.0 or 4\.3 is needed"):
        choose_profile(statement(version=version), FAMILIES, setting="auto")


@pytest.mark.parametrize("odd", [None, [], "x", {}, {"resourceType": "OperationOutcome"}])
def test_what_is_no_capability_statement_is_a_missing_capability(odd: Json) -> None:
    """Whatever a proxy answers on /metadata."""
    with pytest.raises(CapabilityMissing, match="not a CapabilityStatement"):
        choose_profile(odd, FAMILIES, setting="auto")


def test_a_statement_that_leaves_things_out_is_tolerated() -> None:
    """Missing rest, missing interactions (athenahealth), elements of the wrong kind."""
    bare: Json = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
    odd: Json = {
        **bare,
        "software": "x",
        "rest": [{"resource": [{"type": "Observation"}, 3, None]}, "x"],
    }

    assert choose_profile(bare, FAMILIES, setting="auto").can_search("Observation")
    profile = choose_profile(odd, FAMILIES, setting="auto")
    assert profile.can_search("Observation")
    assert not profile.can_search("Condition")
    assert profile.writable == ()


def test_an_unknown_profile_in_the_settings_is_named() -> None:
    """With the list of those that exist."""
    with pytest.raises(SettingsError, match="there is no cerner; known are auto, athena, azure"):
        choose_profile(statement(), FAMILIES, setting="cerner")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('id = "x"\nverified = true\n[facts.page_size]\nvalue = 5\nsource = " "', "has no source"),
        ('id = "x"\nverified = true\n[observation.note]\nsource = ""', "note has no source"),
        (
            'id = "x"\nverified = true\n[observation.notes]\nsource = "s"',
            "Observation has no element notes",
        ),
        ('id = "x"\nverified = true\n[facts.page_size]\nvalue = 5', "page_size has no source"),
        ('id = "x"\nverified = true\n[observation.note]', "note has no source"),
        ('id = "x"\nverified = true\n[facts.exports]\nvalue = true\nsource = "y"', "exports"),
        ('id = "x"\nverified = true\n[facts.page_sise]\nvalue = 5\nsource = "y"', "page_sise"),
        ('id = "x"\nverified = true\n[facts.page_size]\nvalue = "5"\nsource = "y"', "page_size"),
        ('id = "y"\nverified = true', "the file is named x"),
        ("id =", "x.toml"),
    ],
)
def test_a_bad_row_stops_the_run_and_names_the_file(
    tmp_path: Path, text: str, complaint: str
) -> None:
    """Above all a fact that does not say where it comes from."""
    (tmp_path / "x.toml").write_text(text)

    with pytest.raises(TableError, match=complaint):
        load_families(tmp_path)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('id = "x"\nverified = true\nvendor = "x"', "facts, id, match, observation, verified"),
        ('id = "x"\nverified = true\n[match]\nname = ["x"]', "publisher, software"),
        ('id = "x"\nverified = true\n[facts.writable]\nvalue = true\nwho = "s"', "source, value"),
        (
            'id = "x"\nverified = true\n[facts.page_sise]\nvalue = 5\nsource = "y"',
            "opaque_ids, page_size, patient_form",
        ),
        ('id = "x"\nverified = true\n[observation.notes]\nsource = "s"', "note, partOf"),
    ],
)
def test_an_unknown_name_is_told_beside_those_that_are_known(
    tmp_path: Path, text: str, known: str
) -> None:
    """Who writes a family need not read our code."""
    (tmp_path / "x.toml").write_text(text)

    with pytest.raises(TableError, match=rf"known are .*{known}"):
        load_families(tmp_path, SERVERS)


HOUSE = """id = "house"
verified = true
[match]
software = ["HAPI"]
[facts.page_size]
value = 7
source = "our own server, measured"
"""


def test_a_family_of_the_site_is_recognised_before_the_shipped_ones(tmp_path: Path) -> None:
    """Two families know the same words: the site knows its server better."""
    (tmp_path / "house.toml").write_text(HOUSE)
    families = load_families(tmp_path, SERVERS)

    profile = choose_profile(statement(software="HAPI FHIR Server"), families, setting="auto")

    assert (profile.name, profile.page_size) == ("house", 7)
    with pytest.raises(SettingsError, match=r"known are auto, .*house"):
        choose_profile(statement(), families, setting="cerner")


def test_a_shipped_family_is_changed_fact_by_fact(tmp_path: Path) -> None:
    """A site that knows one thing better writes that thing, and keeps all others."""
    (tmp_path / "oracle.toml").write_text(
        'id = "oracle"\nverified = true\n[facts.page_size]\nvalue = 7\nsource = "measured"\n'
    )
    own = load_families(tmp_path, SERVERS)["oracle"]
    shipped = FAMILIES["oracle"]

    assert own.values() == shipped.values() | {"page_size": 7}
    assert (own.match, own.observation) == (shipped.match, shipped.observation)


def test_every_fact_is_explained_and_read() -> None:
    """Who writes a family finds each fact in the README of the tables; none is without effect."""
    told = (SERVERS.parent / "README.md").read_text()
    table = "".join(line.split("|")[1] for line in told.splitlines() if line.startswith("| `"))
    code = "".join(
        path.read_text()
        for floor in ("fhir", "effects", "jobs")
        for path in PACKAGE.glob(f"{floor}/**/*.py")
    )

    assert [one for one in Facts.__struct_fields__ if f"`{one}`" not in table] == []
    read = set(re.findall(r"(?:profile|self)\.(?=(\w+))", code))
    assert {*Facts.__struct_fields__} - read == set()


def test_every_family_of_the_design_has_its_file() -> None:
    """Seven that were looked at, five that were only read about."""
    verified = {name for name, family in FAMILIES.items() if family.verified}

    named = {"generic", "hapi", "epic", "oracle", "azure", "blaze", "sekmet"}
    assert verified == named | {"r4", "rehearsal"}
    assert FAMILIES.keys() - verified == {"athena", "meditech", "google", "healthlake", "medplum"}


def test_what_an_ehr_takes_is_its_own_list_or_the_plain_one() -> None:
    """Oracle Health's documented body fields; for others, what a laboratory result has."""
    oracle = choose_profile(statement(), FAMILIES, setting="oracle")
    epic = choose_profile(statement(), FAMILIES, setting="epic")

    assert oracle.observation_takes["status"] == ("final", "amended", "corrected")
    assert not {"identifier", "method", "component"} & {*oracle.observation_elements}
    assert epic.observation_elements == tuple(FAMILIES["generic"].observation)
    assert "identifier" in epic.observation_elements


def test_no_vendor_stands_in_the_code() -> None:
    """What differs between vendors is a row; the code asks the profile."""
    names = {"epic", "cerner", "oracle", "hapi", "azure", "microsoft", "blaze", "athena", "medplum"}
    for path in [*PACKAGE.glob("effects/*/*.py"), *PACKAGE.glob("jobs/*/*.py")]:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value.casefold() not in names, f"{path.name}:{node.lineno}"
