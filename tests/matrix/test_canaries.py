"""Canaries: what names a patient or proves who we are is in no log, no message and no audit.

Each test first lets the same thing happen without our care, and sees the canary there.
"""

from __future__ import annotations

import io
import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pydantic
import pytest
import requests
import sqlalchemy

from fhir_remission.cli.main import main
from fhir_remission.effects.process import clock as clocks
from fhir_remission.effects.state.database import open_database
from fhir_remission.fhir.writing.checks import check_resource
from fhir_remission.jobs.reading import evidence as evidence_job
from fhir_remission.jobs.site import site as site_job
from tests.matrix.world import patients, quick, world

NAME, NUMBER, VALUE, SECRET = "CANARYFAMILY", "CANARY0012345", "CANARYVALUE", "CANARYSECRET"
WORDS = (NAME, NUMBER, VALUE, SECRET, "demo-01-cr")
# A server that takes no form: everything asked stands in addresses.
BY_GET = ["source.profile=google"]


def planted() -> list[dict[str, Any]]:
    """The cohort with names, numbers and values that can be found again."""
    found: list[dict[str, Any]] = []
    for resource in patients():
        copy = json.loads(json.dumps(resource))
        if copy["resourceType"] == "Patient":
            copy["name"] = [{"family": NAME}]
            copy["identifier"] = [{"system": "urn:mrn", "value": NUMBER}]
        elif copy["resourceType"] == "Observation":
            copy["note"] = [{"text": VALUE}]
        found.append(copy)
    odd = json.loads(json.dumps(next(r for r in found if r["id"] == "demo-01-cr-3-marrow")))
    del odd["valueQuantity"]
    return [*found, {**odd, "id": "demo-01-cr-odd", "valueString": VALUE}]


def told_by_a_sync(
    folder: Path, monkeypatch: pytest.MonkeyPatch, connections: int
) -> tuple[str, str]:
    """Everything on stderr of a first run at debug level, and the audit."""
    captured = io.StringIO()
    how: dict[str, Any] = {"login": True, "level": "debug", "connections": connections}
    with world("generic", folder, held=planted(), **how) as hospital:
        hospital.faults("429:1@40", "duplicate-rows")
        with monkeypatch.context() as patch:
            patch.setattr("sys.stderr", captured)
            ran = hospital.run(assign=BY_GET)
        login = hospital.source.service.login
        assert login is not None
        tokens = sorted(login._tokens)
        key = (folder / "client.pem").read_text().splitlines()[1]
        assert ran.lines
        told = captured.getvalue()
        assert "run_summary" in told or "redaction" in told
        return told + _leaks(told, [*tokens, key]), (folder / "audit.jsonl").read_text()


def _leaks(text: str, words: list[str]) -> str:
    return "".join(SECRET for word in words if word in text)


