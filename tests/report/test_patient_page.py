"""One patient's page: what it says, what its marks are worth, what it never does."""

from __future__ import annotations

import json
import re
import urllib.request
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec import structs

from fhir_remission.cli.main import main
from fhir_remission.domain.nouns.inputs import Interval, Result
from fhir_remission.jobs.judging.request import Request, judge_for
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import demo_cohort
from fhir_remission.report import Dossier, dossier_of_lines, patient_page, withheld_page
from fhir_remission.report.course import course_of
from fhir_remission.report.entries import Entry, entries_of
from fhir_remission.report.glance import glance_of
from fhir_remission.report.judged_counts import judged_counts
from tests.report.courses import (
    CASES,
    HOSTILE,
    NAMED,
    dossier,
    hostile_dossier,
    long_dossier,
    named,
)

DRAWN = {"blasts-marrow", "blasts-blood", "anc", "platelets", "mrd"}
CASE = CASES / "complete-remission" / "bundle.json"


def entries(held: Dossier) -> tuple[Entry, ...]:
    """What the page of a dossier shows."""
    return entries_of(held.facts.record, held.judgements, judged_counts(held.facts))


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text of every title of a mark."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.titles: dict[str, str] = {}
        self._mark, self._in_title = "", False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the tag; a group with an id is a mark whose title comes next."""
        held = {name: value or "" for name, value in attrs}
        self.tags.append((tag, held))
        if tag == "g" and "id" in held:
            self._mark = held["id"]
        self._in_title = tag == "title" and bool(self._mark)

    def handle_data(self, data: str) -> None:
        """The text of a title belongs to the mark before it."""
        if self._in_title:
            self.titles[self._mark] = self.titles.get(self._mark, "") + data

    def handle_endtag(self, tag: str) -> None:
        """A title ends."""
        if tag == "title":
            self._in_title = False

    @property
    def marks(self) -> dict[str, dict[str, str]]:
        """The marks of values and events."""
        return {
            a["id"]: a for t, a in self.tags if t == "g" and a.get("class", "x").split()[0] == "m"
        }


@pytest.mark.parametrize("name", NAMED)
def test_every_value_is_a_mark_that_says_what_it_is(name: str) -> None:
    """Each drawn value has its mark; the text has the value as sent and its source."""
    held = named(name)
    found = Elements(patient_page(held))

    for entry in entries(held):
        item, value = entry.item, entry.value
        if (
            not isinstance(item, Result)
            or item.analyte not in DRAWN
            or item in held.facts.record.undated
        ):
            continue
        mark, text = found.marks[f"m{entry.id}"], found.titles[f"m{entry.id}"]
        assert item.source.ref in text
        assert entry.hollow in text
        assert bool(entry.hollow) == (" h" in mark["class"])
        if isinstance(value, Interval):
            assert Decimal(mark.get("data-v") or mark["data-low"]) == value.low
            high = mark.get("data-v") or mark.get("data-high")
            assert (None if high is None else Decimal(high)) == value.high


@pytest.mark.parametrize("name", NAMED)
def test_a_page_is_one_file_without_script(name: str) -> None:
    """Same bytes each time, at most 150 kB, no script, nothing fetched, all references within."""
    page = patient_page(named(name))
    found = Elements(page)

    assert page == patient_page(named(name))
    assert len(page.encode()) <= 150_000
    assert not {tag for tag, _ in found.tags} & {
        "script",
        "img",
        "iframe",
        "object",
        "link",
        "form",
    }
    ids = {held["id"] for _, held in found.tags if "id" in held}
    for _, held in found.tags:
        assert not [one for one in held if one.startswith("on") or one in ("src", "style")]
        link = held.get("href", "#why")
        assert link.removeprefix("#") in ids or link.startswith("https://fhir.example/r4/")


def test_a_long_course_is_light_and_whole(tmp_path: Path) -> None:
    """200 results weigh at most 150 kB."""
    held = long_dossier(tmp_path)

    assert len(held.facts.record.results) >= 155
    assert len(patient_page(held).encode()) <= 150_000


def test_five_percent_lies_on_its_line() -> None:
    """The mark of a value at a threshold has the height of the line of the threshold."""
    page = patient_page(named("blasts-exactly-five"))
    line = re.search(r'data-rule="5 %" d="M132 ([\d.]+)H', page)
    mark = next(one for one in Elements(page).marks.values() if one.get("data-v") == "5")

    assert line is not None
    assert mark["data-y"] == line[1]


def test_a_value_below_a_limit_is_a_bar() -> None:
    """`<1` reaches from nothing to one; it is no point."""
    found = Elements(patient_page(named("blasts-less-than-one")))
    mark = next(one for one in found.marks.values() if one.get("data-high") == "1")

    assert mark["data-low"] == "0"


@pytest.mark.parametrize(
    ("name", "track", "low", "high", "cause"),
    [
        ("platelets-two-days-after-transfusion", "Platelets", "0", "150", "platelet transfusion"),
        ("neutrophils-after-pegfilgrastim", "ANC", "0", "1.5", "gcsf pegylated"),
    ],
)
def test_a_count_that_treatment_may_have_raised_is_a_bar(
    name: str, track: str, low: str, high: str, cause: str
) -> None:
    """It may be anything up to what was measured, and says which treatment bounds it."""
    held = named(name)
    page = patient_page(held)
    (entry,) = (one for one in entries(held) if one.counted is not None)
    mark = Elements(page).marks[f"m{entry.id}"]

    assert (mark["data-low"], mark["data-high"]) == (low, high)
    assert f"an upper bound: the {cause} of 20" in Elements(page).titles[f"m{entry.id}"]
    assert (
        f'id="m{entry.id}"' in page.partition(f'aria-label="{track} ')[2].partition("</g>\n</g>")[0]
    )


def test_derived_neutrophils_are_drawn_with_what_they_are_derived_from() -> None:
    """A picture whose ANC track is empty beside a CR would say that there was no count."""
    held = named("neutrophils-from-percent-and-white-count")
    (entry,) = (one for one in entries(held) if one.counted is not None)
    text = Elements(patient_page(held)).titles[f"m{entry.id}"]

    assert text.startswith("ANC derived from 2.0 K/uL and 45 % = 0.9 10*9/L")
    assert re.search(r"evidence e\d+, e\d+", text)
    assert not entry.hollow


def test_cycles_are_numbered_on_the_axis() -> None:
    """Each cycle once, from its first start to its last."""
    page = patient_page(named("refractory-after-two-inductions"))
    told = re.findall(r"<title>cycle (\d) of the course, ([a-z -]+): (\d{4}-\d\d-\d\d)", page)

    assert [number for number, _, _ in told] == ["1", "2"]
    assert ">C2</text>" in page


def test_numbers_never_run_into_one_another() -> None:
    """Three days of one cycle are 3-5; beside each other their numbers would read 345."""
    page = patient_page(named("refractory-after-two-inductions"))
    labels = re.findall(r'<text x="([\d.]+)" y="([\d.]+)">([\d,-]+)</text></g>', page)

    assert {"3-5", "6-8"} <= {label for _, _, label in labels}
    for at, (x, y, label) in enumerate(labels):
        end = float(x) + 7 * len(label)
        for other_x, other_y, other in labels[at + 1 :]:
            apart = abs(float(y) - float(other_y)) >= 10
            assert apart or not float(x) - 7 * len(other) < float(other_x) < end, (label, other)


@pytest.mark.parametrize("name", NAMED)
def test_the_last_answer_has_its_name_in_the_band(name: str) -> None:
    """However long it is, it stands within the picture."""
    held = named(name)
    course = course_of(entries(held), held.judgements, held.facts.therapy.cycles)
    assert course is not None
    for _, _, band in course.bands:
        if band:
            assert band[-1].label == held.judgements[0].now["code"]
            assert band[-1].left + 8.6 * len(band[-1].label) < course.right


def test_what_decided_without_a_draw_is_marked() -> None:
    """A relapse is proved by a marrow, an MRD relapse by its sample: no draw is chosen for them."""
    for name, analyte in (("third-course", "blasts-marrow"), ("mrd-ten-fold-rise", "mrd")):
        decided = [one.item for one in entries(named(name)) if one.decided]
        assert analyte in [one.analyte for one in decided if isinstance(one, Result)]


def test_cycles_are_counted_as_the_answer_counts_them() -> None:
    """After a relapse from one on: the picture and the words beside it say the same number."""
    held = named("second-remission")
    page = patient_page(held)
    labels = re.findall(r">(C\d)</text>", page)
    number = held.judgements[0].now["cycle"]["number"]

    assert labels == ["C1", "C1"]
    assert f"of cycle {number} of the course" in page
    assert "<dt>Remission number</dt><dd>2 (CR2)</dd>" in page


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("inadequate-marrow-in-remission", "NE"),
        ("marrow-without-counts-in-remission", "MLFS"),
    ],
)
def test_the_latest_marrow_stands_beside_the_response_of_the_course(name: str, told: str) -> None:
    """In a remission a marrow of the nadir does not lower it, and what it says is not hidden."""
    page = patient_page(named(name))

    assert f": {told}, " in page.partition("Latest marrow alone</dt>")[2].partition("</dd>")[0]
    assert ("The latest marrow by itself" in page) == (told != "NE")


def test_a_marrow_that_was_not_adequate_is_hollow_in_a_remission_too() -> None:
    """Its 0 % proves nothing, though the remission before it stands."""
    held = named("inadequate-marrow-in-remission")
    marrows = [one for one in entries(held) if one.item.source.code == "11150-0"]

    assert [bool(one.hollow) for one in marrows] == [False, False, True]
    assert marrows[-1].hollow == "the marrow was not adequate"


def test_what_may_be_is_said_and_a_missing_count_is_no_failed_one() -> None:
    """One count missing beside a good one: CRi, perhaps CRh, and the count to order."""
    page = patient_page(named("missing-platelets-low-neutrophils"))

    assert "<b>CRi</b>" in page
    assert "<dt>May be</dt><dd>CRh</dd>" in page
    assert "<dt>Missing for better</dt>" in page
    assert 'class="tag">provisional' in page


def test_printed_lines_never_make_neutrophils_of_leukocytes() -> None:
    """What proves a criterion by derivation is what its code says, not what the criterion asks."""
    held = named("neutrophils-from-percent-and-white-count")
    judge = judge_for(Request(criteria=("eln-2022",)))
    made = dossier_of_lines("Patient/p1", held.judgements[0].history, judge, held.words)
    assert made is not None
    drawn = {one.analyte for one in made.facts.record.results}

    assert "wbc" in drawn
    assert "anc" not in drawn
    assert "derived from 2.0 K/uL and 45 %" in patient_page(made)
    assert "only what the answers rest on" in patient_page(made)
    assert {one.kind for one in made.facts.record.events} <= {
        one.kind for one in held.facts.record.events
    }


def test_what_does_not_count_is_hollow_with_its_reason() -> None:
    """A preliminary marrow, a draw that was not chosen."""
    preliminary = Elements(patient_page(named("preliminary-marrow")))
    assert any("does not count: preliminary" in text for text in preliminary.titles.values())

    draws = Elements(patient_page(named("counts-of-two-draws")))
    assert any("does not count: draw not chosen" in text for text in draws.titles.values())
    assert any("of the draw that decided" in text for text in draws.titles.values())


@pytest.mark.parametrize(
    ("name", "tone"),
    [
        ("complete-remission", "remission"),
        ("refractory-after-two-inductions", "disease"),
        ("t17-sarcoma-silent", "doubt"),
        ("promyelocytic-leukaemia", "outside"),
        ("mrd-ten-fold-rise", "suspected"),
    ],
)
def test_answers_look_like_what_they_say(name: str, tone: str) -> None:
    """Only a remission looks like one, and every look has a sign and a word of its own."""
    held = named(name)

    assert glance_of(held.judgements[0], held.words).tone == tone
    assert f'class="glance {tone}"' in patient_page(held)


def test_the_dead_look_like_nobody_else() -> None:
    """Deceased comes first, whatever the state."""
    held = named("complete-remission")
    (one,) = held.judgements
    dead = structs.replace(one, history=({**one.now, "flags": ["deceased"]},))

    assert glance_of(dead, held.words).tone == "dead"
    alive = dict(glance_of(one, held.words).rows)
    assert "In remission for" in alive
    assert alive.keys() - dict(glance_of(dead, held.words).rows).keys() == {"In remission for"}


def test_hostile_texts_stay_text(tmp_path: Path) -> None:
    """No tag, attribute, expression or direction mark of a display or a value gets through."""
    page = patient_page(hostile_dossier(tmp_path))
    found = Elements(page)

    assert not {tag for tag, _ in found.tags} & {"script", "img"}
    assert "&lt;script&gt;" in page
    assert "{{7*7}}" in page
    assert HOSTILE[-1] not in page


def test_several_sets_are_tabs_of_the_same_evidence() -> None:
    """One picture, a band and a panel for each set, chosen without script."""
    page = patient_page(dossier(str(CASE), criteria=("eln-2022", "iwg-2003")))

    assert page.count('type="radio"') == 2
    assert page.count("<svg") == 1
    assert ">eln-2022</text>" in page
    assert ">iwg-2003</text>" in page


def test_a_source_with_a_password_is_never_linked() -> None:
    """What stands in an address before the @ is nobody's to see."""
    held = structs.replace(named("complete-remission"), source="https://me:secret@fhir.example")

    assert "secret" not in patient_page(held)


