"""Words that qualify a result: the method, the specimen, the route, from one table."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from fhir_remission.domain.nouns.tsv import Row, read_rows
from fhir_remission.domain.tables.value_grammar import plain_words

COLUMNS = ("kind", "term", "system", "code", "text", "source")
TERMS = {
    "method": ("manual", "automated", "morphology", "flow", "qpcr", "ngs", "biopsy"),
    "specimen": ("blood", "marrow", "csf", "other"),
    "specimen-condition": ("unsatisfactory", "usable"),
    "route": ("intrathecal",),
    "sample": ("biopsy", "aspirate"),
    "component": ("gene",),
    "gene": (
        *("DNMT3A", "TET2", "ASXL1", "NPM1", "FLT3", "IDH1", "IDH2", "TP53"),
        *("RUNX1::RUNX1T1", "CBFB::MYH11", "PML::RARA"),
    ),
    "interpretation": ("positive", "abnormal", "negative"),
    # What an interpretation says of a number: no more, no less, or nothing that can be judged.
    "extent": ("at-most", "at-least", "undecided"),
    # How sure a diagnosis is; `over`: a state after it.
    "certainty": ("confirmed", "unconfirmed", "refuted", "over"),
    # What may stand beside a specimen or a method and names neither; a container may stand alone.
    "beside-specimen": ("qualifier", "container"),
    "beside-method": ("qualifier",),
}
# Texts that are read word by word: by the words of their own kind, and by what may stand beside.
_BY_WORDS = {
    "specimen": ("specimen", "sample", "beside-specimen"),
    "method": ("method", "beside-method"),
}
_APART = re.compile(r"[\s,;:/()\[\]._\u2010-\u2015-]+")


class TermMap(Struct, frozen=True, eq=False):
    """Terms by kind and code, and by kind and text. Hashed as the object it is."""

    coded: dict[tuple[str, str, str], str]
    texts: dict[tuple[str, str], str]
    longest: int = 1
    """How many words the longest text has."""

    def coded_term(self, kind: str, system: str, code: str) -> str:
        """The term of a code; empty where the table has none."""
        return self.coded.get((kind, system, code), "")

    def text_term(self, kind: str, text: str) -> str:
        """The term of a whole text, or the one its words name; empty where there is none."""
        whole = self.texts.get((kind, plain_words(text)))
        if whole or kind not in _BY_WORDS:
            return whole or ""
        said = {term for of, term in self.by_words(kind, text) if of == kind}
        return said.pop() if len(said) == 1 else ""

    def by_words(self, kind: str, text: str) -> frozenset[tuple[str, str]]:
        """What each word of a text names, as kind and term; nothing where a word is not known.

        Longer phrases come first: `cord blood` is no blood.
        """
        return _by_words(self, kind, plain_words(text))

    def first(self, kinds: tuple[str, ...], words: list[str]) -> tuple[set[tuple[str, str]], int]:
        """What the longest phrase at the beginning names, and how many words it has."""
        for length in range(min(self.longest, len(words)), 0, -1):
            phrase = " ".join(words[:length])
            named = {(of, self.texts[of, phrase]) for of in kinds if (of, phrase) in self.texts}
            if named:
                return named, length
        return set(), 0


# Few texts come again and again.
@lru_cache(maxsize=1 << 10)
def _by_words(terms: TermMap, kind: str, plain: str) -> frozenset[tuple[str, str]]:
    words = [word for word in _APART.split(plain) if word]
    found: set[tuple[str, str]] = set()
    while words:
        named, length = terms.first(_BY_WORDS[kind], words)
        if not named:
            return frozenset()
        found |= named
        words = words[length:]
    return frozenset(found)


def read_terms(text: str, *, file: str) -> list[Row]:
    """Read the rows of a terms table, each checked by itself."""
    rows = list(read_rows(text, file=file, columns=COLUMNS))
    for row in rows:
        if row["term"] not in TERMS.get(row["kind"], ()):
            raise row.refuse(f"{row['term']} is no {row['kind']}; the kinds are {', '.join(TERMS)}")
        if bool(row["text"]) == bool(row["system"] and row["code"]):
            raise row.refuse("a row has either a system and a code, or a text")
    return rows


def merge_terms(rows: list[Row]) -> TermMap:
    """Make one map; a row that contradicts another stops the run and names its line."""
    coded: dict[tuple[str, str, str], str] = {}
    texts: dict[tuple[str, str], str] = {}
    for row in rows:
        if row["code"]:
            held = coded.setdefault((row["kind"], row["system"], row["code"]), row["term"])
        else:
            held = texts.setdefault((row["kind"], plain_words(row["text"])), row["term"])
        if held != row["term"]:
            raise row.refuse(f"{row['code'] or row['text']} is {held} in another row; keep one")
    longest = max((len(phrase.split()) for _, phrase in texts), default=1)
    return TermMap(coded=coded, texts=texts, longest=longest)
