"""Lists gathered from public sources, in a folder beside the checkout where somebody keeps them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def beside(pattern: str) -> Path:
    """The file or folder of this name in a sibling folder, or skip."""
    found = next(iter(sorted(ROOT.parent.glob(f"*/{pattern}"))), None)
    if found is None:
        pytest.skip(f"no {pattern} beside the checkout")
    return found


def rows(pattern: str) -> list[dict[str, str]]:
    """The rows of a CSV beside the checkout, or skip."""
    with beside(pattern).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
