"""What of an Observation counts, under which code, of which specimen, and when."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fhir_remission.domain.nouns.inputs import Unreadable
from fhir_remission.domain.nouns.namespace import NAMESPACE
from tests.fhir.reading import (
    LOINC,
    NCIT,
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


def specimen(code: str, **parts: Any) -> dict[str, Any]:
    """A Specimen of the patient with a SNOMED CT type."""
    return resource("Specimen", id="s1", type=concept(SNOMED, code)) | parts


BLOOD, MARROW, SERUM = "119297000", "119359002", "119364003"
AT = {"specimen": {"reference": "Specimen/s1"}}


@pytest.mark.parametrize("status", ["final", "amended", "corrected"])
def test_a_final_result_is_usable(status: str) -> None:
    """And so is one that was amended or corrected."""
    assert only(observation(status=status)).standing == "usable"


@pytest.mark.parametrize("status", ["preliminary", "registered"])
def test_a_preliminary_result_is_seen_as_such(status: str) -> None:
    """It supports nothing and may block."""
    assert only(observation(status=status)).standing == "preliminary"


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "unknown"])
def test_a_result_that_was_taken_back_never_counts(status: str) -> None:
    """And leaves nothing behind but its reason."""
    read = record(observation(status=status))

    assert not read.results
    assert [skip.reason for skip in read.skipped] == [f"status is {status}"]


@pytest.mark.parametrize("status", ["Final", "done", "final ", "", None])
def test_a_result_whose_status_cannot_be_read_is_some_result(status: str | None) -> None:
    """It may have been retracted, or be the relapse: unreadable is not absent."""
    read = only(observation(status=status))

    assert shown(read) == f"status is {status or 'missing'}"


def test_the_latest_version_is_taken_before_its_status_is_judged() -> None:
    """An amended 12 % replaces a final 2 %, in whatever order they come."""
    first = observation("11150-0", meta={"versionId": "1"}, **quantity(2, "%"))
    second = observation("11150-0", status="amended", meta={"versionId": "2"}, **quantity(12, "%"))

    assert shown(only(first, second)) == shown(only(second, first)) == "[12, 12]"
    assert only(first, second).source.version == "2"


def test_versions_are_numbers_and_times_come_first() -> None:
    """Version 10 is later than 9, and a later change than any number."""
    nine = observation(meta={"versionId": "9"}, **quantity(9))
    ten = observation(meta={"versionId": "10"}, **quantity(10))
    assert shown(only(ten, nine)) == "[10, 10]"
    old = {"versionId": "10", "lastUpdated": "2026-03-01T00:00:00Z"}
    new = {"versionId": "9", "lastUpdated": "2026-03-01T01:00:00+00:30"}
    rivals = (observation(meta=old, **quantity(10)), observation(meta=new, **quantity(9)))
    assert shown(only(*rivals)) == "[9, 9]"


def test_a_copy_changes_nothing() -> None:
    """The same resource twice is one result."""
    assert record(observation(), observation()) == record(observation())


def test_components_inherit_status_time_and_specimen() -> None:
    """A panel's parts are results of their own; the panel is none."""
    panel = observation(
        concept(LOINC, "57021-8"),
        component=[
            {"code": concept(LOINC, "751-8"), **quantity("1.2")},
            {"code": concept(LOINC, "777-3"), **quantity(120)},
            {"code": concept(LOINC, "789-8"), **quantity(4, "10*12/L")},
        ],
        **AT,
    )
    read = record(panel, specimen(BLOOD))

    assert [(one.analyte, shown(one)) for one in read.results] == [
        ("anc", "[1.2, 1.2]"),
        ("platelets", "[120, 120]"),
    ]
    assert {one.draw_keys for one in read.results} == {("Specimen/s1",)}
    assert not read.skipped


def test_a_component_that_cannot_be_read_is_named_by_its_code() -> None:
    """The others still count."""
    panel = observation(
        concept(LOINC, "57021-8"),
        component=[
            {"code": concept(LOINC, "751-8"), **quantity("1.2")},
            {"code": concept(LOINC, "777-3"), **quantity(10, "fL")},
        ],
    )
    read = record(panel)

    assert [shown(one)[:8] for one in read.results] == ["[1.2, 1.", "unit fL "]
    assert read.skipped[0].reason.startswith("component 777-3: unit fL is refused")


