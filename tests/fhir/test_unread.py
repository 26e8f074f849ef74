"""What cannot be read inside of a resource is some result, start or leukaemia; never nothing."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_remission.domain.nouns.inputs import PatientRecord
from tests.fhir.reading import (
    ICD,
    LOINC,
    NCIT,
    RXNORM,
    SNOMED,
    concept,
    observation,
    only,
    quantity,
    reasons,
    record,
    resource,
    shown,
)

GM = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
WHO = "http://hl7.org/fhir/sid/icd-10"
ATC = "http://www.whocc.no/atc"
V87 = "http://terminology.hl7.org/CodeSystem/v2-0487"
Json = dict[str, Any]


def marrow(**parts: Any) -> Json:
    """A marrow of 40 % blasts."""
    return observation("11150-0", **{**quantity(40, "%"), **parts})


def condition(code: Json | None, **parts: Any) -> Json:
    """A dated diagnosis."""
    return resource("Condition", code=code, **({"onsetDateTime": "2026-01-04"} | parts))


def start(**parts: Any) -> Json:
    """A chemotherapy that was done; its time is what `parts` say."""
    made: Json = {"status": "completed", "code": concept(SNOMED, "367336001")}
    return resource("Procedure", **(made | parts))


def given(drug: Json | None, **parts: Any) -> Json:
    """A dose that was given."""
    made: Json = {"status": "completed", "effectiveDateTime": "2026-01-10"}
    return resource("MedicationAdministration", medicationCodeableConcept=drug, **(made | parts))


def lost(read: PatientRecord) -> list[str]:
    """Why something stays without a place."""
    return [one.reason for one in read.unplaced]


# Names of code systems ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("http://loinc.org/", "https://loinc.org", "http://www.loinc.org", "HTTP://LOINC.ORG"),
        *("http://loinc.org|2.77", "urn:oid:2.16.840.1.113883.6.1", "2.16.840.1.113883.6.1"),
        *("LOINC", "LN", " http://loinc.org ", "https://www.loinc.org/#", "loinc.org"),
    ],
)
def test_loinc_is_loinc_under_every_name(name: str) -> None:
    """What is never a difference is none, and what is a name stands in the table."""
    assert shown(only(observation(concept(name, " 777-3 ")))) == "[120, 120]"


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("http://snomed.info/sct/900000000000207008/version/20250101", "91861009", "aml-diagnosis"),
        ("SNOMED-CT", "91861009", "aml-diagnosis"),
        ("urn:oid:2.16.840.1.113883.6.96", "91861009", "aml-diagnosis"),
        ("urn:oid:2.16.840.1.113883.6.90", "C9200", "aml-diagnosis"),
        ("http://fhir.de/CodeSystem/dimdi/icd-10-gm|2020", "C92.00", "aml-diagnosis"),
        ("urn:oid:2.16.840.1.113883.6.3", "c92.0", "aml-diagnosis"),
        ("http://purl.obolibrary.org/obo/ncit.owl", "NCIT:C3171", "aml-diagnosis"),
        (WHO, "C92.4", "apl-diagnosis"),
        (GM, "C92.40", "apl-diagnosis"),
        (SNOMED, "110004001", "apl-diagnosis"),
        (GM, "C91.00", "other-leukaemia"),
        (WHO, "C91.0", "other-leukaemia"),
        (GM, "C92.30", "extramedullary"),
        (WHO, "C92.3", "extramedullary"),
        (GM, "C93.10", "antecedent"),
        (ICD, "C92.20", "antecedent"),
        (WHO, "C95.0", "unspecified-leukaemia"),
        (GM, "C92.0-", "aml-diagnosis"),
    ],
)
def test_a_diagnosis_is_known_in_every_edition(name: str, code: str, kind: str) -> None:
    """ICD-10 in three editions, each under its own name, SNOMED CT and NCIt."""
    assert [one.kind for one in record(condition(concept(name, code))).events] == [kind]


def test_editions_of_icd_10_are_never_one() -> None:
    """A bare name of all of them leaves a leukaemia that nobody has read."""
    [one] = record(condition(concept("ICD-10", "C92.00"))).events
    assert one.kind == "unread-leukaemia"


def test_the_fifth_digit_of_the_german_edition_says_nothing_of_remission() -> None:
    """`Ohne Angabe einer kompletten Remission` is no statement, and 1 is one."""
    active = {"clinicalStatus": None}
    assert not record(condition(concept(GM, "C92.00"), **active)).claims
    assert [one.says for one in record(condition(concept(GM, "C92.01"))).claims] == ["remission"]
    assert [one.says for one in record(condition(concept(ICD, "C92.00"))).claims] == ["active"]


# Codes that cannot be read -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "system", [None, "", "http://loinc.orgx", "http://hl7.org/loinc", "urn:oid:1.2.3"]
)
def test_a_code_under_an_unknown_system_may_be_what_it_looks_like(system: str | None) -> None:
    """It proves nothing, and it blocks at its time."""
    read = only(marrow(code={"coding": [{"system": system, "code": "11150-0"}]}))
    assert shown(read) == "code 11150-0 comes under a system that no table names"
    assert read.analyte == "blasts-marrow"


@pytest.mark.parametrize(
    "code",
    [
        None,
        {},
        {"coding": []},
        {"coding": [{"system": LOINC}]},
        concept(LOINC, "11151-0"),
        concept(LOINC, "11150"),
        concept(NCIT, "98761"),
        {"coding": [{"system": LOINC, "code": "1115-00", "display": "Blasts, bone marrow"}]},
        concept("https://w3id.org/fhir-remission/CodeSystem/input", "extramedullary"),
    ],
)
def test_a_code_that_cannot_be_read_may_be_any(code: Json | None) -> None:
    """Where no words say what it is, it is one unknown at any time."""
    made = marrow() | {"code": code}
    assert lost(record({k: v for k, v in made.items() if v is not None}))


@pytest.mark.parametrize(
    "coding", [{"code": "THROMBOZYTEN"}, {"code": "1", "display": "Platelets"}]
)
def test_a_count_under_a_code_of_a_house_is_one_unknown(coding: Json) -> None:
    """At its time, until a table has the code."""
    code = {"coding": [{"system": "urn:lab", **coding}]}
    read = only(observation("777-3", **quantity(20, "10*9/L")) | {"code": code})
    assert (read.analyte, read.standing) == ("platelets", "preliminary")


@pytest.mark.parametrize("code", ["4711", "HB", "CRP", "MCV_FL"])
def test_another_code_of_a_house_is_counted_and_no_more(code: str) -> None:
    """Nothing in it is like what is judged."""
    read = record(marrow() | {"code": concept("urn:lab", code)})
    assert (read.results, read.skipped) == ((), ())


@pytest.mark.parametrize(
    ("code", "analytes"),
    [
        ({"text": "Blasten im Knochenmark"}, ["blasts-marrow"]),
        ({"text": "Blasten"}, ["blasts-blood", "blasts-marrow"]),
        ({"text": "MRD (NPM1)"}, ["mrd"]),
        ({"text": "Chlorom"}, ["extramedullary-disease"]),
        # The codes of a house are names too, with or without a display.
        (concept("urn:lab", "KM-BLASTEN"), ["blasts-marrow"]),
        (concept("urn:lab", "BLASTS_PCT"), ["blasts-blood", "blasts-marrow"]),
        (concept("urn:lab", "MyeloidSarcoma"), ["extramedullary-disease"]),
    ],
)
def test_what_is_known_by_its_words_alone_may_block_at_its_time(
    code: Json, analytes: list[str]
) -> None:
    """It supports nothing: it is read as if it were preliminary."""
    read = record(marrow() | {"code": code})
    assert [(one.analyte, one.standing) for one in read.results] == [
        (analyte, "preliminary") for analyte in analytes
    ]
    assert "supports nothing" in read.skipped[0].reason
    assert not read.unplaced


@pytest.mark.parametrize(
    "code",
    [
        {"text": "Kalium"},
        {"coding": [{"system": LOINC, "code": "1115-00", "display": "Potassium"}]},
        concept("urn:lab", "BLAST-7"),
        concept(LOINC, "2951-2"),
    ],
)
def test_another_code_is_no_trouble(code: Json) -> None:
    """A code that is plainly of something else is counted, not doubted."""
    read = record(observation(code))
    assert not read.unplaced
    assert len(read.unmapped) == 1


def test_a_component_without_a_code_may_be_any() -> None:
    """As an Observation of its own would be."""
    panel = observation(concept("urn:lab", "panel"), component=[quantity(40, "%")])
    assert lost(record(panel)) == ["component without a code: it has no code"]


# Times -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "time",
    [
        {"issued": "2026-03-01T08:00:00Z"},
        {"_effectiveDateTime": {"extension": [{"url": "x", "valueCode": "unknown"}]}},
        {"effectivePeriod": {"end": "2026-03-01"}},
        {"effectiveDateTime": "01.03.2026"},
        {"effectiveDateTime": "2026-03-01T08:00"[:-3] + "h"},
        {"effectiveTiming": {"repeat": {"frequency": 1}}},
        {"effectiveTiming": {"event": ["2026-03-01", "2026-03-08"]}},
        {"effectiveDateTime": "2026-03-01", "effectiveInstant": "2026-03-02T00:00:00Z"},
    ],
)
def test_a_marrow_without_a_time_is_one_of_any_time(time: Json) -> None:
    """It may be the relapse."""
    read = record(marrow(**({"effectiveDateTime": None} | time)))
    assert len(lost(read)) == 1
    assert not read.results


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ({"effectivePeriod": {"start": "2026-03-01"}}, "2026-03-01"),
        ({"effectiveDateTime": "2026-03-01T08:00:00-0500"}, "2026-03-01"),
        ({"effectiveDateTime": "2026-03-01T08:00:00.000+0000"}, "2026-03-01"),
        ({"effectiveInstant": "2026-03-01T08:00:00Z"}, "2026-03-01"),
        ({"effectiveTiming": {"event": ["2026-03-01"]}}, "2026-03-01"),
    ],
)
def test_times_that_can_be_read_are_read(time: Json, day: str) -> None:
    """A period counts from its start, and an offset needs no colon."""
    read = only(marrow(**({"effectiveDateTime": None} | time)))
    assert read.when.first_day.isoformat() == day


@pytest.mark.parametrize(
    "clear",
    [
        observation("718-7", effectiveDateTime=None, **quantity(9, "g/dL")),
        observation("777-3", effectiveDateTime=None),
        observation(
            concept(NCIT, "C204685"),
            effectiveDateTime=None,
            valueCodeableConcept=concept(SNOMED, "260385009"),
        ),
    ],
)
def test_what_reassures_is_missed_without_a_time_and_blocks_nothing(clear: Json) -> None:
    """A lesion denied at some time hides none."""
    read = record(clear)
    assert reasons(clear) == ["no effective time"]
    assert not read.unplaced


@pytest.mark.parametrize("code", ["709-6", "11150-0"])
def test_clear_blasts_without_a_time_may_have_been_a_remission(code: str) -> None:
    """What came after it is a relapse, and a partial remission without it."""
    read = record(observation(code, effectiveDateTime=None, **quantity(0, "%")))
    assert [one.reason for one in read.unplaced] == ["no effective time"]


@pytest.mark.parametrize(
    "time",
    [
        {},
        {"performedString": "last spring"},
        {"performedAge": {"value": 61, "unit": "a"}},
        {"performedDateTime": "spring 2026"},
        {"_performedDateTime": {"extension": [{"url": "x", "valueCode": "unknown"}]}},
        {"occurrenceString": "in March"},
        {"occurrenceTiming": {"repeat": {"count": 7}}},
    ],
)
def test_a_start_without_a_time_is_one_of_any_time(time: Json) -> None:
    """Nobody can say that a marrow came after it."""
    read = record(start(**time))
    assert [(one.when, one.certainty) for one in read.floating] == [(None, "confirmed")]
    assert (len(read.skipped), read.events, lost(read)) == (1, (), [])


@pytest.mark.parametrize(
    "done",
    [
        start(performedDateTime="2026-01-10T08:00:00-0500"),
        start(occurrenceDateTime="2026-01-10"),
        start(occurrencePeriod={"start": "2026-01-10"}),
        start(status="aborted", performedPeriod={"start": "2026-01-10", "end": "2026-01-12"}),
        given(concept(RXNORM, "3041")),
        given(concept(RXNORM, "3041"), effectiveDateTime=None, occurenceDateTime="2026-01-10"),
        given(
            concept(RXNORM, "3041"),
            effectiveDateTime=None,
            occurencePeriod={"start": "2026-01-10", "end": "2026-01-10"},
        ),
        given(
            None,
            medication={"concept": concept(RXNORM, "3041")},
            effectiveDateTime=None,
            occurenceDateTime="2026-01-10",
        ),
        given(concept(RXNORM, "3041"), effectiveDateTime=None, effectiveTimeDateTime="2026-01-10"),
    ],
)
def test_elements_of_other_releases_are_read(done: Json) -> None:
    """R5 and STU3 call the same things by other names."""
    [one] = record(done).events
    assert (one.kind, one.when.first_day.isoformat() if one.when else "") == (
        "therapy-start",
        "2026-01-10",
    )


@pytest.mark.parametrize(
    "denied",
    [
        start(notDone=True, performedDateTime="2026-01-10"),
        start(notPerformed=True, performedDateTime="2026-01-10"),
        given(concept(RXNORM, "3041"), notGiven=True),
        given(concept(RXNORM, "3041"), wasNotGiven=True),
    ],
)
def test_what_earlier_releases_deny_was_not_done(denied: Json) -> None:
    """STU3 and DSTU2 had an element for it."""
    assert not record(denied).events
    assert reasons(denied) == ["it says that it was not done"]


@pytest.mark.parametrize("status", ["Completed", "done", "", None])
def test_a_start_whose_status_cannot_be_read_may_have_been(status: str | None) -> None:
    """On its day, or not at all."""
    read = record(start(status=status, performedDateTime="2026-01-10"))
    [one] = read.floating
    assert one.when is not None
    assert (str(one.when.first_day), one.certainty) == ("2026-01-10", "unconfirmed")
    assert (len(read.skipped), read.events, lost(read)) == (1, (), [])


@pytest.mark.parametrize(
    "onset",
    [
        {},
        {"onsetString": "as a child"},
        {"onsetAge": {"value": 58, "unit": "a"}, "recordedDate": "2026-01-04"},
        {"onsetDateTime": "unknown"},
    ],
)
def test_a_lesion_without_a_time_is_there_at_any_time(onset: Json) -> None:
    """An older denial does not outweigh it."""
    bare = condition(concept(ICD, "C92.30"), onsetDateTime=None)
    assert len(lost(record(bare | onset))) == 1
    assert not record(condition(concept(ICD, "C92.30"), assertedDate="2026-01-04")).unplaced


def test_statuses_of_a_condition_may_be_bare_codes() -> None:
    """Before R4 they were."""
    sure = condition(
        concept(ICD, "C92.00"), verificationStatus="confirmed", clinicalStatus="active"
    )
    assert record(sure).events[0].certainty == "confirmed"
    refuted = condition(concept(ICD, "C92.00"), verificationStatus="refuted")
    assert [one.kind for one in record(refuted).events] == ["aml-refuted"]


# Diagnoses and drugs that no row maps ------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (concept(ICD, "C94.9"), "unread-leukaemia"),
        (concept(GM, "C91.77"), "unread-leukaemia"),
        (concept("urn:local", "C91.0"), "unread-leukaemia"),
        (concept(SNOMED, "91861008"), "unread-leukaemia"),
        ({"text": "Akute lymphatische Leukämie"}, "unread-leukaemia"),
        ({"coding": [{"system": SNOMED, "code": "1285000", "display": "Leukemia of X"}]}, None),
        (concept(WHO, "C90.10"), "other-leukaemia"),
        (None, "unread-leukaemia"),
        ({"text": "Hypertension"}, None),
        (concept(ICD, "I10"), None),
        (concept("urn:local", "4711"), None),
    ],
)
def test_a_leukaemia_that_no_row_maps_is_an_unread_one(code: Json | None, kind: str | None) -> None:
    """By its chapter, by its code under a strange name, by its words, or by having none."""
    found = [one.kind for one in record(condition(code)).events]
    named = code is not None and "display" in str(code)
    assert found == (["unread-leukaemia"] if named else [kind] if kind else [])


@pytest.mark.parametrize(
    ("drug", "certainty"),
    [
        (concept(ATC, "L01BC01"), "confirmed"),
        (concept("http://fhir.de/CodeSystem/bfarm/atc", "L01BC01"), "confirmed"),
        (concept(ATC, "L01XX99"), "unconfirmed"),
        (concept("urn:local", "3041"), "unconfirmed"),
        ({"text": "Cytarabin 100 mg/m2"}, "unconfirmed"),
        ({"coding": [{"system": "urn:pzn", "code": "1", "display": "VENETOCLAX 100 mg"}]}, None),
        (None, "unconfirmed"),
        (concept(RXNORM, "5552"), ""),
        (concept(ATC, "A02BC02"), ""),
        ({"text": "Pantoprazol"}, ""),
    ],
)
def test_a_given_drug_that_may_be_chemotherapy_is_a_possible_start(
    drug: Json | None, certainty: str | None
) -> None:
    """Told, and doubted; hydroxyurea and what is plainly something else are none."""
    read = record(given(drug))
    starts = [one.certainty for one in read.events if one.kind == "therapy-start"]
    assert starts == ([] if certainty == "" else [certainty or "unconfirmed"])
    assert bool(read.skipped) == (
        certainty != "confirmed" and "A02" not in str(drug) and "Panto" not in str(drug)
    )


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Platelet transfusion (procedure)", "transfusion-unspecified"),
        ("Bluttransfusion", "transfusion-unspecified"),
        ("2 Erythrozytenkonzentrate", "rbc-transfusion"),
        ("Erythrozyten- und Thrombozytenkonzentrat", "transfusion-unspecified"),
        ("2 TK", "transfusion-unspecified"),
        ("KMT", "transplant"),
        ("Spenderlymphozyten", "donor-lymphocytes"),
        ("Ratiograstim", "gcsf-pegylated"),
        ("Neulasta 6 mg", "gcsf-pegylated"),
        ("Appendectomy", ""),
    ],
)
def test_what_may_prop_up_a_count_makes_a_bound_of_it(words: str, kind: str) -> None:
    """By its words, where its code cannot be read or is a site's own."""
    for code in ({"text": words}, {"coding": [{"display": words}]}):
        found = [
            one.kind for one in record(start(code=code, performedDateTime="2026-01-10")).events
        ]
        assert found == ([kind] if kind else [])


