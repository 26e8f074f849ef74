"""The front door for Python: resources in, assessments out, the tables loaded once.

judge = Classifier(criteria=["eln-2022", "iwg-2003"], timezone="Europe/Berlin")
for found in judge("bundle.json"):
    print(found.patient, found.category, found.to_dict()["summary"])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
from msgspec import structs

from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.effects.process.environment import read_chunks
from fhir_remission.errors import InputError, UsageError
from fhir_remission.fhir.r4.datatypes import Json
from fhir_remission.jobs.files.classify import judged_patients
from fhir_remission.jobs.files.published import Assessment, published
from fhir_remission.jobs.judging.incoming import Judged
from fhir_remission.jobs.judging.judging import Judge
from fhir_remission.jobs.judging.request import Request, judge_for

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Resources = str | Path | bytes | Mapping[str, Json] | Sequence[Mapping[str, Json]]
"""A path, JSON or NDJSON as bytes, one decoded resource or Bundle, or a list of them."""


class Classifier:
    """Judges the resources of patients by the same tables again and again.

    Loading takes about a quarter of a second, a call some milliseconds. Safe to share between
    threads; pickled, it travels as its arguments and loads once more where it arrives.

    Args:
        criteria: a criteria set by name, or several: `eln-2022`, `eln-2017`, `iwg-2003`, ...
        as_of: the moment the answers speak for, as a time with its zone or ISO 8601 text;
            left out, the moment of each call.
        history: every assessment, oldest first, instead of the current one.
        complete: resource types that the input holds to the end, and whose silence proves
            absence: `{"Procedure"}` says that a transfusion that is not there was not given.
        timezone: where days begin and times without a zone are read, such as `Europe/Berlin`.
        mappings: the site's own tables, as `[mappings] dir` of the settings.
        strict: accept no routine assumption.

    Raises:
        SettingsError: an unknown criteria set, zone or moment.
        TableError: a row of a table or a criteria file, with its file and line.

    Example:
        >>> from fhir_remission import Classifier
        >>> judge = Classifier(["eln-2022", "iwg-2003"], timezone="Europe/Berlin")
        >>> [(found.criteria_id, found.category) for found in judge("bundle.json")]
        [('eln-2022', 'CR'), ('iwg-2003', 'CR')]
    """

    def __init__(
        self,
        criteria: str | Sequence[str] = "eln-2022",
        *,
        as_of: datetime | str | None = None,
        history: bool = False,
        complete: Iterable[str] = (),
        timezone: str = "",
        mappings: str | Path | None = None,
        strict: bool = False,
    ) -> None:
        self._load(
            Request(
                criteria=(criteria,) if isinstance(criteria, str) else tuple(criteria),
                as_of=as_of.isoformat() if isinstance(as_of, datetime) else as_of or "",
                history=history,
                complete=frozenset(complete),
                overlay=None if mappings is None else Path(mappings),
                timezone=timezone,
                strict=strict,
            )
        )

    def __call__(self, resources: Resources) -> list[Assessment]:
        """Assess the patients of a Bundle, a resource, a file or a list of resources.

        One Assessment per patient and criteria set, sorted by patient. A number in decoded
        resources may be `int`, `Decimal` or text; a `float` is taken by its shortest spelling.

        Raises:
            InputError: not FHIR, or damaged: half a record is no record.
        """
        judge = self._judge()
        return [
            published(one, judge.mappings.version)
            for found in self._judged(resources, judge)
            for assessments in found.assessments
            for one in (assessments if self._request.history else assessments[-1:])
        ]

    def to_frame(self, many: Iterable[Resources]) -> pd.DataFrame:
        """The assessments of many inputs as a pandas DataFrame, a row per assessment.

        Columns and types are those of `archive --format parquet`.

        Raises:
            InputError: one of the inputs is not FHIR, or damaged.
            UsageError: the extra `frames` is not installed.

        Example:
            >>> from fhir_remission import Classifier
            >>> Classifier().to_frame(["bundle.json"])["category"].to_list()
            ['CR']
        """
        try:
            import pandas as pd
        except ImportError:
            raise _needs_frames("pandas") from None
        return self.to_arrow(many).to_pandas(types_mapper=pd.ArrowDtype)

    def to_arrow(self, many: Iterable[Resources]) -> pa.Table:
        """The assessments of many inputs as an Arrow table; see `to_frame`.

        Example:
            >>> from fhir_remission import Classifier
            >>> Classifier().to_arrow(["bundle.json"]).column("category").to_pylist()
            ['CR']
        """
        from fhir_remission.jobs.judging.columns import (
            ASSESSMENTS,
            batch_of,
            row_of_line,
            schema_of,
        )

        try:
            import pyarrow as pa
        except ImportError:
            raise _needs_frames("pyarrow") from None
        schema = schema_of(ASSESSMENTS)
        rows = [row_of_line(one.to_json()) for resources in many for one in self(resources)]
        return pa.Table.from_batches([batch_of(rows, schema)] if rows else [], schema)

    def transaction(self, resources: Resources, *, site: str | Path) -> dict[str, Any]:
        """The transaction Bundle that `classify --output bundle --config SITE` prints, decoded.

        `site` is the settings file that names `site.id` and `site.key_file`. It is judged as that
        site's `sync` would, but for what this Classifier was told: criteria, mappings, timezone.

        Raises:
            InputError: the input is not FHIR, or damaged.
            SettingsError: the settings or the key are not there or wrong.

        Example:
            >>> from fhir_remission import Classifier
            >>> Classifier().transaction("bundle.json", site="site.toml")["type"]
            'transaction'
        """
        from fhir_remission.jobs.files.transaction_out import transaction_of
        from fhir_remission.jobs.site.site_request import request_at

        settings, request = request_at(Path(site), self._request)
        judge = judge_for(request)
        judged = self._judged(resources, judge)
        found = [assessments for one in judged for assessments in one.assessments]
        outgoing = transaction_of(found, judge, settings, history=request.history)
        decoded: dict[str, Any] = msgspec.json.decode(outgoing.body)
        return decoded

    def __reduce__(self) -> tuple[Any, ...]:
        # The moment it was given travels with it.
        return Classifier._of, (self._request,)

    @classmethod
    def _of(cls, request: Request) -> Self:
        found = cls.__new__(cls)
        found._load(request)
        return found

    def _load(self, request: Request) -> None:
        self._request, self._loaded = request, judge_for(request)

    def _judge(self) -> Judge:
        now = SystemClock().now()
        as_of = self._loaded.as_of if self._request.as_of else now
        return structs.replace(self._loaded, as_of=as_of, now=now)

    def _judged(self, resources: Resources, judge: Judge) -> tuple[Judged, ...]:
        is_path = isinstance(resources, str | Path)
        name = str(resources)[:80] if is_path else "input"
        chunks = read_chunks(resources) if isinstance(resources, str | Path) else [_json(resources)]
        answers = judged_patients(chunks, name, self._request, judge)
        broken = next((one for one in answers.judged if one.incomplete), None)
        if broken is not None:
            raise InputError(f"{broken.patient}: {broken.incomplete}")
        if answers.exit_code:
            raise InputError(answers.complaints[0])
        return answers.judged


def classify(
    source: Resources,
    *,
    criteria: str | Sequence[str] = "eln-2022",
    as_of: datetime | str | None = None,
    history: bool = False,
    complete: Iterable[str] = (),
    timezone: str = "",
    mappings: str | Path | None = None,
    strict: bool = False,
) -> list[Assessment]:
    """Assess the patients of a Bundle, a resource, a file or a list of resources.

    The arguments are those of `Classifier`; the tables of the last few sets of arguments stay
    loaded, so a changed file of `mappings` needs a new process or a `Classifier` of its own.

    Raises:
        UsageError: one of `InputError`, `SettingsError`, `TableError`.

    Example:
        >>> from fhir_remission import classify
        >>> for found in classify("bundle.json", criteria="eln-2022"):
        ...     print(found.patient, found.state, found.category)
        Patient/frida in-remission CR
    """
    kept = _kept(
        criteria if isinstance(criteria, str) else tuple(criteria),
        as_of=as_of,
        history=history,
        complete=frozenset(complete),
        timezone=timezone,
        mappings=mappings,
        strict=strict,
    )
    return kept(source)


_kept = lru_cache(maxsize=8)(Classifier)


def _json(resources: bytes | Mapping[str, Json] | Sequence[Mapping[str, Json]]) -> bytes:
    """The input as JSON; Decimals keep their digits as quoted numbers, which are read as such."""
    if isinstance(resources, bytes):
        return resources
    if isinstance(resources, Mapping):
        return msgspec.json.encode(resources)
    return b"\n".join(msgspec.json.encode(item) for item in resources)


def _needs_frames(library: str) -> UsageError:
    return UsageError(f"this needs {library}: python -m pip install 'fhir-remission[frames]'")