def test_members_are_judged_on_their_own_and_never_counted_twice() -> None:
    """A container without a value is no missing value."""
    panel = observation("777-3", id="panel", hasMember=[{"reference": "Observation/o1"}])
    read = record(panel, observation())

    assert [one.source.ref for one in read.results] == ["Observation/o1"]
    assert not read.skipped


@pytest.mark.parametrize(
    ("code", "type_code", "expected"),
    [
        ("11150-0", MARROW, ("marrow", "[3, 3]")),
        ("11150-0", BLOOD, ("marrow", "its code says marrow and its Specimen says blood")),
        ("709-6", MARROW, ("blood", "its code says blood and its Specimen says marrow")),
        ("709-6", SERUM, ("blood", "its code says blood and its Specimen says other")),
        ("709-6", "999", ("blood", "its specimen is 999, which is not read")),
    ],
)
def test_code_and_specimen_must_agree(code: str, type_code: str, expected: tuple[str, str]) -> None:
    """A contradiction is unreadable, and so is what was measured in something nobody knows."""
    read = only(observation(code, **AT, **quantity(3, "%")), specimen(type_code))

    assert (read.specimen, shown(read)) == expected
    assert ("specimen-type-unread" in read.flags) == (type_code == "999")


@pytest.mark.parametrize(
    ("code", "type_code", "analyte"),
    [
        ("C150836", MARROW, "blasts-marrow"),
        ("C150836", BLOOD, None),
        ("C64487", BLOOD, "blasts-blood"),
        ("C64487", MARROW, None),
        ("C198237", MARROW, "mrd"),
        ("C198237", SERUM, None),
    ],
)
def test_a_code_without_a_specimen_counts_only_where_the_specimen_is_stated(
    code: str, type_code: str, analyte: str | None
) -> None:
    """The condition of its row."""
    read = record(observation(concept(NCIT, code), **AT, **quantity(3, "%")), specimen(type_code))

    assert [one.analyte for one in read.results] == ([analyte] if analyte else [])
    assert bool(read.skipped) == (analyte is None)


def test_a_code_that_leaves_cells_out_is_a_lower_end() -> None:
    """Myeloblasts of 3 % do not prove fewer than 5 % blasts."""
    read = only(observation(concept(NCIT, "C98761"), **AT, **quantity(3, "%")), specimen(MARROW))

    assert shown(read) == "[3, 100]"


def test_a_condition_on_the_unit_needs_a_unit() -> None:
    """A finding code counts only with a value in count units."""
    finding = concept(SNOMED, "365632008")

    assert shown(only(observation(finding))) == "[120, 120]"
    bare = observation(finding, valueQuantity={"value": 120})
    assert reasons(bare) == ["this code counts only with a unit of concentration"]


def test_contained_specimens_are_read() -> None:
    """MRD with its tissue inside."""
    mrd = observation(
        concept(NCIT, "C172578"),
        specimen={"reference": "#s"},
        contained=[{"resourceType": "Specimen", "id": "s", "type": concept(SNOMED, MARROW)}],
        method=concept(NCIT, "C16585"),
        valueCodeableConcept=concept(SNOMED, "260385009"),
    )
    read = only(mrd)

    assert (read.specimen, read.method, shown(read)) == ("marrow", "flow", "negative")
    assert read.draw_keys == ()


def test_the_components_of_residual_disease_qualify_it() -> None:
    """Assay, tissue and sensitivity as codes or words."""
    mrd = observation(
        concept(NCIT, "C168951"),
        component=[
            {"code": concept(NCIT, "C168933"), "valueCodeableConcept": concept(NCIT, "C51962")},
            {"code": concept(NCIT, "C168958"), "valueString": "Bone marrow"},
            {"code": concept(NCIT, "C168957"), "valueString": "1e-4"},
        ],
        **quantity("0.02", "%"),
    )
    read = only(mrd)

    assert (read.method, read.specimen, read.sensitivity) == ("qpcr", "marrow", "1e-4")
    assert shown(read) == "[0.02, 0.02]"


