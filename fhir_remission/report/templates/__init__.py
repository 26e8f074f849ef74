"""The pages as Jinja2 templates: every text is escaped, an unknown name is an error."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from fhir_remission.report.mark import n


def _legible(value: object) -> object:
    """A text without what would steer a reader: control characters, turned directions."""
    if isinstance(value, str) and not value.isprintable():
        return "".join(one if one.isprintable() else " " for one in value)
    return value


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("fhir_remission.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_legible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["n"] = n
    return made


def render(template: str, **values: object) -> str:
    """A page of the package; the same values give the same text."""
    return _environment().get_template(template).render(**values)
