"""The three readers that meet bytes of others, each as a function of bytes that ends well.

"Ends well" is: a value, or an exception of ours. Anything else is a bug, and the input is kept.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec

from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.effects.files.mapping_files import default_dir, load_mappings
from fhir_remission.effects.server.client import decode_json
from fhir_remission.effects.server.server_families import choose_profile, load_families
from fhir_remission.errors import RemissionError
from fhir_remission.fhir.incoming.bundle import next_link, read_page
from fhir_remission.fhir.incoming.grouping import group_by_patient
from fhir_remission.fhir.incoming.screening import screen
from fhir_remission.fhir.r4.outcome import read_answer
from fhir_remission.fhir.r4.wire import UNREADABLE
from fhir_remission.fhir.reading.members import missing_members
from fhir_remission.fhir.reading.record import Reading, read_record
from fhir_remission.fhir.server.queries import Query
from fhir_remission.settings import load_settings

SEEDS = Path(__file__).parent / "seeds"
ASKED = Query("Observation", (), frozenset({"p1"}), frozenset({("http://loinc.org", "751-8")}))


@cache
def _mappings() -> Mappings:
    return load_mappings()


def page(data: bytes) -> None:
    """A page of a search: read, screened, sorted to patients; and the same bytes as an error."""
    read_answer(data)
    link = next_link(data)
    with contextlib.suppress(RemissionError):
        found = read_page(data)
        assert link == found.next_url
        missing_members(found.entries, set(), reports=True)
        screen(found.entries, ASKED, frozenset())
        group_by_patient(found.entries)
    with contextlib.suppress(RemissionError, *UNREADABLE):
        choose_profile(decode_json(data), load_families(default_dir() / "servers"), setting="auto")


def observation(data: bytes) -> None:
    """One resource of a patient, as the rest of the program sees it."""
    body = b'{"resourceType":"Bundle","entry":[{"resource":' + data + b"}]}"
    with contextlib.suppress(RemissionError):
        for name, entries in group_by_patient(read_page(body).entries).patients.items():
            record = read_record(name, entries, _mappings(), Reading())
            msgspec.json.encode(record.results)


def settings(data: bytes) -> None:
    """A settings file."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        file = Path(folder) / "site.toml"
        file.write_bytes(data)
        with contextlib.suppress(RemissionError):
            load_settings(file).shown()


READERS: dict[str, Callable[[bytes], None]] = {
    "page": page,
    "observation": observation,
    "settings": settings,
}


def seeds(name: str) -> list[Path]:
    """The kept inputs of one reader: what once went wrong, and one of each shape."""
    return sorted((SEEDS / name).iterdir())


def as_json(value: object) -> bytes:
    """Write a seed."""
    return json.dumps(value, indent=1).encode()
