"""Text from elsewhere on its way to a terminal, a log or a line: nothing in it is obeyed.

A control character moves the cursor or begins a line of its own, a bidi control turns what is read
around, a lone surrogate cannot be encoded. Every writer passes its text through here.
"""

from __future__ import annotations

import json
import re
from unicodedata import category

NO_CODE = "(not a code)"
# R4's grammar of a code allows single spaces (http://hl7.org/fhir/R4/datatypes.html#code), and so
# a name. Codes that servers and laboratories really use are words; what is longer is a text.
_CODE = re.compile(r"[!-~]{1,120}")
# A FHIRPath of element names and indexes, as in `Observation.component[2].value`.
_PATH = re.compile(r"[A-Za-z][A-Za-z0-9]{0,40}(\.[A-Za-z][A-Za-z0-9]{0,40}(\[\d{1,4}\])?){0,12}")
_BEYOND_ASCII = re.compile(r"[^\n -~]+")


def plain(text: str) -> str:
    """The text on one line: what is no letter, sign or space is written out, as `\\x1b`."""
    if text.isprintable():
        return text
    return "".join(
        letter if _is_harmless(letter) else letter.encode("unicode_escape").decode()
        for letter in text
    )


def plain_json(data: bytes) -> bytes:
    """JSON with the same meaning, in which no control or format character stands as itself."""
    if data.isascii() and b"\x7f" not in data:
        return data  # JSON has no other control than the newlines between its tokens
    return _BEYOND_ASCII.sub(_escaped, data.decode(errors="surrogatepass")).encode()


def plain_code(text: str) -> str:
    """A code as it may stand in a log, which a text in its place may not."""
    return text if _CODE.fullmatch(text) else NO_CODE


def plain_path(text: str) -> str:
    """The path of an element as it may stand in a log."""
    return text if _PATH.fullmatch(text) else "(not a path)"


def _escaped(found: re.Match[str]) -> str:
    letters = found.group()
    if letters.isprintable():
        return letters
    return "".join(one if _is_harmless(one) else json.dumps(one)[1:-1] for one in letters)


def _is_harmless(letter: str) -> bool:
    # `isprintable` leaves out every space but the ASCII one.
    return letter.isprintable() or category(letter) == "Zs"
