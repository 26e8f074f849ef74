"""The shipped tables say what the code lists say, and a bad row stops with its file and line."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from fhir_remission import classify
from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.domain.tables.analytes import read_analytes
from fhir_remission.domain.tables.answers import read_values
from fhir_remission.domain.tables.codes import COLUMNS as CODE_COLUMNS
from fhir_remission.domain.tables.codes import merge_codes, read_codes
from fhir_remission.domain.tables.events import read_events
from fhir_remission.domain.tables.mappings import TABLES, Mappings
from fhir_remission.domain.tables.terms import read_terms
from fhir_remission.domain.tables.unit_grammar import Refused
from fhir_remission.domain.tables.units import Converted, UnitSent, read_units
from fhir_remission.effects.files.mapping_files import (
    criteria_names,
    default_dir,
    load_criteria,
    load_mappings,
)
from fhir_remission.errors import SettingsError, TableError
from tests import facts

SYSTEMS = {
    "LOINC": "http://loinc.org",
    "SNOMED CT": "http://snomed.info/sct",
    "NCIt": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "ICD-10-CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD-9-CM": "http://hl7.org/fhir/sid/icd-9-cm",
    "ICD-10-GM": "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    "ICD-10-PCS": "http://www.cms.gov/Medicare/Coding/ICD10",
    "ICD-O-3": "http://terminology.hl7.org/CodeSystem/icd-o-3",
    "RxNorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "CPT": "http://www.ama-assn.org/go/cpt",
    "HCPCS": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "HL7 v3 ObservationInterpretation": (
        "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
    ),
    "HL7 condition-clinical": "http://terminology.hl7.org/CodeSystem/condition-clinical",
    "NPU": "urn:oid:1.2.208.176.2.1",
}
# Values of Condition.clinicalStatus that claim neither remission nor relapse nor activity.
NO_CLAIM = {("HL7 condition-clinical", "inactive"), ("HL7 condition-clinical", "resolved")}
# Diagnoses that are refused as AML are recognised as what they are.
# Its name was not known when the list of codes was made: a lower end of the marrow's blasts.
NAMED_SINCE = {("http://loinc.org", "11113-8")}
OTHER_DIAGNOSES = {"apl-diagnosis", "other-leukaemia", "antecedent", "unspecified-leukaemia"}


@pytest.fixture(scope="module")
def mappings() -> Mappings:
    """The shipped tables."""
    return load_mappings()


def _facts(include: str) -> list[tuple[tuple[str, str], dict[str, str]]]:
    return [
        ((SYSTEMS[row["system"]], row["code"]), row)
        for row in facts.rows("clinical/codes.csv")
        if row["include"] == include
        and row["system"] in SYSTEMS
        and not row["concept"].startswith("out_")
    ]


def _events(mappings: Mappings, key: tuple[str, str]) -> set[str]:
    return {row.kind for row in mappings.events.rows.get(key, ())}


def _means(mappings: Mappings, key: tuple[str, str]) -> bool:
    system, code = key
    return bool(
        key in mappings.codes.rows
        or key in mappings.events.rows
        or any((s, c) == key for s, c, _ in mappings.values.coded)
        or any((s, c) == (system, code) for _, s, c in mappings.terms.coded)
    )


def test_a_code_that_must_be_excluded_maps_to_nothing(mappings: Mappings) -> None:
    """No analyte, no AML, no extramedullary disease; the look-alikes name it."""
    excluded = _facts("no")

    assert len(excluded) > 150
    for key, row in excluded:
        found = mappings.codes.rows.get(key)
        if key in NAMED_SINCE or (found is not None and found.conditions == ("unnamed",)):
            continue
        assert found is None, row
        assert _events(mappings, key) <= OTHER_DIAGNOSES, row
        assert key in mappings.codes.lookalikes, row


def test_the_excluded_outputs_map_to_nothing_either(mappings: Mappings) -> None:
    """A response that somebody else stated is no input."""
    for row in facts.rows("clinical/codes.csv"):
        if row["include"] == "no" and row["concept"].startswith("out_"):
            key = (SYSTEMS.get(row["system"], ""), row["code"])
            assert not _means(mappings, key)
            assert key in mappings.codes.lookalikes


def test_every_input_code_is_read(mappings: Mappings) -> None:
    """Each code that can be read as an input has a row in one of the tables."""
    for key, row in _facts("yes"):
        assert _means(mappings, key) or (row["system"], row["code"]) in NO_CLAIM, row


def test_a_code_with_a_condition_is_read_under_it_or_named_as_a_lookalike(
    mappings: Mappings,
) -> None:
    """None of them means the same as a code without a condition."""
    careful = {"unconfirmed", "transfusion-unspecified"}
    for key, row in _facts("partial"):
        if key in mappings.codes.lookalikes:
            continue
        code = mappings.codes.rows.get(key)
        if code is not None:
            special = code.analyte in {
                "blasts-blood-equivalent",
                "platelet-clumps",
                "blasts-blood-presence",
            }
            assert code.conditions or code.flags or special, row
            continue
        events = mappings.events.rows.get(key, ())
        answers = {answer for (s, c, _), answer in mappings.values.coded.items() if (s, c) == key}
        held = careful & {word for event in events for word in (event.kind, event.certainty)}
        german = row["system"] == "ICD-10-GM" and {event.kind for event in events} == {
            "aml-diagnosis"
        }
        claimed = any(event.claim for event in events)
        assert held or german or claimed or answers == {"low-level"}, row


@pytest.mark.parametrize("code", ["C92.A0", "C92.Z0", "C92.02"])
def test_an_icd_code_counts_only_in_its_own_modification(mappings: Mappings, code: str) -> None:
    """What is AML in one modification is nothing in the other."""
    assert (SYSTEMS["ICD-10-CM"], code) in mappings.events.rows
    assert (SYSTEMS["ICD-10-GM"], code) not in mappings.events.rows


def test_no_lookalike_is_also_an_input(mappings: Mappings) -> None:
    """The two lists never overlap, whatever list they were made from."""
    assert not set(mappings.codes.lookalikes) & set(mappings.codes.rows)
    for key in mappings.codes.lookalikes:
        assert _events(mappings, key) <= OTHER_DIAGNOSES


# ------------------------------------------------------------------------------------- units

# How a phrase of the unit list is sent: unit text, analyte, and a value as sent.
PHRASES = {
    "mmol/L on a neutrophil count": ("mmol/L", "anc", "1"),
    "fL on a platelet code": ("fL", "platelets", "10"),
    "% on an absolute-count code": ("%", "anc", "50"),
    "thou/mm3 with a value like 190000": ("thou/mm3", "platelets", "190000"),
    "#/volume on a percent code": ("10*9/L", "blasts-blood", "0.1"),
}
ANALYTES = {"10*9/L": "platelets", "%": "blasts-marrow", "g/dL": "hemoglobin"}
# Ambiguous spellings that are read, each only under the condition that the list names.
READ_UNDER_A_CONDITION = {
    ("K/uL", "10*9/L"): "5",
    ("G/L", "10*9/L"): "5",
    ("Gpt/L", "10*9/L"): "5",
    ("/L", "10*9/L"): "150000000000",
    ("cells/L", "10*9/L"): "150000000000",
    ("1", "%"): "0.04",
    ("{fraction}", "%"): "0.04",
    ("10*0", "%"): "0.04",
    ("fraction of 1", "%"): "0.04",
    ("g%", "g/dL"): "9",
}


def _converted(
    mappings: Mappings, unit: UnitSent, analyte: str, value: str, system: str = ""
) -> Converted | Refused:
    number = Decimal(value)
    told = mappings.units.convert(
        Interval(low=number, high=number), unit, mappings.analytes[analyte], code_system=system
    )
    if isinstance(told, Converted) and not mappings.analytes[analyte].believes(told.value):
        return Refused("not plausible")
    return told


def test_every_unit_of_the_list_is_read_exactly_or_refused(mappings: Mappings) -> None:
    """All rows: the exact factor where it is clear, a reason where it is not."""
    rows = facts.rows("clinical/units.csv")

    assert len(rows) == 150
    for row in rows:
        unit, canonical = row["as_seen"], row["ucum_canonical"]
        if unit in PHRASES:
            sent, analyte, value = PHRASES[unit]
            told = _converted(mappings, UnitSent(text=sent), analyte, value)
            assert isinstance(told, Refused), row
            continue
        analyte = ANALYTES[canonical]
        sent_unit = UnitSent() if unit == "(missing)" else UnitSent(text=unit)
        value = READ_UNDER_A_CONDITION.get((unit, canonical), "")
        ambiguous = row["ambiguous"].startswith("YES") and not value
        told = _converted(mappings, sent_unit, analyte, value or _believable(row))
        if ambiguous:
            assert isinstance(told, Refused), row
            continue
        assert isinstance(told, Converted), (row, told)
        expected = Decimal(value or _believable(row)) * Decimal(row["factor_to_canonical"])
        assert told.value.low == expected, row
        assert told.unit == canonical


def _believable(row: dict[str, str]) -> str:
    factor = Decimal(row["factor_to_canonical"] or "1")
    return str(Decimal(10) / factor) if factor < 1 else "1"


def test_a_spelling_that_is_not_ucum_is_read_as_code_too(mappings: Mappings) -> None:
    """Servers put what they have into `code`: of a count it means what it means as text."""
    read = 0
    for row in facts.rows("clinical/units.csv"):
        marked = "text only" in row["ambiguous"] and row["ucum_canonical"] == "10*9/L"
        if marked and row["as_seen"] not in PHRASES:
            unit = UnitSent(code=row["as_seen"])
            told = _converted(mappings, unit, "platelets", _believable(row))
            assert isinstance(told, Converted), (row, told)
            read += 1
    assert read > 40


@pytest.mark.parametrize(
    ("unit", "analyte", "value", "system", "expected"),
    [
        (UnitSent(code="10*3/uL"), "anc", "1", "", "1"),
        (UnitSent(code="/uL"), "anc", "999", "", "0.999"),
        (UnitSent(code="/uL"), "anc", "1000", "", "1"),
        (UnitSent(text="10^3/µl"), "platelets", "100", "", "100"),
        (UnitSent(text="10^3/μl"), "platelets", "100", "", "100"),
        (UnitSent(text="10⁹/L"), "platelets", "100", "", "100"),
        (UnitSent(code="10*3{cells}/uL"), "anc", "1", "", "1"),
        (UnitSent(code="%{blasts}"), "blasts-blood", "4", "", "4"),
        (UnitSent(code="10*9/L", text="billion per liter"), "anc", "1.20", "", "1.2"),
        (UnitSent(code="10*3/uL", text="K"), "anc", "1", "", "1"),
        (UnitSent(code="XYZ", text="%"), "blasts-marrow", "4", "", "4"),
        (UnitSent(), "platelets", "120", "urn:oid:1.2.208.176.2.1", "120"),
        (UnitSent(), "blasts-marrow", "4", "http://loinc.org", "4"),
        (UnitSent(), "blasts-marrow", "0", "http://loinc.org", "0"),
        (UnitSent(code="{ratio}"), "mrd", "0.04", "http://loinc.org", "0.04"),
        (UnitSent(code="{#}"), "marrow-cells-counted", "500", "", "500"),
        (UnitSent(), "marrow-cells-counted", "500", "", "500"),
    ],
)
def test_a_unit_is_converted_exactly(
    mappings: Mappings, unit: UnitSent, analyte: str, value: str, system: str, expected: str
) -> None:
    """Exact decimals, one spelling of the number, whatever the spelling of the unit."""
    told = _converted(mappings, unit, analyte, value, system)

    assert isinstance(told, Converted), told
    assert str(told.value.low) == expected


@pytest.mark.parametrize(
    ("unit", "analyte", "value", "system"),
    [
        (UnitSent(), "platelets", "120", "http://loinc.org"),
        (UnitSent(), "blasts-marrow", "0.04", "http://loinc.org"),
        (UnitSent(), "blasts-marrow", "1", "http://loinc.org"),
        (UnitSent(), "blasts-marrow", "4", "http://example.org"),
        (UnitSent(code="1"), "blasts-marrow", "4", ""),
        (UnitSent(code="/L"), "anc", "1000", ""),
        (UnitSent(code="{ratio}"), "blasts-marrow", "0.04", ""),
        (UnitSent(code="K/uL"), "hemoglobin", "9", ""),
        (UnitSent(code="10*9/L", text="%"), "platelets", "9", ""),
        (UnitSent(code="10*12/L"), "platelets", "0.15", ""),
        (UnitSent(code="%"), "hemoglobin", "9", ""),
        (UnitSent(text="parsec"), "anc", "1", ""),
    ],
)
def test_a_unit_that_could_mean_something_else_is_refused(
    mappings: Mappings, unit: UnitSent, analyte: str, value: str, system: str
) -> None:
    """Refused with a reason, never guessed."""
    told = _converted(mappings, unit, analyte, value, system)

    assert isinstance(told, Refused)
    assert told.reason


# -------------------------------------------------------------------------------- bad tables

CODES = "\t".join(CODE_COLUMNS)
ANALYTE_HEADER = "analyte\tkind\tdimensions\tunit\tlow\thigh\tspecimen\tnote\tsource"
UNIT_HEADER = "unit\tdimension\tcanonical\tfactor\tread_as\tcondition\trefused\tsource"
VALUE_HEADER = "system\tcode\ttext\tanalyte\tanswer\tdisplay\tsource"
EVENT_HEADER = "system\tcode\tkind\tdetail\tcertainty\tclaim\tdisplay\tsource"
TERM_HEADER = "kind\tterm\tsystem\tcode\ttext\tsource"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no header"),
        ("system\tcode\n", ":1: the columns are"),
        (f"{CODES}\nurn:x\tA\tunicorns\t\t\t\t\t\t\tours", ":2: unicorns is no row of analytes"),
        (f"{CODES}\nurn:x\tA\tanc\t\t\t\t\t\t\t", ":2: the row names no source"),
        (f"{CODES}\n\tA\tanc\t\t\t\t\t\t\tours", ":2: a code is only known together"),
        (f"{CODES}\nurn:x\tA\tanc\t\t\t\tmaybe\t\t\tours", ":2: maybe is no condition"),
        (f"{CODES}\nurn:x\tA\tanc\t\t\t\taddend\t\t\tours", ":2: addend and the analyte anc"),
        (f"{CODES}\nurn:x\tA\tneutrophils-band\t\t\t\t\t\t\tours", ":2: addend and the analyte"),
        (f"{CODES}\nurn:x\tA\tanc\t\t\t\t\todd\t\tours", ":2: odd is no flag of a code"),
        (f"{CODES}\nurn:x\tA\tanc\turine\t\t\t\t\t\tours", ":2: urine is no specimen"),
        (f"{CODES}\nurn:x\tA\tanc\t\t\t\t\t\t\tours\tmore", ":2: 11 cells in a table of 10"),
        (
            f"{CODES}\n# a comment\nurn:x\tA\tanc\t\t\t\t\t\t\tours"
            "\nurn:x\tA\twbc\t\t\t\t\t\t\tours",
            ":4: A of urn:x is wbc here and anc in another row",
        ),
    ],
)
def test_a_bad_row_of_the_codes_names_its_line(mappings: Mappings, text: str, said: str) -> None:
    """The message begins with file and line."""
    with pytest.raises(TableError, match=re.escape(said)):
        merge_codes(read_codes(text, file="codes.tsv", analytes=mappings.analytes), [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{ANALYTE_HEADER}\nx\tthing\t\t\t\t\t\t\tours", "thing is no kind of analyte"),
        (f"{ANALYTE_HEADER}\nx\tfinding\tlength\t\t\t\t\t\tours", "length is no dimension"),
        (f"{ANALYTE_HEADER}\nx\tquantity\tcount\t\tone\t2\t\t\tours", "one in column low"),
        (f"{ANALYTE_HEADER}\nx\tquantity\tcount\t\tInfinity\t\t\t\tours", "is not finite"),
        (f"{ANALYTE_HEADER}\nx\tfinding\t\t\t\t\t\t\tours\nx\tfinding\t\t\t\t\t\t\tours", "twice"),
    ],
)
def test_a_bad_analyte_is_refused(text: str, said: str) -> None:
    """Kind, dimension and bounds are checked."""
    with pytest.raises(TableError, match=re.escape(said)):
        read_analytes(text, file="analytes.tsv")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x\tlength\t%\t1\tboth\t\t\tours", "length is no dimension"),
        ("x\tcount\t%\t1\tsometimes\t\t\tours", "sometimes is none of"),
        ("x\tcount\t%\t1\tboth\tvalue>7\t\tours", "value>7 is no condition"),
        ("x\tcount\t%\t\tboth\t\t\tours", "needs a canonical unit and a factor"),
        ("x\tcount\t%\t-1\tboth\t\t\tours", "needs a canonical unit and a factor"),
        ("x\tcount\t\t\tboth\t\twhy\tours", "a refused unit is read as none"),
        ("x\tcount\t\t\tnone\t\t\tours", "a refused unit is read as none"),
    ],
)
def test_a_bad_unit_is_refused(row: str, said: str) -> None:
    """A unit is read with a factor or refused with a reason, never both."""
    with pytest.raises(TableError, match=re.escape(said)):
        read_units(f"{UNIT_HEADER}\n{row}", file="units.tsv")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("\t\tmaybe\t\tperhaps\t\tours", "perhaps is no answer"),
        ("urn:x\tA\tmaybe\t\tnegative\t\tours", "either a system and a code, or a text"),
        ("\t\t\t\tnegative\t\tours", "either a system and a code, or a text"),
        ("\t\tnone\t\tzero\t\tours", "zero needs the analytes"),
        ("\t\tnone\tunicorns\tzero\t\tours", "unicorns is no row of analytes"),
    ],
)
def test_a_bad_answer_is_refused(mappings: Mappings, row: str, said: str) -> None:
    """An answer is coded or written, and an amount is said of something."""
    with pytest.raises(TableError, match=re.escape(said)):
        read_values(f"{VALUE_HEADER}\n{row}", file="v.tsv", analytes=mappings.analytes)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("urn:x\tA\twedding\t\tconfirmed\t\t\tours", "wedding is no kind of event"),
        (
            "urn:x\tA\ttherapy-start\tmild\tconfirmed\t\t\tours",
            "mild is no detail of therapy-start",
        ),
        ("urn:x\tA\ttherapy-start\t\tsure\t\t\tours", "sure is neither confirmed"),
        ("urn:x\tA\t\t\tconfirmed\t\t\tours", "a row has a kind of event, a claim"),
        ("\tA\ttransplant\t\tconfirmed\t\t\tours", "a code is only known together"),
    ],
)
def test_a_bad_event_is_refused(row: str, said: str) -> None:
    """Kind, intensity, certainty and claim come from closed lists."""
    with pytest.raises(TableError, match=re.escape(said)):
        read_events(f"{EVENT_HEADER}\n{row}", file="events.tsv")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("method\tmagic\t\t\tmagic\tours", "magic is no method"),
        ("method\tflow\turn:x\tA\tflow\tours", "either a system and a code, or a text"),
    ],
)
def test_a_bad_term_is_refused(row: str, said: str) -> None:
    """A term comes from the closed list of its kind."""
    with pytest.raises(TableError, match=re.escape(said)):
        read_terms(f"{TERM_HEADER}\n{row}", file="terms.tsv")


# ----------------------------------------------------------------------------------- overlay

LOCAL = "https://lab.example.org/analytes"


def _concept_map(*targets: tuple[str, str, str], source: str = LOCAL, ns: str = NAMESPACE) -> str:
    elements = [
        {"code": code, "target": [{"code": analyte, "equivalence": equivalence}]}
        for code, analyte, equivalence in targets
    ]
    group = {"source": source, "target": f"{ns}/CodeSystem/analyte", "element": elements}
    return json.dumps({"resourceType": "ConceptMap", "status": "active", "group": [group]})


def test_a_site_adds_its_codes_by_tsv(tmp_path: Path) -> None:
    """One row, and the local code is an input; the version says that something differs."""
    (tmp_path / "codes.tsv").write_text(f"{CODES}\n{LOCAL}\tNEUT\tanc\t\t\t\t\t\tANC\tour lab\n")
    with_site = load_mappings(tmp_path)

    assert with_site.codes.rows[(LOCAL, "NEUT")].analyte == "anc"
    assert with_site.codes.rows[(LOCAL, "NEUT")].specimen == "blood"
    assert with_site.version != load_mappings().version
    assert load_mappings(tmp_path / "codes.tsv").version


def test_a_site_adds_and_removes_by_concept_map(tmp_path: Path) -> None:
    """Equal and equivalent add; disjoint and unmatched take a shipped row back."""
    path = tmp_path / "map.json"
    path.write_text(_concept_map(("KMBL", "blasts-marrow", "equivalent"), ("MRD", "mrd", "equal")))
    gone = tmp_path / "gone.json"
    gone.write_text(_concept_map(("26446-5", "", "disjoint"), source="http://loinc.org"))
    site = load_mappings(tmp_path)

    assert site.codes.rows[(LOCAL, "KMBL")].analyte == "blasts-marrow"
    assert site.codes.rows[(LOCAL, "MRD")].analyte == "mrd"
    assert ("http://loinc.org", "26446-5") not in site.codes.rows
    assert site.version not in {load_mappings().version, load_mappings(path).version}


def test_a_removed_code_can_be_given_another_meaning(tmp_path: Path) -> None:
    """The shipped row goes first, and no longer contradicts the site's own."""
    (tmp_path / "gone.json").write_text(
        _concept_map(("26446-5", "", "unmatched"), source="http://loinc.org")
    )
    (tmp_path / "codes.tsv").write_text(
        f"{CODES}\nhttp://loinc.org\t26446-5\tblasts-marrow\t\t\t\t\t\t\tour lab\n"
    )

    assert load_mappings(tmp_path).codes.rows[("http://loinc.org", "26446-5")].analyte == (
        "blasts-marrow"
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "codes.tsv",
            f"{CODES}\nhttp://loinc.org\t777-3\tanc\t\t\t\t\t\t\tx",
            "codes.tsv:2: 777-3 of http://loinc.org is anc here and platelets in another row",
        ),
        (
            "codes.tsv",
            f"{CODES}\nhttp://loinc.org\t32623-1\tplatelets\t\t\t\t\t\t\tx",
            "32623-1 is a look-alike here and platelets elsewhere",
        ),
        (
            "units.tsv",
            f"{UNIT_HEADER}\n/uL\tcount\t10*9/L\t1\tboth\t\t\tx",
            "units.tsv:2: unit /uL is 0.001 10*9/L by its own words",
        ),
        ("map.json", _concept_map(("A", "anc", "wider")), "map.json:1: A has the equivalence"),
        (
            "map.json",
            _concept_map(("A", "anc", "equal"), ("B", "unicorns", "equal")).replace(", ", ",\n"),
            "map.json:8: unicorns is no row of analytes",
        ),
        (
            "analytes.tsv",
            f"{ANALYTE_HEADER}\nanc\tquantity\tcount\t10*9/L\t0\t9\tblood\t\tx",
            "analytes.tsv:2: anc is listed twice",
        ),
        ("map.json", _concept_map(("A", "anc", "equal"), ns="urn:x"), "it must be"),
        ("map.json", "[]", "is no ConceptMap"),
        ("map.json", '{"resourceType":"ValueSet"}', "is no ConceptMap"),
    ],
)
def test_an_overlay_that_contradicts_or_cannot_be_read_stops(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    """Exit code 2, and the message names the file."""
    (tmp_path / name).write_text(text)

    with pytest.raises(TableError, match=re.escape(said)) as caught:
        load_mappings(tmp_path)
    assert caught.value.exit_code == 2


def test_a_site_adds_its_units_and_judges_by_them(tmp_path: Path) -> None:
    """A spelling that is refused as ambiguous is one row in the site's folder, and no code."""
    bundle = Path("fixtures/cases/complete-remission/bundle.json").read_text()
    sent = bundle.replace('"10*3/uL"', '"Trillion/Kanister"')
    assert sent != bundle
    (tmp_path / "units.tsv").write_text(
        f"{UNIT_HEADER}\nTrillion/Kanister\tcount\t10*9/L\t1\tboth\t\t\tour laboratory\n"
    )

    as_of = "2026-10-01T00:00:00Z"
    (shipped,) = classify(sent.encode(), as_of=as_of)
    (with_site,) = classify(sent.encode(), as_of=as_of, mappings=tmp_path)

    assert (shipped.category, with_site.category) != ("CR", shipped.category)
    assert with_site.category == "CR"


def test_a_table_nobody_reads_is_refused(tmp_path: Path) -> None:
    """`unit.tsv` beside good tables would be missed in silence: the known names are told."""
    (tmp_path / "codes.tsv").write_text(f"{CODES}\n")
    (tmp_path / "unit.tsv").write_text(f"{UNIT_HEADER}\n")

    with pytest.raises(SettingsError, match=r"units\.tsv.*servers/\*\.toml in it, not unit\.tsv"):
        load_mappings(tmp_path)


def test_a_folder_of_servers_alone_is_an_overlay(tmp_path: Path) -> None:
    """A site may know its server better and have no codes of its own."""
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers/house.toml").write_text('id = "house"\nverified = true\n')

    assert load_mappings(tmp_path).version == load_mappings().version


def test_an_overlay_that_is_not_there_is_a_setting_to_correct(tmp_path: Path) -> None:
    """A wrong path must not silently mean no overlay."""
    with pytest.raises(SettingsError):
        load_mappings(tmp_path / "nowhere")
    with pytest.raises(SettingsError):
        load_mappings(tmp_path)


def test_a_site_namespace_reaches_our_own_codes() -> None:
    """The neutral input codes live under the namespace of the site."""
    mappings = load_mappings(namespace="https://example.org/ns")
    key = ("https://example.org/ns/CodeSystem/input", "extramedullary-disease")

    assert mappings.codes.rows[key].analyte == "extramedullary-disease"
    assert mappings.version == load_mappings().version


def test_the_tables_are_where_they_are_looked_for() -> None:
    """All tables are shipped, and an unknown criteria set names the known ones."""
    assert all((default_dir() / f"{name}.tsv").is_file() for name in TABLES)
    with pytest.raises(SettingsError, match="unknown criteria set nonsense; there are"):
        load_criteria("nonsense")
    assert criteria_names() == sorted(criteria_names())


def test_searches_name_all_codes_of_an_analyte(mappings: Mappings) -> None:
    """The code list of a search is sorted and complete."""
    platelets = mappings.codes.analyte_codes("platelets")

    assert ("http://loinc.org", "777-3") in platelets
    assert platelets == tuple(sorted(platelets))
    assert set(platelets) < set(mappings.codes.analyte_codes())
    assert ("http://snomed.info/sct", "116863004") in mappings.events.codes("rbc-transfusion")
