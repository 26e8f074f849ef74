"""The Bulk Data client: asks, waits, fetches, judges; nothing that did not come reads as absent."""

import errno
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.effects.process.clock import Stop
from fhir_remission.effects.process.logs import PatientHash
from fhir_remission.effects.server.bulk_manifest import ExportFile
from fhir_remission.effects.server.connect import connect
from fhir_remission.effects.state.lock import only_run
from fhir_remission.errors import (
    AlreadyRunning,
    CapabilityMissing,
    Interrupted,
    ReadIncomplete,
    RequestRefused,
    SettingsError,
    Unreachable,
    UsageError,
)
from fhir_remission.jobs.archive.archive import Order, Report
from fhir_remission.jobs.archive.output import FORMATS, Format
from fhir_remission.jobs.archive.parts import Setup, decode_job, encode
from fhir_remission.jobs.bulk.bulk import export, run
from fhir_remission.jobs.bulk.order import Asked
from fhir_remission.jobs.judging.request import Request, judge_for
from fhir_remission.jobs.reading.cohort import listed_members
from fhir_remission.jobs.site.site import TYPES_READ, judge_of
from fhir_remission.jobs.site.site_request import request_of
from fhir_remission.rehearsal.cohort.cohort import bulk_cohort
from fhir_remission.settings import load_settings
from fhir_remission.settings.model import Auth, Source
from tests.archive.export_server import TOKEN, Export, serving
from tests.archive.running import AS_OF, blasts, classified, lines, summary, write

PATIENTS = 3


class FastClock:
    """Waits by moving its hands."""

    def __init__(self) -> None:
        self.at = datetime(2026, 7, 1, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)


def cohort() -> dict[str, list[dict[str, Any]]]:
    """A cohort, a file per type."""
    files: dict[str, list[dict[str, Any]]] = {}
    for resource in bulk_cohort(PATIENTS, 20):
        files.setdefault(resource["resourceType"], []).append(resource)
    return files


def bulk(
    export: Export,
    out: Path,
    asked: Asked | None = None,
    *,
    keep: bool = False,
    port: int = 0,
    stores: tuple[str, ...] = (),
    paths: tuple[str, ...] = (),
) -> tuple[Report, FastClock]:
    """Run the job against the double."""
    clock = FastClock()
    stop = Stop(clock)
    auth = Auth(mode="header", secret=TOKEN)
    with serving(export, port) as base:
        source = Source(base_url=base, auth=auth, export_paths=paths)
        exporter = connect(source, clock=clock, stop=stop).exporter(stores)
        try:
            report = run(
                asked or Asked(),
                Order((), out, Request(as_of=AS_OF)),
                exporter,
                clock=clock,
                stop=stop,
                keep=keep,
                progress=lambda *_: None,
            )
        finally:
            exporter.close()
    return report, clock


def expected(tmp_path: Path, files: dict[str, list[dict[str, Any]]]) -> bytes:
    """What `classify` says of all of it."""
    return classified(
        write(tmp_path / "all.ndjson", [one for many in files.values() for one in many])
    )


def nobody_has_a_category(out: Path) -> None:
    """Everybody is incomplete."""
    assert {line.get("disposition") for line in lines(out)} == {"incomplete"}


def test_an_export_from_start_to_end(tmp_path: Path) -> None:
    """Kick-off with the types, polling as slowly as asked, every file, deletion of the export."""
    export = Export(cohort(), slow=2)
    asked = Asked(filters=("Observation?category=laboratory",))

    report, clock = bulk(export, tmp_path / "out", asked)

    assert report.exit_code == 0
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == expected(tmp_path, export.files)
    assert "Observation" in export.kick_off()["_type"][0]
    assert export.kick_off()["_typeFilter"] == ["Observation?category=laboratory"]
    assert clock.slept[:2] == [7, 7]
    assert export.count("DELETE", "/status/1") == 1
    assert not (tmp_path / "out/export").exists()


def test_files_that_want_the_token(tmp_path: Path) -> None:
    """They get it."""
    report, _ = bulk(Export(cohort(), token=True), tmp_path / "out")

    assert report.exit_code == 0
    assert lines(tmp_path / "out")


