"""Faults: each one happens as its name says, when it is due, and is counted."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from fhir_remission.errors import SettingsError
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.faults.fault_kinds import FAULT_KINDS, read_fault

NAMES = {
    *("off-origin-next", "relative-next", "next-loop", "expire-page", "duplicate-rows"),
    *("row-between-pages", "outcome-in-200", "429", "429-date", "500-after-commit"),
    *("lost-response", "truncate", "slow", "gzip-bomb", "ignore-param", "409", "412"),
    *("empty-201", "drop-field", "token-flaky", "token-expires", "merged-patient"),
    *("foreign-patient", "clock-skew"),
}
SEARCH = "Observation?patient=p1&_count=2"


def observation(name: str, patient: str = "p1") -> dict[str, Any]:
    """Build an Observation."""
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "751-8"}]},
        "subject": {"reference": f"Patient/{patient}"},
    }


RESOURCES = [
    {"resourceType": "Patient", "id": "p1"},
    {"resourceType": "Patient", "id": "p2"},
    *(observation(f"o{number}") for number in range(1, 6)),
    observation("other", patient="p2"),
]


class Client:
    """Requests to one embedded server that goes wrong."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server

    def ask(self, method: str, path: str, **rest: Any) -> requests.Response:
        """Send one request."""
        url = urljoin(f"{self.server.base_url}/", path)
        return requests.request(method, url, timeout=10, allow_redirects=False, **rest)

    def page(self, path: str = SEARCH) -> dict[str, Any]:
        """Read one page."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        bundle: dict[str, Any] = answer.json()
        return bundle

    def pages(self, path: str | None = SEARCH) -> list[dict[str, Any]]:
        """Read at most five pages."""
        pages: list[dict[str, Any]] = []
        while path and len(pages) < 5:
            pages.append(self.page(path))
            path = next_url(pages[-1])
        return pages

    def put(self, name: str = "o1") -> requests.Response:
        """Write one Observation."""
        return self.ask("PUT", f"Observation/{name}", json=observation(name))


def next_url(bundle: dict[str, Any]) -> str | None:
    """Give the next link."""
    return {link["relation"]: link["url"] for link in bundle["link"]}.get("next")


def names(bundle: dict[str, Any]) -> list[str]:
    """Give the ids of a page."""
    return [entry["resource"].get("id", "-") for entry in bundle["entry"]]


@pytest.fixture
def broken(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A server with the faults given by the test's parameter."""
    with EmbeddedServer(faults=request.param, resources=RESOURCES) as server:
        yield Client(server)


def with_faults(*specs: str) -> pytest.MarkDecorator:
    """Choose the faults of a test."""
    return pytest.mark.parametrize("broken", [specs], indirect=True, ids=["+".join(specs)])


def test_every_name_is_there() -> None:
    """The names that users and tests may choose from."""
    assert set(FAULT_KINDS) == NAMES


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("expire-pag:3", "unknown fault 'expire-pag'; choose one of off-origin-next"),
        ("expire-page", "must be written expire-page:PAGE"),
        ("expire-page:x", "page must be a number"),
        ("relative-next:3", "must be written relative-next without argument"),
        ("409@soon", "after @ comes N, N\\+, N-M or \\*"),
    ],
)
def test_bad_fault_is_named(spec: str, reason: str) -> None:
    """A fault that cannot be read stops the run and says how it is written."""
    with pytest.raises(SettingsError, match=reason):
        read_fault(spec)


@with_faults("off-origin-next:https://evil.example:8443")
def test_off_origin_next(broken: Client) -> None:
    """The next link names another origin and keeps its path."""
    url = next_url(broken.page())

    assert url is not None
    assert url.startswith("https://evil.example:8443/fhir?_getpages=")


@with_faults("relative-next")
def test_relative_next(broken: Client) -> None:
    """Next links are relative, and lead on."""
    pages = broken.pages()

    assert str(next_url(pages[0])).startswith("/fhir?_getpages=")
    assert [len(names(page)) for page in pages] == [2, 2, 1]


