"""The files of a site: what a run reads, what it remembers in, and who else may see them."""

from __future__ import annotations

from pathlib import Path

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


def state_file(settings: Settings) -> Path | None:
    """The file of the state, where it is one."""
    name = settings.state.url.removeprefix("sqlite:///")
    return Path(name) if name != settings.state.url and name else None


def lock_file(settings: Settings, site_id: str = "") -> Path:
    """Beside the audit; a database elsewhere is guarded by its lease as well."""
    name = (site_id or settings.site.id or "fhir-remission").replace("/", "%2F")
    return settings.audit.file.parent / f".{name}.lock"
