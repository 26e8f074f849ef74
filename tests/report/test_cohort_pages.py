"""The pages of a cohort: counts that add up, exact intervals, lists to work by, CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.cli.main import main
from fhir_remission.jobs.files.explain import words_of_pages
from fhir_remission.report import cohort_pages
from fhir_remission.report.cohort import cohorts_of
from fhir_remission.report.exact import median_time, share
from tests.report.courses import NAMED, named


@cache
def lines() -> tuple[dict[str, Any], ...]:
    """Every line of the named courses, a patient for each course."""
    return tuple(
        {**line, "patient": f"Patient/{at:02d}-{name}"}
        for at, name in enumerate(NAMED)
        for line in named(name).judgements[0].history
    )


def line(patient: str, **changes: Any) -> dict[str, Any]:
    """One answer that is not like the others."""
    return {**named("complete-remission").judgements[0].now, "patient": patient, **changes}


def pages(found: Any = None, **options: Any) -> dict[str, str]:
    """The pages of these lines."""
    return cohort_pages(lines() if found is None else found, words_of_pages(), **options)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        # R 4: binom.test(5, 10), binom.test(0, 10), binom.test(10, 10)
        (5, 10, 0.1870860, 0.8129140),
        (0, 10, 0.0, 0.3084971),
        (10, 10, 0.6915029, 1.0),
    ],
)
def test_exact_intervals(count: int, of: int, low: float, high: float) -> None:
    """The known values of Clopper and Pearson."""
    found = share(count, of)

    assert found.low == pytest.approx(low, abs=1e-6)
    assert found.high == pytest.approx(high, abs=1e-6)


@pytest.mark.parametrize("of", [1, 2, 7, 60, 400])
def test_the_tails_of_every_interval_are_exact(of: int) -> None:
    """At each end the binomial tail is 2.5 %: the definition, summed term by term."""
    for count in range(0, of + 1, max(1, of // 9)):
        found = share(count, of)
        assert found.low is not None
        assert found.high is not None
        if count < of:
            assert _tail(range(count + 1), of, found.high) == pytest.approx(0.025, abs=1e-6)
        if count:
            assert _tail(range(count, of + 1), of, found.low) == pytest.approx(0.025, abs=1e-6)


def _tail(counts: range, of: int, p: float) -> float:
    return sum(math.comb(of, k) * p**k * (1 - p) ** (of - k) for k in counts)


def test_nobody_has_no_share() -> None:
    """A share of nobody is no number."""
    assert str(share(0, 0)) == "none to judge"


def test_median_of_times_with_people_still_without() -> None:
    """Those without the event count until they were last seen; a median not reached is none."""
    assert median_time([(10, True), (20, False), (30, True), (40, True)]) == 30
    assert median_time([(10, True), (20, False), (30, False)]) is None
    assert median_time([]) is None


def test_the_current_line_alone_tells_when_a_remission_was_reached() -> None:
    """Who has relapsed since still counts from the remission: `responses` has its day."""
    (person,) = cohorts_of(
        [
            line(
                "Patient/a",
                state="relapsed",
                category="RELAPSE",
                state_since="2026-06-01",
                responses=[
                    {"category": "MLFS", "date": "2026-01-20"},
                    {"category": "CRi", "date": "2026-02-01"},
                    {"category": "CR", "date": "2026-02-10"},
                ],
            )
        ],
        words_of_pages(),
    )[0].people

    assert str(person.remission_since) == "2026-02-01"
    assert str(person.relapsed_on) == "2026-06-01"


def test_everybody_is_on_every_list_once() -> None:
    """Three orders, each with everybody; the CSV too."""
    made = pages()
    names = {one["patient"].removeprefix("Patient/") for one in lines()}

    for order in ("state", "response", "time"):
        told = re.findall(r'<th scope="row">([^<]+)<td>', made[f"by-{order}.html"])
        assert sorted(told) == sorted(names)
    rows = list(csv.DictReader(io.StringIO(made["patients.csv"])))
    assert {row["patient"].removeprefix("Patient/") for row in rows} == names


def test_response_counts_hold_each_other() -> None:
    """CR is within CR + CRh, within CRc, within ORR; the denominators are one."""
    text = pages()["index.html"]
    counts = [int(one) for one in re.findall(r'<td class="num">(\d+) of \d+', text)]

    assert counts == sorted(counts)
    assert len(set(re.findall(r"\d+ of (\d+)", text.partition("</tbody>")[0]))) == 1
    assert "1 out of scope" in text


def test_what_to_order_next() -> None:
    """Platelets missing, MRD to confirm with its day, a marrow that is due."""
    text = pages(
        [
            line("Patient/a", missing=["platelets"]),
            line("Patient/b", flags=["mrd-unconfirmed"], last_mrd="2026-03-01"),
            line("Patient/c", reason="therapy-after-marrow", category="NE"),
            line("Patient/d", missing=["platelets"], flags=["deceased"]),
        ]
    )["worklist.html"]

    assert "MRD to confirm" in text
    assert "from 2026-03-29" in text
    assert "marrow due" in text
    assert '<th scope="row">d<' not in text


def test_events_are_in_the_plot() -> None:
    """A relapse, a transplant and a death, each with its day and its own outline."""
    told = [
        line("Patient/a", current=False, state_since="2026-02-10"),
        line("Patient/a", state="relapsed", state_since="2026-06-01", flags=["transplant"]),
        line("Patient/b", flags=["deceased"]),
    ]
    text = pages(told)["by-state.html"]

    assert "relapse on 2026-06-01" in text
    assert "transplanted by 2026-06-01" in text
    assert "died; last seen" in text


def test_hostile_lines_stay_text_and_formulas_stay_cells() -> None:
    """A patient called by a script or a formula."""
    made = pages([line("Patient/=cmd|x<script>", missing=["<b>"])])

    assert "<script>" not in "".join(made.values()).replace(made["patients.csv"], "")
    assert made["patients.csv"].splitlines()[1].startswith("Patient/=")
    assert pages([line("=1+1")])["patients.csv"].splitlines()[1].startswith("'=1+1")


def test_nobody_at_all_has_pages() -> None:
    """No line, no page; somebody without an answer is told."""
    assert pages([]) == {}
    unjudged = {"schema": "1", "patient": "Patient/x", "criteria": {"id": "eln-2022"}}
    text = pages([{**unjudged, "disposition": "failed", "reason": "no"}])["index.html"]
    assert "1 without an answer" in text


def test_five_thousand_patients_are_pages_of_two_hundred() -> None:
    """Each page is small enough to open at once, and all are made in seconds."""
    many = [line(f"Patient/{at:05d}") for at in range(5000)]
    start = time.process_time()
    made = pages(many)

    assert time.process_time() - start < 30
    assert len([name for name in made if name.startswith("by-state")]) == 25
    assert max(len(text) for name, text in made.items() if name.startswith("by-")) < 200_000


def test_the_command_writes_a_folder(tmp_path: Path) -> None:
    """Lines in, pages out: each row leads to a page that is there; bytes are the same each time."""
    file = tmp_path / "results.ndjson"
    file.write_text("".join(json.dumps(one) + "\n" for one in lines()))
    for out in ("one", "two"):
        assert main(["report", "--cohort", str(file), "--out", str(tmp_path / out)]) == 0

    made = {p.relative_to(tmp_path / "one"): p for p in (tmp_path / "one").rglob("*.*")}
    for name, page in made.items():
        assert page.read_bytes() == (tmp_path / "two" / name).read_bytes()
        for link in re.findall(r'href="([^"#]+)"', page.read_text()):
            assert (page.parent / link).is_file(), link
    assert len(list((tmp_path / "one" / "patients").iterdir())) == len(NAMED)


def test_the_folder_of_an_archive_tells_its_codes(tmp_path: Path) -> None:
    """Unmapped codes and refused units come from the summary beside the lines."""
    (tmp_path / "assessments.ndjson").write_text(json.dumps(line("Patient/a")) + "\n")
    cohort = {"unmapped": {"urn:x|BLST": 7}, "refused_units": {"777-3: fL": 2}}
    (tmp_path / "summary.json").write_text(json.dumps({"cohort": cohort}))

    assert main(["report", "--cohort", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "index.html").read_text()
    assert "urn:x|BLST" in text
    assert "777-3: fL" in text


@pytest.mark.parametrize("text", ["{", '{"schema":"1"}', "[]", '{"resourceType":"Bundle"}'])
def test_what_is_no_line_is_refused(text: str, tmp_path: Path) -> None:
    """With its number, as unreadable input."""
    file = tmp_path / "x.ndjson"
    file.write_text(text)

    assert main(["report", "--cohort", str(file), "--out", str(tmp_path / "out")]) == 2
