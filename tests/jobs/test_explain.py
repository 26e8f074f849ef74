"""The page a clinician reads: where the course stands, how it got there, and every proof."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.errors import InputError
from fhir_remission.jobs.files.explain import Report, Request, run
from fhir_remission.rehearsal.cohort.cohort import demo_cohort
from fhir_remission.rehearsal.cohort.evidence import (
    TAG,
    chemotherapy,
    diagnosis,
    mrd,
    result,
    transfusion,
)

AS_OF = "2026-06-30T00:00:00Z"
Resource = dict[str, Any]


def lines_of(resources: list[Resource]) -> bytes:
    """NDJSON; an id that comes again is its next version."""
    seen: dict[str, int] = {}
    versioned = []
    for one in resources:
        seen[one["id"]] = seen.get(one["id"], 0) + 1
        meta = {**one.get("meta", {}), "versionId": str(seen[one["id"]])}
        versioned.append(json.dumps({**one, "meta": meta}))
    return "\n".join(versioned).encode()


def explained(resources: list[Resource], *, patient: str = "", **request: Any) -> Report:
    """The report on some resources."""
    asked = Request(as_of=AS_OF, **request)
    return run(io.BytesIO(lines_of(resources)), asked, patient=patient)


def text_of(resources: list[Resource], **more: Any) -> str:
    """The page as one text."""
    return "\n".join(explained(resources, **more).lines)


def course(*more: Resource) -> list[Resource]:
    """AML, one cycle, and a marrow that is clear on 2026-03-01; counts are added by the test."""
    return [
        {"resourceType": "Patient", "id": "p1", "meta": TAG},
        diagnosis("c1", "p1", "2026-01-28", "snomed"),
        result("m0", "p1", "2026-01-29", "marrow", "62 %"),
        chemotherapy("t1", "p1", "2026-02-01"),
        chemotherapy("t2", "p1", "2026-02-02"),
        result("m1", "p1", "2026-03-01", "marrow", "2 %"),
        result("n1", "p1", "2026-03-01", "cells", "400 {#}"),
        *more,
    ]


def draw(day: str, anc: str, platelets: str) -> list[Resource]:
    """One blood draw with a clear smear."""
    return [
        result(f"anc-{day}", "p1", day, "anc", anc),
        result(f"plt-{day}", "p1", day, "platelets", platelets),
        result(f"smear-{day}", "p1", day, "smear", "0 %"),
    ]


def partly_recovered() -> list[Resource]:
    """Two draws in the window: the first proves little, the second CRh."""
    return course(
        *draw("2026-03-03", "300 /uL", "31 10*9/L"), *draw("2026-03-12", "1.2 10*9/L", "62 10*9/L")
    )


def test_the_page_says_what_is_missing_for_the_next_better_category() -> None:
    """CRh, not CR, and the count that falls short with its day and the threshold."""
    text = " ".join(text_of(partly_recovered()).split())

    assert "In remission since 2026-03-03" in text
    assert "CRh, not CR" in text
    assert "platelets 62 10*9/L on 2026-03-12" in text
    assert "CR needs >= 100" in text


def test_the_day_of_the_response_stands_beside_the_day_of_the_remission() -> None:
    """In remission since the first category; this one was proved by the later draw."""
    lines = explained(partly_recovered()).lines

    assert lines[3].startswith("In remission since 2026-03-03 (CRi, CRh since 2026-03-12")
    assert "Proved on   2026-03-12" in lines


def test_a_relapse_by_blood_names_its_first_sign() -> None:
    """The sample that completes the rule, and the first."""
    blood = [result(f"b{day}", "p1", day, "smear", "2 %") for day in ("2026-05-01", "2026-05-10")]
    lines = explained(course(*draw("2026-03-01", "1.4 10*9/L", "150 10*9/L"), *blood)).lines

    assert any("2026-05-10, first sign 2026-05-01" in line for line in lines)
    one = explained(course(*draw("2026-03-01", "1.4 10*9/L", "150 10*9/L"))).lines
    assert not any("first sign" in line for line in one)


def test_the_course_stands_against_the_thresholds_of_the_set() -> None:
    """Each value carries one mark per threshold of the set, in the order of the header."""
    lines = explained(partly_recovered()).lines
    header = next(line for line in lines if ">=1.0 >=0.5" in line)
    row = next(line for line in lines if line.startswith("2026-03-12"))

    assert "<5" in header
    assert ">=100 >=50" in header
    assert row.split() == ["2026-03-12", "1.2", "✓✓", "62", "✗✓", "none", "✓"]


def test_another_set_brings_its_own_thresholds() -> None:
    """Nothing of the table is written down in the code."""
    text = text_of(partly_recovered(), criteria=("healthtree-2024",))

    assert ">=0.5" not in text
    assert ">100" in text


def test_the_draw_that_was_not_chosen_is_shown_with_the_reason() -> None:
    """Every draw of the window says why it was read with the marrow, or why not."""
    lines = explained(partly_recovered()).lines
    place = next(at for at, line in enumerate(lines) if line.startswith("2026-03-03"))

    assert "not chosen for the marrow of 2026-03-01: gives CRi" in lines[place + 1]
    assert any("chosen for the marrow of 2026-03-01: proves CRh" in line for line in lines)


def test_the_category_stands_at_each_point_of_the_course() -> None:
    """The answers of the whole history stand at their anchors, oldest first."""
    lines = explained([one for one in demo_cohort() if "demo-07" in one["id"]]).lines
    answers = [line.split()[1].strip(";,") for line in lines if line.strip().startswith("=>")]

    assert answers == ["NE", "CR", "RELAPSE"]


def test_events_stand_between_the_results() -> None:
    """Doses of one cycle are one line; a transfusion makes the count after it an upper end."""
    resources = course(
        transfusion("x", "p1", "2026-03-09", "platelets"),
        *draw("2026-03-12", "1.2 10*9/L", "120 10*9/L"),
    )
    text = text_of(resources)

    assert "2026-02-01  therapy start, 2 times to 2026-02-02" in text
    assert "2026-03-09  platelet transfusion" in text
    assert "<=120* ??" in text
    assert "* a transfusion or growth factor may have raised" in text


def test_each_criterion_has_its_rule_its_source_and_its_evidence() -> None:
    """Verdict, rule in words, source, and evidence by version with the value as sent."""
    lines = explained(partly_recovered()).lines
    start = next(at for at, line in enumerate(lines) if line.startswith("CRITERIA OF CRh"))
    row = next(line for line in lines[start:] if " platelets-recovered " in line)
    number = row.split()[-2]
    told = next(at for at, line in enumerate(lines) if line.startswith(f"  {number} "))

    assert row.split()[0] == "✗"
    assert ">= 100 10*9/L" in row
    assert row.endswith("[1]")
    assert any(line.startswith("  [1] ELN 2022") for line in lines)
    assert "platelets 62 10*9/L" in lines[told]
    assert "[Observation/plt-2026-03-12 version 1 by 777-3]" in lines[told + 1]


def test_what_was_converted_is_shown_as_sent_and_as_converted() -> None:
    """1200 /uL is shown beside the 1.2 10*9/L that was judged."""
    text = text_of(course(*draw("2026-03-12", "1200 /uL", "150 10*9/L")))

    assert "ANC 1200 /uL = 1.2 10*9/L" in text


def test_mrd_has_a_column_and_says_its_assay() -> None:
    """An MRD sample stands in the table with assay, tissue and sensitivity."""
    counts = draw("2026-03-01", "1.4 10*9/L", "150 10*9/L")
    text = text_of(course(*counts, mrd("r1", "p1", "2026-03-01", "negative")))

    assert "negative ✓" in text
    assert "by flow in marrow; sensitivity not said" in text


def test_what_was_left_out_is_listed_with_the_reason() -> None:
    """A retracted count is no evidence, and is not silently gone."""
    wrong = {**result("bad", "p1", "2026-03-13", "anc", "3 10*9/L"), "status": "entered-in-error"}
    lines = explained([*partly_recovered(), wrong]).lines

    assert "  Observation/bad  status is entered-in-error" in lines


def test_a_remission_without_a_first_day_says_why() -> None:
    """A smear that cannot be read, a clear one days later; or somebody's word of one before."""
    first, later = draw("2026-03-01", "1.5 10*9/L", "150 10*9/L"), "2026-03-04"
    unread = {**first[2], "valueString": "see comment"}
    del unread["valueQuantity"]
    told = course(*first[:2], unread, *draw(later, "1.5 10*9/L", "150 10*9/L"))
    text = " ".join(text_of(told).split())
    assert "In remission (CR, " in text
    assert "not said: it depends on what cannot be read." in text

    coded = diagnosis("c0", "p1", "2025-01-28", "icd")
    coded["code"]["coding"][0]["code"] = "C92.01"
    text = " ".join(text_of([*course(*first), coded]).split())
    assert "In remission (CR, " in text
    assert "not said: somebody's word of an earlier remission leaves open" in text


