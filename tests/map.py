"""The map of the house in the README, made of what each floor and each room says of itself.

`python -m tests.map` prints it; `python -m tests.map --write` puts it into the README.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

from tests.test_layers import PACKAGE, ROOMS

README = Path(__file__).parents[1] / "README.md"
ORDER = ("cli", "service", "report", "jobs", "effects", "settings", "fhir", "domain", "rehearsal")
"""From the top down: a floor imports those below it."""
BETWEEN = re.compile(r"(?<=<!-- map -->\n).*?(?=<!-- end of map -->)", re.DOTALL)


def sentence(folder: Path) -> str:
    """The first line of what a folder says of itself."""
    told = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    assert told, f"{folder}/__init__.py says nothing"
    return told.partition("\n")[0]


def drawn() -> str:
    """The map as Markdown: a row per floor, and under it one per room, lowest room first."""
    rows = ["| floor | room | what lives there |", "|---|---|---|"]
    for floor in (name for name in ORDER if (PACKAGE / name).is_dir()):
        rows.append(f"| `{floor}` | | {sentence(PACKAGE / floor)} |")
        rows += [
            f"| | `{room}` | {sentence(PACKAGE / floor / room)} |" for room in ROOMS.get(floor, ())
        ]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        text = README.read_text(encoding="utf-8")
        README.write_text(BETWEEN.sub(lambda _: drawn(), text), encoding="utf-8")
    else:
        print(drawn(), end="")
