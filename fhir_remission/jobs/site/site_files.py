"""The files of a site: what a run reads, what it remembers in, and who else may see them."""

from __future__ import annotations

import stat
from pathlib import Path

from fhir_remission.jobs.write_back.sinks import REMOTE, results_files
from fhir_remission.settings import Settings


def files_of(settings: Settings, config: Path | None) -> list[Path]:
    """Every file that a run reads or remembers in: none of them may be its output as well."""
    auths = [settings.source.auth, *(sink.auth for sink in settings.sink.values())]
    files = [
        *(config, settings.site.key_file, settings.cohort.file, settings.audit.file),
        *(settings.source.ca_bundle, *(sink.ca_bundle for sink in settings.sink.values())),
        *(file for auth in auths for file in (auth.key_file, auth.cert_file)),
        *(sink.file for sink in settings.sink.values()),
        state_file(settings),
    ]
    return [file for file in files if file is not None]


def open_to_all(settings: Settings) -> list[Path]:
    """Which files with patient data or secrets everybody here can read or change.

    A group may read them: where the owner of a mounted file is not the process, as in Kubernetes,
    its group is how the process gets at it.
    """
    auths = [settings.source.auth, *(sink.auth for sink in settings.sink.values())]
    files = [
        *(settings.site.key_file, settings.audit.file, state_file(settings)),
        *(auth.key_file for auth in auths),
        *(auth.next_key_file for auth in auths),
        *(sink.file for sink in settings.sink.values()),
    ]
    return [file for file in dict.fromkeys(files) if file is not None and _is_open(file)]


def _is_open(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:
        return False


def state_file(settings: Settings) -> Path | None:
    """The file of the state, where it is one."""
    name = settings.state.url.removeprefix("sqlite:///")
    return Path(name) if name != settings.state.url and name else None


def lock_file(settings: Settings, site_id: str = "") -> Path:
    """Beside the audit; a database elsewhere is guarded by its lease as well."""
    name = (site_id or settings.site.id or "fhir-remission").replace("/", "%2F")
    return settings.audit.file.parent / f".{name}.lock"


def places_of(settings: Settings, lease: object) -> list[str]:
    """Where a run leaves results: the servers of the sinks, and files; nowhere without a lease."""
    if lease is None:
        return []
    servers = [
        sink.base_url or settings.source.base_url
        for sink in settings.sink.values()
        if sink.kind in REMOTE
    ]
    files = [str(path) for path in results_files(settings).values()]
    return list(dict.fromkeys([*servers, *files]))
