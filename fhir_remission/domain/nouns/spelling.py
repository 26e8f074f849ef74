"""How words stand in names that systems make, joined or in letters that only look alike; and one
pattern of many words of a table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from fhir_remission.domain.nouns.unions import grouped

# Word boundaries that a name in one piece has: blastPct, AMLRelapse, CHEMO2. Genes and drugs have
# fewer letters before their number (NPM1, RUNX1, CD34), and keep it.
_LETTER = r"[^\W\d_]"
_JOINT = re.compile(
    r"(?<=[^\W\d_A-ZÀ-Þ])(?=[A-ZÀ-Þ])|(?<=[A-Z][A-Z])(?=[A-Z][a-z][a-z])"
    rf"|(?<={_LETTER * len('CHEMO')})(?=\d)"
)
_TOKEN = re.compile(r"\w+")
# Letters of other scripts that look like Latin ones (Unicode Technical Standard 39, confusables).
_ALIKE = str.maketrans(
    "АВСЕНІЈКМОРЅТХҮаԁеһіјкорѕтухүΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορτυχ",
    "ABCEHIJKMOPSTXYadehijkopstuxyABEZHIKMNOPTYXaikvoptux",
)
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK")


def seen(text: str) -> str:
    """The text as it is seen: its letters in one piece, none without width, each word
    in one script."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text)
    shown = "".join(one for one in text if unicodedata.category(one) != "Cf")
    return _TOKEN.sub(lambda found: _in_latin(found.group()), shown)


def _in_latin(word: str) -> str:
    """A word of Latin letters among which some are of another script; any other word as it is."""
    scripts = {unicodedata.name(one, "").partition(" ")[0] for one in word if one.isalpha()}
    mixed = "LATIN" in scripts and len(scripts.intersection(_SCRIPTS)) > 1
    return word.translate(_ALIKE) if mixed else word


def spellings(text: str) -> tuple[str, ...]:
    """The text in lower case, and with the words apart that stand in it in one piece."""
    shown = seen(text)
    whole = [shown.replace("_", sign) for sign in " -"] if "_" in shown else [shown]
    apart = [_JOINT.sub(" ", one) for one in whole]
    return tuple(dict.fromkeys(one.casefold() for one in (*whole, *apart)))


NEVER = "(?!)"
"""The pattern of no words."""


def by_first_letter(words: Iterable[str], behind: Callable[[str], str]) -> str:
    """The words as alternatives of a pattern that at most places of a text tries hardly any.

    They keep their order within a letter; `*` at their ends stands for letters of a text, and
    `behind` gives the pattern of what follows the first letter.
    """
    groups = grouped(words, lambda word: word.strip("*")[0]).items()
    each = (f"{re.escape(first)}(?:{'|'.join(map(behind, many))})" for first, many in groups)
    return "|".join(each) or NEVER
