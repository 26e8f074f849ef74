"""The command line as an engine calls it: exit codes, one line of complaint, clean stdout."""

import contextlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

CASE = Path(__file__).parents[1] / "fixtures/cases/complete-remission/bundle.json"
AS_OF = "2026-10-01T00:00:00Z"
COMMAND = [sys.executable, "-m", "fhir_remission"]


def run(*arguments: str, stdin: bytes = b"", **more: object) -> subprocess.CompletedProcess[bytes]:
    """Run one command without a terminal."""
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, timeout=120, check=False
    )


def lines_of(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    """Every line of stdout, each of which must be JSON."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(done: subprocess.CompletedProcess[bytes], code: int, *words: str) -> None:
    """One clear line on stderr that names the thing, the documented code, no traceback."""
    told = done.stderr.decode()
    assert done.returncode == code, told
    assert told.count("\n") == 1, told
    assert "Traceback" not in told
    for word in words:
        assert word in told


def test_classify_a_file() -> None:
    """A Bundle gives one line per patient."""
    done = run("classify", str(CASE), "--as-of", AS_OF)

    assert done.returncode == 0, done.stderr
    (line,) = lines_of(done)
    assert (line["category"], line["state"]) == ("CR", "in-remission")


def test_classify_tells_of_codes_nobody_knows_that_read_like_inputs() -> None:
    """On stderr, without changing what was asked for."""
    local = {
        "resourceType": "Observation",
        "id": "x",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-01-01",
        "code": {"coding": [{"system": "urn:lab", "code": "BL-7", "display": "Marrow blasts"}]},
    }
    done = run("classify", "-", stdin=json.dumps(local).encode())

    assert done.returncode == 0
    assert "1 like an input: urn:lab|BL-7 (1)" in done.stderr.decode()


def test_classify_stdin_and_several_sets() -> None:
    """Standard input, and two criteria sets from one pass."""
    done = run("classify", "-", "--criteria", "eln-2022,iwg-2003", stdin=CASE.read_bytes())

    assert [line["criteria"]["id"] for line in lines_of(done)] == ["eln-2022", "iwg-2003"]  # type: ignore[index]


def test_same_input_same_bytes() -> None:
    """The same input as of the same moment gives the same bytes."""
    first, second = (run("classify", str(CASE), "--as-of", AS_OF).stdout for _ in range(2))

    assert first == second


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"not json", ("stdin:1",)),
        (b'{"a": 1}', ("stdin",)),
        (b'{"resourceType": "Banana"}', ("Banana",)),
        (b"[" * 100_000, ("stdin:1",)),
        (b'{"resourceType":"Bundle","entry":' + b"[" * 100_000, ("stdin", "deeply")),
        (b"\x00\x01", ("stdin:1",)),
    ],
    ids=["not-json", "not-fhir", "unknown-type", "brackets", "nested-brackets", "nul"],
)
def test_unreadable_input(stdin: bytes, words: tuple[str, ...]) -> None:
    """What is not JSON or not FHIR is named with its place, code 2."""
    refused(run("classify", "-", stdin=stdin), 2, *words)


def test_usage() -> None:
    """An unknown set, a file that is not there and an unknown flag: code 2."""
    refused(run("classify", str(CASE), "--criteria", "eln-1999"), 2, "eln-1999", "eln-2022")
    refused(run("classify", "no-such-file.json"), 2, "no-such-file.json")
    refused(run("classify", "--banana"), 2, "--banana")
    refused(run("sync", "--config", "no-such.toml"), 2, "no-such.toml")


def test_a_mapping_file_with_a_bad_row(tmp_path: Path) -> None:
    """A bad row of the site's own table stops with file and line."""
    header = (CASE.parents[3] / "mappings/units.tsv").read_text().splitlines()
    columns = next(line for line in header if not line.startswith("#"))
    (tmp_path / "units.tsv").write_text(columns + "\nbanana\n")

    refused(run("classify", str(CASE), "--mappings", str(tmp_path)), 2, "units.tsv:2")


def test_odd_numbers_are_no_crash() -> None:
    """Infinity and an absurd exponent are unreadable values, not errors."""
    bundle = json.loads(CASE.read_text())
    for entry, odd in zip(
        [e for e in bundle["entry"] if "valueQuantity" in e["resource"]],
        ['"Infinity"', "1e9999999"],
        strict=False,
    ):
        entry["resource"]["valueQuantity"]["value"] = f"@{odd}@"
    text = json.dumps(bundle).replace('"@\\"', '"').replace('\\"@"', '"')
    text = text.replace('"@', "").replace('@"', "")

    done = run("classify", "-", "--as-of", AS_OF, stdin=text.encode())

    assert done.returncode == 0, done.stderr
    assert lines_of(done)


def test_one_broken_entry_among_good_ones() -> None:
    """It may be anybody's evidence: nobody has a category, the entry is named, code 3."""
    bundle = json.loads(CASE.read_text())
    bundle["entry"].append({"resource": {"resourceType": "Encounter", "status": 7}})
    bundle["entry"].append({"resource": 42})

    done = run("classify", "-", "--as-of", AS_OF, stdin=json.dumps(bundle).encode())

    assert done.returncode == 3
    (line,) = lines_of(done)
    assert (line["disposition"], "category" in line) == ("incomplete", False)
    assert b"stdin entry 11: Expected `object`" in done.stderr
    assert b"12 entries read = 10 used + 1 irrelevant + 1 damaged" in done.stderr


def test_a_broken_entry_of_the_patient() -> None:
    """Damage that hides evidence of a patient leaves that patient without a category."""
    bundle = json.loads(CASE.read_text())
    subject = next(e["resource"]["subject"] for e in bundle["entry"] if "subject" in e["resource"])
    broken = {"resourceType": "Observation", "status": 7, "subject": subject}
    bundle["entry"].append({"resource": broken})

    done = run("classify", "-", "--as-of", AS_OF, stdin=json.dumps(bundle).encode())

    assert done.returncode == 3
    (line,) = lines_of(done)
    assert line["disposition"] == "incomplete"
    assert "category" not in line


def test_a_broken_entry_of_a_merged_record() -> None:
    """Damage under the old id of a merged person leaves the person without a category."""
    bundle = json.loads(CASE.read_text())
    person = next(
        e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"
    )
    newer = {"other": {"reference": f"Patient/{person['id']}"}, "type": "replaced-by"}
    old = {"resourceType": "Patient", "id": "before-the-merge", "link": [newer]}
    broken = {"subject": {"reference": "Patient/before-the-merge"}, "status": 7}
    bundle["entry"].append({"resource": old})
    bundle["entry"].append({"resource": {"resourceType": "Observation", **broken}})

    done = run("classify", "-", "--as-of", AS_OF, stdin=json.dumps(bundle).encode())

    assert done.returncode == 3
    assert all("category" not in line for line in lines_of(done))


def test_an_empty_file_is_done() -> None:
    """Nothing in, nothing out, code 0; an export that failed to write looks so, too."""
    done = run("classify", "-")

    told = b"fhir-remission: stdin: there is no patient in it, and nothing was judged"
    assert (done.returncode, done.stdout, done.stderr.strip()) == (0, b"", told)


def test_a_closed_stdout_ends_quietly() -> None:
    """A reader that goes away is no error."""
    command = f"{' '.join(COMMAND)} classify {CASE} | true"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_closed_stderr_does_no_harm() -> None:
    """An engine that closed our stderr gets its lines and its code all the same."""
    command = f"{' '.join(COMMAND)} classify {CASE} --criteria eln-2022 2>&-"
    done = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, timeout=60, check=False)

    assert done.returncode == 0
    assert lines_of(done)


