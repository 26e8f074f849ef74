"""Which searches find the evidence of a chunk of patients, and how they are written.

Pure: what to ask is decided here, how to ask it (GET or POST, pages, retries) in the client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from msgspec import Struct, structs

from fhir_remission.domain.tables.codes import CodeMap
from fhir_remission.fhir.server.server_profile import Profile

Code = tuple[str, str]
Parameters = tuple[tuple[str, str], ...]

# By patient and without codes: what these types mean is decided after reading (`events.tsv`),
# and a Condition coded one level deeper than a row must still be seen.
BY_PATIENT = ("Condition", "Procedure", "MedicationAdministration", "DiagnosticReport", "Specimen")
EVIDENCE = ("Observation", *BY_PATIENT)
_CODED = frozenset({"code", "combo-code"})
# Below these a search is not made smaller any more.
_SMALL_PAGE = 5
_BODY = 8 * 1024
# 64 characters at most, and a comma that takes three.
_ID_LENGTH = 67
_SHORTEST = timedelta(minutes=1)


class Query(Struct, frozen=True):
    """One search, and what every match must satisfy whatever the server made of it."""

    resource_type: str
    parameters: Parameters
    patients: frozenset[str] = frozenset()
    """Bare ids; empty where the search names no patient."""
    codes: frozenset[Code] = frozenset()
    """What was asked for by code; empty where the search names none."""
    ids: frozenset[str] = frozenset()
    """Which resources were asked for by their ids; empty where the search names none."""
    window: tuple[str, str, str] | None = None
    """The parameter that bounds it in time, from when, and until when as far as is known."""


def chunked(items: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """Cut a sequence into parts of at most `size`."""
    return [tuple(items[at : at + size]) for at in range(0, len(items), size)]


def evidence_queries(
    patients: Sequence[str], codes: CodeMap, profile: Profile, *, panels: Iterable[Code] = ()
) -> list[Query]:
    """List the searches for all evidence of one chunk of patients (bare ids)."""
    wanted = sorted({*codes.analyte_codes(), *panels})
    queries = observation_queries(patients, wanted, profile)
    for kind in BY_PATIENT:
        if profile.can_search(kind):
            queries.append(_of_patients(kind, patients, (), profile))
    return queries


def patients_query(patients: Sequence[str]) -> Query:
    """Search for the records of some patients themselves: asked first, for merged ones."""
    return Query("Patient", (("_id", listed(patients)),), patients=frozenset(patients))


def observation_queries(
    patients: Sequence[str], codes: Sequence[Code], profile: Profile, extra: Parameters = ()
) -> list[Query]:
    """Search Observations by code; by category only where a search by code alone is refused."""
    if not profile.code_alone and profile.categories:
        return [
            _of_patients("Observation", patients, (("category", category), *extra), profile)
            for category in profile.categories
        ]
    return [
        _of_patients(
            "Observation",
            patients,
            ((profile.code_parameter, _codes(chunk, bare=profile.any_system)), *extra),
            profile,
            codes=frozenset(chunk),
        )
        for chunk in code_chunks(codes, profile)
    ]


def delta_queries(
    patients: Sequence[str], codes: Sequence[Code], since: str, profile: Profile, *, until: str
) -> list[Query]:
    """List the searches that find what changed since a watermark; none where the server cannot.

    Without patients they span the server, which only a setting permits. `until` is the server's
    clock: nothing is cut off there, it only says where the middle lies.
    """
    if profile.delta not in {"_lastUpdated", "issued"}:
        return []
    changed = ((profile.delta, f"ge{since}"),)
    queries = observation_queries(patients, codes, profile, changed)
    if profile.delta == "_lastUpdated":
        kinds = [kind for kind in BY_PATIENT if profile.can_search(kind)]
        queries += [_of_patients(kind, patients, changed, profile) for kind in kinds]
        named = (("_id", listed(patients)),) if patients else ()
        queries.append(
            Query("Patient", (*named, *changed, *_paging(profile)), patients=frozenset(patients))
        )
    window = (profile.delta, since, until)
    return [structs.replace(query, window=window) for query in queries]


def condition_cohort(codes: Sequence[Code], profile: Profile) -> list[Query]:
    """List the searches for everybody who has one of these Conditions."""
    return [
        Query(
            "Condition",
            (("code", ",".join(token(code) for code in chunk)), *_paging(profile)),
            codes=frozenset(chunk),
        )
        for chunk in code_chunks(codes, profile)
    ]


def observation_cohort(codes: Sequence[Code], profile: Profile) -> list[Query]:
    """List the searches for everybody who has one of these Observations."""
    return observation_queries((), codes, profile)


def by_ids(resource_type: str, ids: Sequence[str], profile: Profile) -> list[Query]:
    """List the searches for named resources: a Specimen or a panel's member."""
    size = 50 if profile.id_lists else 1
    return [
        Query(resource_type, (("_id", listed(chunk)), *_paging(profile)))
        for chunk in chunked(sorted(set(ids)), size)
    ]


