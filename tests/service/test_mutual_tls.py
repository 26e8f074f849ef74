"""Mutual TLS as a process serves it: who has a certificate of the authority, and nobody else."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.service.process import Process
from tests.service.test_process import BODY, LINE, OPERATION

SETTINGS = """[service]
cert_file = "server.pem"
cert_key_file = "server.key"
client_ca_file = "good-ca.pem"
"""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _issued(folder: Path, name: str, by: tuple[Any, Any] | None = None) -> tuple[Any, Any]:
    """A certificate with its key in files of this name; an authority where nobody issued it."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    issuer, signer = (by[0].subject, by[1]) if by else (_name(name), key)
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made, key


class Secured(Process):
    """A served site that is asked by TLS, with the certificate of `caller`."""

    caller = "engine"

    def connection(self) -> http.client.HTTPConnection:
        """By TLS, with the certificate of the caller if it has one."""
        context = ssl.create_default_context(cafile=str(self.folder / "good-ca.pem"))
        if self.caller:
            held = self.folder / self.caller
            context.load_cert_chain(f"{held}.pem", f"{held}.key")
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A service with an authority of its callers."""
    folder = tmp_path_factory.mktemp("tls")
    good, bad = _issued(folder, "good-ca"), _issued(folder, "bad-ca")
    for name, by in (("server", good), ("engine", good), ("stranger", bad)):
        _issued(folder, name, by)
    running = Secured(folder, SETTINGS)
    yield running
    running.caller = "engine"
    assert running.stop() == 0


def test_a_certificate_of_the_authority_is_a_login(secured: Secured) -> None:
    """The caller is named in the audit by the common name of its certificate."""
    secured.caller = "engine"
    status, line = secured.ask("POST", OPERATION, BODY, **LINE)

    assert status == 200
    assert b'"category":"CR"' in line
    assert "caller:engine" in (secured.folder / "audit.jsonl").read_text()


@pytest.mark.parametrize("caller", ["", "stranger"])
def test_without_one_nothing_is_answered(secured: Secured, caller: str) -> None:
    """Not even a probe: the handshake ends it; and the service goes on for the others."""
    secured.caller = caller
    for path in ("/metadata", "/health/live"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            secured.ask("GET", path)
    secured.caller = "engine"
    assert secured.ask("GET", "/metadata", **LINE)[0] in (200, 406)


def test_plain_http_is_not_answered(secured: Secured) -> None:
    """Nobody hears anything without encryption."""
    connection = http.client.HTTPConnection("127.0.0.1", secured.port, timeout=20)
    connection.request("GET", "/metadata")
    with pytest.raises((http.client.HTTPException, ConnectionError, TimeoutError)):
        connection.getresponse()
    connection.close()
