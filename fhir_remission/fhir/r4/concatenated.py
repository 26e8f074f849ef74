"""JSON texts one after another, on any number of lines each: where each begins and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Strings whole, because brackets in them count for nothing; one that never ends goes to the end,
# else each quote in it would be tried for another one: hours for a megabyte of `\"`.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.|\\\Z)*+(?:"|\Z)|[{}\[\]]', re.DOTALL)
_SPACE = b" \t\r\n\x1e"


def texts_of(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Each object with the line it begins on; what is no object is a text of its own."""
    start = depth = 0
    line, counted = 1, 0
    for token in _TOKEN.finditer(body):
        mark = token[0]
        if mark in (b"{", b"["):
            depth += 1
        elif mark in (b"}", b"]"):
            depth -= 1
        if depth <= 0 and mark in (b"}", b"]"):
            text = body[start : token.end()]
            begins = start + len(text) - len(text.lstrip(_SPACE))
            line, counted = line + body.count(b"\n", counted, begins), begins
            yield line, text.strip(_SPACE)
            start, depth = token.end(), 0
    rest = body[start:].strip(_SPACE)
    if rest:
        yield line + body.count(b"\n", counted, body.find(rest, start)), rest
