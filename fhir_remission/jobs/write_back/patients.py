"""Who a patient of the source is at a repository of its own: same id, matched, or a stub.

`match` and `stub` go by one identifier system that both servers know. Exactly one value at the
source and exactly one person at the sink, or nothing is written: a result in the wrong record is
worse than none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol, cast

from msgspec import Struct

from fhir_remission.effects.http.transport import OutcomeUnknown
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.effects.server.writer import WritingClient
from fhir_remission.errors import Conflict, PatientUnmatched, RequestRefused
from fhir_remission.fhir.incoming.merges import KINDS as MERGED
from fhir_remission.fhir.r4.datatypes import Resource, identifier, objects, text_of
from fhir_remission.fhir.r4.times import Placed, read_time
from fhir_remission.fhir.server.queries import Query, encoded, token
from fhir_remission.fhir.writing.identity import Identity, patient_id
from fhir_remission.jobs.reading.merged_patients import find_person

ATTEMPTS = 3
Strategy = Literal["same-id", "match", "stub"]


class Subject(Struct, frozen=True):
    """A patient as the sink knows them."""

    reference: str = ""
    """Empty: as at the source."""
    former: tuple[str, ...] = ()
    """Records of the sink that were merged into this one; what we wrote may stand there."""
    missing: Resource | None = None
    """The stub that has to be written first."""


class Subjects(Protocol):
    """Finds the subjects of one sink."""

    def find(self, patient: str) -> Subject:
        """Who `Patient/p1` of the source is; PatientUnmatched where that is not certain."""

    def write(self, subject: Subject) -> None:
        """Write the stub that is missing."""


class SameServer:
    """The sink is the source: everybody is who they are."""

    def find(self, patient: str) -> Subject:
        """Nothing to ask."""
        return Subject()

    def write(self, subject: Subject) -> None:
        """Nothing is ever missing."""


class Rule(Struct, frozen=True):
    """How a sink's settings say that patients are found."""

    strategy: Strategy
    system: str
    now: datetime
    identity: Identity


class OtherServer:
    """A repository of its own; each patient is asked for when something is to be written."""

    def __init__(self, source: FhirClient, sink: FhirClient, rule: Rule) -> None:
        self._source, self._sink, self._rule = source, sink, rule

    def find(self, patient: str) -> Subject:
        """Who `Patient/p1` of the source is; PatientUnmatched where that is not certain."""
        if self._rule.strategy == "same-id":
            return self._by_id(patient)
        value = self._value_at_source(patient)
        people = self._people(value)
        if len(people) > 1:
            raise PatientUnmatched(
                f"{self._sink.host}: {len(people)} Patients have the same identifier of "
                f"{self._rule.system}: have them merged or corrected there",
                stop=True,
            )
        if people:
            return people[0]
        if self._rule.strategy == "match":
            raise PatientUnmatched(
                f"{self._sink.host}: no Patient has the identifier of {self._rule.system}: "
                "register the patient there, or set the sink's patients = stub"
            )
        return self._stub(value)

    def write(self, subject: Subject) -> None:
        """Write the stub; after a conflict or a lost answer, ask before sending it again."""
        stub, client = subject.missing, self._sink
        if stub is None or not isinstance(client, WritingClient):
            return
        for _ in range(ATTEMPTS):
            if self._arrived(client, stub) or self._people(_value(stub)):
                return
        raise RequestRefused(f"{client.host}: the Patient could not be written; left for later")

    # At the source ----------------------------------------------------------------------------

    def _value_at_source(self, patient: str) -> str:
        record = cast(Resource, self._source.read("Patient", patient.partition("/")[2]))
        values = self._values(record)
        if len(values) != 1:
            said = "no identifier" if not values else f"{len(values)} identifiers"
            raise PatientUnmatched(
                f"the source's record has {said} of {self._rule.system} in force: "
                "have it corrected there, or set another patient_system for the sink"
            )
        return values.pop()

    def _values(self, record: Resource) -> set[str]:
        """Values of the configured system that are in use now."""
        return {
            text_of(held.get("value"))
            for held in objects(record.get("identifier"))
            if held.get("system") == self._rule.system and self._in_force(held)
        } - {""}

    def _in_force(self, held: Resource) -> bool:
        period = held.get("period")
        bounds = period if isinstance(period, dict) else {}
        start, end = (read_time(text_of(bounds.get(name)), UTC) for name in ("start", "end"))
        begun = not isinstance(start, Placed) or start.when.start <= self._rule.now
        lasting = not isinstance(end, Placed) or end.when.end >= self._rule.now
        return held.get("use") != "old" and begun and lasting

    # At the sink ------------------------------------------------------------------------------

    def _by_id(self, patient: str) -> Subject:
        try:
            record = cast(Resource, self._sink.read("Patient", patient.partition("/")[2]))
        except RequestRefused as error:
            if error.status not in (404, 410):
                raise
            raise PatientUnmatched(
                f"{self._sink.host}: there is no Patient of this id: load the patients there, or "
                "set the sink's patients = match or stub"
            ) from None
        return self._in_force_at_sink(record)

    def _people(self, value: str) -> Sequence[Subject]:
        """The people who have this identifier; records that were merged are one person."""
        asked = Query("Patient", (("identifier", token((self._rule.system, value))),))
        found = self._sink.search_whole(asked)
        people: dict[str, Subject] = {}
        for item in found:
            if value in self._values(item):
                one = self._in_force_at_sink(item)
                former = {*one.former, *people.get(one.reference, Subject()).former}
                people[one.reference] = Subject(one.reference, tuple(sorted(former)))
        return list(people.values())

    def _in_force_at_sink(self, record: Resource) -> Subject:
        own = text_of(record.get("id"))
        if not any(link.get("type") in MERGED for link in objects(record.get("link"))):
            return Subject(f"Patient/{own}")
        person = find_person(self._sink, own)
        if person.problem:
            raise PatientUnmatched(f"{self._sink.host}: {person.problem}", stop=True)
        return Subject(
            f"Patient/{person.survivor}", tuple(f"Patient/{name}" for name in person.former)
        )

    def _stub(self, value: str) -> Subject:
        """A Patient with nothing but the identifier, under an id that says nothing."""
        own = patient_id(self._rule.identity, self._rule.system, value)
        stub: Resource = {
            "resourceType": "Patient",
            "id": own,
            "identifier": [identifier(self._rule.system, value)],
        }
        if self._sink.profile.write_mode == "put" and self._was_there(own):
            raise PatientUnmatched(
                f"{self._sink.host}: our stub of the patient was deleted, or its identifier of "
                f"{self._rule.system} taken away: have it put back there, or register the patient"
            )
        return Subject(f"Patient/{own}", missing=stub)

    def _was_there(self, own: str) -> bool:
        try:
            self._sink.read("Patient", own)
        except RequestRefused as error:
            if error.status in (404, 410):
                return error.status == 410
            raise
        return True

    def _arrived(self, client: WritingClient, stub: Resource) -> bool:
        """Send it once; whether the server says that it is there."""
        mode = client.profile.write_mode
        without_id = {name: item for name, item in stub.items() if name != "id"}
        asked = encoded((("identifier", token((self._rule.system, _value(stub)))),))
        try:
            if mode == "put":
                done = client.update(stub, if_new=client.profile.if_none_match)
            else:
                done = client.create(without_id, unless="" if mode == "search" else asked)
        except Conflict:
            return False
        return not isinstance(done, OutcomeUnknown)


def _value(stub: Resource) -> str:
    return text_of(next(objects(stub["identifier"]))["value"])
