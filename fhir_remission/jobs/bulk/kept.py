"""The files of earlier exports, to which changes are added: what they are, and what left them.

Changes are only part of the evidence. They are judged together with all that was exported before
them, and refused where something may lie in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from fhir_remission.effects.files.private_file import new_file
from fhir_remission.effects.files.spool import remove_folder
from fhir_remission.errors import ReadIncomplete, UsageError
from fhir_remission.fhir.r4.references import parse_literal
from fhir_remission.fhir.r4.times import read_instant
from fhir_remission.fhir.r4.wire import UNREADABLE
from fhir_remission.jobs.bulk.order import Asked, Begun, read_begun

# The moment of the export that was kept last.
LAST = "last"


class _Request(Struct):
    method: str = ""
    url: str = ""


class _Entry(Struct):
    request: _Request | None = None


class _Deletions(Struct, rename="camel"):
    entry: list[_Entry] = []


class _Subject(Struct):
    reference: str = ""


class _Meta(Struct, rename="camel"):
    version_id: str = ""
    last_updated: str = ""


class _Named(Struct, rename="camel"):
    resource_type: str = ""
    id: str = ""
    subject: _Subject | None = None
    meta: _Meta | None = None


def kept_folders(out: Path) -> list[Path]:
    """The kept exports, the whole one first."""
    return sorted(out.glob("kept-*"))


def addable(asked: Asked, kept: Sequence[Path]) -> Asked:
    """The export to ask for; UsageError where its changes cannot be added to what is kept."""
    last = read_begun(kept[-1]) if kept else None
    if last is None or last.manifest is None:
        raise UsageError(
            "--since: there are no files of an earlier export to add to; export once without it"
            " and with --keep: changes alone are not all evidence"
        )
    if structs.replace(last.asked, since="") != structs.replace(asked, since=""):
        raise UsageError(
            f"--since: the kept files are of {last.asked.path} with other types or filters"
        )
    known = last.manifest.transaction_time
    if asked.since == LAST:
        return structs.replace(asked, since=known)
    begin, end = read_instant(asked.since, UTC), read_instant(known, UTC)
    if begin is None or end is None or begin > end:
        raise UsageError(
            f"--since: the kept files end at {known}, so give that moment, or `{LAST}`: changes"
            " in between would be lost"
        )
    return asked


def keep_folder(folder: Path, out: Path, begun: Begun) -> None:
    """Keep the files of an export; a whole one replaces all that was kept before it."""
    kept = kept_folders(out)
    if not begun.asked.since:
        for older in kept:
            remove_folder(older)
        kept = []
    folder.rename(out / f"kept-{len(kept) + 1:04d}")


def check_no_newcomers(asked: Asked, kept: Sequence[Path], folder: Path) -> None:
    """A new member of a Group comes with the changes only; the rest of the record may be old.

    The specification lets servers send it (MAY), and no manifest says whether they did.
    """
    if not asked.since or not asked.path.startswith("Group/"):
        return
    known = {_ref(one) for place in kept for one in _all_named(place) if _is_patient(one)}
    news = {who for one in _all_named(folder) if (who := _owner(one)) and who not in known}
    if news:
        raise ReadIncomplete(
            f"{asked.path}: {len(news)} patients are new in the group, and changes are not all of"
            " their evidence: export without --since"
        )


def deleted_in(path: Path) -> tuple[frozenset[str], bool]:
    """References of what was deleted, and whether all lines say so; UNREADABLE where none can."""
    found: set[str] = set()
    whole = True
    for _, line in lines_of_file(path):
        bundle = msgspec.json.decode(line, type=_Deletions)
        for one in bundle.entry:
            asked = one.request or _Request()
            named = parse_literal(asked.url) if asked.method == "DELETE" else None
            whole = whole and named is not None
            found |= {named.relative} if named is not None else set()
        whole = whole and bool(bundle.entry)
    return frozenset(found), whole


def replaced_in(folder: Path) -> frozenset[str]:
    """What an export holds in versions that say nothing of their age: the later export has it."""
    return frozenset(
        _ref(one)
        for one in _all_named(folder)
        if one.id and (one.meta is None or not (one.meta.version_id or one.meta.last_updated))
    )


def forget(folder: Path, refs: frozenset[str]) -> None:
    """Take deleted resources out of the files of an earlier export."""
    kinds = {ref.partition("/")[0] for ref in refs}
    for path in sorted(folder.glob("*.ndjson")):
        if type_of_file(path) not in kinds:
            continue
        with new_file(path) as out:
            out.writelines(
                line for _, line in lines_of_file(path) if _ref(_named(line)) not in refs
            )


def type_of_file(path: Path) -> str:
    """What a file of an export holds, by its name."""
    return path.stem.partition("-")[2]


def lines_of_file(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, with their places."""
    place = 0
    with path.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield place, line
            place += len(line)


def _all_named(folder: Path) -> Iterator[_Named]:
    for path in sorted(folder.glob("*.ndjson")):
        for _, line in lines_of_file(path):
            yield _named(line)


def _named(line: bytes) -> _Named:
    try:
        return msgspec.json.decode(line, type=_Named)
    except UNREADABLE:
        return _Named()


def _is_patient(one: _Named) -> bool:
    return one.resource_type == "Patient"


def _owner(one: _Named) -> str:
    if _is_patient(one):
        return _ref(one)
    return _relative(one.subject.reference) if one.subject else ""


def _ref(one: _Named) -> str:
    return f"{one.resource_type}/{one.id}"


def _relative(text: str) -> str:
    literal = parse_literal(text)
    return literal.relative if literal is not None else text
