"""Errors that help: one line with the next step, and the code of what to do about it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.cli.main import main
from tests.hostile.evil import Evil, at, raw
from tests.hostile.site import PATIENTS, SINGLE, SINK, disk, one_line, resources, site

SMART = """\
[source.auth]
mode = "smart"
client_id = "us"
key_file = "client.pem"
token_url = "http://127.0.0.1:9/token"
"""
MUTUAL = '[source.auth]\nmode = "mtls"\ncert_file = "cert.pem"\nkey_file = "client.pem"\n'


@pytest.mark.parametrize("command", ["classify", "explain", "archive"])
def test_complete_of_an_unknown_type(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typo would prove nothing and nobody would know."""
    out = ["--out", str(tmp_path / "out")] if command == "archive" else []
    assert main([command, SINGLE, "--complete", "Procedures", *out]) == 2
    one_line(capsys.readouterr().err, "Procedures", "Procedure")


def test_purge_of_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was forgotten, and that is said; who is known is forgotten."""
    with site(tmp_path, capsys) as (made, _):
        assert made.run("sync") == 0
        assert made.run("purge", "--patient", "nobody") == 2
        one_line(made.err, "nothing is known")
        assert made.run("purge", "--patient", PATIENTS[0]) == 0
        one_line(made.err, "forgotten")
        assert made.run("purge", "--patient", PATIENTS[0]) == 2


def test_retract_of_an_unknown_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last ten runs are named: one of them was meant."""
    with site(tmp_path, capsys) as (made, _):
        ids = []
        for _ in range(3):
            assert made.run("sync", "--summary", tmp_path / "told") == 0
            ids.append(json.loads((tmp_path / "told").read_bytes())["run_id"])
        assert made.run("retract", "--run", "nope") == 2
        one_line(made.err, *ids)


