"""Pictures of six courses for docs/, made anew after each change and looked at by a person.

bash tests/report/browser.sh python -m tests.report.screens docs/pictures/pages
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from fhir_remission.report import patient_page
from tests.report.courses import SHOWN, named


def main() -> int:
    """Write a PNG for each course."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(
            executable_path=os.environ["FHIR_REMISSION_BROWSER"], args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1080, "height": 1000})
        for name in SHOWN:
            file = Path(folder) / "page.html"
            file.write_text(patient_page(named(name)), encoding="utf-8")
            page.goto(file.as_uri())
            # All of the answer and the picture: a course that is cut tells nothing.
            end = page.locator("#why").bounding_box()
            assert end is not None
            shown = {"x": 0, "y": 0, "width": 1080, "height": end["y"] - 8}
            page.screenshot(path=out / f"{name}.png", full_page=True, clip=shown)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
