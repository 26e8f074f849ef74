"""The page on criteria shows what the commands print."""

import re
from pathlib import Path

import pytest

from fhir_remission.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "criteria.md"
BLOCK = re.compile(r"`fhir-remission (criteria [\w -]+)`[^`]*```text\n(.*?)```", re.DOTALL)


def test_what_the_page_shows_of_show_and_diff_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each block stands, line by line, in what its command prints."""
    shown = BLOCK.findall(PAGE.read_text(encoding="utf-8"))

    assert [command for command, _ in shown] == [
        "criteria show eln-2022",
        "criteria diff eln-2017 eln-2022",
    ]
    for command, block in shown:
        assert main(command.split()) == 0
        assert block in capsys.readouterr().out
