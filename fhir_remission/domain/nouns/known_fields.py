"""What a file of ours could have said where it says something unknown: names for the complaint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msgspec import inspect


def known_instead(raw: object, shape: type) -> str:
    """`; known are ...` of the first field or kind that the shape has not; else nothing."""
    from msgspec import inspect  # only who made a mistake waits for it

    found = next(_unknown(raw, inspect.type_info(shape)), None)
    return f"; known are {', '.join(sorted(found))}" if found else ""


def _unknown(raw: object, shape: inspect.Type) -> Iterator[Iterable[str]]:
    """The names that are known, wherever a name is not."""
    from msgspec import inspect

    if isinstance(shape, inspect.StructType) and isinstance(raw, dict):
        known = {field.encode_name: field.type for field in shape.fields}
        names = {*known, *([shape.tag_field] if shape.tag_field else [])}
        if raw.keys() - names:
            yield names
        for name in raw.keys() & known.keys():
            yield from _unknown(raw[name], known[name])
    elif isinstance(shape, inspect.UnionType):
        yield from _of_union(raw, shape)
    elif isinstance(shape, inspect.CollectionType) and isinstance(raw, list):
        for one in raw:
            yield from _unknown(one, shape.item_type)
    elif isinstance(shape, inspect.DictType) and isinstance(raw, dict):
        for one in raw.values():
            yield from _unknown(one, shape.value_type)


def _of_union(raw: object, shape: inspect.UnionType) -> Iterator[Iterable[str]]:
    from msgspec import inspect

    structs = [one for one in shape.types if isinstance(one, inspect.StructType)]
    tags = {str(one.tag): one for one in structs if one.tag_field}
    if not tags:
        for one in structs:
            yield from _unknown(raw, one)
    elif isinstance(raw, dict):
        tag = raw.get(structs[0].tag_field)
        if tag in tags:
            yield from _unknown(raw, tags[tag])
        elif isinstance(tag, str):
            yield tags