@with_faults("next-loop")
def test_next_loop(broken: Client) -> None:
    """The pages never end."""
    assert [names(page) for page in broken.pages()][2:] == [["o3", "o4"]] * 3


@with_faults("expire-page:2")
def test_expire_page(broken: Client) -> None:
    """Page 2 is gone once; a new search reaches the end."""
    gone = broken.ask("GET", str(next_url(broken.page())))

    assert gone.status_code == 410
    assert [len(names(page)) for page in broken.pages()] == [2, 2, 1]


@with_faults("expire-page:3@*")
def test_expire_page_for_ever(broken: Client) -> None:
    """With `@*` page 3 can never be had."""
    for _ in range(3):
        second = broken.page(str(next_url(broken.page())))
        assert broken.ask("GET", str(next_url(second))).status_code == 410


@with_faults("duplicate-rows")
def test_duplicate_rows(broken: Client) -> None:
    """A row comes twice on its page."""
    assert names(broken.page()) == ["o1", "o2", "o1"]


@with_faults("row-between-pages")
def test_row_between_pages(broken: Client) -> None:
    """The last row of a page opens the next one."""
    assert [names(page) for page in broken.pages()][:2] == [["o1", "o2"], ["o2", "o3", "o4"]]


@with_faults("outcome-in-200")
def test_outcome_in_200(broken: Client) -> None:
    """A row is missing, and only an entry of another mode says so."""
    last = broken.page()["entry"][-1]

    assert (last["search"]["mode"], last["resource"]["issue"][0]["code"]) == (
        "outcome",
        "incomplete",
    )


@with_faults("429:7")
def test_busy(broken: Client) -> None:
    """The first request is told to come back, the second is answered."""
    first, second = broken.ask("GET", SEARCH), broken.ask("GET", SEARCH)

    assert (first.status_code, first.headers["Retry-After"]) == (429, "7")
    assert second.status_code == 200


