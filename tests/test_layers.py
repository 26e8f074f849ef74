"""The floors of the package and their rooms: imports go down only, and each has its place."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fhir_remission"

# What each floor may import of ours, and of third parties. Everything else is forbidden.
OURS = {
    "errors": set(),
    "domain": {"errors", "domain"},
    "fhir": {"errors", "domain", "fhir"},
    "settings": {"errors", "settings"},
    "effects": {"errors", "domain", "fhir", "settings", "effects", "version"},
    "jobs": {"errors", "domain", "fhir", "settings", "effects", "jobs", "version"},
    "rehearsal": {"errors", "rehearsal"},
    "report": {"errors", "domain", "jobs", "report"},
    "service": {
        *("errors", "domain", "fhir", "settings", "effects", "jobs", "report", "service"),
        "version",
    },
    "cli": {
        *("errors", "domain", "fhir", "settings", "effects", "jobs", "rehearsal", "cli", "version"),
        *("report", "service"),
    },
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
    "report": {"jinja2", "msgspec"},
    "service": {
        *("cryptography", "falcon", "gunicorn", "jwt", "msgspec", "prometheus_client", "requests"),
        *("pydantic", "sqlalchemy", "structlog", "waitress"),
    },
    "version": set(),
    "cli": {"msgspec", "rich", "typer"},
    "__init__": set(),
    "__main__": set(),
}
# The rooms of each floor, lowest first: a room imports those before it, never those after it.
ROOMS = {
    "domain": ("nouns", "tables", "criteria", "record", "evaluation", "course", "answer"),
    "fhir": (
        *("r4", "server", "incoming", "reading", "survey"),
        *("writing", "criteria_export", "package"),
    ),
    "effects": ("process", "files", "http", "server", "state"),
    "jobs": (
        *("judging", "reading", "write_back", "site", "sync", "files", "archive", "bulk"),
        "spark",
    ),
    "rehearsal": ("cohort", "server", "faults", "listening"),
    "service": (
        *("request", "callers", "answering", "hooks", "subscriptions", "openhim", "probes"),
        "running",
    ),
    "cli": (),
    "settings": (),
}
# Words that say nothing of what a module holds.
EMPTY_NAMES = {
    *("utils", "helpers", "common", "base", "manager", "outlook", "prospect", "standing"),
    *("placing", "keeping", "memory", "gone", "doubles", "again", "due", "moments", "people"),
    *("marks", "statements", "shared"),
}
# They leave with the rebuild of the course.
UNTIL_THE_REBUILD = {"finish"}
AT_MOST_IN_A_ROOM = 20
FEW_LINES = 50
# A module below that needs a reason to stand alone.
SMALL = {
    "__main__.py": "the process answers signals before anything else is imported",
    "version.py": "the one place of the version, read by the build",
    "domain/answer/last_days.py": "finish would pass 300 lines",
    "domain/nouns/namespace.py": "the lowest module: tables and writing need it",
    "domain/nouns/unions.py": "draws and pages of a search are put together alike",
    "domain/tables/issues.py": "one module per table",
    "effects/files/kept_file.py": "pages and judge of the service keep a file alike",
    "effects/files/panels.py": "one module per kind of file",
    "effects/files/site_key.py": "one module per kind of file",
    "effects/http/refusal.py": "client, pages and writer read a refusal alike",
    "effects/http/scopes.py": "smart and login compare scopes alike",
    "effects/process/environment.py": "the one module that reads the environment",
    "effects/process/printer.py": "the one place that starts a browser",
    "effects/server/history.py": "the client would pass 300 lines",
    "effects/state/lock.py": "archive and bulk lock without a database",
    "jobs/site/public_keys.py": "a command of its own; the site itself is at 300 lines",
    "jobs/site/site_request.py": "the site itself is at 300 lines",
    "effects/files/packed.py": "an archive in memory; nothing else knows tar",
    "rehearsal/server/codec.py": "the one place that knows JSON from bytes",
    "service/answering/site.py": "what the requests of a process share, and no more",
    "service/callers/rates.py": "knows nothing of logins",
    "service/request/correlation.py": "one header table of two standards",
    "service/running/wsgi.py": "the entry for servers of one's own",
    "rehearsal/server/merge.py": "one operation of the server",
}
# The pure layers may not reach the world through the standard library either.
IMPURE = {
    *("asyncio", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random"),
    *("secrets", "select", "shutil", "signal", "socket", "sqlite3", "subprocess", "sys"),
    *("tempfile", "threading", "time", "urllib"),
}
PURE_URL_PARSING = {"urllib.parse"}
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMED = [path for path in MODULES if path.name not in ("__init__.py", "__main__.py")]


def named(path: Path) -> str:
    """The module as the tests show it."""
    return str(path.relative_to(PACKAGE))


def layer_of(path: Path) -> str:
    """Name the floor a module belongs to."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def room_of(module: str) -> tuple[str, str]:
    """Floor and room of a dotted module below the package; no room where it stands in none."""
    floor, _, rest = module.partition(".")
    room = rest.partition(".")[0]
    return floor, room if room in ROOMS.get(floor, ()) else ""


