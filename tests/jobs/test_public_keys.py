"""Keys change without a gap: the next one is published before it is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from fhir_remission.cli.main import main


def _made(file: Path) -> None:
    key = generate_private_key(SECP384R1())
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _published(folder: Path, capfd: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    assert main(["jwks", "--config", str(folder / "site.toml")]) == 0
    keys: list[dict[str, str]] = json.loads(capfd.readouterr().out)["keys"]
    return keys


def test_a_rotation_has_no_moment_in_which_the_key_in_use_is_not_published(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One key; then two, the old one in use; then the new one in use and both; then the new."""
    _made(tmp_path / "old.pem")
    _made(tmp_path / "new.pem")
    site = tmp_path / "site.toml"
    auth = '[source]\nbase_url = "https://x.example"\n[source.auth]\nmode = "smart"\n'
    told = []
    for keys in (
        'key_file = "old.pem"',
        'key_file = "old.pem"\nnext_key_file = "new.pem"',
        'key_file = "new.pem"\nnext_key_file = "old.pem"',
        'key_file = "new.pem"',
    ):
        site.write_text(auth + keys)
        told.append({key["kid"] for key in _published(tmp_path, capfd)})

    assert [len(one) for one in told] == [1, 2, 2, 1]
    assert told[0] | told[3] == told[1] == told[2]
    assert told[0] != told[3]


def test_only_public_halves_are_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither of the two keys gives away its secret part."""
    for name in ("old.pem", "new.pem"):
        _made(tmp_path / name)
    (tmp_path / "site.toml").write_text(
        '[source]\nbase_url = "https://x.example"\n[source.auth]\nmode = "smart"\n'
        'key_file = "old.pem"\nnext_key_file = "new.pem"\nkey_id = "2026-11"\n'
    )
    old, new = _published(tmp_path, capfd)

    assert old["kid"] == "2026-11" != new["kid"]
    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"} for key in (old, new))


def test_a_next_key_that_is_not_there_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line that names the file, and code 2."""
    _made(tmp_path / "old.pem")
    (tmp_path / "site.toml").write_text(
        '[source]\nbase_url = "https://x.example"\n[source.auth]\nmode = "smart"\n'
        'key_file = "old.pem"\nnext_key_file = "new.pem"\n'
    )

    assert main(["jwks", "--config", str(tmp_path / "site.toml")]) == 2
    assert "new.pem" in capfd.readouterr().err
