"""Media types: which bodies are read, and in which form an answer goes out.

FHIR JSON comes as `text/plain` from Mirth and as `application/octet-stream` from NiFi, whose
defaults these are, and without a type from many a script: the bytes say what they are.
"""

from __future__ import annotations

import zlib

from fhir_remission.service.request.refusals import Refused

FHIR = "application/fhir+json"
LINE = "application/vnd.fhir-remission+json"
LINES = "application/x-ndjson"
_NDJSON = (LINES, "application/ndjson", "application/fhir+ndjson")
_JSON = (FHIR, "application/json", "application/json+fhir", "text/json")
_UNNAMED = ("", "text/plain", "application/octet-stream")
_CHARSETS = ("", "utf-8", "utf8", "us-ascii", "ascii")
_VERSIONS = ("", "4.0", "4.0.1", "4.3", "4.3.0")
_FORMATS = {
    **dict.fromkeys(("json", *_JSON), FHIR),
    **dict.fromkeys(("ndjson", *_NDJSON), LINES),
    LINE: LINE,
}
_ANY = ("*/*", "application/*")


def split_type(text: str) -> tuple[str, dict[str, str]]:
    """`text/plain; charset=UTF-8` as the type and its parameters, all in lower case."""
    name, *rest = (part.strip().lower() for part in text.split(";"))
    pairs = (part.partition("=") for part in rest)
    return name, {key.strip(): value.strip().strip('"') for key, _, value in pairs}


def check_body_type(text: str) -> None:
    """Refuse a body that is not JSON in UTF-8 of a FHIR version that is read."""
    name, parameters = split_type(text)
    if name not in (*_JSON, *_NDJSON, *_UNNAMED):
        raise _unread(f"send FHIR JSON as {FHIR}")
    if parameters.get("charset", "") not in _CHARSETS:
        raise _unread("send it in UTF-8")
    if parameters.get("fhirversion", "") not in _VERSIONS:
        raise _unread("FHIR R4 is read: fhirVersion=4.0")


def _unread(advice: str) -> Refused:
    return Refused(415, "not-supported", f"a body of this type is not read: {advice}")


def answer_type(accept: str, wanted: str) -> str:
    """The form of the answer by `Accept`, or by `_format`, which wins."""
    if wanted:
        found = _FORMATS.get(wanted.replace(" ", "+").partition(";")[0].strip().lower())
        if found is None:
            raise _unwanted()
        return found
    ranked = sorted(map(_ranked, accept.split(",") if accept.strip() else ["*/*"]), reverse=True)
    for quality, _, name in ranked:
        if quality <= 0:
            continue
        if name in _ANY:
            return FHIR
        if name in _FORMATS:
            return _FORMATS[name]
    raise _unwanted()


def spoken_as(form: str, accept: str) -> str:
    """The type to name: whoever asked for plain JSON hears that word again."""
    asked = [split_type(one)[0] for one in accept.split(",")]
    plain = form == FHIR and FHIR not in asked
    return next((name for name in asked if plain and name in _JSON), form)


def _ranked(text: str) -> tuple[float, bool, str]:
    name, parameters = split_type(text)
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        quality = 0.0
    if parameters.get("fhirversion", "") not in _VERSIONS:
        quality = 0.0
    return quality, name not in _ANY, name


def _unwanted() -> Refused:
    return Refused(406, "not-supported", f"an answer is given as {FHIR}, {LINE} or {LINES}")


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """A body as it was before `Content-Encoding`, of at most `limit` bytes."""
    coding = encoding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in ("gzip", "x-gzip"):
        raise Refused(415, "not-supported", "of the content codings only gzip is read")
    reader = zlib.decompressobj(wbits=31)
    try:
        whole = reader.decompress(body, limit + 1)
    except zlib.error:
        raise Refused(400, "structure", "the body is not the gzip it says it is") from None
    if len(whole) > limit:
        raise too_large(limit)
    if not reader.eof:
        raise Refused(400, "structure", "the gzip of the body ends too early")
    return whole


def too_large(limit: int) -> Refused:
    """Refuse a body over the limit."""
    return Refused(
        413, "too-long", f"a body has at most {limit} bytes here: send fewer, or raise the setting"
    )
