"""Where the line of an error is explained: each message of ours has an anchor in docs/errors.md.

`messages.tsv` beside this module is made with the page (`make docs-pages`), from the code.
"""

from __future__ import annotations

import re
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
    """Whether these words were said, perhaps behind the file and line of a table."""
    pattern = "(.*: )?" + ".*".join(map(re.escape, words.split("…")))
    return re.fullmatch(pattern, text.replace("`", "'"), re.DOTALL) is not None