def test_a_bundle_ready_to_post(tmp_path: Path) -> None:
    """`--output bundle` prints a transaction of valid resources."""
    run("key", "new", str(tmp_path / "site.key"))
    (tmp_path / "site.toml").write_text('[site]\nid = "t"\n')

    done = run("classify", str(CASE), "--output", "bundle", "--config", str(tmp_path / "site.toml"))

    assert done.returncode == 0, done.stderr
    bundle = json.loads(done.stdout)
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert (bundle["type"], kinds) == (
        "transaction",
        ["Device", "Observation", "ClinicalImpression", "Provenance"],
    )


def test_what_is_judged_for_a_site_is_judged_by_its_settings(tmp_path: Path) -> None:
    """A code that the site took back proves no CR in its name; a flag comes before the settings."""
    bundle = json.loads(CASE.read_bytes())
    sent = [held for one in bundle["entry"] if (held := one["resource"]).get("code")]
    (count,) = [held["code"]["coding"][0] for held in sent if held["id"].startswith("plt")]
    target = {"equivalence": "unmatched"}
    group = {
        "source": count["system"],
        "target": "https://w3id.org/fhir-remission/CodeSystem/analyte",
        "element": [{"code": count["code"], "target": [target]}],
    }
    for name, groups in (("own", [group]), ("none", [])):
        (tmp_path / name).mkdir()
        told = {"resourceType": "ConceptMap", "status": "active", "group": groups}
        (tmp_path / name / "map.json").write_text(json.dumps(told))
    run("key", "new", str(tmp_path / "site.key"))
    site = tmp_path / "site.toml"
    site.write_text(
        '[site]\nid = "t"\n[mappings]\ndir = "own"\n[criteria]\nsets = ["eln-2022", "iwg-2003"]\n'
    )
    at_site = ("classify", str(CASE), "--config", str(site))

    mine, written = run(*at_site), run(*at_site, "--output", "bundle")
    flagged = run(*at_site, "--mappings", str(tmp_path / "none"), "--criteria", "eln-2022")

    assert (mine.returncode, written.returncode) == (0, 0), (mine.stderr, written.stderr)
    lines = lines_of(mine)
    assert [line["criteria"]["id"] for line in lines] == ["eln-2022", "iwg-2003"]  # type: ignore[index]
    assert not any(line["code"] == "CR" for line in lines)
    for line in lines:
        assert str(line["summary"]) in written.stdout.decode()
    assert [line["code"] for line in lines_of(flagged)] == ["CR"]


