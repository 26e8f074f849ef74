"""What the next `sync` needs besides searches: files, key, cohort, sinks; and how it would end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.errors import RemissionError, SettingsError
from fhir_remission.fhir.server.server_profile import Profile
from fhir_remission.jobs.reading.cohort import listed_members
from fhir_remission.jobs.site.finding import Examined, Finding, failed, seen, worst
from fhir_remission.jobs.site.probes import search_for_nothing
from fhir_remission.jobs.site.servers import is_source
from fhir_remission.jobs.site.site import judge_of
from fhir_remission.jobs.site.site_claim import key_of
from fhir_remission.jobs.site.site_files import open_to_all
from fhir_remission.jobs.write_back.sinks import REMOTE, taken_by
from fhir_remission.settings import Settings

SITE, RIGHTS = "site", "rights"


def site(settings: Settings) -> Iterator[Finding]:
    """What is here: a run looks at it before it asks any server."""
    yield _here("key", lambda: key_of(settings), "the site key can be read")
    tables = "criteria and mappings can be read"
    yield _here("tables", lambda: judge_of(settings, SystemClock().now()), tables)
    if settings.cohort.kind == "list":
        listed = "the list of patients can be read"
        yield _here("cohort", lambda: listed_members(settings.cohort.file), listed)
    loose = open_to_all(settings)
    for path in loose:
        do = f"chmod o= {path}"
        says = f"everybody on this machine can read {path}"
        yield Finding(SITE, RIGHTS, "fail", says, do, SettingsError.exit_code)
    if not loose:
        yield Finding(SITE, RIGHTS, "ok", "state, audit, results and keys are closed to others")


def _here(check: str, look: Callable[[], object], says: str) -> Finding:
    try:
        look()
    except RemissionError as error:
        return Finding(SITE, check, "fail", str(error), exit_code=error.exit_code)
    return Finding(SITE, check, "ok", says)


def group(one: Examined, settings: Settings, profile: Profile) -> Iterator[Finding]:
    """Whether the Group of the cohort is there; its members are not read."""
    if settings.cohort.kind != "group":
        return
    name = settings.cohort.group.removeprefix("Group/")
    check, code = "cohort group", SettingsError.exit_code
    if not name:
        says, do = "cohort.group is not set", "give the id of the Group"
        yield Finding(one.name, check, "fail", says, do, code)
        return
    try:
        # `ignored` means that one was found: it was not asked for nobody.
        asked = (("_id", name),)
        probe = search_for_nothing(one.connection.reader(), profile, "Group", asked)
    except RemissionError as error:
        yield failed(one, check, error)
        return
    if probe.verdict == "ignored":
        yield seen(one, check, "ok", f"Group/{name} is there")
    elif probe.verdict == "honoured":
        says = f"there is no Group/{name}, or the login may not see it"
        yield Finding(one.name, check, "fail", says, "see cohort.group", code)
    else:
        says = (
            f"Group cannot be searched (status {probe.status}): a run reads Group/{name} by its id"
        )
        yield seen(one, check, "note", says)


def sinks(one: Examined, settings: Settings, profile: Profile) -> Iterator[Finding]:
    """Whether each sink on this server takes what it is to be given."""
    for name, sink in settings.sink.items():
        own = f"sink.{name}" == one.name
        if sink.kind not in REMOTE or not (
            own or (one.name == "source" and is_source(sink, settings))
        ):
            continue
        check = f"sink {name}"
        try:
            taken = taken_by(profile, sink)
        except RemissionError as error:
            yield failed(one, check, error)
            continue
        yield seen(one, check, "ok", f"takes {', '.join(taken.resources)}, as it says itself")


def forecast(findings: Sequence[Finding]) -> Finding:
    """With which code the next `sync` would end, and for which reason."""
    failing = [one for one in findings if one.exit_code and one.check != RIGHTS]
    here = [one for one in failing if one.server == SITE]  # before any server is asked
    code = worst(here or failing)
    if not code:
        return Finding("next sync", "exit", "ok", "it would end with 0, as far as can be seen")
    why = next(one for one in (here or failing) if one.exit_code == code)
    says = f"it would end with {code} for {why.server}: {why.check}"
    return Finding("next sync", "exit", "fail", says, why.do, code)
