"""Words that qualify a result: the method, the specimen, the route, from one table."""

from __future__ import annotations

from msgspec import Struct

from fhir_remission.domain.nouns.tsv import Row, read_rows
from fhir_remission.domain.tables.value_grammar import plain_words

COLUMNS = ("kind", "term", "system", "code", "text", "source")
TERMS = {
    "method": ("manual", "automated", "morphology", "flow", "qpcr", "ngs", "biopsy"),
    "specimen": ("blood", "marrow", "csf", "other"),
    "specimen-condition": ("unsatisfactory", "usable"),
    "route": ("intrathecal",),
    "sample": ("biopsy",),
    "component": ("gene",),
    "gene": (
        *("DNMT3A", "TET2", "ASXL1", "NPM1", "FLT3", "IDH1", "IDH2", "TP53"),
        *("RUNX1::RUNX1T1", "CBFB::MYH11", "PML::RARA"),
    ),
    "interpretation": ("positive", "abnormal", "negative"),
    # What an interpretation says of a number: no more, no less, or nothing that can be judged.
    "extent": ("at-most", "at-least", "undecided"),
    "absence": ("unmeasured",),
    # How sure a diagnosis is; `over`: a state after it.
    "certainty": ("confirmed", "unconfirmed", "refuted", "over"),
}


class TermMap(Struct, frozen=True):
    """Terms by kind and code, and by kind and whole text."""

    coded: dict[tuple[str, str, str], str]
    texts: dict[tuple[str, str], str]

    def coded_term(self, kind: str, system: str, code: str) -> str:
        """The term of a code; empty where the table has none."""
        return self.coded.get((kind, system, code), "")

    def text_term(self, kind: str, text: str) -> str:
        """The term of a whole text; empty where the table has none."""
        return self.texts.get((kind, plain_words(text)), "")


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
    return TermMap(coded=coded, texts=texts)
