"""The Python API: one loading, the published line, and the same answers as the command."""

from __future__ import annotations

import doctest
import inspect
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

import jsonschema
import msgspec
import pytest
from sqlalchemy import make_url

import fhir_remission
from fhir_remission import Assessment, Classifier, InputError, SettingsError, classify, schema
from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.jobs.site.site_files import state_file
from fhir_remission.settings.model import Settings

ROOT = Path(__file__).parents[1]
CASES = sorted(path.parent for path in ROOT.glob("fixtures/cases/*/bundle.json"))
BODY = (ROOT / "fixtures/cases/complete-remission/bundle.json").read_bytes()
AS_OF = "2026-10-01T00:00:00Z"
SITE = '[site]\nid = "st-e"\nkey_file = "{key}"\n[source]\nbase_url = "https://fhir.example.org"\n'


def command(*arguments: str, body: bytes = BODY) -> bytes:
    """What the command prints."""
    line = [sys.executable, "-m", "fhir_remission", "classify", "-", "--as-of", AS_OF, *arguments]
    return subprocess.run(line, input=body, stdout=subprocess.PIPE, check=False).stdout


@pytest.mark.parametrize("case", CASES[::40], ids=lambda path: path.name)
def test_to_json_is_the_published_line(case: Path) -> None:
    """Byte for byte what the command prints, and `to_dict` is that line decoded."""
    body = (case / "bundle.json").read_bytes()

    found = Classifier(as_of=AS_OF)(body)

    assert b"".join(one.to_json() for one in found) == command(body=body)
    assert [one.to_dict() for one in found] == [msgspec.json.decode(x.to_json()) for x in found]
    for one in found:
        jsonschema.validate(one.to_dict(), schema("assessment-2"))


def test_sets_and_history_are_told_in_order() -> None:
    """Several sets in one pass, each with its history, as the command prints them."""
    found = Classifier(["eln-2022", "iwg-2003"], history=True, as_of=AS_OF)(BODY)

    printed = command("--criteria", "eln-2022,iwg-2003", "--history")
    assert b"".join(one.to_json() for one in found) == printed


def test_the_fields_are_typed() -> None:
    """A number of the evidence is an exact Decimal, a day a date."""
    (one,) = Classifier(as_of=AS_OF)(BODY)

    assert isinstance(one, Assessment)
    assert one.response_date is not None
    assert one.response_date.isoformat() == one.to_dict()["response_date"]
    (recovered,) = [line for line in one.criteria_results if line.criterion == "anc-recovered"]
    (count,) = recovered.evidence
    assert count.value.low == Decimal("1.5")


def test_threads_share_a_classifier() -> None:
    """Four threads get the answers that one gets."""
    judge = Classifier(as_of=AS_OF)
    bodies = [(case / "bundle.json").read_bytes() for case in CASES[:24]]

    def lines(body: bytes) -> list[bytes]:
        return [one.to_json() for one in judge(body)]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lines, bodies)) == [lines(body) for body in bodies]


def test_a_pickled_classifier_answers_the_same() -> None:
    """It travels as its arguments, the moment it speaks for among them."""
    judge = Classifier(["eln-2022"], timezone="Europe/Berlin", complete={"Procedure"}, as_of=AS_OF)

    copy = pickle.loads(pickle.dumps(judge))

    assert len(pickle.dumps(judge)) < 1000
    assert [one.to_json() for one in copy(BODY)] == [one.to_json() for one in judge(BODY)]


def test_an_assessment_can_be_pickled() -> None:
    """A worker hands it back whole."""
    (one,) = Classifier(as_of=AS_OF)(BODY)

    assert pickle.loads(pickle.dumps(one)).to_json() == one.to_json()


def test_the_moment_is_that_of_the_call() -> None:
    """Left out, `as_of` is read at each call and not when the tables were loaded."""
    judge = Classifier()

    first, second = judge(BODY)[0], judge(BODY)[0]

    assert first.clock.as_of < second.clock.as_of


def test_what_has_happened_since_the_tables_were_loaded_is_not_still_to_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A result of next week, asked about next month: a judge of a process that runs for long."""
    judge = Classifier(as_of=AS_OF)
    month = datetime.now(UTC) + timedelta(days=30)
    week = (month - timedelta(days=23)).date().isoformat()
    bundle = json.loads(BODY)
    marrow = next(one for one in bundle["entry"] if one["resource"]["id"].startswith("marrow-d"))
    later = {**marrow["resource"], "id": "later", "effectiveDateTime": week}
    body = {**bundle, "entry": [*bundle["entry"], {**marrow, "fullUrl": None, "resource": later}]}

    assert judge(body)[0].category == "IND"
    monkeypatch.setattr(SystemClock, "now", lambda _: month)
    assert judge(body)[0].category == "CR"


def test_classify_loads_once_for_equal_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call with the same arguments reads no table."""
    classify(BODY, as_of=AS_OF)
    monkeypatch.setattr("fhir_remission.jobs.files.classifier.judge_for", None)

    assert classify(BODY, as_of=AS_OF)[0].category == "CR"


def test_to_frame_has_the_columns_of_the_archive() -> None:
    """A row per assessment, days as days."""
    frame = Classifier(as_of=AS_OF).to_frame([BODY, BODY])

    assert list(frame["category"]) == ["CR", "CR"]
    assert frame["response_date"][0] == Classifier(as_of=AS_OF)(BODY)[0].response_date
    assert Classifier(as_of=AS_OF).to_arrow([]).num_rows == 0