# Specimens, reports and members ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (concept(V87, "MAR"), "[40, 40]"),
        (concept("HL70487", "MAR"), "[40, 40]"),
        (concept("http://terminology.hl7.org/CodeSystem/v2-0070", "MAR"), "[40, 40]"),
        ({"text": "Knochenmark"}, "[40, 40]"),
        ({"text": "Moelle osseuse"}, "[40, 40]"),
        ({"coding": [{"display": "Bone marrow aspirate"}]}, "[40, 40]"),
        (concept(V87, "BLDV"), "its code says marrow and its Specimen says blood"),
        ({"text": "Vollblut"}, "its code says marrow and its Specimen says blood"),
        ({"text": "Röhrchen 7"}, "its specimen is Röhrchen 7, which is not read"),
        (concept(V87, "QQQ"), "its specimen is QQQ, which is not read"),
    ],
)
def test_a_specimen_is_read_or_leaves_its_results_in_doubt(kind: Json, expected: str) -> None:
    """By code, in whichever table of HL7, or in the words of the site."""
    sample = resource("Specimen", id="s1", type=kind)
    read = only(marrow(specimen={"reference": "Specimen/s1"}), sample)
    assert shown(read) == expected
    assert ("specimen-type-unread" in read.flags) == ("not read" in expected)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"display": "Knochenmarkaspirat"}, "[40, 40]"),
        ({"display": "Peripheral blood"}, "its code says marrow and its Specimen says blood"),
        ({"display": "tube 7"}, "its specimen is tube 7, which is not read"),
        ({"reference": "#s1"}, "its specimen #s1 is not at hand"),
        ({}, "its specimen is not named"),
    ],
)
def test_a_specimen_may_be_only_called_something(named: Json, expected: str) -> None:
    """Without a resource behind it."""
    assert shown(only(marrow(specimen=named))) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"status": "unsatisfactoryy"}, "its specimen has the status unsatisfactoryy"),
        (
            {"condition": [{"text": "coagulated?"}]},
            "the condition of its specimen is coagulated?, which is not read",
        ),
        ({"subject": {"reference": "Patinet p1"}}, "whose its specimen is cannot be read"),
    ],
)
def test_what_is_said_of_a_specimen_and_not_read_leaves_doubt(said: Json, expected: str) -> None:
    """It may say that the sample is no good."""
    sample = resource("Specimen", id="s1", **said)
    assert shown(only(marrow(specimen={"reference": "Specimen/s1"}), sample)) == expected


