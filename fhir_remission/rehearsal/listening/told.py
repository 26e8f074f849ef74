"""What a rehearsal says of itself: a page that is a settings file, and at the end its faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap

from fhir_remission.rehearsal.cohort.cohort import GROUP_ID
from fhir_remission.rehearsal.faults.fault_kinds import FAULT_KINDS
from fhir_remission.rehearsal.server.personas import persona_names

WIDTH = 78
CLIENT_ID = "rehearsal"
_LOGIN = """
[source.auth]
mode = "smart"
client_id = "{client}"
key_file = "{key}"
"""
_SETTINGS = """\
[site]
id = "rehearsal"
timezone = "Europe/Berlin"
key_file = "site.key"            # fhir-remission key new site.key

[source]
base_url = "{base_url}"
rate = "1000/s"
{login}
[cohort]
{cohort}

[sink.main]
kind = "repository"
"""


def settings(base_url: str, *, group: str, key: str = "") -> str:
    """The settings of a site whose server is this one."""
    cohort = f'kind = "group"\ngroup = "{group}"' if group else 'kind = "condition"'
    login = _LOGIN.format(client=CLIENT_ID, key=key) if key else ""
    return _SETTINGS.format(base_url=base_url, login=login, cohort=cohort)


def opening(base_url: str, *, persona: str, patients: int, group: str, key: str) -> str:
    """What is served, what else could be, and the settings: the whole page is a `site.toml`."""
    group_said = f", group {group}" if group else ""
    lines = [
        f"An embedded FHIR server: {base_url}",
        f"It behaves like {persona} and holds {patients} patients{group_said}. Ctrl-C ends it.",
        *([f"It wants a login, signed with {key}."] if key else []),
        "",
        *_wrapped("--persona", persona_names()),
        "--fault NAME[:ARGUMENT][@REQUEST], repeated:",
        *(
            line
            for name, kind in FAULT_KINDS.items()
            for line in _fault(name, kind.argument, kind.says)
        ),
        "",
        "The settings of a site on this server, site.toml:",
    ]
    said = "\n".join(f"# {line}".rstrip() for line in lines)
    return f"{said}\n{settings(base_url, group=group, key=key)}"


def closing(asked: tuple[str, ...], fired: Mapping[str, int], requests: int) -> Iterator[str]:
    """How many requests came, and how often each fault that was asked for happened."""
    yield f"# The server answered {requests} requests."
    for spec in asked:
        often = fired.get(spec, 0)
        times = "never" if not often else "once" if often == 1 else f"{often} times"
        yield f"# fault {spec}: happened {times}"


def group_of(groups: list[dict[str, str]]) -> str:
    """The group that a cohort of kind `group` can name: ours, else the first."""
    names = [group["id"] for group in groups]
    return GROUP_ID if GROUP_ID in names else next(iter(sorted(names)), "")


def _fault(name: str, argument: str, says: str) -> list[str]:
    spec = f"{name}:{argument.upper()}" if argument else name
    indent = f"  {spec:<22} "
    return wrap(says, WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent))


def _wrapped(flag: str, names: list[str]) -> list[str]:
    indent = " " * (len(flag) + 1)
    return wrap(", ".join(names), WIDTH, initial_indent=f"{flag} ", subsequent_indent=indent)
