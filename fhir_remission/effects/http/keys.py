"""Private keys for signed assertions: PEM or JWK in, public set out."""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError
from msgspec import Struct

from fhir_remission.errors import SettingsError

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey
_THUMBPRINT = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}


class SigningKey(Struct, frozen=True):
    """A private key, its name for the server, and the algorithm it signs with."""

    private: PrivateKey
    kid: str
    alg: str

    def __repr__(self) -> str:
        """Show the name only."""
        return f"SigningKey({self.kid}, {self.alg})"


def read_signing_key(text: str, *, kid: str = "") -> SigningKey:
    """Read a PEM or JWK private key (RSA, or EC on P-384 or P-256)."""
    private, named = _from_jwk(text) if text.lstrip().startswith("{") else (_from_pem(text), "")
    return SigningKey(private, kid or named or _thumbprint(private), _algorithm(private))


def public_jwks(keys: list[SigningKey]) -> dict[str, list[dict[str, str]]]:
    """Return the public set to register with a server."""
    return {"keys": [_public(key) for key in keys]}


def _public(key: SigningKey) -> dict[str, str]:
    return _parameters(key.private) | {"kid": key.kid, "alg": key.alg, "use": "sig"}


def _from_pem(text: str) -> PrivateKey:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        raise SettingsError(_no_private_key(text)) from None
    return _supported(key)


def _no_private_key(text: str) -> str:
    """What was given in its place, and what to do."""
    if "ENCRYPTED" in text:
        return (
            "the private key is encrypted: write it without a password (openssl pkey -in OLD"
            " -out NEW) where only we can read it, or have auth.key_command print it"
        )
    if "PUBLIC KEY" in text or "CERTIFICATE" in text:
        return "that is a public key or a certificate: auth.key_file names the private key"
    return "the private key is neither a PEM nor a JWK: make one, such as openssl genpkey writes"


def _from_jwk(text: str) -> tuple[PrivateKey, str]:
    try:
        read = json.loads(text)
        chosen = next((key for key in read["keys"] if "d" in key), {}) if "keys" in read else read
        kind = RSAAlgorithm if chosen.get("kty") == "RSA" else ECAlgorithm
        return _supported(kind.from_jwk(chosen)), str(chosen.get("kid", ""))
    except (ValueError, TypeError, AttributeError, InvalidKeyError):
        raise SettingsError("the private key is neither an unencrypted PEM nor a JWK") from None


def _supported(key: object) -> PrivateKey:
    if isinstance(key, RSAPrivateKey) and key.key_size >= 2048:
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP384R1 | SECP256R1):
        return key
    raise SettingsError("the private key must be RSA of 2048 bits or more, or EC on P-384 or P-256")


def _algorithm(key: PrivateKey) -> str:
    # SMART App Launch: a client shall support RS384 and ES384.
    if isinstance(key, RSAPrivateKey):
        return "RS384"
    return "ES384" if isinstance(key.curve, SECP384R1) else "ES256"


def _parameters(key: PrivateKey) -> dict[str, str]:
    if isinstance(key, RSAPrivateKey):
        read = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        read = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: str(read[name]) for name in _THUMBPRINT[str(read["kty"])]}


def _thumbprint(key: PrivateKey) -> str:
    # RFC 7638: the same key has the same name everywhere.
    canonical = json.dumps(_parameters(key), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