def test_a_site_of_the_body_names_the_tissue_where_no_specimen_does() -> None:
    """A blood code on the iliac crest is a contradiction."""
    drawn = observation("709-6", bodySite={"text": "Posterior iliac crest"}, **quantity(3, "%"))
    assert shown(only(drawn)) == "its code says blood and its Specimen says marrow"
    arm = observation("709-6", bodySite={"text": "Left arm"}, **quantity(3, "%"))
    assert shown(only(arm)) == "[3, 3]"


def test_a_missing_specimen_is_a_gap_where_others_came_and_else_an_assumption() -> None:
    """The sample may have been rejected."""
    named = marrow(specimen={"reference": "Specimen/gone"})
    other = resource("Specimen", id="s2", type={"text": "blood"})

    assert record(named).doubts == ("specimen-acceptable",)
    assert shown(only(named)) == "[40, 40]"
    assert record(named, rejected_are_cancelled=True).doubts == ()
    for read in (record(named, other), record(named, specimens=True)):
        assert [shown(one) for one in read.results] == ["its specimen Specimen/gone is not at hand"]
        assert read.doubts == ()
    assert shown(only(marrow(specimen={"identifier": {"value": "7"}}), specimens=True)) == (
        "its specimen |7 is not at hand"
    )


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "finall", None])
@pytest.mark.parametrize("kind", ["DiagnosticReport", "Observation"])
def test_what_only_a_dead_report_or_panel_holds_is_doubtful(kind: str, status: str | None) -> None:
    """Final by itself, and nobody stands for it; a live report beside it does."""
    name = "result" if kind == "DiagnosticReport" else "hasMember"
    holder = resource(
        kind,
        status=status,
        code=concept(LOINC, "58410-2"),
        **{name: [{"reference": "Observation/o1"}]},
    )
    [read] = [one for one in record(marrow(), holder).results if one.analyte == "blasts-marrow"]
    assert "which holds it" in shown(read)
    live = resource(
        "DiagnosticReport", id="r2", status="final", result=[{"reference": "Observation/o1"}]
    )
    kept = [one for one in record(marrow(), holder, live).results if one.source.ref[-2:] == "o1"]
    assert [shown(one) for one in kept] == ["[40, 40]"]


