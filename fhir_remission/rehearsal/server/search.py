"""What a search asks, and which resources answer it; paging is elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from fhir_remission.rehearsal.server.dates import date_filter, span
from fhir_remission.rehearsal.server.parameters import (
    Parameter,
    all_parameters,
    elements,
    split_reference,
)
from fhir_remission.rehearsal.server.replies import Refused
from fhir_remission.rehearsal.server.store import Store, Version, instant

Pairs = Iterable[tuple[str, str]]
Test = Callable[[dict[str, Any]], bool]

# https://hl7.org/fhir/R4/search.html#return: these shape the answer instead of choosing rows.
SHAPING = frozenset({"_count", "_sort", "_summary", "_format", "_pretty", "_total"})
SORTS = frozenset({"_lastUpdated", "_id", "date"})


class Search(Struct, frozen=True):
    """One search, understood: what chooses rows, what shapes the answer, what was ignored."""

    kind: str
    tests: tuple[Test, ...]
    index_keys: tuple[tuple[str, ...], ...]
    """Any of these keys of the store's index; empty: all of the type."""
    sort: str
    count: int | None
    only_total: bool
    used: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]


def read_search(
    kind: str, pairs: Pairs, *, known: dict[str, Parameter] | None = None, strict: bool = False
) -> Search:
    """Understand the parameters of a search of one type; unknown ones are ignored or refused."""
    if known is None:
        known = all_parameters()[kind]
    tests: list[Test] = []
    used: list[tuple[str, str]] = []
    ignored: list[str] = []
    keys: tuple[tuple[str, ...], ...] = ()
    shape: dict[str, str] = {}
    for name, text in pairs:
        plain, _, modifier = name.partition(":")
        parameter = known.get(plain)
        if plain in SHAPING:
            shape[plain] = text
        elif parameter is None:
            _note_unknown(plain, ignored, strict=strict)
            continue
        else:
            tests.append(_test(parameter, modifier, text))
            keys = keys or _index_keys(parameter, modifier, text)
        used.append((name, text))
    return Search(
        kind=kind,
        tests=tuple(tests),
        index_keys=keys,
        sort=_sort(shape.get("_sort", "")),
        count=_count(shape.get("_count")),
        only_total=shape.get("_summary") == "count" or shape.get("_count") == "0",
        used=tuple(used),
        ignored=tuple(ignored),
    )


def run(store: Store, search: Search) -> list[Version]:
    """Find the newest versions that pass every test, in the order asked for."""
    if search.index_keys:
        keyed = {
            version.id: version
            for key in search.index_keys
            for version in store.found(search.kind, key)
        }
        candidates: Iterable[Version] = keyed.values()
    else:
        candidates = store.of_type(search.kind)
    rows = [
        version
        for version in candidates
        if version.resource is not None and all(test(version.resource) for test in search.tests)
    ]
    return _sorted(rows, search.sort)


def _note_unknown(name: str, ignored: list[str], *, strict: bool) -> None:
    # A chained filter that is ignored would answer with other patients' rows: always refused.
    if strict or "." in name or name == "_has":
        raise Refused(400, "not-supported", f"unknown search parameter {name!r}")
    ignored.append(name)


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal():
        raise Refused(400, "invalid", f"_count is not a number: {text!r}")
    return int(text)


def _sort(text: str) -> str:
    if text and text.lstrip("-") not in SORTS:
        raise Refused(400, "not-supported", f"cannot sort by {text!r}")
    return text


def _sorted(rows: list[Version], sort: str) -> list[Version]:
    if not sort:
        return rows
    field = sort.lstrip("-")
    return sorted(rows, key=lambda version: _sort_key(version, field), reverse=sort[0] == "-")


def _sort_key(version: Version, field: str) -> tuple[str, str]:
    if field == "_id":
        return version.id, ""
    if field == "_lastUpdated":
        return instant(version.at), version.id
    resource = version.resource or {}
    found = span(str(resource.get("effectiveDateTime") or resource.get("date") or ""))
    return (instant(found[0]) if found else "", version.id)


def split_values(text: str) -> Sequence[str]:
    """Split an OR-list; a comma after a backslash belongs to the value."""
    if "\\" not in text:
        return text.split(",")
    parts = text.replace("\\,", "\0").split(",")
    return [part.replace("\0", ",") for part in parts]


def _index_keys(parameter: Parameter, modifier: str, text: str) -> tuple[tuple[str, ...], ...]:
    values = split_values(text)
    if parameter.name == "patient" and modifier in {"", "Patient"}:
        return tuple(("patient", split_reference(value)[2]) for value in values)
    # `system|` asks for any value of a system: the index has whole identifiers only.
    if parameter.name == "identifier" and not modifier and all(map(_is_whole, values)):
        return tuple(("identifier", *value.split("|", 1)) for value in values)
    return ()


def _is_whole(token: str) -> bool:
    return "|" in token and not token.endswith("|")


def _test(parameter: Parameter, modifier: str, text: str) -> Test:
    if modifier == "missing":
        wanted = text == "true"
        return lambda resource: (not any(True for _ in elements(resource, parameter))) == wanted
    accepts = [_matcher(parameter, modifier, value) for value in split_values(text)]
    found: Test = lambda resource: any(  # noqa: E731 - the two answers side by side
        accept(element) for element in elements(resource, parameter) for accept in accepts
    )
    if modifier == "not":
        return lambda resource: not found(resource)
    return found


def _matcher(parameter: Parameter, modifier: str, value: str) -> Callable[[Any], bool]:
    if parameter.kind == "token" and modifier in {"", "not"}:
        return _token(value)
    if parameter.kind == "date" and not modifier:
        return date_filter(value)
    if parameter.kind == "reference" and (not modifier or modifier[0].isupper()):
        return _reference(value, parameter.target or modifier)
    if parameter.kind == "reference" and modifier == "identifier":
        token = _token(value)
        return lambda element: token(element.get("identifier", {}))
    if parameter.kind == "string" and modifier in {"", "exact", "contains"}:
        return _string(value, modifier)
    if parameter.kind == "uri" and not modifier:
        return lambda element: bool(element == value)
    raise Refused(400, "not-supported", f"cannot search {parameter.name!r} by :{modifier}")


def _token(value: str) -> Callable[[Any], bool]:
    system, bar, code = value.rpartition("|")

    def matches_coding(coding: dict[str, Any]) -> bool:
        has = coding.get("code", coding.get("value", ""))
        if bar and coding.get("system", "") != system:
            return False
        return has == code or (bool(bar) and not code)

    def matches(element: Any) -> bool:  # noqa: ANN401
        if isinstance(element, dict):
            codings = element.get("coding")
            if codings is None:
                return matches_coding(element)
            return any(matches_coding(coding) for coding in codings)
        text = str(element).lower() if isinstance(element, bool) else element
        return bool(text == code)

    return matches


def _reference(value: str, target: str) -> Callable[[Any], bool]:
    _, asked_type, asked_id = split_reference(value)
    asked_type = asked_type or target

    def matches(element: Any) -> bool:  # noqa: ANN401
        if not isinstance(element, dict):
            return False
        _, kind, name = split_reference(str(element.get("reference", "")))
        return name == asked_id and asked_type in {"", kind}

    return matches


def _string(value: str, modifier: str) -> Callable[[Any], bool]:
    folded = value.casefold()

    def matches(element: Any) -> bool:  # noqa: ANN401
        text = str(element)
        if modifier == "exact":
            return text == value
        has = text.casefold()
        return folded in has if modifier == "contains" else has.startswith(folded)

    return matches
