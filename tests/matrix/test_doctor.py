"""`doctor`: finds what is wrong before the first run, and touches no patient."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fhir_remission.cli.main import main
from fhir_remission.jobs.site.doctor import Finding, Report, Request
from fhir_remission.rehearsal.server.personas import persona_names
from tests.matrix.world import World, patients, quick, world


def examined(hospital: World, *assign: str, write_probe: bool = False) -> dict[str, Finding]:
    """The findings about the source, by check."""
    report = Report(Request(hospital.config, assign, write_probe))
    with quick():
        found = json.loads(b"".join(report.lines(as_json=True)))
    findings = [Finding(**one) for one in found]
    checks = {one.check: one for one in findings if one.server == "source"}
    return checks | {"exit": Finding("", "exit", "", "", exit_code=report.exit_code)}


@pytest.mark.parametrize("persona", persona_names())
def test_a_healthy_server_has_no_finding_and_gives_no_patient(persona: str, tmp_path: Path) -> None:
    """No row of a patient, and nobody's id, goes over the wire in either direction."""
    with world(persona, tmp_path, login=True) as hospital:
        before = hospital.source.requests.sent
        found = examined(hospital)

        assert found["exit"].exit_code == 0, found
        assert not [one for one in found.values() if one.level == "fail"]
        assert "token granted: system/" in found["login"].says
        assert {"dns", "tls", "clock", "metadata", "search patient", "paging", "write"} <= set(
            found
        )
        assert hospital.source.requests.unsafe == []
        names = [r["id"] for r in patients() if r["resourceType"] == "Patient"]
        told = b"".join(asked.body for asked in hospital.source.requests)
        assert not [name for name in names if name.encode() in told]
        assert hospital.source.requests.sent > before


@pytest.mark.parametrize("name", ["patient", "_id"])
def test_an_ignored_parameter_is_found(name: str, tmp_path: Path) -> None:
    """The one fault that would bring strangers' rows (peers pain 9)."""
    with world("generic", tmp_path) as hospital:
        hospital.faults(f"ignore-param:{name}")
        found = examined(hospital)
        assert found[f"search {name}"].level == "fail"
        assert found["exit"].exit_code == 7


def test_a_wrong_clock_a_refused_login_and_another_address_are_found(tmp_path: Path) -> None:
    """Each with what to do (peers pains 1 and 20)."""
    with world("generic", tmp_path) as hospital:
        hospital.faults("clock-skew:600")
        assert examined(hospital)["clock"].do.startswith("set the clock")
        hospital.heal()
        hospital.source.service.base_url = "http://internal.invalid:8080/fhir"
        found = examined(hospital)
        assert found["paging"].level == "fail"
        assert "rewrite_origin" in found["paging"].do
    with world("generic", tmp_path / "login", login=True) as hospital:
        hospital.faults("token-flaky@*")
        assert examined(hospital)["exit"].exit_code == 4


def test_a_family_of_the_site_needs_no_fork(tmp_path: Path) -> None:
    """A file in the site's folder: `doctor` and a run use it, and a wrong name in it stops both."""
    family = tmp_path / "tables/servers/house.toml"
    family.parent.mkdir(parents=True)
    family.write_text(
        'id = "house"\nverified = true\n[match]\nsoftware = ["fhir-remission"]\n'
        '[facts.page_size]\nvalue = 7\nsource = "measured here"\n'
    )
    own = (f"mappings.dir={tmp_path / 'tables'}", "source.profile=auto")
    with world("generic", tmp_path / "w") as hospital:
        assert "profile house" in examined(hospital, *own)["metadata"].says
        assert hospital.run(assign=own).code == 0
        assert [one for one in hospital.source.requests if b"_count=7" in one.body]
        family.write_text(family.read_text().replace("page_size", "page_sise"))
        assert hospital.run(assign=own).code == 2
        assert "page_size" in examined(hospital, *own)["metadata"].says


def test_nobody_there(tmp_path: Path) -> None:
    """A server that is down is 75, as in a run."""
    with world("generic", tmp_path) as hospital:
        found = examined(hospital, "source.base_url=http://127.0.0.1:9/fhir")

    assert found["metadata"].level == "fail"
    assert found["exit"].exit_code == 75


def test_it_writes_only_when_asked_to(tmp_path: Path) -> None:
    """One Basic, under the same id every time."""
    with world("hapi", tmp_path) as hospital:
        assert "write probe" not in examined(hospital)
        assert hospital.source.requests.unsafe == []

        for _ in range(2):
            assert examined(hospital, write_probe=True)["write probe"].level == "ok"

        assert {asked.target for asked in hospital.source.requests.unsafe} == {
            "/fhir/Basic/fhir-remission-write-probe"
        }


def test_the_public_keys_and_nothing_else_are_printed(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """What is registered with the server holds no private part."""
    with world("generic", tmp_path, login=True) as hospital:
        assert main(["jwks", "--config", str(hospital.config)]) == 0

    (key,) = json.loads(capfdbinary.readouterr().out)["keys"]
    assert key["kty"] == "EC"
    assert not set(key) & {"d", "p", "q", "dp", "dq", "qi", "k"}