@pytest.mark.parametrize("connections", [1, 4])
def test_a_whole_run_at_debug_level(
    connections: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, numbers, values, ids, tokens and keys; logs and audit."""

    def plainly(*, run_id: str, **_: object) -> None:
        import sys

        root = logging.getLogger()
        root.handlers[:] = [logging.StreamHandler(sys.stderr)]
        root.setLevel(logging.DEBUG)
        monkeypatch.setattr(logging.getLogger("urllib3"), "level", logging.DEBUG)
        logging.getLogger("urllib3.connectionpool").manager._clear_cache()  # type: ignore[attr-defined]
        root.warning("without redaction, run %s", run_id)

    with monkeypatch.context() as patch:
        patch.setattr(site_job, "configure_logs", plainly)
        unprotected, _ = told_by_a_sync(tmp_path / "off", monkeypatch, connections)
    assert "demo-01-cr" in unprotected, "the canary is not where it could be seen"

    told, audit = told_by_a_sync(tmp_path / "on", monkeypatch, connections)

    assert [word for word in WORDS if word in told] == []
    assert [word for word in WORDS if word in audit] == []
    assert '"label": "search Observation"' in told


def test_a_bad_secret_in_the_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A value of the wrong kind is named by its key, never shown."""

    class Careless(pydantic.BaseModel):
        secret: int

    with pytest.raises(pydantic.ValidationError, match=SECRET):
        Careless.model_validate({"secret": SECRET})

    config = tmp_path / "site.toml"
    for text in (f'secret = ["{SECRET}"]', f'mode = "{SECRET}"', f'scopes = {{a = "{SECRET}"}}'):
        config.write_text(f"[source.auth]\n{text}\n")
        assert main(["config", "show", "--config", str(config)]) == 2
        written = capsys.readouterr()
        assert SECRET not in written.err + written.out
        assert "source.auth" in written.err

    config.write_text(f'[source.auth]\nmode = "basic"\nsecret = "{SECRET}"\n')
    main(["config", "show", "--config", str(config)])
    written = capsys.readouterr()
    assert SECRET not in written.err + written.out


def test_an_output_that_fails_validation() -> None:
    """The model quotes what it refuses; we say where and what kind."""
    from fhir.resources.R4B.clinicalimpression import ClinicalImpression

    broken = {
        "resourceType": "ClinicalImpression",
        "id": "x",
        "status": {"wrong": VALUE},
        "subject": {"reference": f"Patient/{NUMBER}"},
        "date": VALUE,
        "summary": [NAME],
    }
    with pytest.raises(pydantic.ValidationError, match="CANARY"):
        ClinicalImpression.model_validate(broken)

    told = " ".join(check_resource(broken))

    assert told
    assert "CANARY" not in told


def test_a_constraint_of_the_database(tmp_path: Path) -> None:
    """SQLAlchemy adds the parameters to the message unless it is told not to."""
    insert = sqlalchemy.text("INSERT INTO dirty VALUES (:s, :p, :r, :w)")
    row = {"s": "x", "p": f"Patient/{NUMBER}", "r": "r", "w": "w"}

    def twice(engine: sqlalchemy.Engine) -> str:
        with engine.begin() as connection:
            connection.execute(insert, row)
            with pytest.raises(sqlalchemy.exc.IntegrityError) as caught:
                connection.execute(insert, row)
        return str(caught.value)

    careless = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/careless.db")
    with careless.begin() as connection:
        connection.execute(
            sqlalchemy.text("CREATE TABLE dirty (s TEXT, p TEXT PRIMARY KEY, r TEXT, w TEXT)")
        )
    assert NUMBER in twice(careless)
    careless.dispose()

    now = clocks.SystemClock().now()
    ours = open_database(f"sqlite:///{tmp_path}/ours.db", applied_at=now)
    told: list[str] = []
    try:
        with ours.writing() as connection:
            connection.execute(insert, row)
            connection.execute(insert, row)
    except Exception as error:
        told.append(str(error))
    ours.close()

    assert told
    assert NUMBER not in told[0]


def test_a_connection_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `requests` raises quotes the address, and so the patient."""
    session = requests.Session()
    with pytest.raises(requests.ConnectionError, match=NUMBER):
        session.get(f"http://127.0.0.1:9/fhir/Patient/{NUMBER}", timeout=2)

    with world("generic", tmp_path, level="debug") as hospital:
        (tmp_path / "cohort.csv").write_text(f"patient\nPatient/{NUMBER}\n")
        cohort = ["cohort.kind=list", f"cohort.file={tmp_path}/cohort.csv", *BY_GET]
        hospital.faults("lost-response:1@2+", "truncate:1@2+")
        ran = hospital.run(assign=cohort)

    assert ran.code in {3, 75}
    assert NUMBER not in ran.error + capsys.readouterr().err


def test_a_bug_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A traceback quotes the key that was missing; our last line of defence does not."""

    def break_down(*_: object, **__: object) -> None:
        raise KeyError(NUMBER)

    try:
        break_down()
    except KeyError:
        assert NUMBER in traceback.format_exc()

    with world("generic", tmp_path) as hospital, quick():
        monkeypatch.setattr(evidence_job, "read_evidence", break_down)
        code = main(["sync", "--config", str(hospital.config)])

    written = capsys.readouterr()
    assert code == 1
    assert NUMBER not in written.err + written.out
    assert "bug: KeyError at fhir_remission." in written.err
