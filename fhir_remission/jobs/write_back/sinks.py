"""The kinds of sinks: what each is given, and the file that is always there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct, structs

from fhir_remission.errors import CapabilityMissing, SettingsError
from fhir_remission.fhir.server.server_profile import Profile
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.settings import Settings
from fhir_remission.settings.model import Sink as SinkSettings

REMOTE = ("repository", "ehr-observation")
ALWAYS = "results"


class Taken(Struct, frozen=True):
    """What a sink takes of what we could write."""

    resources: tuple[str, ...]
    fields: tuple[str, ...] = ()
    in_note: bool = False
    category: Literal["exam", "laboratory"] = "exam"
    statuses: tuple[str, ...] = ()

    def told(self, by: Authorship) -> Authorship:
        """The authorship for this sink."""
        return structs.replace(
            by,
            fields=self.fields,
            in_note=self.in_note,
            category=self.category,
            statuses=self.statuses,
        )


def taken_by(profile: Profile, wanted: SinkSettings) -> Taken:
    """Choose by the kind of sink and by what its server takes."""
    if wanted.kind in REMOTE and wanted.patients == "stub":
        _demand(profile, ("Patient",), wanted)
    if wanted.kind == "ehr-observation":
        _demand(profile, ("Observation",), wanted)
        return _plain(profile, wanted)
    if wanted.kind == "repository":
        results = tuple(name for name in wanted.resources if name != "Provenance")
        _demand(profile, results, wanted)
        provenance = ("Provenance",) if "Provenance" in wanted.resources else ()
        return Taken((*results, *(name for name in provenance if profile.can_write(name))))
    return Taken(wanted.resources)


def _plain(profile: Profile, wanted: SinkSettings) -> Taken:
    """An Observation as the EHR takes it: its elements, its statuses, its categories."""
    fields, takes = profile.observation_elements, profile.observation_takes
    statuses = takes.get("status", ())
    if statuses and not wanted.signer and "preliminary" not in statuses:
        raise CapabilityMissing(
            f"the EHR of a sink of kind ehr-observation takes only {', '.join(statuses)}: "
            "set the sink's signer to the Practitioner who answers for the results"
        )
    signers = takes.get("performer", ())
    if wanted.signer and signers and wanted.signer.partition("/")[0] not in signers:
        raise SettingsError(
            f"signer = {wanted.signer}: the EHR takes {' or '.join(signers)} as performer only"
        )
    kinds = takes.get("category", ("exam",))
    return Taken(
        ("Observation",),
        fields,
        in_note="identifier" not in fields,
        category="exam" if "exam" in kinds else "laboratory",
        statuses=statuses,
    )


def results_files(settings: Settings) -> dict[str, Path]:
    """The files results are appended to: those of the settings, else one beside the audit."""
    beside = settings.audit.file.parent
    found = {
        name: sink.file or beside / f"{name}.ndjson"
        for name, sink in settings.sink.items()
        if sink.kind == "ndjson"
    }
    writes = any(sink.kind in REMOTE for sink in settings.sink.values())
    return found or ({ALWAYS: beside / f"{ALWAYS}.ndjson"} if writes else {})


def _demand(profile: Profile, types: tuple[str, ...], wanted: SinkSettings) -> None:
    lacking = [name for name in types if not profile.can_write(name)]
    if lacking:
        raise CapabilityMissing(
            f"the server of a sink of kind {wanted.kind} does not take {', '.join(lacking)}: "
            "use sink.kind = ehr-observation or ndjson, or another server"
        )
