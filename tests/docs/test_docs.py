"""The pages tell the truth: their commands run, their settings load, what is made is up to date."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from fhir_remission.cli.main import app, main
from fhir_remission.cli.messages import place_in_pages
from fhir_remission.domain.answer.proof import rule_of
from fhir_remission.domain.criteria.kinds import Threshold
from fhir_remission.domain.tables.analytes import ANALYTES
from fhir_remission.effects.files.mapping_files import load_criteria
from fhir_remission.errors import RemissionError, TableError, anchor_of
from fhir_remission.settings import load_settings
from tests.docs.generate import PAGES, ROOT
from tests.docs.site import Folder, made_folder

ALL = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^( *)```([\w-]*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
# Programs of the pages that no fast test can start, and where they are run instead.
ELSEWHERE = {
    "make": "each target is its own lane or a test",
    "python3": "make lane-wheel",
    "venv/bin/fhir-remission": "make lane-wheel",
    "openssl": "tests/docs/test_docs.py: the keys of the folder",
    "helm": "make lane-chart",
    "kubectl": "needs a cluster: make long-chart tries the same objects on an API server",
    "podman": "make lane-image",
    "sudo": "make lane-units verifies the files; starting them needs a machine with systemd",
    "cp": "tests/docs/test_first_evening.py",
    "sh": "tests/docs/test_first_evening.py",
    "docker": "tests/docs/test_first_evening.py, without the containers",
    "pipx": "make lane-wheel",
    "uvx": "make lane-wheel",
}
# Commands that do not end by themselves or that another test runs from the text of the page.
APART = ("fhir-remission rehearse", "fhir-remission demo", "fhir-remission serve", "curl")


def blocks(page: Path, *kinds: str) -> list[str]:
    """The fenced blocks of these languages, without what indents them."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [
        "\n".join(line.removeprefix(indent) for line in text.splitlines())
        for indent, kind, text in found
        if kind in kinds
    ]


def commands(page: Path) -> Iterator[str]:
    """The lines of a page that somebody may type; lines that continue are one."""
    for block in blocks(page, "", "bash", "sh"):
        if _is_output(block):
            continue
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#") and not line.startswith("*/"):
                yield line.strip()


def _is_output(block: str) -> bool:
    """What a command printed is no command."""
    return block.startswith("An embedded FHIR server with invented patients")


