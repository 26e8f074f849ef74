"""Where the line of an error is explained: each message of ours has an anchor in docs/errors.md.

`messages.tsv` beside this module is made with the page (`make docs-pages`), from the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from fhir_remission.errors import RemissionError, anchor_of


def place_in_pages(error: RemissionError) -> str:
    """The anchor of the message, or of its kind where the words are not ours.

    Of messages that fit, the one with the most words of its own is meant: what stands for a name
    or a value in one of them may hold another whole.
    """
    text, kind = str(error), anchor_of(type(error))
    fitting = (
        (len(words), anchor)
        for anchor, words in _messages()
        if anchor.startswith(f"{kind}-") and _fits(words, text)
    )
    return max(fitting, default=(0, kind))[1]


def _messages() -> Iterator[tuple[str, str]]:
    table = (files("fhir_remission.cli") / "messages.tsv").read_text(encoding="utf-8")
    for line in table.splitlines()[1:]:
        anchor, _, words = line.partition("\t")
        yield anchor, words


def _fits(words: str, text: str) -> bool:
    """Whether these words were said, perhaps behind the file and line of a table.

    Each part is taken where it comes first: of a long text, a pattern with many gaps would try all.
    """
    text = text.replace("`", "'")
    first, *rest = words.split("…")
    if not rest:
        return text == first or text.endswith(f": {first}")
    place = 0 if text.startswith(first) else text.find(f": {first}") + 2
    if place == 1:
        return False
    place += len(first)
    *between, last = rest
    for part in between:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return text.endswith(last) and len(text) - len(last) >= place
