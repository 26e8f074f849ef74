"""The searches of a run, asked for nobody: what is answered, ignored, refused or not known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fhir_remission.domain.answer.wording import number_of
from fhir_remission.effects.files.mapping_files import load_mappings
from fhir_remission.effects.server.access import Reader
from fhir_remission.errors import LoginRefused, ReadIncomplete, RemissionError
from fhir_remission.fhir.server.queries import BY_PATIENT, Parameters, evidence_queries
from fhir_remission.fhir.server.server_profile import Profile
from fhir_remission.jobs.site.finding import Examined, Finding, failed, seen
from fhir_remission.jobs.site.probes import (
    NEVER,
    Probe,
    count_of,
    is_followed,
    nobody,
    search_for_nothing,
)
from fhir_remission.settings.model import Source as SourceSettings

# Everybody has the first, so that only the patient can make an answer empty; nobody has the other.
COMMON, UNKNOWN = "http://loinc.org|751-8", "http://loinc.org|00000-0"
BARE = COMMON.rpartition("|")[2]
# The profile to set where a server nobody has told us about answers more than one patient.
WIDE = "r4"
_REFUSED, _NO_TYPE = frozenset({401, 403}), frozenset({404, 405, 501})


def searches(one: Examined, profile: Profile) -> Iterator[Finding]:
    """Ask for every type and parameter that `sync` needs, and whether pages can be followed."""
    reader, link = one.connection.reader(), ""
    for name, (kind, parameters) in _questions(one, profile).items():
        try:
            probe = search_for_nothing(reader, profile, kind, parameters)
            link = link or probe.self_link
            yield _honoured(one, name, probe) or _lacking(
                one, reader, profile, _Asked(name, kind), probe
            )
        except RemissionError as error:
            yield failed(one, f"search {name}", error)
    if profile.needs_patient:
        yield seen(one, "search code", "note", "not tried: this server needs a patient for it")
    elif profile.any_system and isinstance(one.settings, SourceSettings):
        yield _without_system(one, reader, profile)
    yield from _never_asked(one, profile)
    yield _paging(one, link)
    if profile.name == "generic" and isinstance(one.settings, SourceSettings):
        yield _beyond_one(one, reader, profile)


def _questions(one: Examined, profile: Profile) -> dict[str, tuple[str, Parameters]]:
    """By name: the type and what is asked; of the source, each search that a run would make."""
    questions: dict[str, tuple[str, Parameters]] = {
        "patient": ("Observation", (("patient", nobody()), ("code", COMMON))),
        "_id": ("Patient", (("_id", nobody()),)),
    }
    if not profile.needs_patient:
        questions["code"] = ("Observation", (("code", UNKNOWN),))
        if profile.delta in {"_lastUpdated", "issued"}:
            questions[profile.delta] = ("Observation", ((profile.delta, f"ge{NEVER}"),))
    if isinstance(one.settings, SourceSettings):
        codes = load_mappings().codes
        for query in evidence_queries((nobody(),), codes, profile):
            questions.setdefault(query.resource_type, (query.resource_type, query.parameters))
    return questions


def _never_asked(one: Examined, profile: Profile) -> Iterator[Finding]:
    for kind in (*profile.without, *BY_PATIENT):
        if kind in profile.without:
            says = "never read, as source.without says: told in every answer"
            yield seen(one, f"search {kind}", "note", says)
        elif not profile.can_search(kind):
            says = "not asked: the server names no such type; what it would say is unknown"
            yield seen(one, f"search {kind}", "note", says)


def _honoured(one: Examined, name: str, probe: Probe) -> Finding | None:
    check = f"search {name}"
    if probe.verdict == "honoured":
        return seen(one, check, "ok", "honoured: a search for nothing found nothing")
    if probe.verdict == "ignored":
        do = "" if name in {"code", "_lastUpdated", "issued"} else "do not run: others' rows come"
        return Finding(one.name, check, "fail", "ignored: a search for nothing found rows", do, 7)
    if probe.verdict == "unclear":
        return Finding(one.name, check, "fail", "its answer is no Bundle", "", 7)
    return None


class _Asked(NamedTuple):
    """What was searched for: a parameter or a kind of question, and the type."""

    name: str
    kind: str


def _lacking(
    one: Examined, reader: Reader, profile: Profile, asked: _Asked, probe: Probe
) -> Finding:
    """Why a search failed; a run would leave each patient incomplete for want of it."""
    name, kind = asked
    leave = f", or name {kind} in source.without if it is never to be had"
    leave = leave if kind in BY_PATIENT else ""
    if probe.status in _REFUSED:
        says = f"refused (status {probe.status}): the login may not search {kind}"
        do = f"have system/{kind}.rs granted{leave}"
    elif probe.status in _NO_TYPE or not _answers(reader, profile, kind, "_id"):
        says, do = f"no such type (status {probe.status})", f"ask the vendor for {kind}{leave}"
    else:
        lacks = "code" if _answers(reader, profile, kind, "patient") else "patient"
        says = f"unknown parameter {lacks} or its value (status {probe.status})"
        do = f"see source.profile, which says how this server is asked{leave}"
    code = LoginRefused.exit_code if probe.status == 401 else ReadIncomplete.exit_code
    return Finding(one.name, f"search {name}", "fail", says, do, code)


def _answers(reader: Reader, profile: Profile, kind: str, parameter: str) -> bool:
    probe = search_for_nothing(reader, profile, kind, ((parameter, nobody()),))
    return probe.verdict in {"honoured", "ignored"}


def _paging(one: Examined, link: str) -> Finding:
    if not link:
        return seen(one, "paging", "note", "the server gives no link to itself")
    if is_followed(one.connection, link):
        return seen(one, "paging", "ok", "it calls itself by the address we use")
    return seen(
        one,
        "paging",
        "fail",
        "it calls itself by another address, so pages would not be followed",
        "if it is the same server, add that origin to rewrite_origin",
        exit_code=7,
    )


def _without_system(one: Examined, reader: Reader, profile: Profile) -> Finding:
    """Whether a code asked for without its system is found in any, as R4 says: by counts alone."""
    check = "codes without a system"
    try:
        named, bare = (count_of(reader, profile, code) for code in (COMMON, BARE))
    except RemissionError as error:
        return failed(one, check, error)
    if named is None or bare is None:
        return seen(one, check, "note", "searches are not counted here: not known")
    if bare >= named:
        return seen(one, check, "ok", "found")
    return seen(
        one,
        check,
        "fail",
        f"{BARE} finds {number_of(bare, 'result')} where {COMMON} finds {named}: "
        "a run would miss them",
        "say any_system = false in a server file of your own (mappings/README.md)",
        exit_code=7,
    )


def _beyond_one(one: Examined, reader: Reader, profile: Profile) -> Finding:
    """Whether a server that no profile knows could be asked for many at once: by counts alone."""
    check = "beyond one patient"
    try:
        says = _one_only(reader, profile)
    except RemissionError as error:
        says = f"a search failed ({error})"
    if says:
        return seen(one, check, "note", f"{says}: it stays at one patient a question")
    return seen(
        one,
        check,
        "note",
        "it answers searches without a patient and lists of patients, and no profile knows it",
        f'set source.profile = "{WIDE}": a quiet run then asks for changes, not for each patient',
    )


def _one_only(reader: Reader, profile: Profile) -> str:
    """What keeps a server from being asked for many; nothing where all was answered as R4 says."""
    two = (("patient", f"{nobody()},{nobody()}"),)
    if search_for_nothing(reader, profile, "Observation", two).verdict != "honoured":
        return "a list of patients is not answered"
    common, unknown = (count_of(reader, profile, code) for code in (COMMON, UNKNOWN))
    both = count_of(reader, profile, f"{UNKNOWN},{COMMON}")
    if not common:
        return "a search by code without a patient finds nothing or is not counted"
    return "" if unknown == 0 and both == common else "a list of codes is not answered as R4 says"
