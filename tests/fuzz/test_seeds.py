"""The kept seeds of the fuzzing lane, on every run of the tests."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.readers import READERS, seeds


@pytest.mark.parametrize("name", READERS)
def test_every_seed_ends_well(name: str) -> None:
    """A value or an exception of ours."""
    assert seeds(name)
    for seed in seeds(name):
        READERS[name](seed.read_bytes())


@pytest.mark.parametrize("name", READERS)
def test_seeds_with_bytes_changed_end_well(name: str) -> None:
    """The cheapest fuzzing of all, where atheris is not installed."""
    dice = random.Random(4)
    for seed in seeds(name):
        whole = seed.read_bytes()
        for _ in range(25):
            changed = bytearray(whole)
            for _ in range(dice.randrange(1, 4)):
                at = dice.randrange(len(changed) + 1)
                changed[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
            READERS[name](bytes(changed))