@with_faults("429-date@2-3")
def test_busy_until_a_date(broken: Client) -> None:
    """Requests 2 and 3 are told a date."""
    answers = [broken.ask("GET", SEARCH) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers["Retry-After"].endswith("GMT")


@with_faults("500-after-commit:2")
def test_500_after_commit(broken: Client) -> None:
    """The second write is done although the answer says that it failed."""
    statuses = [broken.put(f"n{number}").status_code for number in (1, 2, 3)]

    assert statuses == [201, 500, 201]
    assert broken.server.store.resource("Observation", "n2")


@with_faults("lost-response:1")
def test_lost_response(broken: Client) -> None:
    """The write is done and nobody hears of it."""
    with pytest.raises(requests.ConnectionError):
        broken.put("n1")

    assert broken.server.store.resource("Observation", "n1")


@with_faults("truncate:1")
def test_truncate(broken: Client) -> None:
    """The page announces more bytes than come."""
    with pytest.raises(requests.RequestException):
        broken.ask("GET", SEARCH)

    assert broken.page()


@with_faults("slow:120")
def test_slow(broken: Client) -> None:
    """Every answer waits."""
    start = time.monotonic()

    broken.page()

    assert time.monotonic() - start >= 0.12


@with_faults("gzip-bomb:3")
def test_gzip_bomb(broken: Client) -> None:
    """A body of a few kilobytes becomes megabytes."""
    answer = broken.ask("GET", SEARCH)

    assert int(answer.headers["Content-Length"]) < 10_000
    assert len(answer.content) > 3 * 1024 * 1024


@with_faults("ignore-param:patient")
@pytest.mark.parametrize("post", [False, True])
def test_ignore_param(broken: Client, post: bool) -> None:
    """The filter is gone from the answer and from its self link."""
    if post:
        answer = broken.ask("POST", "Observation/_search", data={"patient": "p1"})
    else:
        answer = broken.ask("GET", "Observation?patient=p1")

    assert "other" in names(answer.json())
    assert "patient" not in answer.json()["link"][0]["url"]


@pytest.mark.parametrize("broken", [("409",), ("412",)], indirect=True)
def test_conflict(broken: Client) -> None:
    """The first write is refused and not done."""
    refused = broken.put("n1")

    assert refused.status_code in {409, 412}
    assert broken.server.store.resource("Observation", "n1") is None
    assert broken.put("n1").status_code == 201


@with_faults("empty-201")
def test_empty_201(broken: Client) -> None:
    """A create answers with headers only."""
    answer = broken.put("n1")

    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["ETag"] == 'W/"1"'


@with_faults("drop-field:Observation.subject", "drop-field:Bundle.total")
def test_drop_field(broken: Client) -> None:
    """An element is missing from rows, another from the Bundle."""
    page = broken.page()

    assert "total" not in page
    assert all("subject" not in entry["resource"] for entry in page["entry"])
    assert "subject" not in broken.ask("GET", "Observation/o1").json()


@with_faults("merged-patient")
def test_merged_patient(broken: Client) -> None:
    """The patient asked for is replaced by a survivor, who has the evidence now."""
    rows = broken.page()
    old, new = (broken.ask("GET", f"Patient/{name}").json() for name in ("p1", "p1-merged"))

    assert rows["total"] == 0
    assert (old["active"], old["link"][0]["type"]) == (False, "replaced-by")
    assert new["link"] == [{"other": {"reference": "Patient/p1"}, "type": "replaces"}]
    assert broken.page("Observation?patient=p1-merged")["total"] == 5


@with_faults("foreign-patient")
def test_foreign_patient(broken: Client) -> None:
    """A search by patient brings somebody else's row."""
    subjects = {entry["resource"]["subject"]["reference"] for entry in broken.page()["entry"]}

    assert subjects == {"Patient/p1", "Patient/p1-somebody-else"}


@with_faults("clock-skew:86400")
def test_clock_skew(broken: Client) -> None:
    """Date header and lastUpdated are a day ahead, together."""
    written = broken.put("n1")

    day = time.strftime("%a, %d %b %Y", time.gmtime(time.time() + 86400))
    assert written.headers["Date"].startswith(day)
    assert written.headers["Last-Modified"].startswith(day)


def login(broken: Client) -> requests.Response:
    """Log in with a client secret."""
    form = {"grant_type": "client_credentials", "scope": "system/Observation.rs"}
    return broken.ask("POST", "token", data=form, auth=("client", "secret"))


@with_faults("token-flaky")
def test_token_flaky(broken: Client) -> None:
    """The first login fails without a reason; the second works."""
    first, second = login(broken), login(broken)

    assert (first.status_code, second.status_code) == (400, 200)
    assert broken.ask("GET", SEARCH).status_code == 401


@with_faults("token-expires:2")
def test_token_expires(broken: Client) -> None:
    """A token is good for two requests, the next one too."""
    statuses = []
    for _ in range(2):
        bearer = {"Authorization": f"Bearer {login(broken).json()['access_token']}"}
        statuses += [broken.ask("GET", SEARCH, headers=bearer).status_code for _ in range(3)]

    assert statuses == [200, 200, 401] * 2


@with_faults("429@2", "relative-next")
def test_faults_are_counted(broken: Client) -> None:
    """How often each fault really happened is known by the name it was asked for."""
    statuses = [broken.ask("GET", SEARCH).status_code for _ in range(3)]

    assert statuses == [200, 429, 200]
    assert broken.server.faults.fired == {"relative-next": 2, "429@2": 1}


@with_faults("409@*")
def test_a_server_can_be_healed(broken: Client) -> None:
    """After `stop` nothing goes wrong any more, and the counts remain."""
    broken.put()
    broken.server.faults.stop()

    assert broken.put().status_code == 200
    assert broken.server.faults.fired == {"409@*": 1}


def test_a_searching_post_is_no_write() -> None:
    """A fault of writes leaves searches by POST alone, and they do not count as unsafe."""
    with EmbeddedServer(faults=["409@*"], resources=RESOURCES) as server:
        answer = Client(server).ask("POST", "Observation/_search", data={"patient": "p1"})

        assert answer.status_code == 200
        assert not server.requests.unsafe
