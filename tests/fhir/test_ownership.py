"""Whose a resource is: the table, a case per row, and that no combination falls between rows."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any, get_args

import msgspec
import pytest

from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.identity import content_digest, resource_id, seal
from fhir_remission.fhir.writing.impression import build_impression
from fhir_remission.fhir.writing.ownership import (
    TABLE,
    Content,
    Known,
    Mark,
    Sight,
    There,
    Whose,
    owner_of,
    sight_of,
    whose,
)
from fhir_remission.fhir.writing.result_observation import build_observation
from fhir_remission.fhir.writing.site_marks import site_mark
from tests.fhir.samples import IDENTITY, authorship, complete_remission

replace = msgspec.structs.replace
BY = authorship()
OTHER_SITE = replace(IDENTITY, site_id="st-m", key=b"m" * 32)
COPIED_KEY = replace(IDENTITY, site_id="st-m")
NEW_KEY = replace(IDENTITY, key=b"n" * 32)
SYSTEM = IDENTITY.identifier_system("site")
BOOLS = (True, False)


def expected(sight: Sight) -> Whose:
    """The rules in words, written a second time and not as a table."""
    if sight.there == "deleted":
        return "deleted"
    if sight.there == "gone":
        return "gone" if sight.known else "free"
    if sight.mark in ("unreadable", "other-key", "other-namespace"):
        return sight.mark
    if sight.mark == "two":
        return "disputed"
    ours = sight.mark == "ours" or sight.known or sight.proved
    if not ours:
        return "foreign"
    if sight.mark == "other-site":
        return "disputed"
    return "edited" if sight.content == "changed" else "ours"


def all_sights() -> list[Sight]:
    """Every combination."""
    axes = (get_args(There), get_args(Mark), BOOLS, BOOLS, get_args(Content))
    return [Sight(*values) for values in itertools.product(*axes)]


def test_every_combination_has_exactly_one_row() -> None:
    """No gaps, no two rows that both fit, no row that nothing reaches."""
    used = set()
    for sight in all_sights():
        seen = (sight.there, sight.mark, sight.known, sight.proved, sight.content)
        fits = [
            row
            for row in TABLE
            if all(c is None or c == v for c, v in zip(row[:5], seen, strict=True))
        ]
        assert len(fits) == 1, (sight, fits)
        used.add(fits[0])
        assert whose(sight) == expected(sight)
    assert used == set(TABLE)
    assert {row[-1] for row in TABLE} == set(get_args(Whose))


# Resources as they are met -----------------------------------------------------------------------


def written(by: Authorship = BY, **changes: Any) -> dict[str, Any]:
    """A ClinicalImpression as some site writes it."""
    held = copy.deepcopy(build_impression(complete_remission(**changes), by))
    held["meta"]["versionId"] = "3"
    return held


def of(identity: Any) -> Authorship:
    """Another site's hand."""
    return replace(BY, identity=identity)


def without(resource: dict[str, Any], *names: str) -> dict[str, Any]:
    """Some identifiers taken away."""
    held = resource["identifier"]
    kept = [i for i in held if i["system"].rpartition("/")[2] not in names]
    return {**resource, "identifier": kept}


def by_0_1_0(by: Authorship = BY) -> dict[str, Any]:
    """As version 0.1.0 sealed it: no mark, and the digest without one."""
    return seal(without(written(by), "site"))


def marked(resource: dict[str, Any], *values: Any) -> dict[str, Any]:
    """With these marks and no other."""
    marks = [{"system": SYSTEM, "value": value} for value in values]
    return {**resource, "identifier": [*without(resource, "site")["identifier"], *marks]}


def noted(resource: dict[str, Any]) -> dict[str, Any]:
    """A person adds a note."""
    return {**resource, "note": [*resource.get("note", []), {"text": "I disagree"}]}


def remembered(resource: dict[str, Any]) -> Known:
    """What the state says of it."""
    return Known("hash", content_digest(resource), patient="Patient/p1")


