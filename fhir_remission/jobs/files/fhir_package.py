"""An npm-style FHIR package of what we write and offer: profiles, lists, maps, criteria, examples.

Everything comes from the tables, the criteria files and the builders that `sync` writes with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.effects.files.mapping_files import criteria_names, load_categories
from fhir_remission.effects.files.packed import packed
from fhir_remission.effects.files.private_file import write_files
from fhir_remission.effects.process.environment import read_chunks
from fhir_remission.errors import UsageError
from fhir_remission.fhir.package.contents import NAME, package_files
from fhir_remission.fhir.package.operation import offered, operation_definition
from fhir_remission.fhir.package.profiles import profiles, value_sets
from fhir_remission.fhir.package.structure import structure_definition
from fhir_remission.fhir.r4.datatypes import Json, Resource
from fhir_remission.fhir.r4.terminology import Edition, trend_map
from fhir_remission.fhir.writing.authorship import Authorship, build_device
from fhir_remission.fhir.writing.identity import Identity
from fhir_remission.fhir.writing.patient_writes import Held, plan_writes
from fhir_remission.jobs.files import criteria_files, mappings_export
from fhir_remission.jobs.files.classify import judged_patients
from fhir_remission.jobs.judging.request import Request, judge_for
from fhir_remission.version import VERSION

# A case of each look: remission, incomplete recovery, blasts, open, refractory, MRD relapse.
EXAMPLES = (
    *(
        "complete-remission",
        "thrombocytopenia-with-good-neutrophils",
        "blood-blasts-with-a-clear-marrow",
    ),
    *("missing-counts", "refractory-after-two-inductions", "mrd-ten-fold-rise"),
)
# Known to everybody: an example is nobody's result.
_KEY = b"an example, so its key is no secret"
_PACKAGE = Path(__file__).resolve().parents[2]


class Packaged(NamedTuple):
    """The archive, and how many resources of each type it holds."""

    archive: Path
    held: dict[str, int]


def run(out: Path, *, namespace: str = "") -> Packaged:
    """Write the package as files and as one archive, the same bytes every time."""
    edition = Edition(namespace or NAMESPACE, VERSION)
    _check_empty(out)
    defined, examples = list(_defined(edition)), list(_examples(edition))
    files = package_files(defined, examples, edition)
    *_, archive = write_files(out, {**files, f"{NAME}-{edition.version}.tgz": packed(files)})
    types = [str(one["resourceType"]) for one in (*defined, *examples)]
    return Packaged(archive, {one: types.count(one) for one in sorted(set(types))})


def _check_empty(out: Path) -> None:
    """What lies there would become part of the package for whoever reads the folder."""
    try:
        if any(out.iterdir()):
            raise UsageError(f"{out} is not empty; give a new folder")
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise UsageError(f"{out} is a file; give a new folder") from None
    except OSError as error:
        raise UsageError(f"{out}: cannot be read: {error.strerror}") from None


def _defined(edition: Edition) -> Iterator[Resource]:
    yield offered(edition)
    yield operation_definition(edition)
    for profile in profiles(load_categories(), edition):
        yield structure_definition(profile, edition)
    yield from value_sets(edition)
    yield from mappings_export.resources(edition)
    yield trend_map(load_categories(), edition)
    exported = {
        str(one["url"]): one
        for name in criteria_names()
        for one in criteria_files.made(name, edition)
    }
    yield from exported.values()


def _examples(edition: Edition) -> Iterator[Resource]:
    """What a run would write of each case, the record it read, and the software."""
    for name in EXAMPLES:
        folder = _cases() / name
        case = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
        record = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        yield _record(name, record)
        request = Request(
            as_of=case["as_of"], complete=frozenset(case["complete"]), namespace=edition.namespace
        )
        judge = judge_for(request)
        by = Authorship(
            # Cases share their patients' ids; of one site they would be one patient's results.
            identity=Identity(f"example {name}", _KEY, edition.namespace),
            categories=load_categories(),
            computed_at=case["as_of"],
            software_version=edition.version,
            mapping_version=judge.mappings.version,
        )
        yield build_device(by)
        source = str(folder / "bundle.json")
        for one in judged_patients(read_chunks(source), source, request, judge).judged:
            for assessments in one.assessments:
                yield from (write.resource for write in plan_writes(assessments, by, Held()).writes)


def _record(name: str, bundle: Resource) -> Resource:
    """The Bundle that was read, under the name of its case."""
    rest: dict[str, Json] = {key: one for key, one in bundle.items() if key != "resourceType"}
    return {"resourceType": "Bundle", "id": name, **rest}


def _cases() -> Path:
    """The cases that came with this installation: in the wheel, else in the checkout."""
    packaged = _PACKAGE / "_cases"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "fixtures" / "cases"
