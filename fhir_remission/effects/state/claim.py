"""Whose memory a state is: the site's id and the check value of its key, claimed by its first run.

Every id of what we write is made of both. With another of either, all results would be written a
second time, and those that stand would be taken for results whose evidence is gone.
"""

from __future__ import annotations

import json

from msgspec import Struct
from sqlalchemy import Connection, text

from fhir_remission.effects.state.database import Database
from fhir_remission.errors import SafetyStop, UsageError

_READ = (
    "SELECT MAX(key_check) AS key_check, MAX(site_id) AS site_id, MAX(former_ids) AS former_ids "
    "FROM schema_version"
)
_WRITE = (
    "UPDATE schema_version SET key_check = :key_check, site_id = :site_id, former_ids = :former_ids"
)
# What version 0.1.0 wrote, and a moved state of it, says who it is by the name of its Device only.
_DEVICES = "SELECT key FROM assessment WHERE patient = 'Device' AND key LIKE '%|Device/%'"
_EVERYBODY = (
    "INSERT INTO dirty (source, patient, since_run, why) "
    "SELECT DISTINCT source, patient, '', 'renamed' FROM assessment WHERE patient <> 'Device' "
    "ON CONFLICT (source, patient) DO NOTHING"
)


class Claim(Struct, frozen=True):
    """Who a state belongs to; empty where nobody has claimed it."""

    site_id: str = ""
    key_check: str = ""
    former: tuple[str, ...] = ()


def read_claim(database: Database) -> Claim:
    """Who the state belongs to."""
    with database.reading() as connection:
        return _read(connection)


def claim_site(database: Database, claim: Claim, *, first_device: str = "") -> Claim:
    """Make the state ours, or find that it is; SafetyStop where it is another site's.

    `first_device` is the id that the Device of version 0.1.0 has under this site id and key.
    """
    with database.writing() as connection:
        held = _read(connection)
        _refuse_another_key(held, claim)
        devices = [row.key for row in connection.execute(text(_DEVICES))]
        unlike = first_device and not any(key.endswith(f"/{first_device}") for key in devices)
        if held.site_id and claim.site_id and held.site_id != claim.site_id:
            raise SafetyStop(
                f"this state is of the site {held.site_id!r}, and site.id is now "
                f"{claim.site_id!r}: put the old id back, or rename the site on purpose with "
                "`fhir-remission state rename-site NEW`"
            )
        if not held.site_id and claim.site_id and devices and unlike:
            raise SafetyStop(
                "this state was written under another site.id: put the old id back, run once, and "
                "then rename the site with `fhir-remission state rename-site NEW`"
            )
        kept = Claim(held.site_id or claim.site_id, claim.key_check or held.key_check, held.former)
        store_claim(connection, kept)
        return kept


def rename_site(database: Database, key_check: str, new: str) -> Claim:
    """Give the site of a state another id; the next run writes everybody's results under it."""
    with database.writing() as connection:
        held = _read(connection)
        _refuse_another_key(held, Claim(key_check=key_check))
        if not held.site_id:
            raise UsageError("this state does not know its site yet: set site.id and run once")
        if held.site_id == new:
            raise UsageError(f"the site of this state is called {new!r} already")
        former = (*(name for name in held.former if name != new), held.site_id)
        kept = Claim(new, key_check, former)
        store_claim(connection, kept)
        connection.execute(text(_EVERYBODY))
        return kept


def _refuse_another_key(held: Claim, claim: Claim) -> None:
    if held.key_check and claim.key_check and held.key_check != claim.key_check:
        raise SafetyStop(
            "the site key is not the one this state was written with; with another key "
            "every result would be written twice: restore the key or use another state.url"
        )


def _read(connection: Connection) -> Claim:
    row = connection.execute(text(_READ)).one()
    former = tuple(str(name) for name in json.loads(row.former_ids or "[]"))
    return Claim(str(row.site_id), str(row.key_check), former)


def store_claim(connection: Connection, claim: Claim) -> None:
    """Write down who a state is of."""
    values = {
        "key_check": claim.key_check,
        "site_id": claim.site_id,
        "former_ids": json.dumps(claim.former, ensure_ascii=False) if claim.former else "",
    }
    connection.execute(text(_WRITE), values)