def test_a_claim_stands_beside_the_answer() -> None:
    """A coder's relapse beside our remission: shown, with whether it agrees."""
    relapsed = {
        **diagnosis("c9", "p1", "2026-01-28", "icd"),
        "recordedDate": "2026-03-20",
        "clinicalStatus": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                    "code": "relapse",
                }
            ]
        },
    }
    text = text_of([*partly_recovered(), relapsed])

    assert "CLAIMS" in text
    assert "DISAGREES" in text


def test_no_line_is_wider_than_a_page() -> None:
    """Not one of the demo, by any set, whatever the ids and texts."""
    long = {
        **result("w" * 64, "p1", "2026-03-14", "anc", "1.1 10*9/L"),
        "method": {"text": "x" * 300},
    }
    sets = ("eln-2022", "eln-2017", "iwg-2003", "healthtree-2024")
    report = explained([*demo_cohort(), *partly_recovered(), long], criteria=sets)

    assert len(report.lines) > 1000
    assert max(map(len, report.lines)) <= 100


def test_a_text_cannot_steer_the_terminal() -> None:
    """Escape sequences and line breaks of the sender are not printed."""
    evil = diagnosis("c2", "p1", "2026-01-28", "snomed")
    evil["code"]["text"] = "AML\x1b[2J\x1b]0;x\x07\nCATEGORY CR\u202e"
    report = explained([*partly_recovered(), evil])

    assert all(line.isprintable() for line in report.lines)


