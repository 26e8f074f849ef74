"""Conditions, Procedures and given medications become events; claims stay claims."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from fhir_remission.domain.nouns.inputs import CohortRow, Event
from tests.fhir.reading import ICD, RXNORM, SNOMED, concept, reasons, record, resource

VER = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CLIN = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def condition(code: str = "C92.00", system: str = ICD, **parts: Any) -> dict[str, Any]:
    """A diagnosis of the patient."""
    return resource("Condition", code=concept(system, code), onsetDateTime="2026-01-04") | parts


def procedure(code: str = "116863004", **parts: Any) -> dict[str, Any]:
    """A finished procedure of the patient."""
    made = {"status": "completed", "performedDateTime": "2026-01-10"}
    return resource("Procedure", code=concept(SNOMED, code)) | made | parts


def dose(code: str = "68442", **parts: Any) -> dict[str, Any]:
    """A given dose."""
    drug = {"medicationCodeableConcept": concept(RXNORM, code)}
    made = {"status": "completed", "effectiveDateTime": "2026-01-10"}
    return resource("MedicationAdministration") | drug | made | parts


def event(*resources: dict[str, Any]) -> Event:
    """The one event of the resources."""
    [one] = record(*resources).events
    return one


@pytest.mark.parametrize(
    ("code", "system", "kind", "certainty"),
    [
        ("C92.00", ICD, "aml-diagnosis", "confirmed"),
        ("C92.01", ICD, "aml-diagnosis", "confirmed"),
        ("C92.01", "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "aml-diagnosis", "confirmed"),
        ("91861009", SNOMED, "aml-diagnosis", "confirmed"),
        ("91855006", SNOMED, "aml-diagnosis", "unconfirmed"),
        ("C92.90", ICD, "aml-diagnosis", "unconfirmed"),
        ("C92.40", ICD, "apl-diagnosis", "confirmed"),
        ("110004001", SNOMED, "apl-diagnosis", "confirmed"),
        ("C91.00", ICD, "other-leukaemia", "confirmed"),
        ("C92.11", ICD, "other-leukaemia", "confirmed"),
        ("C92.30", ICD, "extramedullary", "confirmed"),
    ],
)
def test_a_diagnosis_is_what_its_code_says(
    code: str, system: str, kind: str, certainty: str
) -> None:
    """AML, APL and other leukaemias are told apart; a vague code proves nothing."""
    one = event(condition(code, system))

    assert (one.kind, one.certainty) == (kind, certainty)
    assert one.when is not None
    assert one.when.text == "2026-01-04"


@pytest.mark.parametrize(
    ("status", "certainty"),
    [
        ("confirmed", "confirmed"),
        ("provisional", "unconfirmed"),
        ("differential", "unconfirmed"),
        ("unconfirmed", "unconfirmed"),
        ("whatever", "unconfirmed"),
    ],
)
def test_only_a_confirmed_diagnosis_is_certain(status: str, certainty: str) -> None:
    """Absent counts as confirmed; anything unknown does not."""
    assert event(condition(verificationStatus=concept(VER, status))).certainty == certainty
    assert event(condition()).certainty == "confirmed"


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_a_diagnosis_that_was_taken_back_is_none(status: str) -> None:
    """With its reason."""
    one = condition(verificationStatus=concept(VER, status))

    assert {event.kind for event in record(one).events} <= {"aml-refuted"}
    assert reasons(one) == [f"verification status is {status}"]


def test_a_diagnosis_has_the_day_it_was_recorded_where_it_has_no_onset() -> None:
    """And none where it has neither."""
    recorded = event(condition(onsetDateTime=None, recordedDate="2026-01-06"))
    assert recorded.when is not None
    assert recorded.when.text == "2026-01-06"
    assert event(condition(onsetDateTime=None)).when is None
    started = event(condition(onsetDateTime=None, onsetPeriod={"start": "2026-01-03"}))
    assert started.when is not None
    assert started.when.text == "2026-01-03"
    period = {"start": "2026-01-03", "end": "2026-02-20"}
    within = event(condition("C92.30", onsetDateTime=None, onsetPeriod=period))
    assert within.when is not None
    assert within.when.text == "2026-01-03/2026-02-20"
    assert within.ended is None


def test_a_diagnosis_whose_time_cannot_be_read_is_known_without_its_time() -> None:
    """The diagnosis stands, the time is named."""
    odd = condition(onsetDateTime="04.01.2026")

    assert event(odd).when is None
    assert reasons(odd) == ["time 04.01.2026 is not a FHIR date or time"]


def test_abatement_ends_it() -> None:
    """A lesion that is gone."""
    one = event(condition("C92.30", abatementDateTime="2026-02-01"))

    assert one.ended is not None
    assert one.ended.text == "2026-02-01"


def test_remission_in_a_code_or_a_status_is_a_claim() -> None:
    """Shown beside the answer, never evidence; two claims may disagree."""
    read = record(
        condition(
            "C92.01",
            clinicalStatus=concept(CLIN, "relapse"),
            recordedDate="2026-05-01",
        )
    )

    assert [(claim.says, claim.source.code) for claim in read.claims] == [
        ("remission", "C92.01"),
        ("relapse", "relapse"),
    ]
    assert all(claim.when and claim.when.text == "2026-05-01" for claim in read.claims)
    assert [one.kind for one in read.events] == ["aml-diagnosis"]


def test_a_claim_about_something_else_is_no_claim() -> None:
    """Diabetes in remission is of no interest, nor is another leukaemia."""
    other = condition("C91.01", clinicalStatus=concept(CLIN, "remission"))

    assert not record(other).claims
    assert record(condition("E11.9", clinicalStatus=concept(CLIN, "remission"))).unmapped


@pytest.mark.parametrize("status", ["completed", "in-progress", "stopped"])
def test_what_was_done_counts(status: str) -> None:
    """A transfusion that was stopped has run."""
    assert event(procedure(status=status)).kind == "rbc-transfusion"
    assert event(dose(status=status)).kind == "gcsf"


@pytest.mark.parametrize("status", ["not-done", "entered-in-error", "preparation"])
def test_what_was_not_done_does_not_count(status: str) -> None:
    """With its reason."""
    for one in (procedure(status=status), dose(status=status)):
        assert not record(one).events
        assert reasons(one) == [f"status is {status}"]


@pytest.mark.parametrize("status", ["Completed", "", None])
def test_what_may_have_been_given_counts_and_is_told(status: str | None) -> None:
    """A transfusion or a growth factor makes a bound of a count, and proves nothing else."""
    for one in (procedure(status=status), dose(status=status)):
        assert len(record(one).events) == 1
        assert reasons(one) == [f"status is {status or 'missing'}"]


@pytest.mark.parametrize(
    ("code", "kind", "detail"),
    [
        ("367336001", "therapy-start", ""),
        ("12719002", "platelet-transfusion", ""),
        ("116859006", "transfusion-unspecified", ""),
        ("234336002", "transplant", ""),
    ],
)
def test_a_procedure_is_what_its_code_says(code: str, kind: str, detail: str) -> None:
    """A product nobody names may be either."""
    one = event(procedure(code))

    assert (one.kind, one.detail) == (kind, detail)


@pytest.mark.parametrize(
    ("code", "kind", "detail"),
    [
        ("68442", "gcsf", ""),
        ("338036", "gcsf-pegylated", ""),
        ("1251", "therapy-start", "less-intensive"),
        ("2017575", "therapy-start", "intensive"),
        ("3041", "therapy-start", ""),
        ("2105806", "therapy-start", "targeted"),
    ],
)
def test_a_drug_is_what_its_code_says(code: str, kind: str, detail: str) -> None:
    """Intensity is known only of drugs that are used in one way."""
    read = record(dose(code)).events

    assert (kind, detail) in {(one.kind, one.detail) for one in read}


def test_a_drug_may_be_a_resource_of_its_own_or_inside() -> None:
    """By reference, contained, or as an ingredient."""
    apart = {"resourceType": "Medication", "id": "m1", "code": concept(RXNORM, "68442")}
    by_reference = dose(
        medicationCodeableConcept=None, medicationReference={"reference": "Medication/m1"}
    )
    assert event(by_reference, apart).kind == "gcsf"
    inside = {
        "resourceType": "Medication",
        "id": "m",
        "ingredient": [{"itemCodeableConcept": concept(RXNORM, "1251")}],
    }
    contained = dose(
        medicationCodeableConcept=None,
        medicationReference={"reference": "#m"},
        contained=[inside],
    )
    assert event(contained).detail == "less-intensive"


def test_a_period_of_doses_starts_and_ends() -> None:
    """The start is the event, the end is kept."""
    period = {"start": "2026-01-10", "end": "2026-01-16"}
    one = event(procedure(performedDateTime=None, performedPeriod=period))

    assert one.when is not None
    assert one.ended is not None
    assert (one.when.text, one.ended.text) == ("2026-01-10", "2026-01-16")


def test_chemotherapy_as_a_diagnosis_is_nothing() -> None:
    """A code means something only in the resources that can tell of it."""
    read = record(condition("367336001", SNOMED), procedure("91861009"))

    assert not read.events


def test_unknown_modifiers_leave_an_event_in_doubt() -> None:
    """They may deny it: a diagnosis proves nothing, and a transfusion may have run."""
    extension = [{"url": "urn:x", "valueBoolean": True}]
    why = ["it carries a modifierExtension that is not understood"]
    done, diagnosed = procedure(modifierExtension=extension), condition(modifierExtension=extension)

    assert [event.kind for event in record(done).events] == ["rbc-transfusion"]
    assert [event.certainty for event in record(diagnosed).events] == ["unconfirmed"]
    assert reasons(done) == why
    assert reasons(diagnosed) == why


def test_the_cohort_list_states_diagnosis_and_therapy() -> None:
    """With its line as the source."""
    row = CohortRow(
        patient="Patient/p1",
        place="cohort.csv:2",
        diagnosed_on=date(2026, 1, 4),
        therapy_started_on=date(2026, 1, 10),
        intensity="intensive",
    )
    read = record(cohort_rows=(row,))

    assert [(one.kind, one.detail, one.source.ref) for one in read.events] == [
        ("aml-diagnosis", "", "cohort.csv:2"),
        ("therapy-start", "intensive", "cohort.csv:2"),
    ]


def test_the_person_is_read() -> None:
    """Birth, death and how completely the record was read."""
    person = {
        "resourceType": "Patient",
        "id": "p1",
        "meta": {"versionId": "2"},
        "birthDate": "2010-05-01",
        "deceasedDateTime": "2026-04-01",
    }
    read = record(
        person,
        complete=frozenset({"Observation"}),
        failed=frozenset({"Procedure"}),
        attested=frozenset({"rbc-transfusion"}),
    )

    assert (read.born, read.died) == (date(2010, 5, 1), True)
    assert (read.complete, read.failed) == ({"Observation"}, {"Procedure"})
    assert read.attested == {"rbc-transfusion"}


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("2026-04-01T10:00:00+02:00", "2026-04-01"),
        (" 2026-04", "2026-04"),
        ("2026", "2026"),
        ("soon", ""),
        ("2026-02-31", ""),
        ("2026-04-0", ""),
    ],
)
def test_the_day_of_a_death_is_a_day(said: str, day: str) -> None:
    """What is none is a death without a date."""
    read = record({"resourceType": "Patient", "id": "p1", "deceasedDateTime": said})
    assert (read.died, read.died_on) == (True, day)
