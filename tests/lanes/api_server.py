"""The chart on a real kube-apiserver: `python api_server.py KUBE-APISERVER OBJECTS.yaml...`.

Each object is created with `dryRun=All` and strict field validation: the server parses, defaults,
admits and validates it as if it came from a user, and keeps nothing. Then it has to refuse what
schemas cannot see (a cron line, a quantity, a label) and a field that it does not know.
Needs Debian's etcd-server and openssl.
"""

from __future__ import annotations

import copy
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

TOKEN = "dry-run"
Object = dict[str, Any]


class ApiServer:
    """A server that runs, and the answers it gives to objects."""

    def __init__(self, base: str, certificate: Path) -> None:
        self.base, self.session = base, requests.Session()
        self.session.trust_env, self.session.verify = False, str(certificate)
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"
        self._plurals: dict[tuple[str, str], str] = {}

    def ready(self) -> bool:
        """Whether it answers and has its first namespace."""
        try:
            return self.session.get(f"{self.base}/api/v1/namespaces/default", timeout=5).ok
        except (requests.RequestException, OSError):
            return False

    def dry_run(self, thing: Object) -> tuple[int, str]:
        """Status and words for one object."""
        version = thing["apiVersion"]
        root = f"{self.base}/{'apis' if '/' in version else 'api'}/{version}"
        url = f"{root}/namespaces/default/{self._plural(root, thing['kind'])}"
        asked = {"dryRun": "All", "fieldValidation": "Strict"}
        answer = self.session.post(url, params=asked, json=thing, timeout=30)
        return answer.status_code, str(answer.json().get("message", ""))

    def _plural(self, root: str, kind: str) -> str:
        if (root, kind) not in self._plurals:
            for one in self.session.get(root, timeout=30).json()["resources"]:
                if "/" not in one["name"]:
                    self._plurals[root, one["kind"]] = one["name"]
        return self._plurals[root, kind]


@contextmanager
def running(program: str) -> Iterator[ApiServer]:
    """An API server with an etcd of its own, both ended at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder, (client, peer, port) = Path(name), free_ports()
        _make_keys(folder)
        etcd = f"http://127.0.0.1:{client}"
        lines = [
            ["etcd", "--data-dir", f"{name}/etcd", "--listen-client-urls", etcd,
             "--advertise-client-urls", etcd, "--listen-peer-urls", f"http://127.0.0.1:{peer}",
             "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
             "--initial-cluster", f"default=http://127.0.0.1:{peer}"],
            [program, f"--etcd-servers={etcd}", "--bind-address=127.0.0.1", f"--secure-port={port}",
             f"--cert-dir={name}", f"--token-auth-file={name}/tokens.csv",
             "--authorization-mode=AlwaysAllow", "--watch-cache=false",
             "--service-cluster-ip-range=10.0.0.0/24",
             "--service-account-issuer=https://kubernetes.default.svc",
             f"--service-account-key-file={name}/accounts.pub",
             f"--service-account-signing-key-file={name}/accounts.key"],
        ]  # fmt: skip
        with (folder / "said").open("wb") as said:
            started = [subprocess.Popen(line, stdout=said, stderr=said) for line in lines]
            try:
                yield _waited(ApiServer(f"https://127.0.0.1:{port}", folder / "apiserver.crt"))
            except TimeoutError:
                print((folder / "said").read_text()[-3000:])
                raise
            finally:
                for process in reversed(started):
                    process.terminate()
                    process.wait(timeout=30)


def _waited(server: ApiServer) -> ApiServer:
    for _ in range(120):
        if server.ready():
            return server
        time.sleep(1)
    raise TimeoutError("the API server did not come up")


def _make_keys(folder: Path) -> None:
    (folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
    key, public = folder / "accounts.key", folder / "accounts.pub"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    line = ["openssl", "rsa", "-in", str(key), "-pubout", "-out", str(public)]
    subprocess.run(line, check=True, capture_output=True)


def free_ports() -> tuple[int, int, int]:
    """Three ports of loopback that nobody has."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    first, second, third = (one.getsockname()[1] for one in held)
    for one in held:
        one.close()
    return first, second, third


def _unknown_field(thing: Object) -> None:
    thing["spec"]["concurencyPolicy"] = "Forbid"


def _bad_cron(thing: Object) -> None:
    thing["spec"]["schedule"] = "every night"


def _bad_zone(thing: Object) -> None:
    thing["spec"]["timeZone"] = "Europe/Berlim"


def _mutable_policy(thing: Object) -> None:
    thing["spec"]["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] = "Always"


REFUSED: tuple[Callable[[Object], None], ...] = (
    _unknown_field,
    _bad_cron,
    _bad_zone,
    _mutable_policy,
)


def main(program: str, *files: str) -> int:
    """Ask for each object of each file, then for each way to break the job."""
    things = [one for name in files for one in yaml.safe_load_all(Path(name).read_text()) if one]
    failed = 0
    with running(program) as server:
        for thing in things:
            status, said = server.dry_run(thing)
            if status != 201:
                failed += 1
                print(f"{thing['kind']} {thing['metadata']['name']}: {status} {said}")
        job = next(thing for thing in things if thing["kind"] == "CronJob")
        for change in REFUSED:
            broken = copy.deepcopy(job)
            change(broken)
            status, said = server.dry_run(broken)
            print(f"{change.__name__[1:]}: {status} {said[:120]}")
            failed += status not in (400, 422)
    print(f"{len(things)} objects, {len(REFUSED)} wrong ones: {failed} not as they should be")
    return 1 if failed or not things else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