def imported(path: Path) -> set[str]:
    """List the modules a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def ours(path: Path) -> set[str]:
    """What a file imports of this package, below it."""
    found = (name.removeprefix("fhir_remission.") for name in imported(path))
    return {name for name in found if (PACKAGE / name.partition(".")[0]).is_dir()}


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_imports_go_down_only(path: Path) -> None:
    """A module imports its own floor, those below it, and the libraries named for its floor."""
    layer = layer_of(path)
    for name in imported(path):
        first, _, rest = name.partition(".")
        if first == "fhir_remission":
            target = rest.partition(".")[0] or "__init__"
            known = target in OURS[layer] or not rest or target not in OURS
            assert known, f"{layer} may not import {name}"
        elif first not in THEIRS[layer]:
            assert first in _standard_library(), f"{layer} may not import {name}"


@pytest.mark.parametrize("path", NAMED, ids=named)
def test_rooms_of_a_floor_import_one_way(path: Path) -> None:
    """In the order of the table: whoever changes a room knows whom it can break."""
    floor, room = room_of(named(path).removesuffix(".py").replace("/", "."))
    order = ROOMS.get(floor, ())
    for name in ours(path):
        to_floor, to_room = room_of(name)
        if room and to_room and to_floor == floor:
            assert order.index(to_room) <= order.index(room), f"{room} may not import {name}"


@pytest.mark.parametrize("floor", ROOMS)
def test_a_floor_with_rooms_keeps_nothing_in_the_corridor(floor: str) -> None:
    """Every module stands in a room, no room holds more than twenty, each says what it is."""
    if not ROOMS[floor]:
        return
    assert [path.name for path in (PACKAGE / floor).glob("*.py")] == ["__init__.py"]
    folders = {path.name for path in (PACKAGE / floor).iterdir() if (path / "__init__.py").exists()}
    assert folders == set(ROOMS[floor])
    for room in folders:
        inside = list((PACKAGE / floor / room).glob("*.py"))
        assert len(inside) - 1 <= AT_MOST_IN_A_ROOM, f"{floor}/{room} holds {len(inside) - 1}"
        assert ast.get_docstring(ast.parse((PACKAGE / floor / room / "__init__.py").read_text()))


def test_names_say_what_a_module_holds() -> None:
    """No word that could stand over anything."""
    bad = [named(path) for path in NAMED if path.stem in EMPTY_NAMES]

    assert bad == []
    assert {path.stem for path in NAMED} >= UNTIL_THE_REBUILD, "take what is gone off the list"


def test_no_two_modules_of_a_floor_are_told_alike() -> None:
    """Neither by name nor by the first sentence of the docstring."""
    for floor in ROOMS:
        sentences, names = defaultdict(list), defaultdict(list)
        for path in (PACKAGE / floor).rglob("*.py"):
            if path.name == "__init__.py":
                continue
            told = ast.get_docstring(ast.parse(path.read_text())) or ""
            sentences[told.partition(".")[0]].append(named(path))
            names[path.stem].append(named(path))
        twice = [many for many in (*sentences.values(), *names.values()) if len(many) > 1]
        assert twice == []


@pytest.mark.parametrize(
    "path",
    [p for p in MODULES if layer_of(p) in {"domain", "fhir", "errors", "report"}],
    ids=named,
)
def test_the_pure_layers_do_not_reach_the_world(path: Path) -> None:
    """Domain, fhir and report touch no file, socket, process, random source or clock."""
    found = {name for name in imported(path) if not name.startswith("fhir_remission")}
    allowed = {n for n in found if n.rpartition(".")[0] in PURE_URL_PARSING}
    reached = {n for n in found - PURE_URL_PARSING - allowed if n.partition(".")[0] in IMPURE}

    assert not reached


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_modules_stay_small_enough_to_hold_in_the_head(path: Path) -> None:
    """No module over 300 lines, no function over 40."""
    assert len(path.read_text().splitlines()) <= 300
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            body = [n for n in node.body if not isinstance(n, ast.Expr)] or node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
            assert lines <= 40, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", [p for p in MODULES if named(p) != "cli/main.py"], ids=named)
def test_only_the_command_line_prints(path: Path) -> None:
    """`print` and `sys.exit` stand in cli/main.py and nowhere else."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in {"print", "sys.exit", "exit"}, f"{path.name}:{node.lineno}"


def _standard_library() -> frozenset[str]:
    import sys

    return frozenset(sys.stdlib_module_names)


def test_a_small_module_says_why_it_stands_alone() -> None:
    """Two that only make sense together are one; a reason that is not needed any more goes."""
    small = {
        named(path)
        for path in MODULES
        if path.name != "__init__.py" and len(path.read_text().splitlines()) < FEW_LINES
    }

    assert small == {*SMALL}


# Keys and hot paths: where a tuple is what is meant.
TUPLES = {
    "effects/files/spool.py put at",  # once a row of an archive
    "jobs/spark/rows.py put at",  # what stands for it
    "jobs/reading/evidence.py _read_chunk people",  # a row of what `zip` pairs
    "fhir/reading/condition.py source_of pair",  # a system and its code: everywhere a key
    "report/cohort.py _often pair",  # a row of a count
    "report/cohort_pages.py _often pair",
    "rehearsal/cohort/evidence.py concept coding",  # a row of the text
    "rehearsal/cohort/evidence.py _procedure coding",
    "rehearsal/listening/listener.py __init__ address",  # the library's own
}


def test_no_tuple_stands_in_for_parameters() -> None:
    """What belongs together has a name, and each part of it too."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith("domain/course/"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                arguments = (*node.args.args, *node.args.kwonlyargs)
                found |= {f"{name} {node.name} {one.arg}" for one in arguments if _is_pair(one)}
    assert found - TUPLES == set()
    assert TUPLES - found == set()


def _is_pair(one: ast.arg) -> bool:
    """Whether it is annotated as a tuple of a few things rather than of many of one kind."""
    kind = one.annotation
    if not isinstance(kind, ast.Subscript) or ast.unparse(kind.value) != "tuple":
        return False
    return isinstance(kind.slice, ast.Tuple) and not ast.unparse(kind).endswith("...]")
