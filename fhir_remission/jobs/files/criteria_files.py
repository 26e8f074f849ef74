"""A criteria set written out for other systems, as CQL text or as FHIR resources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, NamedTuple

from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.effects.files.mapping_files import load_criteria, load_mappings
from fhir_remission.effects.files.private_file import not_written, write_whole
from fhir_remission.fhir.criteria_export.library_text import library
from fhir_remission.fhir.criteria_export.resources import resources
from fhir_remission.fhir.criteria_export.values import value_sets
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
) -> Exported:
    """Write the set, the same bytes every time."""
    edition = Edition(namespace or NAMESPACE, VERSION)
    criteria = load_criteria(name, overlay=overlay)
    mappings = load_mappings(overlay, namespace=namespace)
    written = library(criteria, mappings, edition.namespace)
    texts = {f"{written.name}.cql": written.text}
    if form == "fhir":
        made = resources(criteria, written, value_sets(mappings), edition)
        texts = {
            f"{one['resourceType']}-{one['id']}.json": json.dumps(one, indent=2, ensure_ascii=False)
            + "\n"
            for one in made
        }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            write_whole(out / file, text.encode())
    except OSError as error:
        raise not_written(out, error) from None
    return Exported([out / file for file in texts], written.inexpressible)
