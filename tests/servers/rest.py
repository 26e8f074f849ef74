"""The plainest FHIR client, for tests only: it checks nothing and hides nothing."""

from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import requests

Json = dict[str, Any]

FHIR = {"Accept": "application/fhir+json"}
TAG_SYSTEM = "https://example.org/fhir-remission-contract"
LOINC = "http://loinc.org"


class Rest:
    """Requests to one server; `mark` keeps the resources of one test apart from all others."""

    def __init__(self, base_url: str, *, mark: str) -> None:
        self.base_url = base_url
        self.mark = mark
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()

    def id(self, name: str) -> str:
        """Make a client id of this test."""
        return f"{self.mark}-{name}"

    @property
    def tag(self) -> str:
        """The tag of this test as a search token."""
        return f"{TAG_SYSTEM}|{self.mark}"

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        headers: dict[str, str] | None = None,
        **rest: Any,
    ) -> requests.Response:
        """Send one request to a path below the base, or to an absolute URL."""
        url = path if "://" in path else f"{self.base_url}/{path}".rstrip("/")
        sent = dict(FHIR) | (headers or {})
        if body is not None:
            rest["json"] = body
            sent["Content-Type"] = "application/fhir+json"
        return self._session.request(method, url, headers=sent, timeout=60, **rest)

    def search(self, kind: str, *, post: bool = False, **parameters: str) -> Json:
        """Give the first page of a search of this test's resources."""
        asked = {name.replace("__", "-"): text for name, text in parameters.items()}
        asked.setdefault("_tag", self.tag)
        # HAPI answers equal searches of one minute from a cache unless it is told not to.
        headers = {"Cache-Control": "no-cache"}
        if post:
            found = self.ask("POST", f"{kind}/_search", data=asked, headers=headers)
        else:
            found = self.ask("GET", kind, params=asked, headers=headers)
        assert found.status_code == 200, found.text
        bundle: Json = found.json()
        return bundle

    def pages(self, first: Json) -> list[Json]:
        """Follow next links to the end."""
        pages = [first]
        while url := next_url(pages[-1]):
            answer = self.ask("GET", urljoin(f"{self.base_url}/", url))
            assert answer.status_code == 200, answer.text
            pages.append(answer.json())
            assert len(pages) < 100, "the pages do not end"
        return pages

    def ids(self, kind: str, **parameters: str) -> list[str]:
        """Give the ids that a search finds, page by page, sorted, without this test's mark."""
        found = [name for page in self.pages(self.search(kind, **parameters)) for name in ids(page)]
        return sorted(name.removeprefix(f"{self.mark}-") for name in found)

    def put(self, resource: Json, **headers: str) -> requests.Response:
        """Update a resource under its id."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        path = f"{resource['resourceType']}/{resource['id']}"
        return self.ask("PUT", path, body=resource, headers=named)

    def bundle(self, kind: str, *entries: Json) -> requests.Response:
        """Post a transaction or batch."""
        return self.ask("POST", "", body={"resourceType": "Bundle", "type": kind, "entry": entries})

    def patient(self, name: str = "p") -> Json:
        """Build a Patient."""
        return {
            "resourceType": "Patient",
            "id": self.id(name),
            "meta": self.meta(),
            "identifier": [{"system": TAG_SYSTEM, "value": self.id(name)}],
        }

    def meta(self) -> Json:
        """Build the meta that marks a resource as this test's."""
        return {"tag": [{"system": TAG_SYSTEM, "code": self.mark}]}

    def observation(self, name: str, *, code: str = "751-8", **fields: Any) -> Json:
        """Build an Observation of the patient `p`."""
        value = {
            "value": 1.2,
            "unit": "10*9/L",
            "system": "http://unitsofmeasure.org",
            "code": "10*9/L",
        }
        return {
            "resourceType": "Observation",
            "id": self.id(name),
            "meta": self.meta(),
            "identifier": [{"system": TAG_SYSTEM, "value": self.id(name)}],
            "status": "final",
            "code": {"coding": [{"system": LOINC, "code": code}]},
            "subject": {"reference": f"Patient/{self.id('p')}"},
            "effectiveDateTime": "2026-03-12T08:00:00Z",
            "valueQuantity": value,
        } | fields

    def impression(self, name: str, **fields: Any) -> Json:
        """Build a ClinicalImpression of the patient `p`."""
        return {
            "resourceType": "ClinicalImpression",
            "id": self.id(name),
            "meta": self.meta(),
            "identifier": [{"system": TAG_SYSTEM, "value": self.id(name)}],
            "status": "in-progress",
            "subject": {"reference": f"Patient/{self.id('p')}"},
            "date": "2026-03-13T08:00:00Z",
            "summary": "In remission since 2026-03-12",
        } | fields


def put_entry(resource: Json, **request: str) -> Json:
    """Build a transaction entry that updates a resource under its id."""
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url, **request}}


def next_url(bundle: Json) -> str | None:
    """Give the next link of a page."""
    links = {link["relation"]: link["url"] for link in bundle.get("link", [])}
    return links.get("next")


def ids(bundle: Json) -> list[str]:
    """Give the ids of the matches of one page."""
    return [
        entry["resource"]["id"]
        for entry in bundle.get("entry", [])
        if entry.get("search", {}).get("mode", "match") == "match"
    ]


def version(answer: requests.Response) -> str:
    """Give the version in the ETag."""
    return answer.headers["ETag"].removeprefix("W/").strip('"')


def without_id(resource: Json) -> Json:
    """Copy a resource for a create, where the server chooses the id."""
    return {field: value for field, value in resource.items() if field != "id"}