@pytest.mark.parametrize(
    "holder",
    [
        {"resourceType": "DiagnosticReport", "result": ["Observation/o1", "Observation/gone"]},
        {"resourceType": "Observation", "hasMember": ["Observation/o1", "urn:uuid:gone"]},
        {"resourceType": "DiagnosticReport", "result": ["Observation/o1", "#gone"]},
    ],
)
def test_a_member_that_is_missing_beside_evidence_may_be_any(holder: Json) -> None:
    """Named and not there is not the same as never reported."""
    name = "result" if "result" in holder else "hasMember"
    named = {name: [{"reference": text} for text in holder[name]]}
    made = resource(holder["resourceType"], status="final", code={"text": "report"}, **named)
    assert [one.split(",")[0][-4:] for one in lost(record(observation(), made))] == ["gone"]


def test_members_of_stu3_are_members() -> None:
    """They were called related."""
    related = [
        {"type": "has-member", "target": {"reference": "Observation/gone"}},
        {"type": "derived-from", "target": {"reference": "Observation/x"}},
    ]
    panel = observation("777-3", id="panel", related=related)
    read = record(panel)
    assert {shown(one) for one in read.results if one.source.code == ""} == {
        "Observation/gone, which it names, is not at hand"
    }
    assert not lost(read), "the panel says when"


