"""The files of an npm-style FHIR package: its manifest, an index of each folder, the resources."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from fhir_remission.fhir.r4.datatypes import Json, Resource, text_of
from fhir_remission.fhir.r4.terminology import PUBLISHER, Edition

NAME = "org.w3id.fhir-remission"
"""Lower case, with dots, as the registry of FHIR packages asks."""
MANIFEST = "package/package.json"
# What an index says of a resource, where the resource says it.
_INDEXED = ("resourceType", "id", "url", "version", "kind", "type", "derivation", "content")


def package_files(
    defined: Sequence[Resource], examples: Sequence[Resource], edition: Edition
) -> dict[str, bytes]:
    """Every file by its path in the package, in one order."""
    files = {MANIFEST: _text(_manifest(edition))}
    files |= _folder("package", defined)
    files |= _folder("package/example", examples)
    return dict(sorted(files.items()))


def files_of(resources: Iterable[Resource]) -> dict[str, bytes]:
    """Each resource as a file, by a name that tells its type and id; in their order."""
    return {f"{one['resourceType']}-{one['id']}.json": _text(one) for one in resources}


def _text(value: Json) -> bytes:
    """JSON as a person reads it, the same bytes every time."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def _manifest(edition: Edition) -> Resource:
    return {
        "name": NAME,
        "version": edition.version,
        "type": "Conformance",
        "title": "Remission of acute myeloid leukaemia",
        "description": (
            "What fhir-remission writes and offers: profiles, code lists, maps, criteria as CQL."
        ),
        "author": PUBLISHER,
        "license": "Apache-2.0",
        "canonical": edition.namespace,
        "fhirVersions": ["4.0.1"],
        "dependencies": {"hl7.fhir.r4.core": "4.0.1"},
    }


def _folder(folder: str, resources: Sequence[Resource]) -> dict[str, bytes]:
    files = files_of(resources)
    named = sorted(zip(files, resources, strict=True), key=lambda one: one[0])
    index: Resource = {
        "index-version": 2,
        "files": [
            {"filename": name, **{key: one[key] for key in _INDEXED if text_of(one.get(key))}}
            for name, one in named
        ],
    }
    written = {f"{folder}/{name}": content for name, content in files.items()}
    return {f"{folder}/.index.json": _text(index), **written}
