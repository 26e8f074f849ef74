"""What a site decides about assumptions and policies."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Options(Struct, frozen=True):
    """How far answers may rest on what was never reported."""

    accept_routine: frozenset[str] = frozenset()
    """Routine assumptions that no longer make an answer provisional."""
    strict: bool = False
    """Assume nothing: what was never reported is unknown."""
    policies: Mapping[str, str] = {}
    """Policy name to value, where the site departs from the default."""
    current_only: bool = False
    """Work out the last assessment alone, where nobody asks for the ones before it."""