def test_files_that_do_not(tmp_path: Path) -> None:
    """A signed address is asked without any credentials."""
    export = Export(cohort())

    bulk(export, tmp_path / "out")

    asked = [headers for _, url, headers in export.seen if "/files/" in url]
    assert asked
    assert not any("Authorization" in headers for headers in asked)


def test_a_file_that_breaks_off(tmp_path: Path) -> None:
    """It is fetched again."""
    report, _ = bulk(Export(cohort(), cut="Observation"), tmp_path / "out")

    assert report.exit_code == 0


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"gone": "Procedure"}, "not delivered: status 404"),
        ({"wrong_count": "Condition"}, "the manifest says"),
        (
            {
                "errors": [
                    {
                        "resourceType": "OperationOutcome",
                        "issue": [{"severity": "error", "code": "exception"}],
                    }
                ]
            },
            "could not export everything: exception",
        ),
    ],
)
def test_what_did_not_come(faults: dict[str, Any], words: str, tmp_path: Path) -> None:
    """A missing file, a wrong count, an error file: anybody's evidence may be missing."""
    report, _ = bulk(Export(cohort(), **faults), tmp_path / "out")

    assert report.exit_code == 3
    nobody_has_a_category(tmp_path / "out")
    assert any(words in one["reason"] for one in summary(tmp_path / "out")["damage"])


def test_an_error_file_that_only_informs(tmp_path: Path) -> None:
    """Is no damage."""
    note = {"severity": "information", "code": "informational"}
    export = Export(cohort(), errors=[{"resourceType": "OperationOutcome", "issue": [note]}])

    assert bulk(export, tmp_path / "out")[0].exit_code == 0


@pytest.mark.parametrize("came", [(), ("Patient", "Procedure")])
def test_an_empty_filtered_export(came: tuple[str, ...], tmp_path: Path) -> None:
    """It is told, with code 3: nobody is told to have no results because a filter found none."""
    files = {name: lines for name, lines in cohort().items() if name in came}

    report, _ = bulk(Export(files), tmp_path / "out", Asked(filters=("Observation?code=x",)))

    assert report.exit_code == 3
    assert "empty" in summary(tmp_path / "out")["damage"][0]["reason"]
    assert len(lines(tmp_path / "out")) == (PATIENTS if came else 0)
    assert not any("category" in line for line in lines(tmp_path / "out"))


@pytest.mark.parametrize(
    ("faults", "waited"), [({"busy": 1}, 9), ({"busy_file": "Observation"}, 11)]
)
def test_a_busy_server(faults: dict[str, Any], waited: int, tmp_path: Path) -> None:
    """429 and 503 are waited out as long as they ask, for the status and for a file."""
    report, clock = bulk(Export(cohort(), **faults), tmp_path / "out")

    assert report.exit_code == 0
    assert waited in clock.slept


def test_a_token_is_not_sent_elsewhere(tmp_path: Path) -> None:
    """A manifest that asks for our token on another server is not obeyed: nobody is judged."""
    other = Export(cohort())
    with serving(other) as elsewhere:
        export = Export(cohort(), token=True, elsewhere=elsewhere)
        report, _ = bulk(export, tmp_path / "out")

    assert report.exit_code == 3
    assert other.seen == []
    assert "another server" in summary(tmp_path / "out")["damage"][0]["reason"]


def test_an_export_beside_the_base(tmp_path: Path) -> None:
    """As Epic does it: another path, `"requiresAccessToken": "true"` in quotes, and no counts."""
    export = Export(cohort(), epic=True)

    with pytest.raises(RequestRefused, match=r"name its path in source.export_paths"):
        bulk(export, tmp_path / "unset")
    assert not [url for _, url, _ in export.seen if "/BulkRequest" in url]
    report, _ = bulk(export, tmp_path / "out", paths=("/BulkRequest/",))

    assert report.exit_code == 0
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == expected(tmp_path, export.files)
    asked = {url: headers for _, url, headers in export.seen if "/files/" in url}
    assert {headers["Authorization"] for headers in asked.values()} == {TOKEN}
    assert all(url.startswith("/BulkRequest/") for url in asked)


