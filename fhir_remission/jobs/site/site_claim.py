"""Who we are, whose a state is, and a site that is renamed on purpose."""

from __future__ import annotations

from fhir_remission.effects.files.site_key import read_site_key
from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.effects.state.claim import Claim, claim_site, read_claim, rename_site
from fhir_remission.effects.state.lease import take_lease
from fhir_remission.effects.state.lock import only_run
from fhir_remission.effects.state.state import State
from fhir_remission.errors import SettingsError, UsageError
from fhir_remission.fhir.writing.authorship import SOFTWARE
from fhir_remission.fhir.writing.identity import Identity, device_id, key_check
from fhir_remission.jobs.site.site_files import lock_file
from fhir_remission.jobs.write_back.sinks import REMOTE
from fhir_remission.settings import Settings
from fhir_remission.settings.values import site_id
from fhir_remission.version import FIRST_VERSION


def identity_of(settings: Settings) -> Identity:
    """Who we are when we write; id and key are mandatory."""
    if not settings.site.id:
        raise SettingsError("site.id is not set: it is part of the identity of all we write")
    return Identity(settings.site.id, read_site_key(settings.site.key_file), settings.site.base)


def key_of(settings: Settings) -> bytes:
    """The site key: needed for writing, otherwise only for names in logs that last."""
    if any(sink.kind in (*REMOTE, "ndjson") for sink in settings.sink.values()):
        return identity_of(settings).key
    return read_site_key(settings.site.key_file) if settings.site.key_file.is_file() else b""


def claim_for(state: State, settings: Settings, key: bytes) -> None:
    """Make sure that the state is this site's; SafetyStop where it is another's."""
    if not key:
        return
    identity = Identity(settings.site.id, key)
    first = device_id(identity, SOFTWARE, FIRST_VERSION)
    claim_site(state.database, Claim(settings.site.id, key_check(key)), first_device=first)


def rename(state: State, settings: Settings, new: str) -> str:
    """Give the site of a state another id while no run is at work; returns what to do next."""
    try:
        site_id(new or " ")
    except ValueError as error:
        raise UsageError(f"site id: {error}") from None
    key = read_site_key(settings.site.key_file)
    old = read_claim(state.database).site_id or settings.site.id
    if new == old:
        raise UsageError(f"the site is called {new!r} already: give the id it is to have")
    # Whichever id a run of this site goes by now, it must not be at work.
    with only_run(lock_file(settings, old)), only_run(lock_file(settings, new)):
        lease = take_lease(state.database, SystemClock(), old or "site", f"rename to {new}")
        try:
            rename_site(state.database, key_check(key), new)
        finally:
            lease.release()
    told = f"the site is called {new!r} now; the next run writes its results under that id"
    if settings.site.id != new:
        told += f'; set site.id = "{new}" before it'
    return f"{told} and takes back those under {old!r}"