def test_a_long_course_stays_readable() -> None:
    """Months of daily counts on which no answer rests are one line."""
    days = [f"2026-{month:02}-{day:02}" for month in (4, 5) for day in range(1, 29)]
    daily = [one for day in days for one in draw(day, "2.5 10*9/L", "180 10*9/L")]
    lines = explained([*partly_recovered(), *daily]).lines
    course_lines = lines[lines.index("COURSE") :]
    end = next(at for at, line in enumerate(course_lines) if line.startswith("CRITERIA"))

    assert any("56 draws" in line for line in course_lines)
    assert end < 40


def test_one_patient_of_several() -> None:
    """`--patient` takes an id with or without its type; an unknown one is refused with help."""
    resources = demo_cohort()
    one = explained(resources, patient="demo-02-crh").lines
    same = explained(resources, patient="Patient/demo-02-crh").lines

    assert one == same
    assert one[0] == "Patient/demo-02-crh"
    with pytest.raises(InputError, match=r"no Patient/nobody; there are: Patient/demo-01-cr"):
        explained(resources, patient="nobody")


def test_a_patient_without_anything_still_has_a_page() -> None:
    """Nothing to assess is an answer too."""
    lines = explained([{"resourceType": "Patient", "id": "p1"}]).lines

    assert lines[0] == "Patient/p1"
    assert any("Not evaluable" in line for line in lines)