def narrower(query: Query) -> tuple[Query, ...]:
    """Cut a search in two that together find the same; none where it is too small for that.

    By time where it is bounded in time, else by codes: cut by time, a search without bounds would
    lose the results that carry no date.
    """
    if query.window is not None:
        return _half_windows(query, *query.window)
    codes = sorted(query.codes)
    if len(codes) < 2:
        return ()
    return tuple(
        structs.replace(query, parameters=_recoded(query.parameters, half), codes=frozenset(half))
        for half in (codes[: len(codes) // 2], codes[len(codes) // 2 :])
    )


def with_smaller_pages(query: Query) -> tuple[Query, ...]:
    """Ask for a quarter of the rows a page; none where pages are small or not ours to size."""
    sized = tuple(
        (name, str(int(value) // 4) if name == "_count" else value)
        for name, value in query.parameters
    )
    small = min((int(value) for name, value in sized if name == "_count"), default=0)
    return (structs.replace(query, parameters=sized),) if small >= _SMALL_PAGE else ()


def _half_windows(query: Query, name: str, since: str, until: str) -> tuple[Query, ...]:
    begins, ends = datetime.fromisoformat(since), datetime.fromisoformat(until)
    if ends - begins < 2 * _SHORTEST:
        return ()
    middle = (begins + (ends - begins) / 2).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # The older half gets a second bound. HAPI ignores one of two (hapifhir/hapi-fhir#4626): then
    # more comes than was asked for, or the search stays as big as it was; nothing is lost.
    upper = ((name, f"lt{middle}"),)
    others = tuple(pair for pair in query.parameters if pair != (name, f"ge{since}"))
    return (
        structs.replace(
            query, parameters=(*query.parameters, *upper), window=(name, since, middle)
        ),
        structs.replace(
            query, parameters=(*others, (name, f"ge{middle}")), window=(name, middle, until)
        ),
    )


def _recoded(parameters: Parameters, codes: Sequence[Code]) -> Parameters:
    return tuple(
        (name, _codes(codes, bare="|" not in value) if name in _CODED else value)
        for name, value in parameters
    )


def member_queries(
    ids: Iterable[str], patients: Iterable[str], codes: Iterable[Code], profile: Profile
) -> list[Query]:
    """List the searches for Observations that others name: whoever it is of, whatever it is.

    Only the ids are asked for; patients and codes are what the answers must satisfy.
    """
    limit = profile.max_query_length if profile.search_method == "get" else _BODY
    size = 1 if not profile.id_lists else max(1, min(profile.page_size, limit // _ID_LENGTH))
    about, wanted = frozenset(patients), frozenset(codes)
    return [
        Query(
            "Observation",
            (("_id", listed(chunk)), *_paging(profile)),
            patients=about,
            codes=wanted,
            ids=frozenset(chunk),
        )
        for chunk in chunked(sorted(set(ids)), size)
    ]


def code_chunks(codes: Sequence[Code], profile: Profile) -> Iterator[tuple[Code, ...]]:
    """Cut a code list by number and, for GET, by its length once encoded."""
    chunk: list[Code] = []
    length = 0
    limit = profile.max_query_length if profile.search_method == "get" else _BODY
    for code in sorted(set(codes)):
        size = len(quote(token(code) + ",", safe=""))
        if chunk and (len(chunk) >= profile.max_codes or length + size > limit):
            yield tuple(chunk)
            chunk, length = [], 0
        chunk.append(code)
        length += size
    if chunk:
        yield tuple(chunk)


def _codes(codes: Iterable[Code], *, bare: bool) -> str:
    """Codes as alternatives of a search; bare ones are found under whatever name of their system.

    https://hl7.org/fhir/R4/search.html#token
    """
    return ",".join(dict.fromkeys(token(code[1:] if bare else code) for code in codes))


def token(code: Sequence[str]) -> str:
    """Write a code as a search token, with FHIR's own escapes."""
    return "|".join(_escaped(part) for part in code)


def listed(ids: Iterable[str]) -> str:
    """Write ids as alternatives of a search; one that holds a comma stays one."""
    return ",".join(_escaped(name) for name in ids)


def encoded(parameters: Parameters) -> str:
    """Write parameters as a query string or form body."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters)


def _escaped(value: str) -> str:
    # https://hl7.org/fhir/R4/search.html#escaping
    for character in "\\$,|":
        value = value.replace(character, "\\" + character)
    return value


def _of_patients(
    kind: str,
    patients: Sequence[str],
    parameters: Parameters,
    profile: Profile,
    *,
    codes: frozenset[Code] = frozenset(),
) -> Query:
    prefix = "Patient/" if profile.patient_form == "typed" else ""
    whose = (("patient", listed(prefix + patient for patient in patients)),) if patients else ()
    return Query(
        kind, (*whose, *parameters, *_paging(profile)), patients=frozenset(patients), codes=codes
    )


def _paging(profile: Profile) -> Parameters:
    return (("_count", str(profile.page_size)),)