MARK = site_mark(IDENTITY)
KNOWN = remembered(written())
P1 = ("Patient/p1",)

# What is met, what the state knows of it, whose it is.
MET: dict[str, tuple[Callable[[], dict[str, Any]], Known | None, Whose]] = {
    "ours": (written, KNOWN, "ours"),
    "ours, state lost": (written, None, "ours"),
    "ours, edited": (lambda: noted(written()), KNOWN, "edited"),
    "ours, edited, state lost": (lambda: noted(written()), None, "edited"),
    "ours, as the server rewrites it": (
        lambda: noted(written()),
        remembered(noted(written())),
        "ours",
    ),
    "ours, its mark taken away": (lambda: without(written(), "site"), KNOWN, "edited"),
    "ours, its mark taken away, state lost": (lambda: without(written(), "site"), None, "edited"),
    "ours, all identifiers taken away": (
        lambda: without(written(), "site", "assessment", "evidence-hash", "content-digest"),
        None,
        "edited",
    ),
    "ours, its mark made another site's": (
        lambda: marked(written(), site_mark(OTHER_SITE)),
        KNOWN,
        "disputed",
    ),
    "ours, its mark made another site's, state lost": (
        lambda: marked(written(), site_mark(OTHER_SITE)),
        None,
        "disputed",
    ),
    "another site": (lambda: written(of(OTHER_SITE)), None, "foreign"),
    "another site, edited": (lambda: noted(written(of(OTHER_SITE))), None, "foreign"),
    "another site with a copied key": (lambda: written(of(COPIED_KEY)), None, "foreign"),
    "our mark copied beside another's": (
        lambda: marked(written(of(OTHER_SITE)), site_mark(OTHER_SITE), MARK),
        None,
        "disputed",
    ),
    "our id, another key": (lambda: written(of(NEW_KEY)), None, "other-key"),
    "our id, another key, edited": (lambda: noted(written(of(NEW_KEY))), KNOWN, "other-key"),
    "a mark that is a number": (lambda: marked(written(), 5), KNOWN, "unreadable"),
    "a mark that is no text": (lambda: marked(written(), {"a": 1}), None, "unreadable"),
    "a mark without a value": (lambda: marked(written(), None), None, "unreadable"),
    "a mark of no site": (lambda: marked(written(), "abc"), None, "unreadable"),
    "a mark of nobody's id": (lambda: marked(written(), ":abc"), None, "unreadable"),
    "0.1.0, known": (by_0_1_0, remembered(by_0_1_0()), "ours"),
    "0.1.0, state lost": (by_0_1_0, None, "ours"),
    "0.1.0, edited": (lambda: noted(by_0_1_0()), remembered(by_0_1_0()), "edited"),
    "0.1.0, edited, state lost": (lambda: noted(by_0_1_0()), None, "edited"),
    "0.1.0 of another site": (lambda: by_0_1_0(of(OTHER_SITE)), None, "foreign"),
    "0.1.0 of another site with a copied key": (lambda: by_0_1_0(of(COPIED_KEY)), None, "foreign"),
    "0.1.0 of our id with another key": (lambda: by_0_1_0(of(NEW_KEY)), None, "foreign"),
    "under another namespace": (
        lambda: written(of(replace(IDENTITY, namespace="https://other.example/ns"))),
        None,
        "other-namespace",
    ),
    "another site under another namespace": (
        lambda: written(of(replace(OTHER_SITE, namespace="https://other.example/ns"))),
        None,
        "foreign",
    ),
}


@pytest.mark.parametrize("name", MET)
def test_what_is_met(name: str) -> None:
    """Each as it would be read from a server."""
    make, known, owner = MET[name]
    assert owner_of(make(), IDENTITY, patients=P1, known=known) == owner


