"""The service beside the judge in a loop: `python -m tests.bench.service [requests]`.

Bundles of 22 results and about 20 kB, one worker, four connections kept open. Printed: requests a
second of both, their ratio, the rate of the judge behind bare sockets, the latencies after the
first thousand, the memory of the worker, the processor time of this client, and what one process
a message costs.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from fhir_remission import Classifier
from tests.service.process import LINE, Process

CONNECTIONS, WARM = 4, 1000
PATH = "/$classify-remission"
ROOT = Path(__file__).parents[2]
CASE = ROOT / "fixtures/cases/complete-remission/bundle.json"


def bundle() -> bytes:
    """One patient with 22 results, padded to what such a Bundle weighs on the wire."""
    held = json.loads(CASE.read_text())
    results = [one for one in held["entry"] if one["resource"]["resourceType"] == "Observation"]
    number = 0
    while sum(one["resource"]["resourceType"] == "Observation" for one in held["entry"]) < 22:
        copy = json.loads(json.dumps(results[number % len(results)]))
        copy["resource"]["id"] = f"more-{number}"
        copy.pop("fullUrl", None)
        held["entry"].append(copy)
        number += 1
    short = 20_000 - len(json.dumps(held))
    held["entry"][0]["resource"]["text"] = {"status": "generated", "div": "x" * max(0, short)}
    return json.dumps(held).encode()


def loop(body: bytes, seconds: float) -> float:
    """Calls a second of `Classifier` in one process."""
    judge, ended, count = Classifier(), time.perf_counter() + seconds, 0
    judge(body)
    began = time.perf_counter()
    while time.perf_counter() < ended:
        judge(body)[0].to_json()
        count += 1
    return count / (time.perf_counter() - began)


def over_http(port: int, body: bytes, requests: int) -> tuple[float, list[float]]:
    """Requests a second over kept connections, and the seconds of each."""
    taken: list[float] = []

    def ask(many: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(many):
            began = time.perf_counter()
            connection.request("POST", PATH, body, LINE)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise AssertionError(answer.status)
            taken.append(time.perf_counter() - began)

    threads = [
        threading.Thread(target=ask, args=(requests // CONNECTIONS,)) for _ in range(CONNECTIONS)
    ]
    began = time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return len(taken) / (time.perf_counter() - began), taken


def behind_bare_sockets(body: bytes, requests: int) -> float:
    """Requests a second of the judge without a service around it."""
    command = [sys.executable, "-m", "tests.bench.bare_sockets"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        port = int(running.stdout.readline())
        over_http(port, body, WARM)
        rate, _ = over_http(port, body, requests)
        running.communicate(timeout=10)
    return rate


def memory_of(parent: int) -> int:
    """Kilobytes of the one worker."""
    listed = subprocess.run(
        ["ps", "--ppid", str(parent), "-o", "rss="], capture_output=True, text=True, check=True
    )
    return max(map(int, listed.stdout.split()))


def main(requests: int) -> int:
    """Measure and print; 1 where a bar is missed."""
    body = bundle()
    with tempfile.TemporaryDirectory() as folder:
        alone = loop(body, 5)
        running = Process(
            Path(folder), '[service]\nrate = "100000/s"\n', "--set", "log.level=warning"
        )
        try:
            _, first = over_http(running.port, body, WARM)
            before, began = memory_of(running.running.pid), time.process_time()
            rate, taken = over_http(running.port, body, requests)
            client, after = time.process_time() - began, memory_of(running.running.pid)
        finally:
            running.stop()
        # Before and after: a machine that others share is not equally fast all the time.
        alone = (alone + loop(body, 5)) / 2
        bare = behind_bare_sockets(body, max(WARM, requests // 5))
        file = Path(folder) / "b.json"
        file.write_bytes(body)
        started = time.perf_counter()
        for _ in range(5):
            subprocess.run(
                [sys.executable, "-m", "fhir_remission", "classify", str(file)],
                stdout=subprocess.DEVNULL,
                check=True,
            )
        each = (time.perf_counter() - started) / 5
    taken.sort()
    told: dict[str, Any] = {
        "bytes": len(body),
        "loop_per_second": round(alone, 1),
        "service_per_second": round(rate, 1),
        "ratio": round(rate / alone, 2),
        "bare_sockets_per_second": round(bare, 1),
        "ratio_to_bare_sockets": round(rate / bare, 2),
        "median_ms": round(taken[len(taken) // 2] * 1000, 2),
        "p99_ms": round(taken[int(len(taken) * 0.99)] * 1000, 2),
        "memory_before_kb": before,
        "memory_after_kb": after,
        "client_processor_s": round(client, 2),
        "exec_per_message_s": round(each, 2),
    }
    print(json.dumps(told, indent=1))
    flat = after < before * 1.1
    steady = told["p99_ms"] < 10 * told["median_ms"]
    return 0 if told["ratio"] >= 0.7 and steady and flat and first else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
