"""A criteria set written out for other systems, as CQL text or as FHIR resources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, NamedTuple

from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.effects.files.mapping_files import load_criteria, load_mappings
from fhir_remission.effects.files.private_file import write_files
from fhir_remission.errors import SettingsError
from fhir_remission.fhir.criteria_export.library_text import Library, library
from fhir_remission.fhir.criteria_export.resources import complaint_of_elm, resources
from fhir_remission.fhir.criteria_export.values import value_sets
from fhir_remission.fhir.package.contents import files_of
from fhir_remission.fhir.r4.datatypes import Resource
from fhir_remission.fhir.r4.terminology import Edition
from fhir_remission.version import VERSION


class Exported(NamedTuple):
    """The files that were written, and the criteria that CQL cannot express."""

    files: list[Path]
    inexpressible: tuple[str, ...]


def run(
    name: str,
    out: Path,
    form: Literal["cql", "fhir"],
    *,
    overlay: Path | None = None,
    namespace: str = "",
    elm: Path | None = None,
) -> Exported:
    """Write the set, the same bytes every time."""
    edition = Edition(namespace or NAMESPACE, VERSION)
    criteria = load_criteria(name, overlay=overlay)
    mappings = load_mappings(overlay, namespace=namespace)
    written = library(criteria, mappings, edition.namespace)
    files = {f"{written.name}.cql": written.text.encode()}
    if form == "fhir":
        translated = b"" if elm is None else _translated(elm, criteria, written)
        files = files_of(resources(criteria, written, value_sets(mappings), edition, translated))
    return Exported(write_files(out, files), written.inexpressible)


def made(name: str, edition: Edition) -> list[Resource]:
    """A shipped set as FHIR, without a translation."""
    criteria, mappings = load_criteria(name), load_mappings(namespace=edition.namespace)
    written = library(criteria, mappings, edition.namespace)
    return resources(criteria, written, value_sets(mappings), edition)


def _translated(file: Path, criteria: CriteriaSet, written: Library) -> bytes:
    """What a translator made of the library: no wheel can carry one that runs on a JVM."""
    text = b""
    try:
        text = file.read_bytes()
        why = complaint_of_elm(json.loads(text), criteria, written)
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    except ValueError:
        why = "is no JSON"
    if why:
        raise SettingsError(f"--elm {file}: {why}; translate {written.name}.cql with cql-to-elm")
    return text
