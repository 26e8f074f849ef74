"""The cases of `fixtures/cases` as what is broken: each with its answers while it is whole."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from pathlib import Path

from fhir_remission.fhir.r4.datatypes import Json
from fhir_remission.jobs.judging.judging import Judge
from fhir_remission.jobs.judging.request import Request, judge_for

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
SETS = ("eln-2022", "eln-2017", "iwg-2003", "healthtree-2024")
Node = dict[str, Json]


@dataclasses.dataclass(frozen=True)
class Base:
    """One whole case."""

    name: str
    envelope: Node
    """The Bundle without its entries."""
    entries: tuple[Node, ...]
    request: Request
    patient: str

    @property
    def breakable(self) -> list[int]:
        """The entries that may be broken: all but the Patients."""
        kinds = [(at, resource_of(entry)) for at, entry in enumerate(self.entries)]
        return [at for at, held in kinds if held and held.get("resourceType") != "Patient"]

    def body(
        self, at: int = -1, entry: Node | None = None, without: frozenset[int] = frozenset()
    ) -> bytes:
        """The case as JSON; the entry at a place replaced by another, some left out."""
        texts = list(self._texts)
        if entry is not None:
            texts[at] = json.dumps(entry)
        kept = [text for place, text in enumerate(texts) if place not in without]
        head = json.dumps(self.envelope)[:-1]
        return f'{head}, "entry": [{",".join(kept)}]}}'.encode()

    @functools.cached_property
    def _texts(self) -> tuple[str, ...]:
        return tuple(json.dumps(entry) for entry in self.entries)

    def renamed(self, prefix: str) -> Base:
        """The same of another patient, so that many can be in one input."""
        text = re.sub(r'("id": ")', rf"\g<1>{prefix}", json.dumps(self.entries))
        text = re.sub(rf'((?:{_KINDS})/)(?=[\w.-]+")', rf"\g<1>{prefix}", text)
        entries = tuple(json.loads(text))
        kind, _, name = self.patient.partition("/")
        return Base(self.name, self.envelope, entries, self.request, f"{kind}/{prefix}{name}")


_KINDS = "Patient|Observation|Specimen|DiagnosticReport|Condition|Procedure|Medication\\w*"


def resource_of(entry: Node) -> Node:
    """What an entry holds; empty where it holds nothing."""
    held = entry.get("resource")
    return held if isinstance(held, dict) else {}


@functools.cache
def judge_of(as_of: str, complete: frozenset[str], strict: bool, criteria: str) -> Judge:
    """The judge of one criteria set at one moment; tables are read once."""
    return judge_for(
        Request((criteria,), as_of=as_of, complete=complete, strict=strict, history=True)
    )


def judge_of_base(base: Base, criteria: str) -> Judge:
    """The judge that the case asks for."""
    asked = base.request
    return judge_of(asked.as_of, asked.complete, asked.strict, criteria)


@functools.cache
def bases() -> tuple[Base, ...]:
    """Every case that is one Bundle, sorted."""
    folders = sorted(folder for folder in CASES.iterdir() if (folder / "bundle.json").is_file())
    return tuple(_read(folder) for folder in folders)


def base_named(name: str) -> Base:
    """One case by the name of its folder."""
    return next(base for base in bases() if base.name == name)


def _read(folder: Path) -> Base:
    bundle = json.loads((folder / "bundle.json").read_text())
    case = json.loads((folder / "expected.json").read_text())
    entries = tuple(bundle.pop("entry"))
    people = [
        held for one in entries if (held := resource_of(one)).get("resourceType") == "Patient"
    ]
    request = Request(
        criteria=tuple(case["expect"]),
        as_of=case["as_of"],
        complete=frozenset(case["complete"]),
        strict=case.get("strict", False),
    )
    patient = case.get("patient") or (f"Patient/{people[0]['id']}" if people else "")
    return Base(folder.name, bundle, entries, request, patient)
