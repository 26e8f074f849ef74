"""Tables as a site writes them: each bad row is refused in a whole sentence, each good one read."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.nouns.tsv import read_rows
from fhir_remission.domain.tables import analytes, categories, codes, events, terms, units
from fhir_remission.domain.tables import answers as values
from fhir_remission.domain.tables.analytes import Analyte
from fhir_remission.domain.tables.unit_grammar import COLUMNS as WORD_COLUMNS
from fhir_remission.domain.tables.unit_grammar import Refused, merge_unit_words, read_unit_words
from fhir_remission.domain.tables.units import Converted, UnitMap, UnitSent
from fhir_remission.domain.tables.value_grammar import COLUMNS as VALUE_COLUMNS
from fhir_remission.domain.tables.value_grammar import merge_value_words, read_value_words
from fhir_remission.effects.files.mapping_files import default_dir, load_mappings
from fhir_remission.errors import TableError
from tests.domain.builder import value

ANALYTES = load_mappings().analytes
NAMESPACE = "https://site.example"
NO_SOURCE = "the row names no source; say where it comes from"
EITHER = "a row has either a system and a code, or a text"


def table(columns: tuple[str, ...], *rows: str) -> str:
    """A table with its header; the cells of a row are parted by commas."""
    return "\n".join(["\t".join(columns), *(row.replace(",", "\t") for row in rows)]) + "\n"


def read_analytes(*rows: str) -> dict[str, Analyte]:
    """Analytes of these rows: analyte, kind, dimensions, unit, low, high, specimen, note ..."""
    return analytes.read_analytes(table(analytes.COLUMNS, *rows), file="site.tsv")


def read_codes(*rows: str) -> codes.CodeMap:
    """Codes of these rows: system, code, analyte, specimen, method, marker, condition, flag ..."""
    text = table(codes.COLUMNS, *rows)
    read = codes.read_codes(text, file="site.tsv", analytes=ANALYTES)
    return codes.merge_codes(read, [])


def read_lookalikes(*rows: str) -> codes.CodeMap:
    """Look-alikes of these rows: system, code, display, reason, source."""
    text = table(codes.LOOKALIKE_COLUMNS, *rows)
    return codes.merge_codes([], codes.read_lookalikes(text, file="site.tsv"))


def read_units(*rows: str) -> UnitMap:
    """Units of these rows: unit, dimension, canonical, factor, read_as, condition, refused ..."""
    shipped = table(
        WORD_COLUMNS, "multiplier,k,3,,,en,us", "cells,#,0,,,en,us", "volume,l,0,,,en,us"
    )
    words = merge_unit_words(read_unit_words(shipped, file="unit_words.tsv"))
    read = units.read_units(table(units.COLUMNS, *rows), file="site.tsv")
    return units.merge_units(read, words)


def read_values(*rows: str) -> values.ValueMap:
    """Answers of these rows: system, code, text, analyte, answer, display, source."""
    text = table(values.COLUMNS, *rows)
    words = merge_value_words(read_value_words(table(VALUE_COLUMNS), file="value_words.tsv"))
    return values.merge_values(values.read_values(text, file="site.tsv", analytes=ANALYTES), words)


def read_events(*rows: str) -> events.EventMap:
    """Events of these rows: system, code, kind, detail, certainty, claim, display, source."""
    text = table(events.COLUMNS, *rows)
    return events.merge_events(events.read_events(text, file="site.tsv"))


def read_terms(*rows: str) -> terms.TermMap:
    """Terms of these rows: kind, term, system, code, text, source."""
    return terms.merge_terms(terms.read_terms(table(terms.COLUMNS, *rows), file="site.tsv"))


def refusal(read: Callable[..., Any], *given: Any, **more: Any) -> str:
    """The whole sentence with which something is refused."""
    with pytest.raises(TableError) as caught:
        read(*given, **more)
    return str(caught.value)


# ------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "site.tsv: no header; the first row must be: a source"),
        ("a\tb\n", "site.tsv:1: the columns are a b; they must be: a source"),
        ("a\tsource\nx\t\n", f"site.tsv:2: {NO_SOURCE}"),
        ("a\tsource\nx\ty\tz\n", "site.tsv:2: 3 cells in a table of 2 columns; check the tabs"),
    ],
)
def test_a_table_that_is_none_says_what_it_must_be(text: str, said: str) -> None:
    """With the file, and the line where there is one."""
    read = refusal(lambda: list(read_rows(text, file="site.tsv", columns=("a", "source"))))
    assert read == said


@pytest.mark.parametrize(
    ("read", "row", "said"),
    [
        (read_analytes, "x,thing,,,,,,,us",
         "thing is no kind of analyte; use one of quantity, finding, either, attribute"),
        (read_analytes, "x,finding,length,,,,,,us",
         "length is no dimension; use one of count, fraction, ratio, mass, number"),
        (read_codes, "urn:x,A,anc,,,,maybe,,,us",
         "maybe is no condition; use one of specimen=blood, specimen=marrow, specimen=stated,"
         " unit=concentration, addend, lower-bound, adds, unnamed"),
        (read_codes, "urn:x,A,anc,,,,,odd,,us",
         "odd is no flag of a code; use one of deprecated-code, capillary-blood,"
         " promonocytes-reported, apl-marker"),
        (read_codes, "urn:x,A,anc", NO_SOURCE),
        (read_lookalikes, "urn:x,A,not it,why", NO_SOURCE),
        (read_units, "x,length,%,1,both,,,us",
         "length is no dimension; use one of count, fraction, ratio, mass, number"),
        (read_units, "x,count,%,1,sometimes,,,us", "sometimes is none of code, text, both, none"),
        (read_units, "x,count,%,1,both,value>7,,us",
         "value>7 is no condition; use one of value>=1000000, value<=1, npu, loinc;value>1"),
        (read_units, "x,count,,,none,npu,why,us", "npu is no condition; use one of vague"),
        (read_units, "x,count,,,none,,,us",
         "a refused unit is read as none and says why; any other is read"),
        (read_units, "x,count,%,0,both,,,us",
         "a unit that is read needs a canonical unit and a factor above 0"),
        (read_units, "x,count,,1,both,,,us",
         "a unit that is read needs a canonical unit and a factor above 0"),
        (read_units, ",count,%,1,both,,,us",
         "a row without a unit; no unit sent is written (missing)"),
        (read_units, "x,count,%,1,both", NO_SOURCE),
        (read_values, ",,maybe,,perhaps,,us",
         "perhaps is no answer; use one of negative, low-level, positive, indeterminate, zero,"
         " some"),
        (read_values, "urn:x,A,maybe,,negative,,us", EITHER),
        (read_values, "urn:x,,,,negative,,us", EITHER),
        (read_values, ",A,,,negative,,us", EITHER),
        (read_values, ",,none,unicorns,negative,,us",
         f"unicorns is no row of analytes.tsv; use one of {', '.join(ANALYTES)}"),
        (read_values, ",,none,,zero,,us", "zero needs the analytes it is said of"),
        (read_values, ",,none,,negative", NO_SOURCE),
        (read_events, "urn:x,A,wedding,,confirmed,,,us",
         "wedding is no kind of event; use one of aml-diagnosis, apl-diagnosis, other-leukaemia,"
         " unspecified-leukaemia, unread-leukaemia, antecedent, extramedullary, therapy-start,"
         " rbc-transfusion, platelet-transfusion,"
         " transfusion-unspecified, gcsf, gcsf-pegylated, differentiating-drug, transplant,"
         " donor-lymphocytes, transplant-history"),
        (read_events, "urn:x,A,,,confirmed,,,us",
         "a row has a kind of event, a claim (remission, relapse, active) or both"),
        (read_events, "urn:x,A,transplant,,confirmed,cured,,us",
         "a row has a kind of event, a claim (remission, relapse, active) or both"),
        (read_events, "urn:x,,transplant,,confirmed,,,us",
         "a code is only known together with its system; give both"),
        (read_events, "urn:x,A,transplant,,confirmed", NO_SOURCE),
        (read_terms, "method,magic,,,magic,us",
         f"magic is no method; the kinds are {', '.join(terms.TERMS)}"),
        (read_terms, "method,flow,urn:x,A,flow,us", EITHER),
        (read_terms, "method,flow,urn:x,,,us", EITHER),
        (read_terms, "method,flow,,,flow", NO_SOURCE),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_in_a_whole_sentence(
    read: Callable[..., Any], row: str, said: str
) -> None:
    """File, line, what is wrong, and what would be right."""
    assert refusal(read, row) == f"site.tsv:2: {said}"


@pytest.mark.parametrize(
    ("read", "rows", "said"),
    [
        (read_codes, ("urn:x,A,anc,,,,,,,us", "urn:x,A,wbc,,,,,,,us"),
         "A of urn:x is wbc here and anc in another row; keep one, or remove the shipped row by a"
         " ConceptMap first"),
        (read_values, (",,Maybe,,negative,,us", ",,maybe,,positive,,us"),
         "maybe is positive here and negative elsewhere; keep one"),
        (read_values, ("urn:x,A,,mrd,negative,,us", "urn:x,A,,auer-rods;mrd,positive,,us"),
         "A is positive here and negative elsewhere; keep one"),
        (read_events,
         ("urn:x,A,aml-diagnosis,,confirmed,,,us", "urn:x,A,apl-diagnosis,,confirmed,,,us"),
         "A of urn:x already means something else; keep one row"),
        (read_events, ("urn:x,A,aml-diagnosis,,confirmed,,,us", "urn:x,A,,,confirmed,relapse,,us"),
         "A of urn:x already means something else; keep one row"),
        (read_events,
         ("urn:x,A,therapy-start,intensive,confirmed,,,us",
          "urn:x,A,therapy-start,less-intensive,confirmed,,,us"),
         "A of urn:x already means something else; keep one row"),
        (read_terms, ("method,flow,urn:x,A,,us", "method,ngs,urn:x,A,,us"),
         "A is flow in another row; keep one"),
        (read_terms, ("method,flow,,,Fancy,us", "method,ngs,,,fancy,us"),
         "fancy is flow in another row; keep one"),
    ],
)  # fmt: skip
def test_a_row_that_contradicts_an_earlier_one_is_refused(
    read: Callable[..., Any], rows: tuple[str, str], said: str
) -> None:
    """The later one is named: the shipped rows come first."""
    assert refusal(read, *rows) == f"site.tsv:3: {said}"


def test_a_bad_row_of_what_is_written_is_refused_in_a_whole_sentence() -> None:
    """Empty cells by name, an unknown system, and a row without which nothing could be written."""
    shipped = (default_dir() / "categories.tsv").read_text(encoding="utf-8")
    line = len(shipped.splitlines()) + 1

    def said(text: str) -> str:
        return refusal(categories.read_categories, text, file="categories.tsv")

    assert said(f"{shipped}category\tX\tours\t\t\tus\n") == (
        f"categories.tsv:{line}: code, display must not be empty"
    )
    assert said(f"{shipped}category\tX\tICD\tX\tx\tus\n") == (
        f"categories.tsv:{line}: system ICD is none of ours, NCIt, SNOMED, LOINC"
    )
    rest = [row for row in shipped.splitlines() if not row.startswith("question\tstate")]
    assert said("\n".join(rest)) == "categories.tsv: the row question state is missing; add it back"


# -------------------------------------------------------------------------------- what is read


def test_a_value_is_believed_within_the_bounds_as_far_as_it_was_stated() -> None:
    """Both ends included; a bound that the table leaves empty forbids nothing."""
    both, low, high, none = read_analytes(
        "both,quantity,count,u,1,50,,,us", "low,quantity,count,u,1,,,,us",
        "high,quantity,count,u,,50,,,us", "none,finding,,,,,,,us",
    ).values()  # fmt: skip
    believed = {
        "0.9": (False, False, True), "1": (True, True, True), "50": (True, True, True),
        "50.1": (False, True, False), "4-50": (True, True, True), "4-51": (False, True, False),
        ">=50": (True, True, True), ">51": (False, True, False), "<5": (False, False, True),
        ">50": (False, True, False),
    }  # fmt: skip
    for raw, expected in believed.items():
        told = tuple(one.believes(_interval(raw)) for one in (both, low, high))
        assert told == expected, raw
        assert none.believes(_interval(raw))


def _interval(raw: str) -> Interval:
    found = value(raw)
    assert isinstance(found, Interval)
    return found


def test_an_answer_is_that_of_the_analyte_before_that_of_all() -> None:
    """A general answer is none for a quantity: `not done` is no number of platelets."""
    found = read_values(
        ",,Not done.,,indeterminate,,us", ",,not done,auer-rods,negative,,us",
        ",,rare,blasts-blood;blasts-marrow,some,,us",
        "urn:x,A,,,positive,,us", "urn:x,A,,mrd,negative,,us", f"{NAMESPACE}/c,B,,,low-level,,us",
    )  # fmt: skip
    words = {
        "auer-rods": ("negative", None), "mrd": ("indeterminate", None), "platelets": (None, None),
        "blasts-blood": (None, "some"), "blasts-marrow": (None, "some"),
    }  # fmt: skip
    for name, expected in words.items():
        told = [found.text_answer(text, ANALYTES[name]) for text in ("NOT  DONE", "rare")]
        assert tuple(told) == expected, name
    coded = {"auer-rods": "positive", "mrd": "negative", "platelets": None}
    for name, answer in coded.items():
        assert found.coded_answer("urn:x", "A", ANALYTES[name]) == answer
    assert found.coded_answer(f"{NAMESPACE}/c", "B", ANALYTES["mrd"]) == "low-level"
    assert found.coded_answer("urn:y", "A", ANALYTES["mrd"]) is None


def test_an_event_is_what_its_code_means_in_a_resource_of_its_type() -> None:
    """A chemotherapy is no Condition; one code may start a therapy and name a drug."""
    found = read_events(
        "urn:x,D,aml-diagnosis,,confirmed,,,us", "urn:x,D,aml-diagnosis,,confirmed,,,us too",
        "urn:x,T,therapy-start,intensive,confirmed,,,us",
        "urn:x,T,differentiating-drug,,confirmed,,,us",
        f"{NAMESPACE}/e,E,transplant,,confirmed,,,us",
        "urn:x,C,extramedullary,,unconfirmed,relapse,Sarcoma again,us",
    )  # fmt: skip
    (lesion,) = found.of("urn:x", "C", "Condition")
    assert (lesion.certainty, lesion.claim, lesion.display) == (
        "unconfirmed", "relapse", "Sarcoma again",
    )  # fmt: skip
    assert found.of("urn:x", "D", "Condition")[0].claim is None

    def kinds(system: str, code: str, resource: str) -> list[str]:
        return [row.kind for row in found.of(system, code, resource)]

    assert kinds("urn:x", "D", "Condition") == ["aml-diagnosis"]
    assert kinds("urn:x", "D", "Procedure") == []
    assert kinds("urn:x", "T", "Procedure") == ["therapy-start", "differentiating-drug"]
    assert kinds("urn:x", "T", "Condition") == []
    assert kinds(f"{NAMESPACE}/e", "E", "MedicationAdministration") == ["transplant"]
    assert kinds("urn:y", "D", "Condition") == []


def test_a_term_is_found_by_its_code_or_its_whole_text() -> None:
    """And what the table does not know is no term."""
    found = read_terms("method,flow,urn:x,A,,us", "specimen,marrow,,,Bone marrow,us")
    assert found.coded_term("method", "urn:x", "A") == "flow"
    assert found.coded_term("specimen", "urn:x", "A") == ""
    assert found.text_term("specimen", "BONE  marrow.") == "marrow"
    assert found.text_term("method", "bone marrow") == ""
    assert found.text_term("specimen", "marrow") == ""


def test_a_code_keeps_how_it_was_measured_and_a_lookalike_what_it_is() -> None:
    """Method and marker go with the result; display and reason are told to the site."""
    (row,) = read_codes(f"{NAMESPACE}/c,A,mrd,marrow,qpcr,NPM1,,,NPM1 copies,us").rows.values()
    assert (row.system, row.code) == (f"{NAMESPACE}/c", "A")
    assert (row.specimen, row.method, row.marker) == ("marrow", "qpcr", "NPM1")
    ((key, alike),) = read_lookalikes(
        f"{NAMESPACE}/c,B,Blasts of lymph,another,us"
    ).lookalikes.items()
    assert key == (f"{NAMESPACE}/c", "B")
    assert (alike.display, alike.reason) == ("Blasts of lymph", "another")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (UnitSent(code="K"), "5"), (UnitSent(code="K", text="K"), "5"),
        (UnitSent(text="thou"), "5"), (UnitSent(code="?", text="thou"), "5"),
        (UnitSent(text="K"), "unit K is in no row of units.tsv"),
        (UnitSent(code="thou"), "unit thou is in no row of units.tsv"),
        (UnitSent(), "no unit was sent"),
    ],
)  # fmt: skip
def test_a_unit_is_understood_only_where_its_row_says(sent: UnitSent, expected: str) -> None:
    """A spelling that is no UCUM code is none; no unit is none where no row reads it."""
    found = read_units("K,count,10*9/L,1,code,,,us", "thou,count,10*9/L,1,text,,,us").convert(
        Interval(Decimal(5), Decimal(5)), sent, ANALYTES["platelets"], code_system="urn:x"
    )
    told = str(found.value.low) if isinstance(found, Converted) else found.reason
    assert isinstance(found, Converted | Refused)
    assert told == expected
