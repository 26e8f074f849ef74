"""Where every entry of an archive ended, added up over the executors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.jobs.archive.parts import Flaw, encode

if TYPE_CHECKING:
    from pyspark import Accumulator
    from pyspark.sql import SparkSession

    Tally: TypeAlias = Accumulator[dict[int, bytes]]


class Ended(NamedTuple):
    """Where entries ended, and what was found damaged only when they were judged."""

    account: Account
    flaws: list[Flaw]


def nothing() -> Ended:
    """Before anything was judged."""
    return Ended(Account(), [])


def tally_of(spark: SparkSession) -> Tally:
    """What executors add to: by partition, so that one judged twice is counted once."""
    from pyspark import AccumulatorParam

    class ByPartition(AccumulatorParam[dict[int, bytes]]):  # type: ignore[misc]
        def zero(self, value: dict[int, bytes]) -> dict[int, bytes]:
            return {}

        def addInPlace(  # noqa: N802 - its name in Spark
            self, value1: dict[int, bytes], value2: dict[int, bytes]
        ) -> dict[int, bytes]:
            return {**value1, **value2}

    return spark.sparkContext.accumulator({}, ByPartition())


def note(tally: Tally, ended: Ended) -> None:
    """Tell the driver how a partition ended; called on an executor."""
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context is not None  # noqa: S101 - an executor has one
    tally.add({context.partitionId(): encode(ended)})


def summed(before: Iterable[Account], tally: Tally) -> Ended:
    """All of it: what ended where the files were read, and at the patients."""
    whole = nothing()
    for one in before:
        whole.account.add(one)
    for told in tally.value.values():
        ended = msgspec.json.decode(told, type=Ended)
        whole.account.add(ended.account)
        whole.flaws.extend(ended.flaws)
    return whole
