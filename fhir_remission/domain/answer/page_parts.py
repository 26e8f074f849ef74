"""What a page of `explain` is made of: the facts, the answers, the words for ids, and its width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from fhir_remission.domain.answer.layout import WIDTH, fitted, lined, wrapped
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.tables.categories import Categories


class Words(Struct, frozen=True):
    """What ids are called: the codings we write, and the sentences of the vocabularies."""

    categories: Categories
    sentences: Mapping[str, Mapping[str, str]] = {}

    def sentence(self, vocabulary: str, name: str) -> str:
        """The sentence of an id, or the id in words where no table has one."""
        plain = name.partition(":")[0]
        found = self.sentences.get(vocabulary, {}).get(plain, "")
        return f"{found} ({name})" if found and plain != name else found or name.replace("-", " ")


class Page(Struct, frozen=True):
    """What a page is made of."""

    facts: Facts
    history: tuple[Assessment, ...]
    words: Words
    signature: str
    """Software and table versions."""
    width: int = WIDTH

    def wrap(self, text: str, *, first: str = "", rest: str | None = None) -> list[str]:
        """The text in lines of this page."""
        return wrapped(text, first=first, rest=rest, width=self.width)

    def table(self, rows: Sequence[Sequence[str]], *, indent: int = 0) -> list[str]:
        """The rows as lines of this page."""
        return lined(fitted(rows, indent=indent, width=self.width))

    @property
    def of_course(self) -> str:
        """What is counted anew since a relapse is of this course."""
        relapse = self.facts.criteria.outcomes.relapse
        again = relapse and any(one.category == relapse for one in self.history)
        return " of this course" if again else ""

    @property
    def now(self) -> Assessment:
        """The current answer."""
        return self.history[-1]
