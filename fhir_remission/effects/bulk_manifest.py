"""The manifest of a bulk export: which files it has, and what went wrong on the server."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from fhir_remission.errors import ReadIncomplete


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


def read_manifest(body: bytes) -> Manifest:
    """Read a manifest, or a page of one."""
    try:
        # Epic writes "requiresAccessToken": "true".
        return msgspec.json.decode(body, type=Manifest, strict=False)
    except msgspec.MsgspecError as error:
        raise ReadIncomplete(f"the manifest of the export cannot be read: {error}") from None
