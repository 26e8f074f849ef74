"""The pages in a real browser (`make lane-browser`): seen, printed, reached, read, attacked."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.cli.main import main
from fhir_remission.jobs.files.explain import words_of_pages
from fhir_remission.report import cohort_pages, patient_page
from tests.report.courses import CASES, NAMED, dossier, hostile_dossier, long_dossier, named

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not os.environ.get("FHIR_REMISSION_BROWSER"), reason="needs Chromium: make lane-browser"
    ),
]
AXE = Path(os.environ.get("FHIR_REMISSION_AXE", "build/browser/node_modules/axe-core/axe.min.js"))
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDTHS = (1280, 390)
FIVE = Decimal(5)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(
            executable_path=os.environ.get("FHIR_REMISSION_BROWSER"), args=["--no-sandbox"]
        )
        yield opened
        opened.close()


class Opened:
    """A page, with everything it asked for and everything it complained of."""

    def __init__(self, browser: Any, width: int, file: Path) -> None:
        self.asked: list[str] = []
        self.said: list[str] = []
        # axe is a script, which the page's own policy refuses: only for axe is it lifted.
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, bypass_csp=True
        )
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.goto(file.as_uri())

    def axe(self) -> list[str]:
        """What axe finds against WCAG 2.2 AA."""
        self.page.add_script_tag(path=str(AXE))
        found = self.page.evaluate(
            "rules => axe.run({runOnly: {type: 'tag', values: rules}})", RULES
        )
        return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found["violations"]]


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> int:
    """A screen of a desk and one of a pocket."""
    return int(request.param)


@pytest.mark.parametrize("name", NAMED)
def test_seen_and_printed(browser: Any, width: int, name: str, tmp_path: Path) -> None:
    """axe finds nothing, nothing is asked of anybody, nothing overflows; two A4 pages at most."""
    file = tmp_path / "page.html"
    file.write_text(patient_page(named(name)), encoding="utf-8")
    opened = Opened(browser, width, file)

    assert opened.axe() == []
    assert opened.asked == [file.as_uri()]
    assert opened.said == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    if width == WIDTHS[0]:
        printed = opened.page.pdf(prefer_css_page_size=True, tagged=True, outline=True)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 2
        assert b"/StructTreeRoot" in printed
    opened.context.close()


@pytest.mark.parametrize("name", NAMED)
def test_numbers_read_back_from_the_picture(browser: Any, name: str, tmp_path: Path) -> None:
    """Where a mark is drawn says what it is worth: on, above or below the line of 5 %."""
    file = tmp_path / "page.html"
    file.write_text(patient_page(named(name)), encoding="utf-8")
    opened = Opened(browser, WIDTHS[0], file)
    marks = opened.page.evaluate(
        """() => {
          const track = document.querySelector('[aria-label^="Blasts"]');
          const line = track.querySelector('[data-rule="5 %"]').getBoundingClientRect().top;
          return [...track.querySelectorAll('.m')].filter(m => m.dataset.v).map(m => {
            const seen = m.querySelector('path').getBoundingClientRect();
            return [m.dataset.v, m.querySelector('title').textContent,
                    line - (seen.top + seen.bottom) / 2];
          });
        }"""
    )

    for value, text, above in marks:
        assert re.search(rf"\b{re.escape(Decimal(value).normalize().__format__('f'))}\b", text)
        if Decimal(value) == FIVE:
            assert abs(above) < 1.5, (value, above)
        elif abs(Decimal(value) - FIVE) >= 1:
            assert (above > 0) == (Decimal(value) > FIVE), (value, above)
    opened.context.close()


def test_the_keyboard_reaches_every_mark(browser: Any, tmp_path: Path) -> None:
    """Tab comes to each mark, and the row of the mark is shown in full while it is there."""
    held = long_dossier(tmp_path, 60)
    file = tmp_path / "page.html"
    file.write_text(patient_page(held), encoding="utf-8")
    opened = Opened(browser, WIDTHS[0], file)
    wanted = set(opened.page.evaluate("[...document.querySelectorAll('g.m')].map(m => m.id)"))
    reached: set[str] = set()
    for _ in range(len(wanted) + 60):
        opened.page.keyboard.press("Tab")
        here = opened.page.evaluate("document.activeElement.id")
        reached.add(here)
        if here in wanted:
            row = opened.page.locator(f"#v{here[1:]}")
            assert row.evaluate("row => getComputedStyle(row).position") == "fixed"
            box = row.bounding_box()
            assert box is not None
            assert 0 <= box["y"] <= 900 - box["height"] + 1

    assert wanted <= reached
    opened.context.close()


def test_colour_is_never_alone(browser: Any, tmp_path: Path) -> None:
    """In grey, what counts is dark within and what does not is light; kinds have other outlines."""
    file = tmp_path / "page.html"
    file.write_text(patient_page(named("preliminary-marrow")), encoding="utf-8")
    opened = Opened(browser, WIDTHS[0], file)
    opened.page.add_style_tag(content="html{filter:grayscale(1)} .m text,.run{display:none}")
    shades: dict[bool, list[float]] = {True: [], False: []}
    for mark in opened.page.query_selector_all("g.m:not(.k)"):
        path = mark.query_selector("path")
        shot = _pixels(opened, path)
        hollow = " h" in (mark.get_attribute("class") or "")
        shades[hollow].append(shot)

    assert shades[True]
    assert shades[False]
    assert min(shades[True]) > 200 > 100 > max(shades[False])
    outlines = opened.page.evaluate(_OUTLINES)
    assert len({*outlines.values()}) == len(outlines) == 3
    opened.context.close()


def _pixels(opened: Opened, path: Any) -> float:
    """The brightness in the middle of a mark, as a screen shows it."""
    path.scroll_into_view_if_needed()
    box = path.bounding_box()
    middle = {"x": box["x"] + box["width"] / 2 - 1, "y": box["y"] + box["height"] / 2 - 1}
    shot = opened.page.screenshot(clip={**middle, "width": 2, "height": 2})
    return float(opened.page.evaluate(_BRIGHTNESS, base64.b64encode(shot).decode()))


# The corners of the first mark of each kind, from its first one, in steps of two pixels.
_OUTLINES = """() => Object.fromEntries(['Blasts', 'ANC', 'Platelets'].map(name => {
  const mark = document.querySelector(`[aria-label^="${name}"] .m path`);
  const numbers = mark.getAttribute('d').match(/-?[0-9.]+/g).map(Number);
  return [name, numbers.map((v, i) => Math.round((v - numbers[i % 2]) / 2)).join()];
}))"""


_BRIGHTNESS = """async text => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + text;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const drawn = canvas.getContext('2d');
  drawn.drawImage(image, 0, 0);
  const data = drawn.getImageData(0, 0, image.width, image.height).data;
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += data[i];
  return sum / (data.length / 4);
}"""


def test_hostile_texts_do_nothing(browser: Any, tmp_path: Path) -> None:
    """No dialog, no request, no script: the attack is read as text."""
    file = tmp_path / "page.html"
    file.write_text(patient_page(hostile_dossier(tmp_path)), encoding="utf-8")
    opened = Opened(browser, WIDTHS[0], file)

    assert opened.asked == [file.as_uri()]
    assert opened.said == []
    assert opened.page.evaluate("document.scripts.length + document.images.length") == 0
    assert "<script>alert(1)" in opened.page.inner_text("main")
    opened.context.close()


def test_the_policy_of_the_page_holds(browser: Any, tmp_path: Path) -> None:
    """Even a script that got in would not run, and nothing is fetched: default-src 'none'."""
    page = patient_page(named("complete-remission"))
    planted = page.replace("<main>", "<main><script>document.title='run'</script><img src='x.png'>")
    file = tmp_path / "page.html"
    file.write_text(planted, encoding="utf-8")
    context = browser.new_context()
    opened = context.new_page()
    refused: list[str] = []
    opened.on("console", lambda message: refused.append(message.text))
    opened.goto(file.as_uri())

    assert opened.title() != "run"
    assert len([one for one in refused if "Content Security Policy" in one]) >= 2
    assert opened.evaluate("getComputedStyle(document.querySelector('.glance')).borderStyle")
    context.close()


def test_tabs_without_script(browser: Any, tmp_path: Path) -> None:
    """The arrow keys choose the criteria set; the others are hidden."""
    case = str(CASES / "complete-remission" / "bundle.json")
    file = tmp_path / "page.html"
    file.write_text(patient_page(dossier(case, criteria=("eln-2022", "iwg-2003"))))
    opened = Opened(browser, WIDTHS[0], file)

    assert opened.page.locator("section.n1").is_visible()
    opened.page.locator("#set1").focus()
    opened.page.keyboard.press("ArrowRight")
    assert opened.page.locator("section.n2").is_visible()
    assert not opened.page.locator("section.n1").is_visible()
    assert opened.axe() == []
    opened.context.close()


def test_a_cohort_of_five_thousand_opens_in_a_second(browser: Any, tmp_path: Path) -> None:
    """The overview and each kind of page, at both widths; axe finds nothing."""
    now = named("complete-remission").judgements[0].now
    lines = [
        {**now, "patient": f"Patient/{at:05d}", "missing": ["platelets"]} for at in range(5000)
    ]
    made = cohort_pages(lines, words_of_pages(), link=lambda _: "index.html")
    for name in ("index.html", "by-state-7.html", "worklist.html"):
        (tmp_path / name).write_text(made[name], encoding="utf-8")
        for width in WIDTHS:
            opened = Opened(browser, width, tmp_path / name)
            took = opened.page.evaluate(
                "performance.timing.loadEventEnd - performance.timing.fetchStart"
            )
            assert took < 1000, (name, took)
            assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
            if name != "worklist.html" or width == WIDTHS[0]:
                assert opened.axe() == []
            opened.context.close()


def test_the_pdf_of_the_command_is_tagged(tmp_path: Path) -> None:
    """`--pdf` prints by the Chromium that is found: tagged, two pages at most."""
    case = CASES / "complete-remission" / "bundle.json"
    out = tmp_path / "page.html"

    assert main(["report", str(case), "--out", str(out), "--pdf"]) == 0
    printed = out.with_suffix(".pdf").read_bytes()
    assert b"/StructTreeRoot" in printed
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 2
