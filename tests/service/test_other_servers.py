"""The service on waitress, as on Windows, and under a server that somebody else starts."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fhir_remission import Classifier
from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.service import wsgi
from fhir_remission.service.running.wsgi import application
from tests.engines.running import engine, free_port
from tests.service.conftest import OPERATION, case, parameters
from tests.service.process import LINE

AS_OF = "2026-06-30T00:00:00Z"
BODY = json.dumps(parameters(case("complete-remission"), record="complete", asOf=AS_OF)).encode()
# What `serve` does where there is no gunicorn.
ON_WAITRESS = """\
import sys
from pathlib import Path
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.running.app import application
from fhir_remission.service.running.serve import _serve_by_waitress
site = ServedSite(Path(sys.argv[1]), ("service.bind=" + sys.argv[2],))
def load():
    site.open()
    return application(site)
_serve_by_waitress(site, load, print)
"""
SERVERS = {
    "waitress": ["-c", ON_WAITRESS, "site.toml", "127.0.0.1:{port}"],
    "gunicorn": [
        *("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--no-control-socket"),
        "fhir_remission.service.running.wsgi:application()",
    ],
}


@contextmanager
def serving(name: str, folder: Path) -> Iterator[int]:
    """A site on one of them; its port."""
    new_site_key(folder / "site.key")
    (folder / "site.toml").write_text('[site]\nid = "st-e"\n[service]\nmax_body_mib = 1\n')
    port = free_port()
    command = [sys.executable, *(word.format(port=port) for word in SERVERS[name])]
    with engine(command, folder, port, FHIR_REMISSION_CONFIG="site.toml"):
        yield port


def ask(port: int, body: bytes) -> tuple[int, bytes]:
    """One request; 0 where the connection was cut off."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", OPERATION, body, LINE)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except ConnectionError:
        return 0, b""
    finally:
        connection.close()


@pytest.mark.parametrize("name", SERVERS)
def test_the_answers_are_the_same(name: str, tmp_path: Path) -> None:
    """The judge's line, a refusal in FHIR, a body that is too large, and the line again."""
    (expected,) = Classifier(as_of=AS_OF)(case("complete-remission"))
    with serving(name, tmp_path) as port:
        assert ask(port, BODY) == (200, expected.to_json())
        status, said = ask(port, b"{")
        assert (status, json.loads(said)["resourceType"]) == (400, "OperationOutcome")
        # waitress may close while a body is still coming, before its 413 could be read.
        assert ask(port, b" " * ((1 << 20) + 4096))[0] in (413, 0)
        assert ask(port, BODY) == (200, expected.to_json())


def test_the_entry_for_servers_is_where_it_is_looked_for() -> None:
    """`from fhir_remission.service import wsgi`."""
    assert wsgi.application is application