@pytest.mark.parametrize(
    "body", [None, "", b"\xff\xfe", b"[]\n", b'{"resourceType": "Patient"}\n', b"[" * 100_000]
)
def test_rehearse_load(
    body: bytes | str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing, a folder, or no resources on its lines."""
    file = tmp_path / "load.ndjson"
    if isinstance(body, bytes):
        file.write_bytes(body)
    elif body == "":
        file.mkdir()
    assert main(["rehearse", "--load", str(file)]) == 2
    one_line(capsys.readouterr().err, "load.ndjson")


def test_rehearse_port(capsys: pytest.CaptureFixture[str]) -> None:
    """In use, or no port at all."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["rehearse", "--port", port]) == 2
    one_line(capsys.readouterr().err, port, "choose another")
    for port in ("99999", "-1"):
        assert main(["rehearse", "--port", port]) == 2
        one_line(capsys.readouterr().err, "--port")


def test_https_on_an_http_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No certificate is wrong; the address is."""
    with site(tmp_path, capsys) as (made, good):
        made.set(good.base_url.replace("http:", "https:"))
        assert made.run("sync") == 2
        one_line(made.err, "without TLS")


@pytest.mark.parametrize("max_wait", ["0s", "1s"])
def test_connection_refused(
    max_wait: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tried again as long as max_wait says, and no longer."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with site(tmp_path, capsys) as (made, _):
        made.set(f"http://127.0.0.1:{port}/fhir", f'max_wait = "{max_wait}"\n{SINK}')
        began = time.monotonic()
        assert made.run("sync") == 75
        assert time.monotonic() - began < 4
        one_line(made.err, "connection refused")


def _key(folder: Path, *how: str) -> bytes:
    plain = folder / "plain.pem"
    curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", str(plain)]
    subprocess.run(["openssl", "genpkey", *curve], check=True, capture_output=True)
    convert = ["openssl", "pkey", "-in", str(plain), *how]
    return subprocess.run(convert, check=True, capture_output=True).stdout


KEYS = {
    "missing": "No such file",
    "encrypted": "is encrypted",
    "public": "public key",
    "empty": "needs a secret",
    "garbage": "neither",
    "binary": "no text",
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("command", ["sync", "doctor", "jwks"])
def test_a_private_key_that_is_none(
    kind: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was found in its place, and how to come to the right one."""
    file = tmp_path / "client.pem"
    match kind:
        case "encrypted":
            file.write_bytes(_key(tmp_path, "-aes256", "-passout", "pass:x"))
        case "public":
            file.write_bytes(_key(tmp_path, "-pubout"))
        case "empty":
            file.touch()
        case "garbage":
            file.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        case "binary":
            file.write_bytes(bytes(range(256)))
    with site(tmp_path, capsys, SINK + SMART) as (made, _):
        assert made.run(command) == 2
        assert KEYS[kind] in made.err + made.out
        assert "bug" not in made.err
        if command != "doctor":
            one_line(made.err)


@pytest.mark.parametrize("command", ["sync", "doctor"])
@pytest.mark.parametrize("which", ["cert.pem", "client.pem", "ca.pem"])
@pytest.mark.parametrize("how", ["missing", "a folder", "garbage"])
def test_certificate_files(
    which: str, how: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Looked at before anything is sent, and named."""
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=x",
            "-keyout",
            "client.pem",
            "-out",
            "cert.pem",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (tmp_path / "ca.pem").write_bytes((tmp_path / "cert.pem").read_bytes())
    (tmp_path / which).unlink()
    if how == "a folder":
        (tmp_path / which).mkdir()
    elif how == "garbage":
        (tmp_path / which).write_text("x")
    with site(tmp_path, capsys) as (made, good):
        base = good.base_url.replace("http:", "https:")
        made.set(base, f'ca_bundle = "ca.pem"\n{SINK}{MUTUAL}')
        assert made.run(command) == 2
        told = made.err + made.out
        assert ("cert.pem" if how == "garbage" and which == "client.pem" else which) in told
        assert "bug" not in told
        assert good.requests == []


@pytest.mark.parametrize("command", ["sync", "doctor", "plan"])
def test_a_redirect_to_another_origin(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not followed with our token; the settings have to name the server itself."""
    moved = raw(
        b"HTTP/1.1 301 x\r\nLocation: https://fhir.example/r4/metadata\r\nContent-Length: 0\r\n\r\n"
    )
    with site(tmp_path, capsys) as (made, good), Evil(at("metadata", moved)) as evil:
        made.set(evil.base_url)
        assert made.run(command) == 7
        assert "https://fhir.example" in made.err + made.out
        assert "base_url" in made.err + made.out
        assert good.requests == []


def test_a_full_state_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is half done; with room the same command ends well."""
    with (
        disk(tmp_path / "disk", "-o", "size=2m") as place,
        site(tmp_path, capsys) as (made, good),
    ):
        made.set(good.base_url, f'{SINK}[state]\nurl = "sqlite:///{place}/state.db"\n')
        codes = []
        for room in (0, 8, 64, 128, 192, 256, 2048):
            filler = place / "filler"
            filler.unlink(missing_ok=True)
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
            with filler.open("r+b") as file:
                file.truncate(max(0, filler.stat().st_size - (room << 10)))
            codes.append(made.run("sync"))
            assert codes[-1] in (0, 75), made.err
            if codes[-1]:
                one_line(made.err, "make room")
        assert codes[0] == 75
        assert codes[-1] == 0
        living = good.store.resources("ClinicalImpression")
        assert len(living) == len(PATIENTS)


def test_a_server_that_drops_the_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No result counts without one, and it is said that none came."""
    held = resources()
    with site(tmp_path, capsys, held=held) as (made, _):
        assert made.run("sync", "--dry-run") == 0
        assert "no_status" not in made.err
    for one in held:
        if one["resourceType"] == "Observation":
            del one["status"]
    (tmp_path / "site.key").unlink()
    with site(tmp_path, capsys, held=held) as (made, _):
        assert made.run("sync", "--dry-run") in (0, 3)
        warned: list[dict[str, Any]] = [
            json.loads(line) for line in made.err.splitlines() if '"no_status"' in line
        ]
        assert [one["level"] for one in warned] == ["warning"]
        assert warned[0]["count"] > 2
