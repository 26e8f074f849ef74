"""A server of nothing but pages, in a process of its own, so that only the reader is measured.

    python -m tests.bench.pages --milliseconds 50 --results 60

Prints its base URL. Every patient has so many results, 200 a page; an answer takes the
milliseconds from its request on, however long it took to make. `GET /fhir/requests` says how many
data requests there were.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.bench.generate import UCUM, padding

ROWS = 200
STATEMENT = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "software": {"name": "fhir-remission embedded server"},
    "rest": [{"mode": "server"}],
}


@cache
def entry() -> tuple[bytes, ...]:
    """One entry as a hospital sends it, in pieces around patient, number and code."""
    rng = random.Random(1)
    resource = {
        "resourceType": "Observation",
        "id": "PATIENT-NUMBER",
        "meta": {"versionId": "1", "lastUpdated": "2025-06-30T09:53:07.000Z"},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "CODE", "display": "words"}]},
        "subject": {"reference": "Patient/PATIENT"},
        "effectiveDateTime": "2025-06-30T08:00:00Z",
        "valueQuantity": {"value": 1.2, "unit": "10*9/L", "system": UCUM, "code": "10*9/L"},
        **padding(rng, "CODE", 1.5, 8, "10*9/L"),
    }
    whole = {
        "fullUrl": "http://127.0.0.1/fhir/Observation/PATIENT-NUMBER",
        "resource": resource,
        "search": {"mode": "match"},
    }
    return tuple(json.dumps(whole, separators=(",", ":")).encode().split(b"PATIENT"))


class Pages(ThreadingHTTPServer):
    """The server and what it was told."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, seconds: float, results: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds, self.results = seconds, results
        self.base = f"http://127.0.0.1:{self.server_address[1]}/fhir"
        self.data_requests = 0
        self._lock = threading.Lock()

    def answer(self, path: str, form: dict[str, list[str]]) -> bytes:
        """The body for one request; data requests are counted."""
        if path == "/fhir/metadata":
            return json.dumps(STATEMENT).encode()
        if path == "/fhir/requests":
            return json.dumps(self.data_requests).encode()
        with self._lock:
            self.data_requests += 1
        if path.startswith("/fhir/Patient"):
            found = [{"resource": {"resourceType": "Patient", "id": name}} for name in _ids(form)]
            page = {"resourceType": "Bundle", "type": "searchset", "entry": found}
            return json.dumps(page).encode()
        if path.startswith("/fhir/Observation"):
            patients = form["patient"][0].split(",")
            code = form["code"][0].partition(",")[0].rpartition("|")[2]
            return self._page(patients, code, 0)
        if path == "/fhir":
            return self._page(form["p"][0].split(","), form["c"][0], int(form["n"][0]))
        return b'{"resourceType":"Bundle","type":"searchset","entry":[]}'

    def _page(self, patients: list[str], code: str, number: int) -> bytes:
        total = self.results * len(patients)
        first, last = number * ROWS, min((number + 1) * ROWS, total)
        entries = b",".join(
            _entry(patients[row // self.results], row, code) for row in range(first, last)
        )
        link: list[dict[str, str]] = []
        if last < total:
            url = f"{self.base}?p={','.join(patients)}&c={code}&n={number + 1}"
            link = [{"relation": "next", "url": url}]
        head = f'{{"resourceType":"Bundle","type":"searchset","link":{json.dumps(link)}'
        return head.encode() + b',"entry":[' + entries + b"]}"


def _ids(form: dict[str, list[str]]) -> list[str]:
    return form["_id"][0].split(",")


def _entry(patient: str, row: int, code: str) -> bytes:
    whole = patient.encode().join(entry())
    return whole.replace(b"NUMBER", f"{code}-{row}".encode()).replace(b"CODE", code.encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Pages

    def _serve(self) -> None:
        began = time.monotonic()
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", "0"))
        asked = self.rfile.read(length).decode() or parts.query
        body = self.server.answer(parts.path, parse_qs(asked))
        time.sleep(max(0.0, began + self.server.seconds - time.monotonic()))
        self.send_response_only(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--milliseconds", type=float, default=50)
    parser.add_argument("--results", type=int, default=60)
    asked = parser.parse_args()
    with Pages(asked.milliseconds / 1000, asked.results) as server:
        print(server.base, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
