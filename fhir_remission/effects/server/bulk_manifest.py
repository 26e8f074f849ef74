"""The manifest of a bulk export: which files it has, and what went wrong on the server."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from fhir_remission.errors import ReadIncomplete
from fhir_remission.fhir.r4.wire import UNREADABLE

# Each is opened, kept and judged; a server with millions of patients cuts by size, not by patient.
MOST_FILES = 20_000
# Signed addresses of a store have two thousand.
LONGEST_URL = 16_000


class ExportFile(Struct, frozen=True, rename="camel"):
    """One file of an export, as the manifest names it."""

    type: str = ""
    url: str = ""
    count: int | None = None


class _Link(Struct, frozen=True):
    relation: str = ""
    url: str = ""


class Manifest(Struct, frozen=True, rename="camel"):
    """What an export consists of."""

    transaction_time: str = ""
    requires_access_token: bool = False
    output: tuple[ExportFile, ...] = ()
    error: tuple[ExportFile, ...] = ()
    deleted: tuple[ExportFile, ...] = ()
    link: tuple[_Link, ...] = ()

    @property
    def following(self) -> str:
        """The address of the next page; empty at the last one."""
        return next((link.url for link in self.link if link.relation == "next"), "")

    @property
    def files(self) -> int:
        """How many files it names."""
        return len(self.output) + len(self.error) + len(self.deleted)


def read_manifest(body: bytes) -> Manifest:
    """Read a manifest, or a page of one."""
    try:
        # Epic writes "requiresAccessToken": "true".
        read = msgspec.json.decode(body, type=Manifest, strict=False)
    except UNREADABLE as error:
        raise ReadIncomplete(f"the manifest of the export cannot be read: {error}") from None
    return _bounded(read)


def joined(manifest: Manifest, page: Manifest) -> Manifest:
    """A manifest with one more page of it."""
    return _bounded(
        Manifest(
            transaction_time=manifest.transaction_time,
            requires_access_token=manifest.requires_access_token,
            output=(*manifest.output, *page.output),
            error=(*manifest.error, *page.error),
            deleted=(*manifest.deleted, *page.deleted),
        )
    )


def _bounded(manifest: Manifest) -> Manifest:
    if manifest.files > MOST_FILES:
        raise ReadIncomplete(f"the manifest of the export names over {MOST_FILES} files")
    files = (*manifest.output, *manifest.error, *manifest.deleted)
    if any(len(one.url) > LONGEST_URL for one in files):
        raise ReadIncomplete(
            f"the manifest of the export has an address over {LONGEST_URL} letters"
        )
    return manifest
