"""One entry of a Bundle: a resource, a deletion, an outcome, another Bundle, or damage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Raw, ValidationError, structs

from fhir_remission.fhir.incoming.damage import Damaged, Deleted, damaged, told_twice, within
from fhir_remission.fhir.incoming.envelope import (
    WRAPPERS,
    BundleBody,
    BundleEntry,
    decode_bundle,
    decode_entry,
    decode_parameters,
    decode_strange_entry,
    ends_later,
    ends_of,
    has_lost_link,
)
from fhir_remission.fhir.incoming.history import Step, deletions, step
from fhir_remission.fhir.incoming.holders import bind
from fhir_remission.fhir.incoming.messages import HEADER, failed, missing, noticed, without_focus
from fhir_remission.fhir.incoming.pages import PageEnds
from fhir_remission.fhir.incoming.retractions import RETRACTING, Doubted, retractions, told_once
from fhir_remission.fhir.incoming.versions import rank_of
from fhir_remission.fhir.r4.decoding import decode_resource
from fhir_remission.fhir.r4.elements import Reference, is_there
from fhir_remission.fhir.r4.outcomes import Issue, held_back, read_outcome, what_it_says
from fhir_remission.fhir.r4.references import parse_literal
from fhir_remission.fhir.r4.repeated import repeated_name
from fhir_remission.fhir.r4.type_names import TYPE_NAMES, evidence_within
from fhir_remission.fhir.r4.wire import UNREADABLE, Entry

# Batches of batches of documents; deeper is a mistake or an attack.
MAX_DEPTH = 8
# A batch that only wrote has no resources to show.
_WRITTEN = frozenset({"201", "204"})
NO_TYPE = "its type is none that FHIR has"
_STATUS = re.compile(r"\s*(?:HTTP/[\d.]+\s+)?([1-5]\d\d)\b")


class _Around(NamedTuple):
    """What an entry stands in: the kind of Bundle, the mode of its search, how deep."""

    kind: str
    mode: str
    depth: int


class Entries:
    """What the entries of a Bundle are, with those of the Bundles among them."""

    def __init__(self, *, wary: bool = False) -> None:
        self.wary = wary
        """Whether names that stand twice are looked for."""
        self.entries: list[Entry] = []
        self.outcomes: list[tuple[Issue, ...]] = []
        self.damage: list[Damaged] = []
        self.deleted: list[Deleted] = []
        self.doubted: list[Doubted] = []
        self.noticed: list[Reference] = []
        """What notices of subscriptions are about."""
        self.inner: list[PageEnds] = []
        self.used = 0
        self.irrelevant = 0
        self.read = 0

    def add(
        self, bundle: BundleBody, name: str, *, strange: str = "", depth: int = 0, address: str = ""
    ) -> int:
        """Take in a Bundle and what it says of itself; how many of its entries are matches.

        `strange` is an element of it that FHIR does not know.
        """
        kind, steps, came, first = bundle.type or "", list[Step](), 0, len(self.entries)
        for reason in _lacks(bundle, strange):
            self._incomplete(name, reason)
        if is_there(bundle.issues):
            self._outcome(bundle.issues)
        for index, body in enumerate(bundle.entry or []):
            place = f"{name} entry {index}"
            self.read += 1
            try:
                came += self._entry(body, place, kind, steps, depth)
            except UNREADABLE as error:
                self.damage.append(damaged(body, place, error))
                came += 1
        self._settle(steps)
        if kind != "searchset":
            bind(self.entries[first:], bundle, address)
        if kind == "message":
            self.damage += without_focus(bundle, self.entries[first:], name)
        if self.noticed and not depth:
            self.damage += missing(self.noticed, bundle, self.entries, name)
        if depth:
            self.inner.append(ends_of(bundle, name, came))
        return came

    def _settle(self, steps: list[Step]) -> None:
        """Take in what a history deleted, once all of it is known."""
        for one in deletions(steps):
            if isinstance(one, Deleted):
                self.deleted.append(one)
            else:
                self.doubted.append(one)

    def _entry(self, body: Raw, place: str, kind: str, steps: list[Step], depth: int) -> bool:
        """Take in one entry; whether it counts among the matches of its Bundle."""
        if self.wary and (twice := repeated_name(body)):
            self.damage.append(told_twice(body, place, twice))
            return True
        try:
            entry: BundleEntry = decode_entry(body)
        except ValidationError:
            entry, strange = decode_strange_entry(body)
            if strange:
                self.damage.append(Damaged(place=place, reason=f"a resource under {strange}"))
                return True
        mode = entry.search.mode if entry.search else None
        # Most of all entries are rows of a search, and every one passes here.
        plain = kind == "searchset" and entry.request is None and entry.response is None
        plain = plain and not is_there(entry.modifier_extension)
        if plain and mode == "match" and is_there(entry.resource):
            resource = decode_resource(entry.resource)
            if not isinstance(resource, str):
                self.entries.append(Entry(resource, entry.full_url or "", place))
                return True
        self._uncommon(entry, body, place, _Around(kind, mode or "", depth), steps)
        return mode not in ("include", "outcome")

    def _uncommon(
        self,
        entry: BundleEntry,
        body: Raw,
        place: str,
        around: _Around,
        steps: list[Step],
    ) -> None:
        """Take in an entry that is no plain row."""
        kind, mode, depth = around
        if entry.response is not None and is_there(entry.response.outcome):
            self._outcome(entry.response.outcome)
        method = (entry.request.method or "").strip().upper() if entry.request else ""
        if method == "DELETE":
            self._deletion(entry, place, kind, steps)
        elif method == "PATCH":
            self._change(entry, place)
        elif trouble := _trouble(entry, kind):
            self.damage.append(damaged(body, place, None, trouble))
        elif not is_there(entry.resource):
            self._empty(entry, body, place)
        else:
            held = len(self.entries)
            self._resource(entry, body, place, mode, depth)
            if kind == "history" and (made := self.entries[held:]):
                steps.append(step(entry, made[0].ref, rank_of(made[0].resource)))

    def _empty(self, entry: BundleEntry, body: Raw, place: str) -> None:
        status = _STATUS.match((entry.response.status if entry.response else None) or "")
        if status is not None and status[1] in _WRITTEN:
            self.irrelevant += 1
            return
        told = "it holds no resource; each belongs under `resource`"
        if status is not None:
            told = f"the server answered {status[1]} and no resource to what was asked for"
        lost = damaged(body, place, None, told)
        self.damage.append(structs.replace(lost, kind="empty"))

    def _incomplete(self, name: str, reason: str) -> None:
        self.damage.append(Damaged(place=name, reason=reason, kind="incomplete"))

    def _deletion(self, entry: BundleEntry, place: str, kind: str, steps: list[Step]) -> None:
        ref = _target(entry)
        if ref and kind == "history":
            steps.append(step(entry, ref, place=place))
        elif ref:
            self.deleted.append(Deleted(ref, place))
        else:
            self.damage.append(Damaged(place=place, reason="a deletion that does not say of what"))

    def _change(self, entry: BundleEntry, place: str) -> None:
        """A change in part: what it changed is not known any more."""
        ref = _target(entry)
        reason = "a change in part (PATCH); the whole resource is not here"
        self.damage.append(
            Damaged(place=place, reason=reason, resource_type=ref.partition("/")[0], ref=ref)
        )

    def _outcome(self, body: Raw) -> None:
        """One that stands beside the entries."""
        self.read += 1
        self.outcomes.append(read_outcome(body))

    def _resource(self, entry: BundleEntry, body: Raw, place: str, mode: str, depth: int) -> None:
        resource = decode_resource(entry.resource)
        if resource == "OperationOutcome":
            self.outcomes.append(read_outcome(entry.resource))
        elif mode == "outcome":
            self.damage.append(damaged(body, place, None, "a resource where an outcome was said"))
        elif isinstance(resource, str) and resource in WRAPPERS:
            self.noticed += noticed(entry.resource, resource)
            self._nested(entry, resource, place, depth)
        elif not isinstance(resource, str):
            included = mode == "include"
            url = entry.full_url or ""
            self.entries.append(Entry(resource, full_url=url, place=place, included=included))
        elif evidence_within(entry.resource):
            self.damage.append(within(body, place))
        elif resource in RETRACTING:
            self._retraction(entry.resource, resource, place)
        elif resource in TYPE_NAMES:
            self.irrelevant += 1
            self.damage += failed(entry.resource, place) if resource == HEADER else []
            self.noticed += noticed(entry.resource, resource)
        else:
            self.damage.append(damaged(body, place, None, NO_TYPE))

    def _retraction(self, body: Raw, kind: str, place: str) -> None:
        """Something that may take others back."""
        found = retractions(body, kind, place)
        doubted, lost = told_once(found)
        self.doubted += doubted
        self.damage += lost
        self.used += bool(found) and not lost
        self.irrelevant += not found

    def _nested(self, entry: BundleEntry, kind: str, place: str, depth: int) -> None:
        body = entry.resource
        if depth == MAX_DEPTH:
            reason = f"Bundles within Bundles more than {MAX_DEPTH} deep"
            self.damage.append(Damaged(place=place, reason=reason))
            return
        bundle, strange = decode_bundle(body) if kind == "Bundle" else (decode_parameters(body), "")
        if bundle is None:
            self.irrelevant += 1
            return
        self.read -= 1  # the wrapping is no entry of its own
        self.add(bundle, place, strange=strange, depth=depth + 1, address=entry.full_url or "")


def _lacks(bundle: BundleBody, strange: str) -> Iterator[str]:
    """Why rows may be missing, by what a Bundle says of itself."""
    label = held_back(bundle.meta)
    if label:
        yield f"the Bundle is labelled {label}: {what_it_says(label, 'rows were held back')}"
    if is_there(bundle.implicit_rules):
        yield "the Bundle follows implicitRules that are not known"
    if strange:
        yield f"the Bundle has {strange}, which FHIR does not know: it may hold rows"
    if has_lost_link(bundle.link or []):
        yield "one page of several: nothing says where the next one is"
    if ends_later(bundle.link or []):
        yield "one page of several: its last link names a later one, and no link the next"


def _trouble(entry: BundleEntry, kind: str) -> str:
    """Why an entry is not what was asked for, whatever it holds; empty where it may be."""
    if is_there(entry.modifier_extension):
        return "the entry carries a modifierExtension that is not understood"
    status = entry.response.status if entry.response else None
    asked = kind in ("batch-response", "transaction-response")
    if asked or status is not None:
        found = _STATUS.match(status or "")
        if found is None:
            return "an answer without a status: what was asked for is not known"
        if found[1] >= "400":
            return f"the server answered {found[1]} to what was asked for"
    return ""


def _target(entry: BundleEntry) -> str:
    """What an entry is about: as its request names it, else by its address."""
    asked = entry.request.url if entry.request is not None else None
    for text in (asked, entry.full_url):
        literal = parse_literal((text or "").strip())
        if literal is not None:
            return literal.relative
    return ""
