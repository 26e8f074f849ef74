"""Which searches find the evidence of a chunk of patients, and how they are written.

Pure: what to ask is decided here, how to ask it (GET or POST, pages, retries) in the client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from msgspec import Struct

from fhir_remission.domain.codes import CodeMap
from fhir_remission.fhir.capability import Profile

Code = tuple[str, str]
Parameters = tuple[tuple[str, str], ...]

# By patient and without codes: what these types mean is decided after reading (`events.tsv`),
# and a Condition coded one level deeper than a row must still be seen.
BY_PATIENT = ("Condition", "Procedure", "MedicationAdministration", "DiagnosticReport", "Specimen")
EVIDENCE = ("Observation", *BY_PATIENT)


class Query(Struct, frozen=True):
    """One search, and what every match must satisfy whatever the server made of it."""

    resource_type: str
    parameters: Parameters
    patients: frozenset[str] = frozenset()
    """Bare ids; empty where the search names no patient."""
    codes: frozenset[Code] = frozenset()
    """What was asked for by code; empty where the search names none."""


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
    return Query("Patient", (("_id", ",".join(patients)),), patients=frozenset(patients))


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
            ((profile.code_parameter, ",".join(token(code) for code in chunk)), *extra),
            profile,
            codes=frozenset(chunk),
        )
        for chunk in code_chunks(codes, profile)
    ]


def delta_queries(
    patients: Sequence[str], codes: Sequence[Code], since: str, profile: Profile
) -> list[Query]:
    """List the searches that find what changed since a watermark; none where the server cannot.

    Without patients they span the server, which only a setting permits.
    """
    if profile.delta not in {"_lastUpdated", "issued"}:
        return []
    changed = ((profile.delta, f"ge{since}"),)
    queries = observation_queries(patients, codes, profile, changed)
    if profile.delta == "_lastUpdated":
        kinds = [kind for kind in BY_PATIENT if profile.can_search(kind)]
        queries += [_of_patients(kind, patients, changed, profile) for kind in kinds]
        named = (("_id", ",".join(patients)),) if patients else ()
        queries.append(
            Query("Patient", (*named, *changed, *_paging(profile)), patients=frozenset(patients))
        )
    return queries


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
        Query(resource_type, (("_id", ",".join(chunk)), *_paging(profile)))
        for chunk in chunked(sorted(set(ids)), size)
    ]


def code_chunks(codes: Sequence[Code], profile: Profile) -> Iterator[tuple[Code, ...]]:
    """Cut a code list by number and, for GET, by its length once encoded."""
    chunk: list[Code] = []
    length = 0
    limit = profile.max_query_length if profile.search_method == "get" else 8 * 1024
    for code in sorted(set(codes)):
        size = len(quote(token(code) + ",", safe=""))
        if chunk and (len(chunk) >= profile.max_codes or length + size > limit):
            yield tuple(chunk)
            chunk, length = [], 0
        chunk.append(code)
        length += size
    if chunk:
        yield tuple(chunk)


def token(code: Code) -> str:
    """Write a code as a search token, with FHIR's own escapes."""
    return "|".join(_escaped(part) for part in code)


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
    whose = (("patient", ",".join(prefix + patient for patient in patients)),) if patients else ()
    return Query(
        kind, (*whose, *parameters, *_paging(profile)), patients=frozenset(patients), codes=codes
    )


def _paging(profile: Profile) -> Parameters:
    return (("_count", str(profile.page_size)),)