def test_of_damaged_evidence_nothing_is_said() -> None:
    """As `classify`: the patient is named without a category, and the exit code is 3."""
    broken = {**result("b", "p1", "2026-03-14", "anc", "1 10*9/L"), "status": 7}
    report = explained([*partly_recovered(), broken])

    assert report.exit_code == 3
    assert report.complaints
    assert report.lines[0].startswith("Patient/p1: nothing may be said, evidence is damaged")
    assert not any("remission" in line for line in report.lines)


def test_the_command_prints_plain_text_to_a_pipe(tmp_path: Path) -> None:
    """UTF-8 without colour in any locale, the same bytes twice."""
    file = tmp_path / "course.ndjson"
    file.write_bytes(lines_of(partly_recovered()))
    command = [sys.executable, "-m", "fhir_remission", "explain", str(file), "--as-of", AS_OF]
    first, second = (
        subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=60,
            env={"LC_ALL": "C", "PYTHONUTF8": "0"},
        )
        for _ in range(2)
    )

    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert b"\x1b" not in first.stdout
    assert "62 ✗✓" in first.stdout.decode()


def test_a_graft_is_what_days_are_counted_from() -> None:
    """Nobody counts a cycle on past it; the drugs of one cycle are named, and told once."""
    graft = {
        "resourceType": "Procedure", "id": "graft", "status": "completed",
        "subject": {"reference": "Patient/p1"}, "performedDateTime": "2026-05-01",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "234336002"}]},
    }  # fmt: skip
    doses = [
        {
            "resourceType": "MedicationAdministration", "id": f"d{place}", "status": "completed",
            "subject": {"reference": "Patient/p1"}, "effectiveDateTime": f"2026-02-0{place + 1}",
            "medicationCodeableConcept": {"text": name, "coding": [{
                "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code}]},
        }
        for place, (code, name) in enumerate(
            [("5650", "idarubicin"), ("3041", "cytarabine"), ("1919083", "midostaurin")]
        )
    ]  # fmt: skip
    later = [
        result("after", "p1", "2026-05-29", "marrow", "1 %"),
        *draw("2026-05-29", "1.2 10*9/L", "45 10*9/L"),
    ]
    told = course(*draw("2026-03-01", "1.4 10*9/L", "150 10*9/L"), graft, *doses, *later)
    page = " ".join(" ".join(explained(told).lines).split())
    assert "latest marrow on day 28 after the transplant" in page
    assert "idarubicin" in page.partition("therapy start, intensive")[2][:200]
    assert "therapy start, targeted: midostaurin" in page
    assert "differentiating drug" not in page
    assert "(CRi by itself)" in page


def test_what_is_reckoned_from_a_course_stands_on_its_page() -> None:
    """Days in remission, cycles to it, transfusions where they are recorded, the fall of MRD."""
    levels = [
        ("2026-01-29", "180"),
        ("2026-03-01", "1.8"),
        ("2026-04-20", "0"),
        ("2026-05-20", "18"),
    ]
    told = course(
        *draw("2026-03-01", "1.4 10*9/L", "150 10*9/L"),
        transfusion("x", "p1", "2026-06-20", "platelets"),
        transfusion("y", "p1", "2026-03-20", "red cells"),
        *(
            {**mrd(f"l{day}", "p1", day, "positive"), "valueQuantity": {
                "value": float(level), "unit": "%", "code": "%",
                "system": "http://unitsofmeasure.org"}}
            for day, level in levels
        ),
    )  # fmt: skip
    for one in told:
        if "valueQuantity" in one:
            one.pop("valueCodeableConcept", None)
    lines = explained(told, complete=frozenset({"Procedure"})).lines
    page = " ".join(" ".join(lines).split())
    assert "Duration 121 days, reached in cycle 1" in page
    assert "platelets: last 2026-06-20 [Procedure/x-transfusion], 10 days without" in page
    assert "102 days without" in page
    assert "1.8 % -2.0 from before therapy; -2.0 from the lowest" in page
    assert "0 % not detected" in page
    assert "18 % -1.0 from before therapy; +1.0 from the lowest" in page
