"""Why: each criterion with its verdict and evidence, draws, claims, what was left out, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

from msgspec import Struct

from fhir_remission.domain.answer.layout import printable
from fhir_remission.domain.answer.proof import asked_by
from fhir_remission.report.entries import Entry, Judgement, Key, evidence_key, key_of

VERDICTS = {
    "met": ("✓", "met"),
    "not-met": ("✗", "not met"),
    "unknown": ("?", "not known"),
    "assumed": ("~", "assumed"),
}
TRUST = "V read in the paper, V2 in a copy, R recalled, S transcribed, ours decided here"
_SAYS = {True: "agrees", False: "disagrees", None: "cannot be compared"}


class Cited(Struct, frozen=True):
    """A number of the evidence and the row of the table that it names."""

    number: int
    row: int


class Criterion(Struct, frozen=True):
    """One criterion of the answer."""

    name: str
    sign: str
    verdict: str
    rule: str
    source: str
    evidence: tuple[Cited, ...]


class Proof(Struct, frozen=True):
    """Everything below the picture for one criteria set."""

    title: str
    heading: str
    """Of the criteria that a category asks, or of what decided where it asks for none."""
    criteria: tuple[Criterion, ...]
    beside: tuple[Criterion, ...]
    latest: tuple[Criterion, ...]
    """Those of the latest marrow by itself, where it says another thing than the answer."""
    draws: tuple[tuple[str, str, str], ...]
    claims: tuple[tuple[str, str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    policies: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]


def proof_of(one: Judgement, entries: Sequence[Entry], tables: str) -> Proof:
    """The proof of one answer."""
    now = one.now
    places: dict[Key, Cited] = {}
    for entry in entries:
        if entry.number:
            places.setdefault(key_of(entry.item), Cited(entry.number, entry.id))
    rows = [_criterion(told, places) for told in now["criteria_results"]]
    asked = asked_by(one.criteria, now["category"])
    about = one.criteria.about
    open_ones = {policy.name for policy in one.criteria.policy if len(policy.choices) > 1}
    return Proof(
        title=about.title,
        heading="Criteria of" if asked else "What decided",
        criteria=tuple(row for row in rows if not asked or row.name in asked),
        beside=tuple(row for row in rows if asked and row.name not in asked),
        latest=tuple(
            _criterion(told, places)
            for told in (now.get("latest") or {}).get("criteria_results", ())
        ),
        draws=tuple(
            (draw["effective"], "chosen" if draw["chosen"] else "not chosen", draw["reason"])
            for draw in now["draws"]
        ),
        claims=tuple(
            (_SAYS[c["agrees"]], printable(c["text"]), c["source"]) for c in now["claims"]
        ),
        skipped=tuple((told["source"], printable(told["reason"])) for told in now["skipped"]),
        policies=tuple((k, v) for k, v in now["policies"].items() if k in open_ones),
        versions=(
            ("Criteria", f"{about.title} ({about.id}, version {about.version}): {about.paper}"),
            ("Software", f"{now['software']['name']} {now['software']['version']}"),
            *([("Tables", tables)] if tables else ()),
            ("Evidence hash, as on the server", now["evidence_hash"]),
        ),
    )


def link_of(entry: Entry, base: str) -> str:
    """Where the source shows this very version; empty where there is no server to ask."""
    ref, version = entry.item.source.ref, entry.item.source.version
    kind, _, name = ref.partition("/")
    place = urlsplit(base)
    usable = place.scheme in ("https", "http") and "@" not in place.netloc
    if not usable or not name or not kind.isalpha():
        return ""
    history = f"/_history/{quote(version, safe='')}" if version else ""
    return f"{base.rstrip('/')}/{kind}/{quote(name, safe='')}{history}"


def _criterion(told: Mapping[str, object], places: Mapping[Key, Cited]) -> Criterion:
    sign, verdict = VERDICTS[str(told["verdict"])]
    evidence = told["evidence"]
    keys = [evidence_key(one) for one in evidence] if isinstance(evidence, list) else []
    cited = {places[key] for key in keys if key in places}
    return Criterion(
        str(told["criterion"]),
        sign,
        verdict,
        str(told["rule"]),
        str(told["source"]),
        tuple(sorted(cited, key=lambda one: one.number)),
    )
