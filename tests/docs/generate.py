"""The pages of the reference that are made from the code: `python -m tests.docs.generate`.

A test compares what stands in `docs/reference` with what this makes.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperGroup

from fhir_remission import errors
from fhir_remission.cli.main import app
from fhir_remission.errors import RemissionError, anchor_of
from fhir_remission.settings.loading import SECRETS, variable
from fhir_remission.settings.reference import keys

ROOT = Path(__file__).parents[2]
MADE = "<!-- made by `make docs-pages`: change the code, not this page -->"
# What a person does about each kind of error, beside what its docstring says.
TO_DO = {
    "RemissionError": "A bug of ours: report it with the line, which holds no patient data.",
    "UsageError": "Read the line: it names the flag, key, file or input. Do not retry before.",
    "SettingsError": "Fix the key or file that the line names; `config show` prints what is in force.",
    "TableError": "Fix the row at `file:line`; `mappings check` tries tables on your data.",
    "InputError": "The file is not what it should be: look at where it came from.",
    "LoginRefused": "Have credentials or scopes fixed: `doctor --registration` prints what is needed.",
    "SafetyStop": "Nothing was written. A person must look at what the line names before any rerun.",
    "AlreadyRunning": "Nothing: the other run does the work. `--wait 60s` waits for its end.",
    "CapabilityMissing": "The server lacks what the line names: see the page of your kind of server.",
    "Unreachable": "Run again later; the state is consistent. `doctor` tells network from server.",
    "BrokeOff": "As unreachable; the smaller question was tried too. The next run goes on.",
    "ClockDoubtful": "Set the clock of this machine by NTP, or have the server's set.",
    "ReadIncomplete": "Nothing was said of that patient. The next run tries again.",
    "RequestRefused": "Read the server's words in the line; the same request is refused again.",
    "Conflict": "Somebody changed it first: the next run reads again and decides again.",
    "PatientUnmatched": "Enter the identifier at the server of the results, or choose another way.",
    "Interrupted": "Run again: nothing is half done.",
}


def settings_page() -> str:
    """Every key with its type, default, meaning, example and first version."""
    lines = [
        "# Settings",
        "",
        MADE,
        "",
        "Flags come before the environment, the environment before the file, the file before defaults.",
        "`source.rate` is `rate` in the table `[source]` of the file, `--set source.rate=5/s` as a flag",
        "and `FHIR_REMISSION__SOURCE__RATE` in the environment, where `_FILE` behind a name takes the",
        "value from the file it names. `sink.*.` stands for a sink of any name. Unknown keys are errors.",
        "",
        "| key | type | default | meaning | example | since |",
        "|---|---|---|---|---|---|",
    ]
    for key in keys():
        example = f"`{key.example}`" if key.example else ""
        default = "" if key.name.rpartition(".")[2] in SECRETS else f"`{key.default}`"
        if not example:
            example = f"`{variable(key.name)}_FILE`"
        cells = (f"`{key.name}`", key.type.replace("|", r"\|"), default, key.meaning, example)
        lines.append(f"| {' | '.join(cells)} | {key.since} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Every command with its help, as the terminal has it."""
    lines = [
        "# Commands",
        "",
        MADE,
        "",
        "What `--help` says of each; exit codes are in the README.",
    ]
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for name, command in _commands(group, ""):
        context = typer.Context(command, info_name=f"fhir-remission {name}")
        context.max_content_width = context.terminal_width = 100
        said = re.sub(
            r"default: [0-9]+; 1<=x<=256", "default: one a core", command.get_help(context)
        )
        lines += [
            "",
            f"## {name}",
            "",
            "```text",
            *(row.rstrip() for row in said.rstrip().splitlines()),
            "```",
        ]
    return "\n".join(lines) + "\n"


