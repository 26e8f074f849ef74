"""Commands that make pages for clinicians: one patient, or a cohort."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_remission.cli.flags import (
    AsOf,
    Assign,
    Complete,
    Mappings,
    OnePatient,
    Sets,
    SiteOfPatient,
    Strict,
    Timezone,
    at_site,
    sets_of,
)
from fhir_remission.cli.text import say, words
from fhir_remission.errors import UsageError

if TYPE_CHECKING:
    from fhir_remission.jobs.files.explain import Found
    from fhir_remission.jobs.files.printed_lines import Line


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(report)


def report(
    file: Annotated[str, typer.Argument(help="a Bundle, a resource or NDJSON; - is stdin")] = "-",
    out: Annotated[
        Path | None,
        typer.Option(help="the page to write, such as page.html; of a cohort the folder"),
    ] = None,
    patient: OnePatient = "",
    cohort: Annotated[
        Path | None,
        typer.Option(help="printed lines, or the folder of archive: pages of everybody to --out"),
    ] = None,
    config: SiteOfPatient = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="a tagged PDF beside it, by Chromium")] = False,
    criteria: Sets = "",
    as_of: AsOf = "",
    complete: Complete = "",
    mappings: Mappings = None,
    timezone: Timezone = "",
    strict: Strict = False,
    assign: Assign = None,
) -> int:
    """Show a patient's answer as a page: the course as a picture, each criterion, the evidence.

    The page needs no script and asks nothing of anybody; the JSON line lies in a file beside it.
    """
    from fhir_remission.jobs.files.explain import Request, judged_of_file, judged_of_site

    if out is None:
        raise UsageError("where to put it: give --out, such as --out page.html")
    if cohort is not None:
        if file != "-" or patient or config is not None or pdf:
            raise UsageError("--cohort shows everybody of its lines: no FILE, --patient or --pdf")
        return _write_cohort(cohort, out, mappings)
    request = Request(
        criteria=sets_of(criteria, config),
        as_of=as_of,
        complete=frozenset(words(complete)),
        overlay=mappings,
        timezone=timezone,
        strict=strict,
    )
    if at_site(config, patient, file):
        found = judged_of_site(config, assign or [], request, patient=patient)
    else:
        found = judged_of_file(sys.stdin.buffer if file == "-" else file, request, patient=patient)
    for complaint in found.complaints:
        say(complaint)
    if len(found.judged) != 1:
        there = ", ".join(one.patient for one in found.judged[:5]) or "nobody with evidence"
        raise UsageError(f"a page shows one patient, name one with --patient; there are: {there}")
    return _write(found, out, pdf=pdf) or found.exit_code


def _write(found: Found, out: Path, *, pdf: bool) -> int:
    from fhir_remission.effects.files.private_file import write_output
    from fhir_remission.effects.process.printer import print_page
    from fhir_remission.fhir.writing.assessment_json import write_line
    from fhir_remission.report import dossier_of, patient_page, withheld_page

    (judged,) = found.judged
    beside = out.with_suffix(".ndjson")
    dossier = dossier_of(judged, found.judge, found.words, source=found.source, line=beside.name)
    if dossier is None:
        write_output(out, withheld_page(judged.patient, judged.incomplete).encode())
        return 3
    write_output(out, patient_page(dossier).encode())
    write_output(beside, b"".join(write_line(dict(one.now)) for one in dossier.judgements))
    if pdf:
        write_output(out.with_suffix(".pdf"), print_page(out))
    return 0


def _write_cohort(cohort: Path, out: Path, mappings: Path | None) -> int:
    from fhir_remission.effects.files.private_file import private_folder, write_output
    from fhir_remission.jobs.files.explain import Request, words_of_pages
    from fhir_remission.jobs.files.printed_lines import read_results
    from fhir_remission.jobs.judging.request import judge_for
    from fhir_remission.report import cohort_pages, dossier_of_lines, patient_page, withheld_page

    found, told = read_results(cohort), words_of_pages()
    names = tuple(sorted({line["criteria"]["id"] for line in found.lines}))
    judge = judge_for(Request(criteria=names or ("eln-2022",), overlay=mappings))
    people: dict[str, list[Line]] = {}
    for line in found.lines:
        people.setdefault(line["patient"], []).append(line)
    # A number names the page: a patient's id has no place in an address.
    pages = {name: f"patients/{at:06d}.html" for at, name in enumerate(sorted(people), start=1)}
    private_folder(out)
    private_folder(out / "patients")
    for name, own in people.items():
        dossier = dossier_of_lines(name, own, judge, told)
        reason = str(own[-1]["reason"])
        page = patient_page(dossier) if dossier else withheld_page(name, reason)
        write_output(out / pages[name], page.encode())
    made = cohort_pages(
        found.lines, told, link=pages.__getitem__, unmapped=found.unmapped, refused=found.refused
    )
    for name, page in made.items():
        write_output(out / name, page.encode())
    return 0
