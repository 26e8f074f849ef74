"""`doctor` says beforehand with which code `sync` would end, and why; `sync` then does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import bulk_cohort
from tests.hostile.evil import Asked, Behaviour, Evil, say
from tests.hostile.site import SINK, Site, site

OUTCOME = json.dumps(
    {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]}
).encode()
GROUP = '[cohort]\nkind = "group"\ngroup = "nobody-has-this"\n'
EHR = '[sink.main]\nkind = "ehr-observation"\nprofile = "oracle"\n'


def answer(status: int) -> Behaviour:
    """An answer that is no Bundle, with this status."""
    return say(OUTCOME, status=status, headers=[("Content-Type", "application/fhir+json")])


def of(kind: str, status: int, *, word: str = "") -> Callable[[Asked], Behaviour | None]:
    """Refuse searches of one type, or those of them that have a word."""

    def rule(asked: Asked) -> Behaviour | None:
        text = asked.target + asked.body.decode()
        hit = asked.path.removesuffix("/_search").endswith(f"/{kind}") and word in text
        return answer(status) if hit else None

    return rule


SERVERS = {
    "403 on Specimen": (of("Specimen", 403), 3, "Specimen", "refused"),
    "401 on Condition": (of("Condition", 401), 4, "Condition", "refused"),
    "no MedicationAdministration": (
        of("MedicationAdministration", 404),
        3,
        "MedicationAdministration",
        "no such type",
    ),
    "no Procedure, told as 400": (of("Procedure", 400), 3, "Procedure", "no such type"),
    "Observation without code": (
        of("Observation", 400, word="code="),
        3,
        "Observation",
        "unknown parameter code",
    ),
    "DiagnosticReport without patient": (
        of("DiagnosticReport", 400, word="patient="),
        3,
        "DiagnosticReport",
        "parameter patient",
    ),
}


@pytest.mark.parametrize("name", SERVERS)
def test_each_type_is_asked_for_and_told_apart(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused, unknown parameter, no such type: each has another next step."""
    rule, code, kind, words = SERVERS[name]
    with site(tmp_path, capsys) as (made, good), Evil(rule, behind=good.base_url) as evil:
        made.set(evil.base_url)
        assert made.run("doctor") == code, made.out
        (line,) = re.findall(rf"(?m)^fail  source: search {kind}: .*", made.out)
        assert words in line
        assert " -> " in line
        assert made.out.splitlines()[-1].startswith(
            f"fail  next sync: exit: it would end with {code}"
        )
        assert good.requests.unsafe == []
        assert made.run("sync", "--dry-run") == code


def without_key(made: Site) -> None:
    (made.folder / "site.key").unlink()


def without_cohort(made: Site) -> None:
    (made.folder / "cohort.csv").unlink()


def nothing(_: Site) -> None:
    """All is well."""


LOCAL: dict[str, tuple[Callable[[Site], None], str, str, int, str]] = {
    "all is well": (nothing, SINK, "generic", 0, "exit"),
    "no site key": (without_key, SINK, "generic", 2, "site: key"),
    "no cohort file": (without_cohort, SINK, "generic", 2, "site: cohort"),
    "no such group": (nothing, SINK + GROUP, "generic", 2, "cohort group"),
    "no such table": (nothing, SINK + '[mappings]\ndir = "none"\n', "generic", 2, "site: tables"),
    "no such criteria": (
        nothing,
        SINK + '[criteria]\nsets = ["x"]\n',
        "generic",
        2,
        "site: tables",
    ),
    "a sink that takes no ClinicalImpression": (nothing, SINK, "epic", 7, "sink main"),
    "no signer": (nothing, EHR, "oracle", 7, "sink main"),
}