def json_page() -> str:
    """Every field of the printed line, from its JSON Schema."""
    schema = json.loads((ROOT / "fhir_remission/schema/assessment-2.json").read_text("utf-8"))
    lines = [
        "# JSON",
        "",
        MADE,
        "",
        "One line a patient and criteria set: the same bytes from every command for the same input and",
        "the same `--as-of`. Decimals and dates are text, lists are sorted, keys come in this order.",
        "The schema is `fhir_remission/schema/assessment-2.json`, in Python",
        '`fhir_remission.schema("assessment-2")`.',
        "",
        "```",
        "fhir-remission classify bundle.json --as-of 2026-06-30T00:00:00Z",
        "```",
        "",
        "| field | type | what it holds |",
        "|---|---|---|",
    ]
    for name, field in schema["properties"].items():
        said = " ".join(filter(None, (field["description"], _enumerated(field))))
        lines.append(f"| `{name}` | {_json_type(field)} | {said} |")
    return "\n".join(lines) + "\n"


def _json_type(field: dict[str, Any]) -> str:
    if "oneOf" in field:
        return " or ".join(_json_type(one) for one in field["oneOf"])
    return str(field.get("type") or field.get("$ref", "text").rpartition("/")[2])


def _enumerated(field: dict[str, Any]) -> str:
    return ", ".join(f"`{one}`" for one in field.get("enum", ()))


def errors_page() -> str:
    """Every kind of error with an anchor that is printed with it, and all its messages."""
    messages = _messages()
    lines = [
        "# Errors",
        "",
        MADE,
        "",
        "An error is one line on stderr: what is wrong, where, what to do, and in brackets the place on",
        "this page. Find the words of your line below; `…` stands for names and values of yours.",
        "The exit code of each is for schedulers: only 75 is worth a retry by itself.",
    ]
    for name, kind in vars(errors).items():
        if not (isinstance(kind, type) and issubclass(kind, RemissionError)):
            continue
        said = (kind.__doc__ or "").partition("\n\n")[0].strip()
        lines += [
            "",
            f"## {name} {{#{anchor_of(kind)}}}",
            "",
            f"{said} Exit code {kind.exit_code}.",
        ]
        lines += ["", TO_DO[name]]
        if found := anchored(anchor_of(kind), messages.get(name, set())):
            lines += ["", *(f'- <a id="{at}"></a>`{text}`' for at, text in found)]
    return "\n".join(lines) + "\n"


def anchored(kind: str, messages: set[str]) -> list[tuple[str, str]]:
    """Each message of a kind with an anchor of its first words, numbered where two are the same."""
    found: list[tuple[str, str]] = []
    for text in sorted(messages):
        slug = "-".join([kind, *re.findall("[a-z0-9]+", text.lower())[:4]])
        same = sum(one == slug or one.startswith(f"{slug}--") for one, _ in found)
        found.append((f"{slug}--{same + 1}" if same else slug, text))
    return found


def messages_table() -> str:
    """The same anchors for the command line, which prints them."""
    messages = _messages()
    lines = [
        "anchor\tmessage; … stands for names and values. Made by `make docs-pages` from the code"
    ]
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, RemissionError):
            lines += [
                "\t".join(row) for row in anchored(anchor_of(kind), messages.get(name, set()))
            ]
    return "\n".join(lines) + "\n"


def _messages() -> dict[str, set[str]]:
    """What each kind of error is raised with, read from the code."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "fhir_remission").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        raised = any(name in text for name in TO_DO)
        for node in ast.walk(ast.parse(text)) if raised else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                said = _template(node.args[0])
                if node.func.id in TO_DO and re.search(r"[A-Za-z]{3}", said):
                    found.setdefault(node.func.id, set()).add(said)
    return found


def _template(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("`", "'").replace("\n", " ")
    if isinstance(node, ast.JoinedStr):
        return re.sub("…+", "…", "".join(_template(part) for part in node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _template(node.left) + _template(node.right)
    return "…"


def _commands(group: TyperGroup, above: str) -> Iterator[tuple[str, typer.core.TyperCommand]]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command  # type: ignore[misc]


PAGES = {
    "docs/reference/settings.md": settings_page,
    "docs/reference/commands.md": commands_page,
    "docs/reference/json.md": json_page,
    "docs/errors.md": errors_page,
    "fhir_remission/cli/messages.tsv": messages_table,
}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (ROOT / name).write_text(make(), encoding="utf-8")
