"""The cohort as the last run left it: its pages behind a login, made when the run has ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import falcon

from fhir_remission.effects.files.kept_file import KeptFile
from fhir_remission.errors import InputError
from fhir_remission.jobs.files.explain import words_of_pages
from fhir_remission.jobs.files.printed_lines import read_results
from fhir_remission.report import cohort_pages
from fhir_remission.service.answering.pages import show
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.request.refusals import Refused

FIRST = "index.html"
# Every row of a page leads to the page of its patient: so a page says whom it tells of.
_NAMED = re.compile(r'href="\.\./patients/([^"/]+)"')


class Cohort:
    """`GET /cohort`: swimmer plot, counts, responses and what to order next."""

    def __init__(self, site: ServedSite) -> None:
        self._site, self._results = site, site.settings.service.results
        self._made = KeptFile(self._make, site.clock)

    def on_get(self, req: Any, _: Any) -> None:
        """To the first page."""
        self._check(req)
        raise falcon.HTTPSeeOther(f"cohort/{FIRST}")

    def on_get_page(self, req: Any, resp: Any, page: str) -> None:
        """One of the pages, or the CSV."""
        self._check(req)
        pages = self._pages()
        text = pages.get(page)
        if text is None:
            raise Refused(404, "not-found", "there is no such page of the cohort")
        self._site.audit(_told_of(page, pages), req.context.caller.name)
        if page.endswith(".csv"):
            resp.content_type = "text/csv; charset=utf-8"
            resp.data = text.encode()
        else:
            show(resp, text)

    def _check(self, req: Any) -> None:
        """Everybody's page is for nobody who may see one patient only."""
        if req.context.caller.patient:
            raise Refused(403, "forbidden", "this login does not reach so far")
        if self._results is None:
            raise Refused(501, "not-supported", "set service.results: the lines of the last run")

    def _pages(self) -> dict[str, str]:
        """The pages of the file as it is now; made once for each run."""
        assert self._results is not None  # noqa: S101
        try:
            folder = self._results.is_dir()
            return self._made.of(self._results / "assessments.ndjson" if folder else self._results)
        except (OSError, InputError):
            raise Refused(
                503, "transient", "the lines of the last run cannot be read", retry_after=60
            ) from None

    def _make(self) -> dict[str, str]:
        assert self._results is not None  # noqa: S101
        found = read_results(self._results, brief=True)
        return cohort_pages(
            found.lines,
            words_of_pages(),
            link=_link,
            unmapped=found.unmapped,
            refused=found.refused,
        )


def _link(patient: str) -> str:
    return f"../patients/{quote(patient.removeprefix('Patient/'), safe='')}"


def _told_of(page: str, pages: dict[str, str]) -> Iterator[str]:
    """The patients of a page; the CSV of a set tells of everybody in its plots."""
    stem = page.removesuffix("patients.csv")
    texts = [pages[page]] if stem == page else _plots(stem, pages)
    named = (name for text in texts for name in _NAMED.findall(text))
    return (f"Patient/{unquote(name)}" for name in dict.fromkeys(named))


def _plots(stem: str, pages: dict[str, str]) -> list[str]:
    return [text for name, text in pages.items() if name.startswith(f"{stem}by-time")]