def test_an_anchor_that_is_gone_still_proves_what_0_1_0_wrote() -> None:
    """Its name is made of something it cites, whatever this run has assessed."""
    old = by_0_1_0()
    assert owner_of(old, IDENTITY, patients=P1) == "ours"
    assert sight_of(old, IDENTITY, patients=P1).proved
    # About somebody else nothing is proved, and of nobody else's evidence.
    moved = {**old, "subject": {"reference": "Patient/p2"}}
    assert owner_of(moved, IDENTITY, patients=("Patient/p2",)) == "foreign"


def test_a_name_that_this_run_made_is_proof_enough() -> None:
    """An EHR keeps no evidence in our Observation to prove it by."""
    by = replace(BY, in_note=True, fields=("note", "valueCodeableConcept"))
    held = build_observation(complete_remission(), by)
    old = {
        **held,
        "note": [
            note | {"text": " ".join(w for w in note["text"].split(" ") if w[:5] != "site=")}
            for note in held["note"]
        ],
    }
    own = resource_id(IDENTITY, "observation", complete_remission())
    assert owner_of(old, IDENTITY, patients=P1) == "foreign"
    assert owner_of(old, IDENTITY, patients=P1, names={own}) == "ours"
    assert owner_of(old, IDENTITY, patients=P1, known=remembered(old)) == "ours"


@pytest.mark.parametrize(
    "site_id",
    [
        "st-e",
        "St. Elisabeth",
        "a:b",
        "a|b",
        "a%b",
        "100 % = all",
        "Süd",
        "Su\u0308d",
        "病院",
        "a=b",
        "\u00a0x",
    ],
)
def test_a_site_may_be_called_anything(site_id: str) -> None:
    """As an identifier and inside of a note."""
    identity = replace(IDENTITY, site_id=site_id)
    for in_note in BOOLS:
        by = replace(of(identity), in_note=in_note)
        held = build_observation(complete_remission(), by)
        assert owner_of(held, identity) == "ours"
        assert owner_of(noted(held), identity) == "edited"
        assert owner_of(held, OTHER_SITE, patients=P1) == "foreign"
        assert owner_of(held, replace(identity, key=b"n" * 32), patients=P1) == "other-key"


def test_sites_whose_ids_begin_alike_are_two() -> None:
    """`a` is not `a:b`."""
    short, long = replace(IDENTITY, site_id="a"), replace(IDENTITY, site_id="a:b")
    assert owner_of(written(of(long)), short, patients=P1) == "foreign"
    assert owner_of(written(of(short)), long, patients=P1) == "foreign"


def test_a_server_may_compose_letters() -> None:
    """`u` and its dots become one character."""
    identity = replace(IDENTITY, site_id="Su\u0308d")
    held = marked(written(of(identity)), site_mark(replace(identity, site_id="Süd")))
    assert sight_of(held, identity).mark == "ours"


def test_a_copied_note_makes_no_result_ours() -> None:
    """Two notes stand for two identities; neither is believed."""
    by, theirs = replace(BY, in_note=True), replace(of(OTHER_SITE), in_note=True)
    ours = build_observation(complete_remission(), by)
    foreign = build_observation(complete_remission(), theirs)
    copied: dict[str, Any] = {**foreign, "note": [*foreign["note"], ours["note"][-1]]}  # type: ignore[misc]
    assert owner_of(foreign, IDENTITY, patients=P1) == "foreign"
    assert owner_of(copied, IDENTITY, patients=P1) == "disputed"
    assert owner_of(copied, OTHER_SITE, patients=P1) == "disputed"


def test_what_a_site_wrote_before_it_was_renamed_is_still_its_own() -> None:
    """Marked or, by 0.1.0, not."""
    renamed = replace(IDENTITY, site_id="st-elisabeth", former=("st-e",))
    assert owner_of(written(), renamed, patients=P1) == "ours"
    assert owner_of(by_0_1_0(), renamed, patients=P1) == "ours"
    assert owner_of(noted(written()), renamed, patients=P1) == "edited"
    assert owner_of(written(of(NEW_KEY)), renamed, patients=P1) == "other-key"
    assert owner_of(written(), replace(renamed, former=()), patients=P1) == "foreign"
