"""JSON in and out, with decimals kept exactly as they were sent (1.10 stays 1.10)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from fhir_remission.rehearsal.server.replies import Refused

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes) -> dict[str, Any]:
    """Read one JSON object; anything else is refused with 400."""
    try:
        value = _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(400, "structure", f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refused(400, "structure", "the body is not a JSON object")
    return value


def encode(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Write one JSON value."""
    return _ENCODER.encode(value)
