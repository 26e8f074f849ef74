"""Texts and answers that are too long or not what they should be."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import pytest

from fhir_remission.domain.tables.unit_grammar import normalised, without_annotations
from fhir_remission.domain.tables.value_grammar import plain, plain_words
from fhir_remission.effects.files.mapping_files import load_lexicon
from fhir_remission.effects.http.transport import Answer, NoAnswer, Request
from tests.lives.world import Site

MakeSite = Callable[..., Site]
LONG = 100_000


@pytest.mark.parametrize("word", ["bone marrow blasts ", "x", "ß", "10*9/L ", "{a}", "- "])
def test_a_text_of_100_kb_costs_nothing(word: str) -> None:
    """It is cut before anything is matched in it."""
    text, lexicon = word * (LONG // len(word)), load_lexicon()
    lexicon.meanings("x")

    def all_of_it() -> float:
        began = time.process_time()
        lexicon.meanings(text)
        without_annotations(text)
        plain_words(plain(text))
        return time.process_time() - began

    assert min(all_of_it() for _ in range(5)) < 0.05


def test_what_was_cut_is_not_what_it_begins_with() -> None:
    """A unit or an answer with a novel behind it is none."""
    assert normalised("10*9/L" + " " * LONG + "x") != normalised("10*9/L")
    assert without_annotations("10*9/L" + "{x}" * LONG) != normalised("10*9/L")
    assert plain_words("negative" + " " * LONG + "no") != "negative"
    assert load_lexicon().meanings("in bone marrow " + "x" * LONG) == load_lexicon().meanings(
        "in bone marrow " + "x" * 10
    )


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda body: b"\xef\xbb\xbf" + body, "UTF-8 behind a byte order mark"),
        (lambda body: body.decode().encode("utf-16"), "UTF-16, and FHIR in JSON is UTF-8"),
        (lambda body: body.decode().encode("utf-16-be"), "UTF-16, and FHIR in JSON is UTF-8"),
        (lambda body: body.decode().encode("utf-32"), "UTF-32, and FHIR in JSON is UTF-8"),
        (lambda _: b"<CapabilityStatement/>", "XML, and no FHIR in JSON"),
        (lambda _: b"\n<!DOCTYPE html><p>Log in", "HTML as of a login or a proxy, and no FHIR"),
    ],
)
@pytest.mark.parametrize("where", ["metadata", "_search"])
def test_an_answer_in_another_encoding_is_named(
    make_site: MakeSite,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[bytes], bytes],
    said: str,
    where: str,
) -> None:
    """The server is one; what it sends is not what FHIR says."""
    site = make_site("a")
    answered = site._answered

    def spoilt(request: Request) -> Answer | NoAnswer:
        answer = answered(request)
        if isinstance(answer, NoAnswer) or where not in request.url:
            return answer
        return msgspec.structs.replace(answer, body=spoil(answer.body))

    monkeypatch.setattr(site, "_answered", spoilt)

    ran = site.run()

    told = ran.error or ran.lines[0]["reason"]
    assert ran.code == (7 if where == "metadata" else 3)
    assert said in told
    assert "is this the base URL" not in told
