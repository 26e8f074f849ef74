"""Which records are one person: what `Patient.link` of both sides says, weighed against each other.

R4 has the survivor say `replaces` and the former record `replaced-by`, which "must no longer be
used": a statement of a record about itself (http://hl7.org/fhir/R4/valueset-link-type.html). A
link that one side alone makes counts where the former record is inactive or gone; else a merge was
begun or undone on one side only, and both are people of their own.

Records that are linked in any other way are one person, too, and both in use (`refer`, `seealso`;
what nobody can read): each is judged by itself, and what the other holds is an assumption.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, structs

from fhir_remission.fhir.r4.wire import Patient

# `replace` is what DSTU2 calls `replaced-by`.
_NEWER = frozenset({"replaced-by", "replace"})
_OLDER = frozenset({"replaces"})
KINDS = _NEWER | _OLDER
_Step = tuple[str, str]
"""A former record and the one that is said to have replaced it."""


class Links(Struct, frozen=True):
    """What one record says of merges, by the names of the other records."""

    newer: tuple[str, ...] = ()
    older: tuple[str, ...] = ()
    active: bool | None = None
    beside: tuple[str, ...] = ()
    """Those that neither replaced it nor were replaced by it."""

    @property
    def merged(self) -> tuple[str, ...]:
        """Every record that it says was merged with it."""
        return (*self.newer, *self.older)

    @property
    def others(self) -> tuple[str, ...]:
        """Every record it names."""
        return (*self.merged, *self.beside)


class Person(Struct, frozen=True):
    """The record that is in force and those it replaced, by their names."""

    survivor: str = ""
    former: tuple[str, ...] = ()
    problem: str = ""
    """Why nobody can say which record is in force."""
    one_sided: tuple[str, ...] = ()
    """Records that a record of this person says were merged, and that are people of their own."""
    linked: tuple[str, ...] = ()
    """Every record that names one of this person or is named by one, and is judged by itself."""

    @property
    def names(self) -> tuple[str, ...]:
        """All records of the person."""
        return (self.survivor, *self.former)


def links_of(record: Patient, names: Iterable[tuple[str, str]]) -> Links:
    """What a record says; `names` are its links as kind and name of the other record."""
    listed = list(names)
    return Links(
        tuple(name for kind, name in listed if kind in _NEWER and name),
        tuple(name for kind, name in listed if kind in _OLDER and name),
        {b"true": True, b"false": False}.get(bytes(record.active)),
        tuple(name for kind, name in listed if kind not in KINDS and name),
    )


def people_of(said: Mapping[str, Links]) -> dict[str, Person]:
    """The person of each record that says or is said to be merged.

    `said` is what the records at hand say; one that is named and not among them is gone.
    """
    claimed = sorted(_claimed(said))
    counted = [step for step in claimed if _counts(step, said)]
    newer: dict[str, list[str]] = {}
    for old, new in counted:
        newer.setdefault(old, []).append(new)
    found: dict[str, Person] = {}
    near = _near(said)
    for group in _joined({*near, *(name for step in claimed for name in step)}, counted):
        person = _person(group, newer, said)
        aside = sorted({one for name in group for one in _links(name, said).merged} - group)
        linked = sorted({one for name in group for one in near.get(name, ())} - group)
        for name in group:
            found[name] = structs.replace(person, one_sided=tuple(aside), linked=tuple(linked))
    return found


def _near(said: Mapping[str, Links]) -> dict[str, set[str]]:
    """The records that name each other, from both sides."""
    near: dict[str, set[str]] = {}
    for name, links in said.items():
        for other in links.others:
            near.setdefault(name, set()).add(other)
            near.setdefault(other, set()).add(name)
    return near


def _claimed(said: Mapping[str, Links]) -> set[_Step]:
    steps = {(name, new) for name, links in said.items() for new in links.newer}
    steps |= {(old, name) for name, links in said.items() for old in links.older}
    return {(old, new) for old, new in steps if old != new}


def _counts(step: _Step, said: Mapping[str, Links]) -> bool:
    old, new = step
    former = said.get(old)
    if former is None or former.active is False:
        return True
    if new not in former.newer:
        return False
    # A record that calls itself replaced is in force only where it says so in the same breath.
    agreed = old in said.get(new, Links()).older
    return agreed or former.active is None or _runs_in_a_circle(old, said)


def _runs_in_a_circle(name: str, said: Mapping[str, Links]) -> bool:
    """Whether all records on its way call themselves replaced, back to itself."""
    seen, todo = set[str](), [name]
    while todo:
        for new in said.get(todo.pop(), Links()).newer:
            if new == name:
                return True
            if new not in seen:
                seen.add(new)
                todo.append(new)
    return False


def _joined(names: set[str], steps: Iterable[_Step]) -> list[set[str]]:
    group = {name: {name} for name in names}
    for old, new in steps:
        if group[old] is not group[new]:
            group[old] |= group[new]
            for name in group[new]:
                group[name] = group[old]
    return list({id(one): one for one in group.values()}.values())


def _person(group: set[str], newer: Mapping[str, list[str]], said: Mapping[str, Links]) -> Person:
    last = sorted(name for name in group if name not in newer)
    if not last:
        return Person(problem="its record is linked as replaced in a circle")
    if len(last) > 1:
        return Person(problem="its record is linked as replaced by two records")
    unread = last[0] not in said and len(group) > 1
    problem = "the record that replaced it could not be read" if unread else ""
    return Person(last[0], tuple(sorted(group - {last[0]})), problem)


def _links(name: str, said: Mapping[str, Links]) -> Links:
    return said.get(name, Links())