@pytest.mark.parametrize("name", PAGES)
def test_what_is_made_from_the_code_is_up_to_date(name: str) -> None:
    """Settings, commands, errors and JSON stand in the pages as they are in the code."""
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs-pages`"


def test_every_program_of_the_pages_is_run_somewhere() -> None:
    """A line that begins with a program nobody runs is a line nobody has tried."""
    known = {*ELSEWHERE, "fhir-remission", "cat", "curl"}
    for page in ALL:
        for line in commands(page):
            assert line.split()[0] in known, (page.name, line)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """A site on the embedded server, with every file that the pages name."""
    with made_folder(tmp_path_factory.mktemp("pages")) as made:
        yield made


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.stem)
def test_every_command_of_a_page_runs(
    page: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each line is run as it stands, in a folder of a site; it ends with 0, or as it says."""
    monkeypatch.chdir(folder.path)
    monkeypatch.setenv("FHIR_REMISSION__SOURCE__RATE", "100000/s")
    for line in commands(page):
        command, _, told = line.partition("  # exit ")
        if "fhir-remission" not in command.split("|")[-1] or command.startswith(
            (
                *APART,
                "venv/",
                "python3",
                "podman",
                "docker",
                "sudo",
                "pipx",
                "uvx",
                "kubectl",
                "helm",
            )
        ):
            continue
        folder.refresh(command)
        if "|" in command or ">" in command:
            done = subprocess.run(
                ["bash", "-c", command], env=folder.environ, capture_output=True, text=True,
                timeout=60, check=False,
            )  # fmt: skip
            code, said = done.returncode, done.stderr
        else:
            if " jwks " in command:  # the pages speak of a server with a login
                monkeypatch.setenv("FHIR_REMISSION__SOURCE__AUTH__MODE", "smart")
                monkeypatch.setenv("FHIR_REMISSION__SOURCE__AUTH__KEY_FILE", "client.pem")
            else:
                monkeypatch.delenv("FHIR_REMISSION__SOURCE__AUTH__MODE", raising=False)
            code, said = main(shlex.split(command)[1:]), capfd.readouterr().err
        assert code == int(told or 0), (page.name, line, said)


def test_every_settings_block_loads(tmp_path: Path) -> None:
    """TOML of a page is settings, whole or in part, with no key that does not exist."""
    for page in ALL:
        for number, block in enumerate(blocks(page, "toml")):
            assert tomllib.loads(block), page
            file = tmp_path / f"{page.stem}-{number}.toml"
            file.write_text(block, encoding="utf-8")
            load_settings(file)


def _kinds_of(kind: type[RemissionError]) -> Iterator[type[RemissionError]]:
    yield kind
    for one in kind.__subclasses__():
        if one.__module__.startswith("fhir_remission."):
            yield from _kinds_of(one)


def test_every_kind_of_error_has_a_place_and_prints_it(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The page has an anchor for each kind and message, and an error ends with its own."""
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    for kind in _kinds_of(RemissionError):
        assert f"{{#{anchor_of(kind)}}}" in page, kind
    for line, anchor in (
        (["classify", str(tmp_path / "no")], "input-error-cannot-be-read"),
        (
            ["sync", "--config", str(tmp_path / "no")],
            "settings-error-no-settings-file-see",
        ),
        (["sync", "--nonsense"], "usage-error"),
    ):
        assert main(line) == 2
        said = capfd.readouterr().err
        assert said.count("\n") == 1
        assert f'id="{anchor}"' in page or f"{{#{anchor}}}" in page
        assert said.endswith(f"[docs/errors.md#{anchor}]\n")


def test_each_message_leads_to_its_own_place() -> None:
    """Whatever stands for its names and values; where two say the same, to one of them."""
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    rows = (ROOT / "fhir_remission/cli/messages.tsv").read_text(encoding="utf-8").splitlines()[1:]
    kinds = {anchor_of(kind): kind for kind in _kinds_of(RemissionError)}
    words = dict(row.split("\t") for row in rows)
    assert len(words) == len(rows) > 200
    for anchor, text in words.items():
        kind = max((one for one in kinds if anchor.startswith(f"{one}-")), key=len)
        said = text.replace("…", "x y")
        error = TableError(said, file="a.tsv") if kind == "table-error" else kinds[kind](said)
        found = place_in_pages(error)
        assert f'<a id="{anchor}"></a>`{text}`' in page
        assert found == anchor or len(words[found]) == len(text), text
        # However long what a server or a path puts into it.
        long = kinds[kind](f"{said}: (…) ; " * 2_000) if kind != "table-error" else error
        assert place_in_pages(long).startswith(kind)


def test_links_between_pages_lead_somewhere() -> None:
    """A link to a file of the repository names a file that is there."""
    for page in ALL:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)


def test_paths_that_pages_name_are_there() -> None:
    """A path of the repository in a page exists: `mappings/codes.tsv`, `tests/upgrade`."""
    for page in ALL:
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r"`((?:mappings|tests|deploy|docs|fixtures)/[\w./-]*)`", text):
            assert (ROOT / path).exists(), (page.name, path)


def test_every_command_is_told_and_has_its_help() -> None:
    """The page of commands has a heading for each command there is."""
    page = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    group = typer.main.get_command(app)
    for name in group.commands:  # type: ignore[attr-defined]
        assert f"\n## {name}" in page


def test_registration_tells_scopes_and_ports_and_touches_no_network(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of a first site: what to grant, what to open; no secret, no path, and nothing is asked."""
    file = tmp_path / "site.toml"
    assert main(["config", "init", str(file)]) == 0
    more = ["--set", "source.base_url=https://no.such.host.invalid:8443/r4/tenant"]
    assert main(["doctor", "--registration", "--config", str(file), *more]) == 0
    said = capfd.readouterr().out

    assert "https://no.such.host.invalid, port 8443" in said
    assert "system/Observation.rs" in said
    assert "system/ClinicalImpression.cu" in said
    assert "tenant" not in said
    more += ["--set", "source.auth.scopes=system/*.rs", "--set", "sink.main.kind=dry-run"]
    assert main(["doctor", "--registration", "--config", str(file), *more]) == 0
    said = capfd.readouterr().out
    assert "scopes    system/*.rs" in said
    assert "writes    nothing" in said


def test_registration_tells_who_comes_in_and_whom_the_service_asks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The firewall of `serve` is told too, without paths."""
    file = tmp_path / "site.toml"
    assert main(["config", "init", str(file)]) == 0
    keys = {
        "source.base_url": "https://no.such.host.invalid",
        "service.bind": "10.0.0.7:8443",
        "service.jwt.jwks_url": "https://login.example.org/jwks.json",
        "service.hooks.fhir_servers": "https://ehr.example.org/fhir",
        "service.openhim.url": "https://core.example.org:8080",
        "service.subscriptions.url": "https://remission.example.org/notify",
    }
    more = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    assert main(["doctor", "--registration", "--config", str(file), *more]) == 0
    said = capfd.readouterr().out

    assert "listens   10.0.0.7:8443" in said
    assert "keys      https://login.example.org, port 443" in said
    assert "hooks     https://ehr.example.org, port 443" in said
    assert "openhim   https://core.example.org, port 8080" in said
    assert "called    by the source, at https://remission.example.org, port 443" in said


def test_the_table_of_categories_says_what_the_set_asks() -> None:
    """The page for clinicians has the rows, the criteria and the numbers of `eln-2022`."""
    chosen = load_criteria("eln-2022")
    criteria = {one.id: one for one in chosen.criterion}

    def phrase(name: str) -> str:
        one = criteria[name]
        if name == "marrow-adequate":
            return "an adequate marrow"
        told = rule_of(one)
        subject = f"{ANALYTES[one.analyte]} " if isinstance(one, Threshold) else ""
        return f"{subject}{told}".replace(">=", "≥").replace("<=", "≤").replace("*", r"\*")

    page = (ROOT / "docs" / "decides.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| (\w+) \| ([^|]*(?:≥|<)[^|]*) \|$", page, re.MULTILINE)

    assert [name for name, _ in told] == [row.id for row in chosen.category]
    for (_, text), row in zip(told, chosen.category, strict=True):
        assert set(text.split("; ")) == {phrase(name) for name in row.requires}
