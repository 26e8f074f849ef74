"""What a site's settings say to whoever judges files: the answer is that of its `sync`."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from fhir_remission.jobs.judging.request import Request
from fhir_remission.jobs.reading.cohort import stated_rows
from fhir_remission.jobs.site.site import settings_of
from fhir_remission.settings import Settings


def request_at(config: Path, asked: Request) -> tuple[Settings, Request]:
    """The settings of a site, and the request by them; what the caller named comes first."""
    settings = settings_of(config, (), flags_of(asked))
    return settings, request_of(settings, asked)


def flags_of(asked: Request) -> dict[str, object]:
    """What the caller named, by the keys of the settings that it comes before."""
    flags = {
        "criteria.sets": asked.criteria,
        "criteria.strict": asked.strict,
        "mappings.dir": asked.overlay,
        "site.timezone": asked.timezone,
    }
    return {key: value for key, value in flags.items() if value}


def request_of(settings: Settings, asked: Request) -> Request:
    """What the command line asked for, judged as `sync` judges at this site."""
    return structs.replace(
        asked,
        criteria=settings.criteria.sets,
        overlay=settings.mappings.dir,
        timezone=settings.site.timezone,
        strict=settings.criteria.strict,
        accept_routine=frozenset(settings.criteria.accept_routine),
        attested=frozenset(settings.evidence.absence_proves),
        rejected_are_cancelled=settings.evidence.rejected_specimens_are_cancelled,
        without=frozenset(settings.source.without),
        decimal_comma=settings.site.decimal_comma,
        namespace=settings.site.base,
        rows=stated_rows(settings),
    )