@pytest.mark.parametrize(
    "method",
    [
        {"coding": [{"system": NCIT, "code": code} for code in ("C16585", "C51962")]},
        {"coding": [{"system": NCIT, "code": "C51962"}], "text": "Flow cytometry"},
        {"coding": [{"system": NCIT, "code": "C16585"}], "text": "microscopy"},
    ],
)
def test_two_methods_in_one_are_none(method: Any) -> None:
    """Each would be believed by itself."""
    assert only(observation(concept(NCIT, "C168951"), method=method)).method == "unread"


def test_what_was_measured_in_two_tissues_is_unread() -> None:
    """By Specimen, site and attribute."""
    blood = {"code": concept(NCIT, "C168958"), "valueString": "blood"}
    marrow = {"code": concept(NCIT, "C168958"), "valueString": "bone marrow"}
    site = {"text": "Peripheral blood"}
    for torn in (
        observation(concept(NCIT, "C168951"), component=[marrow], bodySite=site, valueString="neg"),
        observation(concept(NCIT, "C168951"), component=[marrow, blood], valueString="neg"),
        observation("11150-0", bodySite=site, **quantity(2, "%")),
    ):
        read = only(torn)
        assert isinstance(read.value, Unreadable) or not read.specimen


def test_a_gene_that_no_row_has_is_a_marker_that_nobody_knows() -> None:
    """Where the code names the marker, it is that one."""
    gene = {"code": concept(LOINC, "48018-6"), "valueCodeableConcept": {"text": "XYZ1"}}
    fusion = {"code": concept(LOINC, "48018-6"), "valueCodeableConcept": {"text": "PML-RARA"}}

    assert only(observation(concept(NCIT, "C168951"), component=[gene])).marker == "unread"
    assert only(observation(concept(NCIT, "C168951"), component=[fusion])).marker == "PML::RARA"
    assert only(observation("72208-2", component=[gene])).marker == "RUNX1::RUNX1T1"
    assert only(observation("72208-2", component=[fusion])).marker == "unread"


def test_an_attribute_alone_is_no_result() -> None:
    """A sensitivity without its measurement."""
    alone = observation(concept(NCIT, "C168957"), valueString="1e-4")

    assert reasons(alone) == ["it qualifies another result and stands alone"]
    assert not record(alone).results


def test_a_method_that_contradicts_the_code_is_no_method() -> None:
    """A manual count by an automated method."""
    read = only(observation("709-6", method={"text": "Automated count"}, **quantity(0, "%")))

    assert (read.method, read.flags) == ("unread", ("method-contradicted",))
    assert only(observation("26446-5", method={"text": "manual count"}, **quantity(0, "%"))).method
    assert only(observation("709-6", **quantity(0, "%"))).method == "manual"


def test_markers_come_with_the_code() -> None:
    """A transcript ratio names its fusion."""
    read = only(observation("72208-2", **quantity("0.001", "{ratio}")))

    assert (read.marker, read.method, read.specimen) == ("RUNX1::RUNX1T1", "qpcr", "marrow")
    assert only(observation("82903-6", **quantity("0.001", "{ratio}"))).marker == "PML::RARA"


def test_two_codings_of_one_meaning_are_one_result() -> None:
    """Old and new code side by side; the method is that of both or of none."""
    both = {"coding": [{"system": LOINC, "code": "751-8"}, {"system": LOINC, "code": "26499-4"}]}

    assert only(observation(both)).method == "automated"
    manual = {"coding": [{"system": LOINC, "code": "751-8"}, {"system": LOINC, "code": "753-4"}]}
    assert only(observation(manual)).method == ""


def test_a_local_code_beside_a_known_one_changes_nothing() -> None:
    """Only codes of the tables are compared."""
    code = concept(LOINC, "777-3")
    code["coding"].append({"system": "urn:lab", "code": "MPV"})

    assert only(observation(code)).analyte == "platelets"


def test_a_lookalike_beside_an_input_makes_it_unreadable() -> None:
    """Platelets and their volume in one code cannot both be meant."""
    both = {"coding": [{"system": LOINC, "code": "777-3"}, {"system": LOINC, "code": "32623-1"}]}

    assert "contradict" in shown(only(observation(both)))


