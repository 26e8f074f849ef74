"""Up to when the changes of a source were seen, and each patient was read whole.

Watermarks are text of one width, so that their order is that of time. One that nobody can have
made is not believed, and made anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

import msgspec
from msgspec import Struct

from fhir_remission.effects.process.clock import is_timestamp, timestamp
from fhir_remission.fhir.r4.wire import Entry, Observation
from fhir_remission.fhir.server.queries import BY_PATIENT

# A change gets its time before it can be seen, "up to 120 s or longer", and the clocks of a
# cluster differ (LinuxForHealth/FHIR#2030).
OVERLAP = timedelta(minutes=10)
READ = "read"
KINDS = ("Observation", *BY_PATIENT, "Patient")


class ReadMark(Struct, frozen=True):
    """When a patient was last read whole, by which rules, and what was fresh then."""

    at: str = ""
    rules: str = ""
    fresh: frozenset[str] = frozenset()
    """Rows that the next look will find again, because looks overlap."""
    others: frozenset[str] = frozenset()
    """Ids of other records whose changes are this patient's too: merged ones, linked ones."""
    samples: frozenset[tuple[str, str]] = frozenset()
    """Id and version of the Specimens of the results: no search by time shows that one is gone."""

    def __str__(self) -> str:
        """Write it as the value of a watermark."""
        others = [f"&{quote(name, safe='')}" for name in sorted(self.others)]
        samples = [f"*{quote(name, safe='')}*{quote(v, safe='')}" for name, v in self.samples]
        return " ".join([self.at, self.rules, *sorted(self.fresh), *others, *sorted(samples)])


def parse_read_mark(text: str) -> ReadMark:
    """Read the value of a watermark; an empty one says that nobody was there yet."""
    at, rules, *rest = text.split(" ") if text.count(" ") else (text, "")
    fresh = frozenset(word for word in rest if word[:1] not in ("&", "*"))
    others = frozenset(unquote(word[1:]) for word in rest if word[:1] == "&")
    parted = (word[1:].partition("*") for word in rest if word[:1] == "*")
    samples = frozenset((unquote(name), unquote(version)) for name, _, version in parted)
    return ReadMark(at, rules, fresh, others, samples)


def fresh_rows(entries: Iterable[Entry], marks: Mapping[str, str]) -> frozenset[str]:
    """Name the rows that a look from these watermarks on would bring again.

    All of those are named that have no version, by which they would be known.
    """
    held = (mark for name, mark in marks.items() if name in KINDS and is_timestamp(mark))
    since = min(held, default="")
    start = timestamp(datetime.fromisoformat(since) - OVERLAP) if since else ""
    return frozenset(
        row_of(entry) for entry in entries if not version_of(entry) or _latest(entry) >= start
    )


def version_of(entry: Entry) -> str:
    """The version as the server names it; empty where it counts none."""
    meta = entry.resource.meta
    return (meta.version_id if meta else None) or ""


def row_of(entry: Entry) -> str:
    """A word for a row as it stands: by its content too, for servers that count no versions."""
    meta = entry.resource.meta
    said = (entry.ref, meta.version_id, meta.last_updated) if meta else (entry.ref,)
    content = msgspec.json.encode(entry.resource)
    return hashlib.sha256(repr(said).encode() + content).hexdigest()[:12]


def _latest(entry: Entry) -> str:
    meta = entry.resource.meta
    stamps = [utc((meta and meta.last_updated) or "")]
    if isinstance(entry.resource, Observation):
        stamps.append(utc(entry.resource.issued or ""))
    return max(stamps) or "~"


def read_mark(patient: str) -> str:
    """Name the mark that says when a patient (`Patient/p1`) was last read whole."""
    return f"{READ}|{patient}"


def believed(marks: Mapping[str, str], now: datetime) -> dict[str, str]:
    """The marks without those that nobody can have made: of a time to come, or of no time.

    One answer of a server may have had a wrong `Date`, and a table may be damaged. What is left
    out here counts as never seen, and is written anew.
    """
    latest = timestamp(now + OVERLAP)
    return {
        name: value
        for name, value in marks.items()
        if is_timestamp(at := value.partition(" ")[0]) and at <= latest
    }


def with_overlap(mark: str) -> str:
    """From when to look, so that what became visible late is seen as well."""
    since = datetime.fromisoformat(mark) - OVERLAP
    return since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc(stamp: str) -> str:
    """A stamp of the server as text that sorts by time; empty where it is none."""
    try:
        read = datetime.fromisoformat(stamp)
    except ValueError:
        return ""
    return timestamp(read) if read.tzinfo else ""