def test_nothing_may_be_said_has_a_page() -> None:
    """Damaged evidence is told, escaped, and looks like doubt."""
    page = withheld_page("Patient/p<1>", "<b>cut</b>")

    assert "Nothing may be said" in page
    assert "<b>" not in page


def test_the_command_writes_page_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`report` writes the page, and beside it the line that `classify` prints."""
    out = tmp_path / "page.html"
    when = ["--as-of", "2026-10-01T00:00:00Z"]

    assert main(["report", str(CASE), "--out", str(out), *when]) == 0
    assert main(["classify", str(CASE), *when]) == 0
    assert (tmp_path / "page.ndjson").read_text() == capsys.readouterr().out
    assert 'href="page.ndjson"' in out.read_text()
    assert out.stat().st_mode & 0o77 == 0


@pytest.mark.parametrize("given", [[], ["--config", "x", "--out", "y.html"]])
def test_the_command_says_what_it_needs(given: list[str]) -> None:
    """No page to write, or no patient to read."""
    assert main(["report", str(CASE), *given]) == 2


def test_a_patient_of_the_server_has_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`report --patient --config` reads as `sync` does, links to the versions at the server, and
    says what `classify` says of the same resources; nothing is written there."""
    patient = min(one["id"] for one in demo_cohort() if one["resourceType"] == "Patient")
    out = tmp_path / "page.html"
    with EmbeddedServer(resources=demo_cohort()) as server:
        config = tmp_path / "site.toml"
        source = f'base_url = "{server.base_url}"\nallow_insecure = true\nrate = "1000/s"'
        config.write_text(
            f'[site]\nid = "st-e"\n[source]\n{source}\n[cohort]\nkind = "observation"\n'
        )
        asked = ["report", "--patient", patient, "--config", str(config), "--out", str(out)]
        assert main([*asked, "--as-of", "2026-10-01T00:00:00Z"]) == 0
        assert server.requests.unsafe == []
        links = re.findall(r'href="(http[^"]+)"', out.read_text())
        assert links
        assert all(one.startswith(f"{server.base_url}/") for one in links)
        seen = status_of(links[0])
        missing = main([*asked[:2], "nobody-here", *asked[3:]])
    (line,) = (json.loads(one) for one in (tmp_path / "page.ndjson").read_text().splitlines())

    assert seen == 200
    assert missing == 2
    assert line["patient"] == f"Patient/{patient}"
    assert f"<b>{line['code']}</b>" in out.read_text()
    assert "nobody-here" in capsys.readouterr().err


def status_of(address: str) -> int:
    """What a browser that follows the link is answered."""
    with urllib.request.urlopen(address, timeout=10) as answer:
        return int(answer.status)