def test_transaction_is_what_the_command_prints(tmp_path: Path) -> None:
    """The Bundle of `--output bundle`, decoded."""
    site = tmp_path / "site.toml"
    site.write_text(SITE.format(key=tmp_path / "site.key"))
    key = [sys.executable, "-m", "fhir_remission", "key", "new", str(tmp_path / "site.key")]
    subprocess.run(key, check=True, stdout=subprocess.DEVNULL)

    found = Classifier(as_of=AS_OF).transaction(BODY, site=site)

    printed = msgspec.json.decode(command("--output", "bundle", "--config", str(site)))
    assert (found["type"], len(found["entry"])) == ("transaction", len(printed["entry"]))
    urls = [one["request"]["url"] for one in found["entry"]]
    assert urls == [one["request"]["url"] for one in printed["entry"]]


def test_errors_say_what_to_do() -> None:
    """Damage, an unknown set and an unknown schema are errors of the exported tree."""
    with pytest.raises(InputError):
        classify(b'{"resourceType": "Bundle", "entry": [')
    with pytest.raises(SettingsError, match="eln-2022"):
        Classifier("eln-2023")
    with pytest.raises(fhir_remission.UsageError, match="assessment-1"):
        schema("assessment-0")


def _told() -> Iterator[tuple[str, object]]:
    """Everything public that can carry a docstring, with its methods."""
    for name in set(fhir_remission.__all__) - {"__version__"}:
        found = getattr(fhir_remission, name)
        yield name, found
        if found in (Assessment, Classifier):
            for own, member in vars(found).items():
                if inspect.isfunction(member) and not own.startswith("_"):
                    yield f"{name}.{own}", member


TOLD = dict(_told())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder the examples are in: a Bundle, settings and their key."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "bundle.json").write_bytes(BODY)
    (folder / "site.toml").write_text(SITE.format(key="site.key"))
    key = [sys.executable, "-m", "fhir_remission", "key", "new", str(folder / "site.key")]
    subprocess.run(key, check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.mark.parametrize("name", sorted(TOLD))
def test_everything_public_has_an_example_that_runs(
    name: str, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a docstring shows is what happens."""
    monkeypatch.chdir(site)
    (example,) = doctest.DocTestFinder(recurse=False).find(TOLD[name], name, globs={})
    assert example.examples, f"{name} has no example"

    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    assert runner.run(example, out=said.append).failed == 0, "".join(said)


@pytest.mark.parametrize("name", ["Classifier", "classify", "schema", "Classifier.transaction"])
def test_what_can_fail_says_how(name: str) -> None:
    """And every parameter and answer has a type."""
    assert "Raises:" in (TOLD[name].__doc__ or "")
    signature = inspect.signature(cast("Callable[..., object]", TOLD[name]))
    given = [one for one in signature.parameters.values() if one.name != "self"]
    assert [one.name for one in given if one.annotation is inspect.Parameter.empty] == []


PUBLIC = {
    *("Assessment", "Classifier", "InputError", "RemissionError", "SettingsError", "TableError"),
    *("UsageError", "__version__", "classify", "schema"),
}


def test_the_public_surface_is_told_in_the_changelog() -> None:
    """A name that comes or goes stands in the changelog, and here."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert set(fhir_remission.__all__) == PUBLIC
    assert [name for name in PUBLIC - {"__version__"} if f"`{name}`" not in changelog] == []


BLOCKED = """
import os, signal, sys
for name in ("resource", "fcntl", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("fork", "getuid", "geteuid", "register_at_fork"):
    if hasattr(os, name): delattr(os, name)
for name in ("SIGHUP", "SIGALRM", "setitimer", "SIGUSR1"):
    if hasattr(signal, name): delattr(signal, name)
import importlib, pkgutil
import fhir_remission
# Modules of an extra, imported where their command runs: Spark, and the server of POSIX.
skip = ("fhir_remission.jobs.spark.spark", "fhir_remission.service.running.gunicorn_server")
for module in pkgutil.walk_packages(fhir_remission.__path__, "fhir_remission."):
    if not module.name.endswith("__main__") and not module.name.startswith(skip):
        importlib.import_module(module.name)
print(fhir_remission.classify(sys.stdin.buffer.read(), as_of="2026-10-01T00:00:00Z")[0].category)
"""


def test_every_module_imports_without_what_windows_lacks() -> None:
    """No resource, fcntl, fork or SIGHUP at import, and a Bundle is still judged."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED], input=BODY, capture_output=True, check=False
    )

    assert done.stdout.decode().strip() == "CR", done.stderr.decode()[-2000:]


@pytest.mark.parametrize("path", ["C:/data/state.db", "C:\\data\\state.db", "/data/state.db"])
def test_a_path_of_windows_is_a_path(path: str) -> None:
    """The state's file is the same one for the database and for who looks at its rights."""
    settings = Settings.model_validate({"state": {"url": f"sqlite:///{path}"}})

    assert str(state_file(settings)) == path
    assert make_url(settings.state.url).database == path


def test_a_file_is_given_as_text_or_path(tmp_path: Path) -> None:
    """Both forms of the input and of the site's folder, one answer."""
    file, folder = tmp_path / "bundle.json", tmp_path / "own"
    file.write_bytes(BODY)
    (folder / "servers").mkdir(parents=True)
    (folder / "servers/house.toml").write_text('id = "house"\nverified = true\n')

    found = [
        classify(given, as_of=AS_OF, mappings=own)[0].to_json()
        for given in (str(file), file)
        for own in (str(folder), folder)
    ]
    assert set(found) == {classify(BODY, as_of=AS_OF)[0].to_json()}
