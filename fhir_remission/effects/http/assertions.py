"""Whether an assertion of a SMART login is signed with a registered key (RFC 7515, RFC 7517)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from fhir_remission.effects.files.private_file import make_once, not_written
from fhir_remission.effects.http.keys import public_jwks, read_signing_key
from fhir_remission.errors import SettingsError

# What SMART App Launch has servers support, and ES256, which some clients use.
_ALGORITHMS = ("RS384", "ES384", "ES256")


def signed_with(path: Path) -> Callable[[str], str]:
    """A check of signatures against a key set, or a private key of which the public half counts.

    A key is made where the file is not there.
    """
    keys = {key.key_id or "": key for key in _keys(path)}

    def problem(assertion: str) -> str:
        try:
            kid = str(jwt.get_unverified_header(assertion).get("kid", ""))
            if kid not in keys:
                return f"no key {kid or 'without kid'} is registered"
            jwt.decode_complete(
                assertion,
                keys[kid],
                algorithms=list(_ALGORITHMS),
                options={"verify_aud": False, "verify_iss": False, "verify_exp": False},
            )
        except jwt.InvalidTokenError as error:
            return f"the signature does not hold: {type(error).__name__}"
        return ""

    return problem


def _keys(path: Path) -> list[jwt.PyJWK]:
    text = _text(path)
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else {}
        if "keys" in found and not any("d" in key for key in found["keys"]):
            return jwt.PyJWKSet.from_dict(found).keys
        return jwt.PyJWKSet.from_dict(dict(public_jwks([read_signing_key(text)]))).keys
    except (ValueError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise SettingsError(f"{path}: no key set and no private key: {error}") from None


def _text(path: Path) -> str:
    try:
        if not path.exists():
            key = generate_private_key(SECP384R1())
            make_once(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise not_written(path, error) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: no key set and no private key") from None
