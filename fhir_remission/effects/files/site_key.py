"""The site key: the secret from which the ids of everything we write are derived."""

from __future__ import annotations

import base64
import binascii
import secrets
from pathlib import Path

from fhir_remission.effects.files.private_file import make_once, not_written
from fhir_remission.errors import SettingsError, UsageError

BYTES = 32
_PREFIX = "fhir-remission-key-1:"


def new_site_key(path: Path) -> bytes:
    """Make a key file, readable by its owner only; never over an old one."""
    key = secrets.token_bytes(BYTES)
    try:
        make_once(path, f"{_PREFIX}{base64.b64encode(key).decode()}\n".encode())
    except FileExistsError:
        raise UsageError(f"{path} is there already; a new key would change every id") from None
    except OSError as error:
        raise not_written(path, error) from None
    return key


def read_site_key(path: Path) -> bytes:
    """Read the key, or say what is wrong with the file."""
    try:
        text = path.read_text(encoding="ascii").strip()
        if not text.startswith(_PREFIX):
            raise ValueError
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except OSError as error:
        raise SettingsError(
            f"site.key_file: cannot read {path} ({error.strerror}); "
            f"make one with: fhir-remission key new {path}"
        ) from None
    except (ValueError, binascii.Error):
        raise SettingsError(f"site.key_file: {path} is not a key of `key new`") from None
    if len(key) != BYTES:
        raise SettingsError(f"site.key_file: {path} holds {len(key)} bytes, not {BYTES}")
    return key