def test_a_code_counts_only_with_its_system() -> None:
    """Without one it may be what it looks like, and proves nothing."""
    stray = {"coding": [{"code": "777-3", "display": "Platelets [#/volume] in Blood"}]}

    assert shown(only(observation(stray))) == "code 777-3 comes under a system that no table names"


def test_unmapped_codes_are_counted_and_not_skipped() -> None:
    """Sodium is of no interest, and no trouble."""
    read = record(observation("2951-2", id="a"), observation("2951-2", id="b"))

    assert not read.skipped
    assert read.unmapped == (("http://loinc.org|2951-2", 2),)


def test_the_specimen_of_the_report_speaks_for_what_does_not_deny_it() -> None:
    """MRD of a marrow report is of the marrow, the blood count beside it is not."""
    report = resource(
        "DiagnosticReport",
        status="final",
        specimen=[{"reference": "Specimen/s1"}],
        result=[{"reference": "Observation/o1"}, {"reference": "Observation/o2"}],
    )
    mrd = observation(concept(NCIT, "C172578"), valueString="negative")
    count = observation(id="o2")
    read = record(mrd, count, report, specimen(MARROW))

    assert [(one.analyte, one.specimen) for one in read.results] == [
        ("mrd", "marrow"),
        ("platelets", "blood"),
    ]
    spoilt = record(mrd, count, report, specimen(MARROW, status="unsatisfactory"))
    assert [one.analyte for one in spoilt.results] == ["platelets"]
    assert [skip.reason for skip in spoilt.skipped] == ["its specimen is unsatisfactory"]


# -------------------------------------------------------------------------------------- time


def test_the_time_is_that_of_the_report_where_the_result_has_none() -> None:
    """Never the time it was issued."""
    quiet = observation(effectiveDateTime=None, issued="2026-03-09T00:00:00Z")
    report = resource(
        "DiagnosticReport",
        status="final",
        effectiveDateTime="2026-03-02",
        result=[{"reference": "Observation/o1"}],
    )
    read = only(quiet, report)

    assert (read.when.text, read.flags) == ("2026-03-02", ("time-from-report",))
    assert reasons(quiet) == ["no effective time"]


def test_a_retracted_report_dates_nothing() -> None:
    """And its results, final by themselves, are doubtful."""
    report = resource(
        "DiagnosticReport",
        status="entered-in-error",
        effectiveDateTime="2026-03-02",
        result=[{"reference": "Observation/o1"}],
    )

    why = "DiagnosticReport/r1, which holds it, has the status entered-in-error"
    assert reasons(observation(effectiveDateTime=None), report) == [why, "no effective time"]
    read = only(observation(), report)
    assert (shown(read), read.draw_keys) == (why, ())


def test_the_time_is_that_of_the_collection_where_nothing_else_says_it() -> None:
    """Collected, not received."""
    taken = specimen(BLOOD, collection={"collectedDateTime": "2026-03-03T07:00:00Z"})
    read = only(observation(effectiveDateTime=None, **AT), taken)

    assert (read.when.text, read.flags) == ("2026-03-03T07:00:00Z", ("time-from-specimen",))