def test_a_manifest_in_pages(tmp_path: Path) -> None:
    """All of them are read."""
    export = Export(cohort(), pages=3)

    assert bulk(export, tmp_path / "out")[0].exit_code == 0
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == expected(tmp_path, export.files)


@pytest.mark.parametrize("status", [404, 501])
def test_a_server_without_exports(status: int, tmp_path: Path) -> None:
    """It is told with the code of a missing capability."""
    with pytest.raises(CapabilityMissing, match=r"has no Patient/\$export"):
        bulk(Export({}, unable=status), tmp_path / "out")


def test_a_store_without_encryption(tmp_path: Path) -> None:
    """Patient data are not fetched over plain http because a manifest says so."""
    clock = FastClock()
    source = Source(base_url="https://fhir.example.org/fhir", auth=Auth(mode="header", secret="x"))
    exporter = connect(source, clock=clock, stop=Stop(clock)).exporter(["store.example.org"])

    for url in ("http://store.example.org/a", "ftp://store.example.org/a", "http://[", "//x/y z"):
        reason = exporter.fetch(ExportFile("Patient", url), tmp_path / "a", with_token=False)
        assert reason.startswith("its address "), url
    exporter.close()
    assert clock.slept == []


@pytest.mark.parametrize("stores", [(), ("store.example.org",), ("127.0.0.1:1",)])
def test_files_of_a_host_that_nobody_named(tmp_path: Path, stores: tuple[str, ...]) -> None:
    """A manifest cannot send us to an address of its choice, inside the hospital say."""
    other = Export(cohort())
    with serving(other) as elsewhere:
        export = Export(cohort(), elsewhere=elsewhere)
        report, _ = bulk(export, tmp_path / "out", stores=stores)

    assert report.exit_code == 3
    assert other.seen == []
    assert list(lines(tmp_path / "out")) == []
    assert "source.export_hosts" in summary(tmp_path / "out")["damage"][0]["reason"]


def test_files_of_a_store(tmp_path: Path) -> None:
    """Files on a host that the settings name and that want no token are fetched without one."""
    files = cohort()
    other = Export(files)
    with serving(other) as elsewhere:
        export = Export(files, elsewhere=elsewhere)
        report, _ = bulk(export, tmp_path / "out", stores=("127.0.0.1",))

    assert report.exit_code == 0
    assert {"Authorization" in headers for _, _, headers in other.seen} == {False}


@pytest.mark.parametrize("faults", [{"errors": "<html>"}, {"deleted": "<html>"}])
def test_lists_that_cannot_be_read(faults: dict[str, Any], tmp_path: Path) -> None:
    """What failed or was deleted is not known: nobody is judged, and it is no bug of ours."""
    report, _ = bulk(Export(cohort(), **faults), tmp_path / "out")

    assert report.exit_code == 3
    nobody_has_a_category(tmp_path / "out")


@pytest.mark.parametrize(
    ("faults", "words"), [({"torn": True}, "cannot be read"), ({"failed": True}, "status 500")]
)
def test_an_export_that_fails(faults: dict[str, Any], words: str, tmp_path: Path) -> None:
    """No manifest, no judgement."""
    with pytest.raises(ReadIncomplete, match=words):
        bulk(Export(cohort(), **faults), tmp_path / "out")

    assert not (tmp_path / "out/assessments.ndjson").exists()


def test_files_that_expired(tmp_path: Path) -> None:
    """The manifest is there, a file is not any more: the next run asks for a new export."""
    export = Export(cohort(), gone="Observation")
    assert bulk(export, tmp_path / "out")[0].exit_code == 3

    export.faults.clear()
    report, _ = bulk(export, tmp_path / "out")

    assert report.exit_code == 0
    assert export.count("GET", "$export") == 2


def test_an_export_that_cannot_be_deleted(tmp_path: Path) -> None:
    """The answers stand all the same."""
    assert bulk(Export(cohort(), undeletable=True), tmp_path / "out")[0].exit_code == 0


