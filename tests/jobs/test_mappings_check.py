"""A site's codes against the tables: unknown, mislabelled, mistyped, or in a refused unit."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.domain.answer.layout import WIDTH
from fhir_remission.domain.tables.check_digits import mistyped
from fhir_remission.domain.tables.displays import Words, contradiction, lexicon_of, of_measurement
from fhir_remission.effects.files.mapping_files import default_dir, load_lexicon, load_mappings
from fhir_remission.errors import TableError
from fhir_remission.fhir.survey.findings import Findings
from fhir_remission.jobs.files.mappings_check import as_json, as_text, run
from fhir_remission.rehearsal.cohort.cohort import demo_cohort

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
Resource = dict[str, Any]


def coded(system: str, code: str, display: str = "") -> Resource:
    """A CodeableConcept with a display."""
    coding = {"system": system, "code": code}
    return {"coding": [{**coding, "display": display} if display else coding]}


def observation(name: str, code: Resource, **parts: Any) -> Resource:
    """A result of p1; without another value, 120 10*9/L."""
    value = {
        "value": 120,
        "unit": "10*9/L",
        "system": "http://unitsofmeasure.org",
        "code": "10*9/L",
    }
    made = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": code,
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-03-01T08:00:00Z",
    }
    return made | (parts or {"valueQuantity": value})


def checked(*resources: Resource) -> Findings:
    """What is found in some resources."""
    lines = "\n".join(json.dumps(one) for one in resources)
    return run(io.BytesIO(lines.encode())).findings


def contradicted(code: str, display: str, system: str = LOINC) -> str:
    """What a display says against its code."""
    mappings, lexicon = load_mappings(), load_lexicon()
    row = mappings.codes.rows[system, code]
    return contradiction(
        display, of_measurement(row, mappings.analytes[row.analyte], lexicon), lexicon
    )


def test_the_demo_is_clean() -> None:
    """Nothing to say of data that are coded as they should be."""
    newest = {(one["resourceType"], one["id"]): one for one in demo_cohort()}
    found = checked(*newest.values())

    assert not found.alarming
    assert list(as_text(found))[-1] == "every code is known, every unit is read"


def test_unmapped_codes_are_counted_and_those_that_read_like_ours_come_first() -> None:
    """A local neutrophil code is what a site must map; its sodium is not."""
    local = coded("urn:oid:1.2.3", "NEUT#", "Neutrophile Granulozyten abs.")
    sodium = coded(LOINC, "2951-2", "Sodium [Moles/volume] in Serum or Plasma")
    found = checked(observation("a", local), observation("b", local), observation("c", sodium))

    [like] = found.resembling
    assert (like.code, like.count, like.reason) == ("NEUT#", 2, "reads like neutrophil")
    assert [one.code for one in found.unmapped] == ["2951-2"]
    assert found.alarming


def test_lookalikes_are_named_with_their_reason() -> None:
    """The mean platelet volume is known, and never read as a platelet count."""
    [found] = checked(observation("a", coded(LOINC, "32623-1"))).lookalikes

    assert found.code == "32623-1"
    assert "size of platelets" in found.reason


@pytest.mark.parametrize(
    ("code", "display"),
    [
        ("777-3", "Mean platelet volume"),
        ("770-8", "Leukocytes [#/volume] in Blood"),
        ("751-8", "Neutrophils [#/volume] in Urine"),
        ("751-8", "Neutrophils/100 leukocytes in Blood"),
        ("11150-0", "Blasts/100 leukocytes in Blood"),
        ("709-6", "Blasts/100 cells in Bone marrow"),
        ("6690-2", "Erythrocytes [#/volume] in Blood"),
        ("709-6", "Normoblasts/100 leukocytes in Blood"),
    ],
)
def test_a_display_that_names_another_thing_contradicts_its_code(code: str, display: str) -> None:
    """Another analyte, another specimen, a share for a count."""
    assert contradicted(code, display)


@pytest.mark.parametrize(
    ("code", "display"),
    [
        ("26446-5", "Blasts/100 leukocytes in Blood"),
        ("770-8", "Neutrophils/100 leukocytes in Blood by Automated count"),
        ("11150-0", "Blasts/100 cells in Bone marrow"),
        ("26507-4", "Neutrophils.band form [#/volume] in Blood"),
        ("777-3", "Thrombozyten"),
        ("777-3", "PLT"),
        ("6690-2", "WBC # Bld Auto"),
        ("751-8", "ABS NEUT"),
        ("11150-0", "Blasten im Knochenmark %"),
        ("718-7", "Hgb"),
    ],
)
def test_an_older_or_local_display_does_not(code: str, display: str) -> None:
    """LOINC changed its names, and laboratories have their own: unknown words say nothing."""
    assert contradicted(code, display) == ""


def test_no_row_of_our_tables_contradicts_itself() -> None:
    """The words are read as the tables mean them."""
    mappings = load_mappings()
    found = {
        code: contradicted(code, row.display, system)
        for (system, code), row in mappings.codes.rows.items()
        if row.display
    }

    assert not {code: reason for code, reason in found.items() if reason}


def test_an_answer_that_is_labelled_as_its_opposite() -> None:
    """260385009 is Negative, whatever the display says."""
    code = coded("http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "C172578", "MRD")
    answer = coded(SNOMED, "260385009", "Present")
    [found] = checked(observation("a", code, valueCodeableConcept=answer)).displays

    assert (found.place, found.reason) == (
        "Observation.value",
        "answer is negative, display says positive",
    )


def test_a_diagnosis_that_is_labelled_as_another() -> None:
    """C91.00 called myeloid, and C92.01 called active."""
    system = "http://hl7.org/fhir/sid/icd-10-cm"
    conditions = [
        {
            "resourceType": "Condition",
            "id": f"c{place}",
            "code": coded(system, code, display),
            "subject": {"reference": "Patient/p1"},
        }
        for place, (code, display) in enumerate(
            [
                ("C91.00", "Acute myeloid leukemia"),
                ("C92.01", "AML not having achieved remission"),
                ("C92.01", "AML in remission"),
            ]
        )
    ]

    found = {one.code: one.reason for one in checked(*conditions).displays}

    assert found == {
        "C91.00": "disease is lymphoid, display says myeloid",
        "C92.01": "course is remission, display says active",
    }


def test_an_unknown_answer_of_a_known_code() -> None:
    """A coded MRD answer in no row of the table counts for nothing."""
    code = coded("http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "C172578")
    [found] = checked(observation("a", code, valueCodeableConcept=coded("urn:x", "N"))).answers

    assert (found.code, found.reason) == ("N", "answer for mrd")


def test_refused_units_are_counted() -> None:
    """One line per code, unit and reason."""
    wrong = {"valueQuantity": {"value": 10, "unit": "fL"}}
    results = [observation(name, coded(LOINC, "777-3"), **wrong) for name in "ab"]
    [found] = checked(*results).units

    assert (found.analyte, found.count) == ("platelets", 2)
    assert "fL" in found.reason


def test_what_we_wrote_ourselves_is_not_looked_at() -> None:
    """Our own results carry codes that are no input."""
    namespace = "https://w3id.org/fhir-remission"
    ours = observation("a", coded(f"{namespace}/CodeSystem/category", "CR"))
    ours["identifier"] = [{"system": f"{namespace}/id/assessment", "value": "x"}]

    assert not checked(ours).unmapped


@pytest.mark.parametrize(
    "code", ["777-3", "751-8", "11150-0", "LA6577-6", "LA11883-8", "LP14449-0"]
)
def test_good_loinc_codes(code: str) -> None:
    """Terms and answers; parts are not judged."""
    assert mistyped(LOINC, code) == ""


@pytest.mark.parametrize(
    "code", ["777-4", "74455-8", "74456-6", "LA6577-7", "7773", "WBC", "77 7-3"]
)
def test_bad_loinc_codes(code: str) -> None:
    """A wrong check digit, or no LOINC code at all."""
    assert mistyped(LOINC, code)


@pytest.mark.parametrize("code", ["91861009", "116863004", "1022651000000100", "260385009:1=2"])
def test_good_snomed_codes(code: str) -> None:
    """Concepts of any edition; an expression is no code."""
    assert mistyped(SNOMED, code) == ""


@pytest.mark.parametrize("code", ["91861008", "1022651000000102", "91816009", "12345", "751689013"])
def test_bad_snomed_codes(code: str) -> None:
    """A wrong digit, two digits swapped, too short, and the identifier of a description."""
    assert mistyped(SNOMED, code)


def test_every_code_of_our_tables_has_its_check_digit() -> None:
    """Only look-alikes that are known to be invented fail."""
    mappings = load_mappings()
    ours = [*mappings.codes.rows, *mappings.events.rows, *mappings.codes.lookalikes]
    answers = [(system, code) for system, code, _ in mappings.values.coded]

    assert sorted(code for system, code in {*ours, *answers} if mistyped(system, code)) == [
        "59776-2",
        "74455-8",
        "74456-6",
        "85176-4",
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("colour\tred\tred\tours", "is no axis"),
        ("subject\t\tred\tours", "needs a word"),
        ("subject\tblast\tblast\tours\nsubject\tother\tBlast\tours", "listed twice"),
        ("subject\tblast\tblast\t", "names no source"),
    ],
)
def test_a_bad_row_of_words_is_refused_with_its_line(row: str, reason: str) -> None:
    """As in every other table."""
    with pytest.raises(TableError, match=reason):
        lexicon_of(Words((("words.tsv", f"axis\tmeaning\tword\tsource\n{row}\n"),)))


def test_the_shipped_words_are_found() -> None:
    """The table lies where the others lie."""
    assert (default_dir() / "words.tsv").is_file()
    assert load_lexicon().meanings("Platelets in Bone marrow") == {
        "subject": ("platelet",),
        "specimen": ("marrow",),
    }


def test_the_command(tmp_path: Path) -> None:
    """Text by default, JSON on request; exit 0, with --strict 3; unreadable input is 2."""
    file = tmp_path / "site.ndjson"
    wrong = observation("a", coded(LOINC, "777-3", "Mean platelet volume"))
    file.write_text(json.dumps(wrong))
    command = [sys.executable, "-m", "fhir_remission", "mappings", "check"]

    plain = subprocess.run([*command, str(file)], capture_output=True, check=False, timeout=60)
    strict = subprocess.run(
        [*command, "--json", "--strict", str(file)], capture_output=True, check=False, timeout=60
    )
    broken = subprocess.run([*command, "-"], input=b"no", capture_output=True, check=False)

    assert plain.returncode == 0, plain.stderr
    assert b"DISPLAY AGAINST CODE" in plain.stdout
    assert (strict.returncode, broken.returncode) == (3, 2)
    assert json.loads(strict.stdout)["displays"][0]["code"] == "777-3"


def test_the_page_is_no_wider_than_a_page() -> None:
    """Long displays and systems go on below themselves."""
    long = coded("urn:x:" + "y" * 200, "z" * 100, "Neutrophil " + "word " * 60)
    found = checked(observation("a", long), observation("b", coded(LOINC, "777-4", "x" * 300)))

    assert max(map(len, as_text(found))) <= WIDTH
    assert json.loads(as_json(found))["resembling"]


def test_damage_is_reported_and_the_rest_is_checked() -> None:
    """One bad line among good ones: exit 3, and what could be read is there."""
    lines = (
        json.dumps(observation("a", coded(LOINC, "777-4")))
        + '\n{"resourceType": "Observation", "status": 7}\n'
    )
    report = run(io.BytesIO(lines.encode()))

    assert report.exit_code == 3
    assert report.complaints
    assert [one.code for one in report.findings.check_digits] == ["777-4"]


NAMED = {
    "de": ("Neutrophile Granulozyten abs.", "Leukozyten", "Thrombozyten", "Blasten im Knochenmark",
           "Minimale Resterkrankung (MRD)"),
    "fr": ("Polynucléaires neutrophiles", "Globules blancs", "Plaquettes", "Blastes médullaires",
           "Maladie résiduelle"),
    "es": ("Neutrófilos absolutos", "Leucocitos", "Plaquetas", "Blastos en médula ósea",
           "Enfermedad mínima residual"),
    "it": ("Neutrofili", "Globuli bianchi", "Piastrine", "Blasti midollari",
           "Malattia minima residua"),
    "nl": ("Neutrofielen", "Leukocyten", "Bloedplaatjes", "Blasten in beenmerg", "Restziekte"),
    "zh": ("中性粒细胞绝对值", "白细胞计数", "血小板计数", "骨髓原始细胞百分比", "微小残留病"),
    "ja": ("好中球数", "白血球数", "末梢血血小板数", "骨髄芽球", "微小残存病変"),
}  # fmt: skip
SUBJECTS = ("neutrophil", "leukocyte", "platelet", "blast", "residual-disease")


@pytest.mark.parametrize("language", NAMED)
def test_a_local_code_that_reads_like_an_input_is_named_in_its_language(language: str) -> None:
    """By its display, by the text of its concept, or by a text without any code."""
    codes = [
        code
        for at, said in enumerate(NAMED[language])
        for code in (
            coded("urn:oid:1.2.3", f"X{at}", said),
            {**coded("urn:oid:1.2.3", f"Y{at}"), "text": said},
            {"text": said},
        )
    ]
    found = checked(*(observation(f"o{at}", code) for at, code in enumerate(codes))).resembling
    reasons = {(one.system, one.code): one.reason for one in found}
    assert len(reasons) == len(codes)
    for at, (said, subject) in enumerate(zip(NAMED[language], SUBJECTS, strict=True)):
        for key in (("urn:oid:1.2.3", f"X{at}"), ("urn:oid:1.2.3", f"Y{at}"), ("(no code)", said)):
            assert subject in reasons[key], (said, reasons[key])


def test_a_leukaemia_under_a_local_code_is_named_in_its_language() -> None:
    """A diagnosis that no row maps is the first thing a site must see."""
    said = (
        *("Akute myeloische Leukämie", "Leucémie aiguë myéloblastique", "Leucemia mieloide aguda"),
        *(
            "Leucemia mieloide acuta",
            "Acute myeloïde leukemie",
            "急性髓系白血病",
            "急性骨髄性白血病",
        ),
    )
    subject = {"reference": "Patient/p1"}
    found = checked(
        *(
            {"resourceType": "Condition", "id": f"c{at}", "subject": subject,
             "code": coded("urn:oid:1.2.3", f"L{at}", one)}
            for at, one in enumerate(said)
        )
    ).resembling  # fmt: skip
    assert {one.display: one.reason for one in found} == dict.fromkeys(
        said, "reads like myeloid disease"
    )


def test_what_is_no_input_is_not_named_as_one() -> None:
    """Lymphocytes and platelet volumes are listed with the other codes that no table knows."""
    said = (
        "Natrium",
        "Sodio sérico",
        "リンパ球",
        "Kreatinin",
        "尿蛋白",
        "Linfociti",
        "平均血小板体积",
    )
    codes = [coded("urn:oid:1.2.3", f"X{at}", one) for at, one in enumerate(said)]
    found = checked(*(observation(f"o{at}", code) for at, code in enumerate(codes)))
    assert found.resembling == ()
    assert len(found.unmapped) == len(said)
