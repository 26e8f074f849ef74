"""The same breaks through `archive` and `sync`: many broken patients a run.

What makes everybody of an input incomplete would hide all others, so a break after which nobody
can be told from the rest goes through `classify` alone.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fhir_remission.jobs.archive.archive import Order
from fhir_remission.jobs.archive.archive import run as run_archive
from fhir_remission.jobs.judging.incoming import read_incoming
from fhir_remission.jobs.judging.request import Request
from fhir_remission.rehearsal.server.replies import Reply
from tests.garble.bases import SETS, Base, Node, bases, resource_of
from tests.garble.exempt import exemption_of
from tests.garble.search import Tally, Try, try_of
from tests.garble.standing import NOTHING, Standing
from tests.matrix.world import GROUP, World

AS_OF = "2026-10-01T00:00:00Z"
AT_ONCE = 250
Answered = Mapping[tuple[str, str], Standing]
"""By patient, or by case, and criteria set."""


def through_archive(seed: int, count: int) -> Tally:
    """Break, and judge as lines of files."""
    tally, plain = Tally(), _apart(_alike())
    whole = _by_name(plain, _archived([base.body() for base in plain]))
    for batch in _batches(seed, count, _is_attributed):
        after = _archived([one.broken.body for one in batch])
        _take(tally, batch, whole, after)
    return tally


def through_sync(seed: int, count: int) -> Tally:
    """Break, and read from the embedded server, which answers with what was broken."""
    tally = Tally()
    plain = _apart([base for base in _alike() if _is_servable(base)])
    whole = _by_name(plain, _synced(plain, {}))
    for batch in _batches(seed, count, _is_answerable):
        broken = {
            _name(one.base.entries[one.broken.at]): one.broken.entry
            for one in batch
            if one.broken.entry is not None
        }
        _take(tally, batch, whole, _synced_or_stopped([one.base for one in batch], broken))
    return tally


def _synced_or_stopped(every: Sequence[Base], broken: Mapping[str, Node]) -> Answered:
    """What each run says; a row of a stranger stops the run that it is in, and no other."""
    try:
        return _synced(every, broken)
    except Stopped:
        if len(every) == 1:
            return {}
    half = len(every) // 2
    return {
        **_synced_or_stopped(every[:half], broken),
        **_synced_or_stopped(every[half:], broken),
    }


class Stopped(Exception):
    """The run ended at once: the server sent what nobody asked for."""


def _alike() -> list[Base]:
    """The cases that one run can judge together."""
    asked = [base for base in bases() if base.request.as_of == AS_OF]
    return [
        one for one in asked if one.request.complete == {"Procedure"} and not one.request.strict
    ]


def _batches(seed: int, count: int, wanted: Any) -> Iterator[list[Try]]:
    names = {base.name for base in _alike()}
    batch: list[Try] = []
    while count:
        one = try_of(seed, prefix=f"t{seed}-")
        seed += 1
        if one is None or one.base.name not in names or not wanted(one):
            continue
        batch.append(one)
        count -= 1
        if len(batch) == AT_ONCE or not count:
            yield batch
            batch = []


def _apart(every: Sequence[Base]) -> list[Base]:
    """The cases with patients of their own."""
    return [base.renamed(f"w{number}-") for number, base in enumerate(every)]


def _by_name(every: Sequence[Base], found: Answered) -> Answered:
    names = {base.patient: base.name for base in every}
    return {
        (names[patient], chosen): one
        for (patient, chosen), one in found.items()
        if patient in names
    }


def _take(tally: Tally, batch: Sequence[Try], whole: Answered, after: Answered) -> None:
    for one in batch:
        before = whole.get((one.base.name, one.criteria), NOTHING)
        tally.take(one, before, after.get((one.base.patient, one.criteria), NOTHING))


def _is_attributed(one: Try) -> bool:
    """Whether what is damaged by it is known to be the patient's."""
    if one.broken.kind == "whose":
        return False
    damage = read_incoming([one.broken.body], "input").damage
    return all(item.patient or not item.hides_evidence for item in damage)


def _archived(bodies: Sequence[bytes]) -> Answered:
    with tempfile.TemporaryDirectory(prefix="garble-") as folder:
        file = Path(folder) / "in.ndjson"
        file.write_bytes(b"".join(body.replace(b"\n", b" ") + b"\n" for body in bodies))
        request = Request(criteria=SETS, as_of=AS_OF, complete=frozenset({"Procedure"}))
        run_archive(Order((file,), Path(folder) / "out", request), lambda *_: None)
        lines = (Path(folder) / "out" / "assessments.ndjson").read_bytes().splitlines()
    return _standings(json.loads(line) for line in lines)


def _is_answerable(one: Try) -> bool:
    """A row of somebody nobody asked for ends a run of `sync` at once, and rightly."""
    moved = one.broken.path == "subject.reference" and exemption_of(one.broken, "") is not None
    return _is_servable(one.base) and not moved and one.broken.kind != "whose"


def _is_servable(base: Base) -> bool:
    """A server holds one version of a resource, and no Bundles."""
    held = [resource_of(entry) for entry in base.entries]
    names = [_name(entry) for entry in base.entries]
    plain = all(one.get("id") and one.get("resourceType") != "Bundle" for one in held)
    return plain and len(set(names)) == len(names)


def _name(entry: Node) -> str:
    held = resource_of(entry)
    return f"{held.get('resourceType')}/{held.get('id')}"


def _synced(every: Sequence[Base], broken: Mapping[str, Node]) -> Answered:
    held: list[Any] = [resource_of(entry) for base in every for entry in base.entries]
    held = list({f"{one['resourceType']}/{one['id']}": one for one in held}.values())
    members = [{"entity": {"reference": base.patient}} for base in every]
    group = {"resourceType": "Group", "id": GROUP, "type": "person", "actual": True}
    with tempfile.TemporaryDirectory(prefix="garble-") as folder, ExitStack() as stack:
        extra = f"[criteria]\nsets = {json.dumps(list(SETS))}\n"
        world = World(
            "hapi", Path(folder), stack, held=[*held, {**group, "member": members}], extra=extra,
            rows=50,
        )  # fmt: skip
        answer = world.source.faults.answer

        def answered(request: Any, service: Any) -> Any:
            reply = answer(request, service)
            return _with_broken(reply, broken) if isinstance(reply, Reply) else reply

        world.source.faults.answer = answered  # type: ignore[method-assign]
        ran = world.run(dry=True, as_of=AS_OF)
    if ran.error.startswith("SafetyStop"):
        raise Stopped
    assert ran.lines, ran.error
    assert ran.code in (0, 3), ran.error
    return _standings(ran.lines)


def _with_broken(reply: Reply, broken: Mapping[str, Node]) -> Reply:
    """The answer with the broken entries in the place of the whole ones."""
    if reply.status != 200 or not broken:
        return reply
    bundle = json.loads(reply.body)
    for at, entry in enumerate(bundle.get("entry", [])):
        found = broken.get(_name(entry))
        if found is not None:
            bundle["entry"][at] = {"search": {"mode": "match"}, **found}
    return Reply(reply.status, json.dumps(bundle).encode())


def _standings(lines: Any) -> Answered:
    return {
        (line["patient"], line["criteria"]["id"]): Standing(
            category=line.get("category", "none"),
            state=line.get("state", "unknown"),
            mrd=line.get("mrd", "unknown"),
            confidence=line.get("confidence", "material"),
            provisional=line.get("provisional", True),
        )
        for line in lines
    }