def test_a_report_that_is_called_evidence_misses_its_results() -> None:
    """Its code says blasts of the marrow, and the one result that it names did not come."""
    code = {"coding": [{"system": "http://loinc.org", "code": "11150-0"}]}
    named = [{"reference": "Observation/gone"}]
    report = resource("DiagnosticReport", status="final", code=code, result=named)
    assert lost(record(observation(), report)) == [
        "Observation/gone, which it names, is not at hand"
    ]


def test_a_report_of_something_else_may_miss_its_results() -> None:
    """None of them came: sodium is no evidence; what has no code, or is a blood count, may be."""
    gone = [{"reference": "Observation/x9"}]
    for code, missing in ((SODIUM, False), (None, True), (CBC, True), (MARROW_WORDS, True)):
        made = resource("DiagnosticReport", status="final", code=code, result=gone)
        assert bool(record(observation(), made).unplaced) == missing


SODIUM = {"coding": [{"system": "http://loinc.org", "code": "2951-2"}]}
CBC = {"coding": [{"system": "http://loinc.org", "code": "58410-2"}]}
MARROW_WORDS = {"text": "Knochenmark"}


def test_a_report_that_is_called_evidence_and_is_empty() -> None:
    """What it found stands in words, if anywhere."""
    code = {"coding": [{"system": "http://loinc.org", "code": "11150-0"}]}
    report = resource("DiagnosticReport", status="final", code=code, conclusion="45 %")
    assert lost(record(observation(), report)) == ["a report of an input that holds no result"]


def test_a_member_of_which_only_an_older_version_came() -> None:
    """The report names version 9, and version 2 is at hand."""
    named = [{"reference": "Observation/o1/_history/9"}]
    report = resource("DiagnosticReport", status="final", result=named)
    read = record(observation(meta={"versionId": "2"}), report)
    assert lost(read) == [
        "Observation/o1/_history/9, which it names, is newer than what is at hand"
    ]
    assert not record(observation(meta={"versionId": "9"}), report).unplaced


def test_a_method_that_cannot_be_read_is_the_one_that_proves_least() -> None:
    """It may be flow cytometry, or an analyser."""
    assert only(marrow(method={"text": "Methode B"})).method == "unread"
    assert only(marrow(method={"text": "Durchflusszytometrie"})).method == "flow"


def test_what_reads_like_an_input_under_a_code_nobody_knows_is_counted() -> None:
    """It is told, so that somebody maps it; sodium is only counted."""
    local = {"coding": [{"system": "urn:lab", "code": "BL-7", "display": "Blasts, bone marrow"}]}
    read = record(observation(local), observation("2951-2", id="o2"))
    assert read.resembling == (("urn:lab|BL-7", 1),)
    assert sum(many for _, many in read.unmapped) == 2