@pytest.mark.parametrize("name", LOCAL)
def test_what_is_missing_ends_both_with_the_same_code(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Group, key, cohort, tables, what a sink takes, and its signer."""
    spoil, more, persona, code, words = LOCAL[name]
    with site(tmp_path, capsys, more, persona=persona) as (made, good):
        spoil(made)
        assert made.run("doctor") == code, made.out
        last = made.out.splitlines()[-1]
        assert f"it would end with {code}" in last
        assert words in last if code else last.startswith("ok ")
        assert made.run("sync") == code, made.err
        assert good.requests.unsafe == [] or not code


FILES = ["state.db", "audit.jsonl", "site.key", "client.pem"]
PEM = '[source.auth]\nmode = "basic"\nclient_id = "u"\nkey_file = "client.pem"\n'


@pytest.mark.parametrize(
    ("file", "mode"),
    [*((file, 0o644) for file in FILES), ("state.db", 0o640), ("audit.jsonl", 0o602)],
)
def test_files_that_everybody_can_read(
    file: str, mode: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One warning a run, and `doctor` fails; the group may read, as Kubernetes needs it."""
    (tmp_path / "client.pem").write_text("secret")
    (tmp_path / "client.pem").chmod(0o600)
    with site(tmp_path, capsys, SINK + PEM) as (made, _):
        assert made.run("sync") == 0
        (tmp_path / file).chmod(mode)
        assert made.run("sync") == 0
        warned = [line for line in made.err.splitlines() if "open_to_all" in line]
        assert len(warned) == bool(mode & 0o007)
        assert all(file in line for line in warned)
        assert made.run("doctor") == (2 if mode & 0o007 else 0)
        assert ("-> chmod o= " in made.out) == bool(mode & 0o007)
        assert "next sync: exit: it would end with 0" in made.out


def test_an_export_is_looked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`bulk` needs it, `sync` does not."""
    with site(tmp_path, capsys, persona="epic") as (made, _):
        made.run("doctor")
        assert re.search(r"(?m)^(ok|note) +source: export: ", made.out)


@contextmanager
def unknown(good: EmbeddedServer) -> Iterator[Evil]:
    """The embedded server under a name of its own."""
    with urlopen(f"{good.base_url}/metadata") as found:
        statement = json.load(found)
    statement["software"] = {"name": "Own work of a hospital"}
    body = json.dumps(statement).encode()
    metadata = say(body, headers=[("Content-Type", "application/fhir+json")])
    with Evil(
        lambda asked: metadata if "metadata" in asked.target else None, behind=good.base_url
    ) as evil:
        yield evil


def test_a_server_that_no_profile_knows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it answers beyond one patient is found by counts alone, and saves most questions."""
    held = bulk_cohort(15, 10)
    names = [one["id"] for one in held if one["resourceType"] == "Patient"]
    with site(tmp_path, capsys, "", held=held) as (made, good), unknown(good) as evil:
        (tmp_path / "cohort.csv").write_text("patient\n" + "\n".join(names) + "\n")
        quiet = {}
        for profile in ("auto", "r4"):
            made.set(evil.base_url, f'profile = "{profile}"\n')
            assert made.run("doctor") == 0
            said = [line for line in made.out.splitlines() if "beyond one patient" in line]
            if profile == "auto":
                assert 'set source.profile = "r4"' in said[0]
                told = b"".join(asked.body for asked in good.requests).decode() + made.out
                assert not [name for name in names if name in told]
            else:
                assert said == []
            assert made.run("sync") in (0, 3)
            before = len(good.requests)
            assert made.run("sync") in (0, 3)
            quiet[profile] = len(good.requests) - before
        print(quiet)  # with -s
        assert quiet["r4"] * 8 < quiet["auto"]


def test_a_server_that_finds_no_code_without_its_system(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run would see none of its results: said before the first, with what to do."""
    none = json.dumps({"resourceType": "Bundle", "type": "searchset", "total": 0}).encode()
    empty = say(none, headers=[("Content-Type", "application/fhir+json")])

    def rule(asked: Asked) -> Behaviour | None:
        return empty if "code=751-8" in asked.body.decode() else None

    with (
        site(tmp_path, capsys, held=bulk_cohort(3, 10)) as (made, good),
        Evil(rule, behind=good.base_url) as evil,
    ):
        for base, code, says in (
            (good.base_url, 0, "found"),
            (evil.base_url, 7, "751-8 finds 0 results where http://loinc.org|751-8 finds"),
        ):
            made.set(base, 'profile = "r4"\n')
            assert made.run("doctor") == code
            told = [line for line in made.out.splitlines() if "without a system" in line]
            assert says in told[0]


def test_a_server_that_takes_one_patient_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stays as it is, and is told so."""

    def rule(asked: Asked) -> Behaviour | None:
        return (
            answer(400)
            if "%2C" in asked.body.decode() and "patient=" in asked.body.decode()
            else None
        )

    with (
        site(tmp_path, capsys) as (made, good),
        unknown(good) as front,
        Evil(rule, behind=front.base_url) as evil,
    ):
        made.set(evil.base_url)
        made.run("doctor")
        (said,) = [line for line in made.out.splitlines() if "beyond one patient" in line]
        assert "it stays at one patient a question" in said
