"""Where everything that came in ended: one account for all ways in.

An entry of a Bundle, a line of a file, a row of a page is counted once where it is read and once
where it ends. There is no place besides these, so both numbers are the same, or something was lost.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, structs

from fhir_remission.domain.answer.wording import number_of

Place = Literal[
    "used", "superseded", "duplicate", "irrelevant", "skipped", "unassigned", "damaged", "deleted"
]


class Account(Struct):
    """How many came in, and how many of them ended where."""

    read: int = 0
    """Counted at the entrance, of whatever kind."""
    used: int = 0
    """Read into somebody's record, or kept for whoever points to it."""
    superseded: int = 0
    """An older version of something that came in a newer one."""
    duplicate: int = 0
    """The same version once more."""
    irrelevant: int = 0
    """Of a type or code that no table knows, or written by ourselves."""
    skipped: int = 0
    """Understood and left out; shown under `skipped` with the reason."""
    unassigned: int = 0
    """May be evidence, and names no patient that can be resolved."""
    damaged: int = 0
    """Could not be read, or says that something could not."""
    deleted: int = 0
    """Deleted on the server, and the deletions themselves."""

    def add(self, other: Account) -> None:
        """Add the account of another part of the input."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def end(self, place: Place, many: int = 1) -> None:
        """Note where so many ended."""
        setattr(self, place, getattr(self, place) + many)

    @property
    def ended(self) -> int:
        """How many have ended anywhere."""
        return sum(self.told().values()) - self.read

    @property
    def lost(self) -> int:
        """How many are nowhere, or twice: a bug of ours, and the run is incomplete."""
        return abs(self.read - self.ended)

    def told(self) -> dict[str, int]:
        """The numbers by name, as a run summary has them."""
        return structs.asdict(self)

    def __str__(self) -> str:
        """Write the sum in a line."""
        ended = {name: many for name, many in self.told().items() if name != "read" and many}
        parts = " + ".join(f"{many} {name}" for name, many in ended.items()) or "0"
        told = f"{number_of(self.read, 'entry', 'entries')} read = {parts}"
        return (
            f"{told}; {self.lost} cannot be accounted for: please report it" if self.lost else told
        )