def test_an_expired_export(tmp_path: Path) -> None:
    """Nothing is judged, and the next run begins anew."""
    with pytest.raises(ReadIncomplete, match="expired"):
        bulk(Export(cohort(), expired=True), tmp_path / "out")

    assert bulk(Export(cohort()), tmp_path / "out")[0].exit_code == 0


def test_a_run_that_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same export is looked at again, and only missing files are fetched."""
    from fhir_remission.jobs.bulk import bulk as job

    export = Export(cohort())

    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(job, "run_archive", stopped)
        with pytest.raises(KeyboardInterrupt):
            bulk(export, tmp_path / "out")
    (tmp_path / "out/export/00000-Patient.ndjson").unlink()
    before = len(export.seen)

    report, _ = bulk(export, tmp_path / "out", port=int(export.base.split(":")[2].split("/")[0]))

    assert report.exit_code == 0
    assert [url for _, url, _ in export.seen[before:]] == ["/fhir/files/Patient", "/fhir/status/1"]


def test_changes_alone_are_not_all_evidence(tmp_path: Path) -> None:
    """`--since` needs the files of an export before it."""
    with pytest.raises(UsageError, match="--keep"):
        bulk(Export(cohort()), tmp_path / "out", Asked(since="2026-06-01T00:00:00Z"))


@pytest.mark.parametrize("since", ["2026-06-01T00:00:00Z", "last"])
def test_changes_added_to_what_was_kept(since: str, tmp_path: Path) -> None:
    """New results count beside the old ones, and what the server deleted is gone."""
    files = cohort()
    files["Observation"].append(blasts(1, "bulk-00001", day="2026-12-01"))
    bulk(Export(files), tmp_path / "out", keep=True)
    deletion = {"resourceType": "Bundle", "type": "transaction"} | {
        "entry": [{"request": {"method": "DELETE", "url": "Observation/b1"}}]
    }
    change = blasts(2, "bulk-00002", day="2026-12-02")
    later = Export({"Observation": [change]}, deleted=[deletion])

    report, _ = bulk(later, tmp_path / "out", Asked(since=since), keep=True)

    assert report.exit_code == 0
    assert later.kick_off()["_since"] == [since.replace("last", "2026-06-30T00:00:00Z")]
    files["Observation"][-1] = change
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == expected(tmp_path, files)


def test_of_two_contents_without_versions_the_later_export_has_it(tmp_path: Path) -> None:
    """A server that gives no version cannot be asked which came last; the exports can."""
    files = cohort()
    old = {**blasts(1, "bulk-00001", day="2026-12-01"), "meta": {}}
    files["Observation"].append(old)
    bulk(Export(files), tmp_path / "out", keep=True)
    new = {**old, "valueQuantity": {"value": 60, "unit": "%", "code": "%"}}

    report, _ = bulk(
        Export({"Observation": [new]}), tmp_path / "out", Asked(since="last"), keep=True
    )

    assert report.exit_code == 0
    files["Observation"][-1] = new
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == expected(tmp_path, files)


@pytest.mark.parametrize(
    "line",
    [
        {"resourceType": "OperationOutcome"},
        {"resourceType": "Bundle", "entry": [{"request": {"method": "PUT", "url": "Patient/p"}}]},
        {"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "?code=x"}}]},
    ],
)
def test_a_list_of_deletions_that_holds_something_else(line: Any, tmp_path: Path) -> None:
    """What that was meant to say is not known."""
    bulk(Export(cohort()), tmp_path / "out", keep=True)

    report, _ = bulk(Export({}, deleted=[line]), tmp_path / "out", Asked(since="last"), keep=True)

    assert report.exit_code == 3


def test_a_whole_export_replaces_what_was_kept(tmp_path: Path) -> None:
    """What the server deleted in the meantime is in no later answer."""
    files = cohort()
    extra = blasts(1, "bulk-00001", day="2026-12-01")
    bulk(
        Export({**files, "Observation": [*files["Observation"], extra]}),
        tmp_path / "out",
        keep=True,
    )

    report, _ = bulk(Export(files), tmp_path / "out", keep=True)

    assert report.exit_code == 0
    assert (tmp_path / "out/assessments.ndjson").read_bytes() == expected(tmp_path, files)
    assert [one.name for one in (tmp_path / "out").glob("kept-*")] == ["kept-0001"]


def test_a_damaged_export_is_not_kept(tmp_path: Path) -> None:
    """Changes added to it would hide what was missing."""
    bulk(Export(cohort(), wrong_count="Condition"), tmp_path / "out", keep=True)

    assert not list((tmp_path / "out").glob("kept-*"))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked(since="2026-07-01T00:00:00Z"), "changes in between would be lost"),
        (Asked(since="lately"), "changes in between would be lost"),
        (Asked(since="2026-06-01T00:00:00Z", types=("Patient",)), "other types"),
        (Asked(since="2026-06-01T00:00:00Z", path="Group/g/$export"), "other types"),
    ],
)
def test_changes_that_do_not_fit(asked: Asked, words: str, tmp_path: Path) -> None:
    """Nothing may lie between the kept files and the changes, and both must be of one export."""
    bulk(Export(cohort()), tmp_path / "out", keep=True)

    with pytest.raises(UsageError, match=words):
        bulk(Export(cohort()), tmp_path / "out", asked, keep=True)


def test_a_new_member_of_a_group(tmp_path: Path) -> None:
    """Changes are not all evidence of somebody who was not in the group before."""
    group = Asked(path="Group/g/$export")
    bulk(Export(cohort()), tmp_path / "out", group, keep=True)
    later = Asked(path="Group/g/$export", since="2026-06-01T00:00:00Z")

    known = Export({"Observation": [blasts(1, "bulk-00001")]})
    assert bulk(known, tmp_path / "out", later)[0].exit_code == 0
    with pytest.raises(ReadIncomplete, match="1 patients are new in the group"):
        bulk(Export({"Observation": [blasts(1, "newcomer")]}), tmp_path / "out", later)


def test_a_signal_while_judging(tmp_path: Path) -> None:
    """It is heard between two parts; the same command goes on with the same export."""
    export = Export(cohort())
    stages: list[str] = []

    def stopped(stage: str, done: int, total: int) -> None:
        stages.append(stage)
        if stage == "judging":
            raise KeyboardInterrupt

    with serving(export) as base:
        clock = FastClock()
        stop = Stop(clock)
        exporter = connect(Source(base_url=base), clock=clock, stop=stop).exporter()
        order = Order((), tmp_path / "out", Request(as_of=AS_OF))
        with pytest.raises(KeyboardInterrupt):
            run(Asked(), order, exporter, clock=clock, stop=stop, keep=False, progress=stopped)
        stop.signal = signal.SIGTERM
        stop.asked.set()
        with pytest.raises(Interrupted, match="SIGTERM"):
            run(Asked(), order, exporter, clock=clock, stop=stop, keep=False, progress=stopped)
        stop.asked.clear()

        report = run(
            Asked(), order, exporter, clock=clock, stop=stop, keep=False, progress=lambda *_: None
        )

    assert report.exit_code == 0
    assert export.count("GET", "$export") == 1


def test_a_disk_that_fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetched files stay, and the same command goes on with the same export."""
    from fhir_remission.effects.server import download as client

    @contextmanager
    def full(target: Path) -> Iterator[Any]:
        with target.with_name("room").open("wb") as file:
            yield file
            raise OSError(errno.ENOSPC, "No space left on device")

    export = Export(cohort())
    with monkeypatch.context() as patched:
        patched.setattr(client, "new_file", full)
        with pytest.raises(Unreachable, match="No space left on device: make room"):
            bulk(export, tmp_path / "out")

    report, _ = bulk(export, tmp_path / "out", port=int(export.base.split(":")[2].split("/")[0]))

    assert report.exit_code == 0
    assert export.count("GET", "$export") == 1