def test_a_bundle_needs_an_identity() -> None:
    """Without a site there are no ids to write under."""
    refused(run("classify", str(CASE), "--output", "bundle"), 2, "--config", "site.id")


def test_every_line_keeps_the_schema() -> None:
    """What is printed is what the published schema says."""
    import jsonschema

    schema = json.loads((CASE.parents[3] / "fhir_remission/schema/assessment-2.json").read_text())
    for line in lines_of(run("classify", str(CASE), "--history")):
        jsonschema.validate(line, schema)


def test_an_unreachable_server(tmp_path: Path) -> None:
    """Nobody answers: 75, one line, nothing written."""
    run("key", "new", str(tmp_path / "site.key"))
    (tmp_path / "cohort.csv").write_text("patient\np1\n")
    (tmp_path / "site.toml").write_text(
        '[site]\nid = "t"\n[source]\nbase_url = "http://127.0.0.1:9/fhir"\nmax_wait = "1s"\n'
        '[sink.main]\nkind = "repository"\n'
    )

    refused(run("sync", "--config", str(tmp_path / "site.toml"), "--quiet"), 75, "127.0.0.1:9")


def test_the_starts_are_quick() -> None:
    """`classify` loads neither the models nor the database nor HTTP, and so starts in 0.4 s."""
    code = (
        "import sys; from fhir_remission.cli.main import main; "
        f"main(['classify', {str(CASE)!r}]); "
        "sys.exit(','.join(m for m in ('fhir.resources', 'sqlalchemy', 'requests', 'structlog') "
        "if m in sys.modules) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=60, check=False, env=os.environ
    )

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (401, b"{}", 4, ("401", "login")),
        (403, b"{}", 4, ("403", "scopes")),
        (404, b"", 7, ("404", "base URL")),
        (200, b"<html>please log in</html>", 7, ("no FHIR in JSON",)),
        (200, b'{"resourceType":"CapabilityStatement","fhirVersion":"5.0.0"}', 7, ("5.0.0", "4.0")),
    ],
    ids=["login", "scopes", "no-fhir", "login-page", "r5"],
)
def test_a_server_that_will_not_do(
    tmp_path: Path, status: int, body: bytes, code: int, words: tuple[str, ...]
) -> None:
    """A refused login is 4, a server without what we need is 7; one line each."""
    with _answering(status, body) as port:
        run("key", "new", str(tmp_path / "site.key"))
        (tmp_path / "cohort.csv").write_text("patient\np1\n")
        (tmp_path / "site.toml").write_text(
            f'[site]\nid = "t"\n[source]\nbase_url = "http://127.0.0.1:{port}/fhir"\n'
            '[sink.main]\nkind = "repository"\n'
        )
        refused(run("sync", "--config", str(tmp_path / "site.toml"), "--quiet"), code, *words)


@contextlib.contextmanager
def _answering(status: int, body: bytes) -> Iterator[int]:
    """A server on loopback that says the same to everything."""

    class Same(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Same) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
