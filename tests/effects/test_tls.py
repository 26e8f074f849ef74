"""A hospital's own certificates: its authority, and a certificate of ours, per server."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from fhir_remission.effects.process.clock import Stop
from fhir_remission.effects.server.connect import connect
from fhir_remission.errors import Unreachable
from fhir_remission.settings import Server
from tests.effects.conftest import FakeClock
from tests.effects.test_transport import Recording, reply

Signed = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certificate(name: str, issuer: Signed | None = None) -> Signed:
    """A certificate for this machine, signed by the issuer or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer[0].subject if issuer else subject
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    issuing_key = issuer[1] if issuer else key
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing_key.public_key()),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_usage(authority=issuer is None), critical=True)
        .sign(issuing_key, hashes.SHA256())
    )
    return built, key


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def written(folder: Path, name: str, signed: Signed) -> tuple[Path, Path]:
    """Write a certificate and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    cert.write_bytes(signed[0].public_bytes(Encoding.PEM))
    key.write_bytes(signed[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert, key


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and certificates of a server and of a client."""
    place = tmp_path_factory.mktemp("tls")
    authority = certificate("hospital")
    written(place, "ca", authority)
    written(place, "server", certificate("127.0.0.1", authority))
    written(place, "client", certificate("fhir-remission", authority))
    return place


@pytest.fixture
def server(folder: Path) -> Iterator[Recording]:
    """A server that asks for a certificate."""
    recording = Recording(reply())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    recording.server.socket = context.wrap_socket(recording.server.socket, server_side=True)
    recording.url = recording.url.replace("http:", "https:")
    thread = threading.Thread(target=recording.server.serve_forever, args=(0.02,))
    thread.start()
    yield recording
    recording.server.shutdown()
    recording.server.server_close()
    thread.join()


def asked(clock: FakeClock, server: Recording, **settings: object) -> int:
    """Ask once and return the status."""
    wanted = Server.model_validate({"base_url": f"{server.url}/fhir", **settings})
    reader = connect(wanted, clock=clock, stop=Stop(clock), draw=lambda: 0.0).reader()
    try:
        return reader.get(f"{server.url}/fhir/metadata", "metadata", {}).status
    finally:
        reader.close()


def test_a_hospitals_authority_and_our_certificate_open_the_door(
    clock: FakeClock, server: Recording, folder: Path
) -> None:
    """Both are settings of this server, and of no other."""
    auth = {"mode": "mtls", "cert_file": folder / "client.pem", "key_file": folder / "client.key"}

    assert asked(clock, server, ca_bundle=folder / "ca.pem", auth=auth) == 200


def test_without_the_authority_the_server_is_not_trusted(
    clock: FakeClock, server: Recording, folder: Path
) -> None:
    """One attempt, and the message names the setting."""
    auth = {"mode": "mtls", "cert_file": folder / "client.pem", "key_file": folder / "client.key"}

    with pytest.raises(Unreachable, match="ca_bundle"):
        asked(clock, server, auth=auth)

    assert server.seen == []


def test_without_our_certificate_the_server_does_not_answer(
    clock: FakeClock, server: Recording, folder: Path
) -> None:
    """TLS 1.3 tells so late, on the first read: unreachable either way."""
    with pytest.raises(Unreachable):
        asked(clock, server, ca_bundle=folder / "ca.pem", allow_insecure=True)

    assert server.seen == []