def test_two_at_once(tmp_path: Path) -> None:
    """The second leaves the files of the first alone."""
    (tmp_path / "out").mkdir()

    with only_run(tmp_path / "out/.bulk.lock"), pytest.raises(AlreadyRunning):
        bulk(Export(cohort()), tmp_path / "out")


def test_judged_as_the_site_judges(tmp_path: Path) -> None:
    """Everything that `sync` takes from the settings reaches the workers of `bulk`."""
    overlay = tmp_path / "rows"
    overlay.mkdir()
    head = "system code analyte specimen method marker condition flag display source"
    row = "https://lab.example|NEUT|anc||||||ANC|our lab"
    (overlay / "codes.tsv").write_text(
        "\t".join(head.split()) + "\n" + "\t".join(row.split("|")) + "\n"
    )
    (tmp_path / "site.toml").write_text(
        "[site]\nid = 'x'\ntimezone = 'Europe/Berlin'\ndecimal_comma = true\n"
        "namespace = 'https://x.example/ns'\n"
        "[criteria]\nsets = ['iwg-2003', 'eln-2017']\naccept_routine = ['no-emd']\nstrict = true\n"
        "[source]\nwithout = ['Specimen']\n"
        "[evidence]\nabsence_proves = ['rbc-transfusion']\n[mappings]\ndir = 'rows'\n"
    )
    (tmp_path / "cohort.csv").write_text(
        "patient,diagnosed_on,therapy_started_on,intensity\np,2026-01-01,2026-01-05,intensive\n"
    )
    settings = load_settings(tmp_path / "site.toml", {}, {})
    rows = listed_members(tmp_path / "cohort.csv").rows
    asked = Request(as_of=AS_OF, read=TYPES_READ)

    through_json = decode_job(encode(Setup(request_of(settings, asked), "", 1, ())))

    ours = judge_for(through_json.request)
    theirs = judge_of(settings, ours.as_of, ours.now)
    assert ours.options == structs.replace(theirs.options, current_only=True)
    assert ours.mappings.version == theirs.mappings.version
    assert [one.about for one in ours.sets] == [one.about for one in theirs.sets]
    tables = {"mappings": theirs.mappings, "sets": theirs.sets}
    # An export holds every result; `sync` asks for those that only a panel names.
    reading = structs.replace(theirs.reading, members_followed=False)
    same = structs.replace(theirs, reading=reading)
    assert structs.replace(ours, options=theirs.options, rows={}, **tables) == same
    stated = theirs.record("Patient/p", [], rows=rows["Patient/p"])
    assert stated.events
    assert ours.record("Patient/p", []) == stated