def test_an_open_period_reaches_to_the_time_of_issue() -> None:
    """And without that it counts from its start."""
    period = {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-03-01T08:00:00Z"}}
    read = only(observation(issued="2026-03-01T10:00:00Z", **period))

    assert read.when.end.isoformat() == "2026-03-01T10:00:00+00:00"
    assert only(observation(**period)).when.text == "2026-03-01T08:00:00Z"


def test_a_schedule_with_one_event_is_that_time() -> None:
    """And so is an instant."""
    timing = {"effectiveDateTime": None, "effectiveTiming": {"event": ["2026-03-01"]}}
    assert only(observation(**timing)).when.text == "2026-03-01"
    instant = {"effectiveDateTime": None, "effectiveInstant": "2026-03-01T08:00:00Z"}
    assert only(observation(**instant)).when.text == "2026-03-01T08:00:00Z"


def test_a_time_without_a_zone_is_that_of_the_site() -> None:
    """Flagged, because the site's zone is an assumption about the sender."""
    read = only(
        observation(effectiveDateTime="2026-03-01T08:00:00"), zone=ZoneInfo("Europe/Berlin")
    )

    assert read.when.start.isoformat() == "2026-03-01T07:00:00+00:00"
    assert read.flags == ("time-without-zone",)


# ------------------------------------------------------------------------------------- draws


def test_specimen_accession_and_report_name_the_draw() -> None:
    """Whatever two results share puts them into one draw."""
    named = specimen(
        BLOOD,
        identifier=[{"system": "urn:tube", "value": "0042"}],
        accessionIdentifier={"system": "urn:acc", "value": "A7"},
    )
    report = resource("DiagnosticReport", status="final", result=[{"reference": "Observation/o1"}])
    read = only(observation(**AT), named, report)

    assert read.draw_keys == ("Specimen/s1", "urn:tube|0042", "urn:acc|A7", "DiagnosticReport/r1")


def test_a_cumulative_report_makes_no_draw() -> None:
    """Counts of two days do not belong together because one page shows them."""
    report = resource(
        "DiagnosticReport",
        status="final",
        result=[{"reference": "Observation/o1"}, {"reference": "Observation/o2"}],
    )
    later = observation("751-8", id="o2", effectiveDateTime="2026-03-09T08:00:00Z")

    assert [one.draw_keys for one in record(observation(), later, report).results] == [(), ()]


def test_a_result_in_two_reports_is_one_result_of_one_report() -> None:
    """The first by name."""
    reports = [
        resource(
            "DiagnosticReport", id=name, status="final", result=[{"reference": "Observation/o1"}]
        )
        for name in ("b", "a")
    ]

    assert only(observation(), *reports).draw_keys == ("DiagnosticReport/a",)


def test_a_result_inside_of_its_report_is_read() -> None:
    """It has no reference of its own, and the time of the report."""
    inner = observation(effectiveDateTime=None, subject=None)
    report = resource(
        "DiagnosticReport",
        status="final",
        effectiveDateTime="2026-03-02",
        contained=[inner],
        result=[{"reference": "#o1"}],
    )
    read = only(report)

    assert (read.source.ref, read.when.text) == ("DiagnosticReport/r1#o1", "2026-03-02")


# -------------------------------------------------------------------------------------- whose


def test_the_patient_as_focus_is_no_stranger() -> None:
    """A diagnosis or the patient may be in focus; another person may not."""
    for focus in ("Patient/p1", "Condition/c1", "https://example.org/fhir/Patient/p1"):
        assert only(observation(focus=[{"reference": focus}])).analyte == "platelets"
    assert reasons(observation(focus=[{"reference": "Patient/p2"}])) == [
        "its focus is another person"
    ]


def test_what_we_wrote_ourselves_is_never_evidence() -> None:
    """By identifier, by tag and by Device; it is not shown either."""
    ours = [{"system": f"{NAMESPACE}/id/assessment", "value": "x"}]
    device = {"resourceType": "Device", "id": "d1", "identifier": ours}
    tag = {"tag": [{"system": f"{NAMESPACE}/CodeSystem/tag", "code": "algorithmic"}]}
    read = record(
        observation(id="a", identifier=ours),
        observation(id="b", meta=tag),
        observation(id="c", device={"reference": "Device/d1"}),
        device,
        observation(id="d", device={"reference": "Device/analyser"}),
    )

    assert [one.source.ref for one in read.results] == ["Observation/d"]
    assert read.skipped == ()


def test_a_site_namespace_decides_what_is_ours() -> None:
    """The default namespace is then somebody else's."""
    other = [{"system": "https://example.org/ns/id/assessment", "value": "x"}]

    assert not record(observation(identifier=other), namespace="https://example.org/ns").results
    assert record(observation(identifier=other)).results


def test_trouble_leaves_an_unreadable_result_behind() -> None:
    """What was reported and cannot be used was still reported: absence is not assumed."""
    absent = concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-performed")
    read = only(observation("709-6", dataAbsentReason=absent))

    assert isinstance(read.value, Unreadable)
    assert read.analyte == "blasts-blood"
