"""A page of HTML to a tagged PDF, by the Chromium of this machine where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from fhir_remission.errors import UsageError

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
SECONDS = 60


def print_page(page: Path, *, find: str | None = None) -> bytes:
    """The page as PDF. `find` is the browser to use instead of the first one on the PATH.

    Raises:
        UsageError: there is no Chromium, or it did not print.
    """
    browser = find or next((found for name in NAMES if (found := shutil.which(name))), None)
    if browser is None:
        raise UsageError(
            "--pdf needs Chromium, and none is on the PATH: install it, or print the page"
        )
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "page.pdf"
        # Without a profile of its own it would hand the page to a browser that is open already.
        flags = [
            *("--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer"),
            *("--generate-pdf-document-outline", f"--user-data-dir={folder}/profile"),
            f"--print-to-pdf={made}",
        ]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # Chromium refuses its sandbox to root
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(  # noqa: S603 - a list, and the page is a file that we wrote
                [browser, *flags, page.resolve().as_uri()],
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        if not made.is_file():
            raise UsageError(f"{browser} did not print the page; print it from a browser")
        return made.read_bytes()