@pytest.mark.parametrize("form", FORMATS)
def test_whoever_was_read_stands_in_the_audit(
    form: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line for each patient, by the hash that the logs use and no other name."""
    monkeypatch.setenv("FHIR_REMISSION__SOURCE__AUTH__SECRET", TOKEN)
    key = new_site_key(tmp_path / "site.key")
    with serving(Export(cohort())) as base:
        (tmp_path / "site.toml").write_text(
            f"[site]\nid = 'x'\nkey_file = '{tmp_path / 'site.key'}'\n"
            f"[source]\nbase_url = '{base}'\n"
            f"[source.auth]\nmode = 'header'\n"
            f"[audit]\nfile = '{tmp_path / 'audit.jsonl'}'\n"
        )
        order = Order((), tmp_path / "out", Request(as_of=AS_OF), form=form)
        site = tmp_path / "site.toml"
        export(Asked(), order, site, (), keep=False, flags={}, progress=lambda *_: None)

    noted = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    patients = sorted(f"Patient/{one['id']}" for one in cohort()["Patient"])
    assert [line["entity"] for line in noted] == [PatientHash(key)(name) for name in patients]
    assert {line["action"] for line in noted} == {"read"}


@pytest.mark.parametrize("told", ["", "[cohort]\nfile = 'nowhere.csv'\n"])
def test_a_cohort_list_that_is_not_there(told: str, tmp_path: Path) -> None:
    """Nobody must have one; whoever names one and has none is told."""
    (tmp_path / "site.toml").write_text(told)
    settings = load_settings(tmp_path / "site.toml", {}, {})

    if not told:
        assert request_of(settings, Request()).rows == {}
        return
    with pytest.raises(SettingsError, match=r"nowhere\.csv"):
        request_of(settings, Request())
