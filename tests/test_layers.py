"""The layers of the package: imports go down only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fhir_remission"

# What each layer may import of ours, and of third parties. Everything else is forbidden.
OURS = {
    "errors": set(),
    "domain": {"errors", "domain"},
    "fhir": {"errors", "domain", "fhir"},
    "settings": {"errors", "settings"},
    "effects": {"errors", "domain", "fhir", "settings", "effects", "version"},
    "jobs": {"errors", "domain", "fhir", "settings", "effects", "jobs", "version"},
    "rehearsal": {"errors", "rehearsal"},
    "cli": {
        *("errors", "domain", "fhir", "effects", "jobs", "rehearsal", "cli", "demo", "version"),
        *("cli_archive", "cli_flags", "cli_help", "cli_mappings", "cli_progress", "cli_site"),
        *("cli_text", "cli_writing"),
    },
    "cli_archive": {"cli_progress", "cli_flags", "cli_text", "domain", "jobs"},
    "cli_site": {
        *("cli_help", "cli_flags", "cli_text", "effects", "fhir", "jobs", "settings", "version"),
    },
    "cli_writing": {"cli_help", "cli_progress", "cli_flags", "cli_text", "jobs"},
    "cli_mappings": {"cli_help", "cli_text", "jobs"},
    "cli_flags": set(),
    "cli_help": set(),
    "cli_progress": {"domain"},
    "cli_text": {"domain", "effects"},
    "demo": {"errors", "domain", "effects", "jobs", "rehearsal"},
    "__init__": {"errors", "domain", "jobs", "version"},
    "__main__": {"cli"},
}
THEIRS = {
    "errors": set(),
    "domain": {"msgspec"},
    "fhir": {"msgspec", "fhir", "pydantic"},
    "settings": {"pydantic"},
    "effects": {
        *("filelock", "jwt", "cryptography", "msgspec", "requests", "sqlalchemy", "structlog"),
        *("urllib3", "zstandard"),
    },
    "jobs": {"msgspec", "pandas", "pyarrow", "pyspark", "structlog"},
    "rehearsal": {"msgspec"},
    "version": set(),
    "cli": {"msgspec", "rich", "typer"},
    "cli_archive": {"typer"},
    "cli_flags": {"typer"},
    "cli_help": {"typer"},
    "cli_progress": set(),
    "cli_site": {"typer"},
    "cli_writing": {"msgspec", "typer"},
    "cli_mappings": {"typer"},
    "cli_text": {"rich"},
    "demo": {"msgspec"},
    "__init__": set(),
    "__main__": set(),
}
# The pure layers may not reach the world through the standard library either.
IMPURE = {
    *("asyncio", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random"),
    *(
        "secrets",
        "select",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "sys",
        "tempfile",
    ),
    *("threading", "time", "urllib"),
}
PURE_URL_PARSING = {"urllib.parse"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    """Name the layer a module belongs to."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def imported(path: Path) -> set[str]:
    """List the modules a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    """A module imports its own layer, those below it, and the libraries named for its layer."""
    layer = layer_of(path)
    for name in imported(path):
        first, _, rest = name.partition(".")
        if first == "fhir_remission":
            target = rest.partition(".")[0] or "__init__"
            assert target in OURS[layer] or not rest, f"{layer} may not import {name}"
        elif first not in THEIRS[layer]:
            assert first in _standard_library(), f"{layer} may not import {name}"


@pytest.mark.parametrize(
    "path",
    [p for p in MODULES if layer_of(p) in {"domain", "fhir", "errors"}],
    ids=lambda p: p.name,
)
def test_the_pure_layers_do_not_reach_the_world(path: Path) -> None:
    """Domain and fhir touch no file, socket, process, random source or clock."""
    reached = {n for n in imported(path) - PURE_URL_PARSING if n.partition(".")[0] in IMPURE}

    assert not reached


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_stay_small_enough_to_hold_in_the_head(path: Path) -> None:
    """No module over 300 lines, no function over 40, no drawer named utils."""
    assert len(path.read_text().splitlines()) <= 300
    assert path.stem not in {"utils", "helpers", "common", "base", "manager"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            body = [n for n in node.body if not isinstance(n, ast.Expr)] or node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
            assert lines <= 40, f"{node.name} has {lines} lines"


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p.name != "cli.py"], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_only_the_command_line_prints(path: Path) -> None:
    """`print` and `sys.exit` stand in cli.py and nowhere else."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in {"print", "sys.exit", "exit"}, f"{path.name}:{node.lineno}"


def _standard_library() -> frozenset[str]:
    import sys

    return frozenset(sys.stdlib_module_names)
