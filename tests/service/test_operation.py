"""The operation over a record: forms of input and output, refusals, and what partial means."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationdefinition import OperationDefinition
from fhir.resources.R4B.operationoutcome import OperationOutcome

from fhir_remission import Classifier
from fhir_remission.effects.files.site_key import new_site_key
from fhir_remission.errors import RemissionError
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import demo_cohort
from fhir_remission.service.request.arguments import RECORD, VALUES
from fhir_remission.service.request.refusals import refusal_of
from tests.service.conftest import (
    DEMO,
    OPERATION,
    SOURCE,
    Serve,
    Served,
    case,
    named,
    parameters,
)

CR = case("complete-remission")
AS_OF = "2026-06-30T00:00:00Z"
LINE = {"Accept": "application/vnd.fhir-remission+json"}
CANARY = "Zebulon-Canary-77"


def refused(answer: Any, status: int) -> str:
    """The words of a refusal, which is an OperationOutcome and says nothing of anybody."""
    assert answer.status_code == status, answer.text
    found = OperationOutcome.model_validate(answer.json)
    assert CANARY not in answer.text
    assert "frida" not in answer.text
    return str(found.issue[0].diagnostics)


def test_the_line_is_that_of_the_classifier(served: Served) -> None:
    """A whole record gives byte for byte what `Classifier` gives."""
    body = parameters(CR, record="complete", asOf=AS_OF)
    answer = served.ask("POST", OPERATION, body, headers=LINE)

    (expected,) = Classifier(as_of=AS_OF, timezone="Europe/Berlin")(CR)
    assert answer.content == expected.to_json()
    assert answer.headers["content-type"].startswith("application/vnd.fhir-remission+json")


def test_the_answer_holds_our_resources_without_ids(served: Served) -> None:
    """ClinicalImpression and Observation come as a collection that points to itself, and no id."""
    answer = served.ask("POST", OPERATION, parameters(CR, record="complete", asOf=AS_OF))
    (bundle,) = named(answer, "return")
    (line,) = named(answer, "assessment")

    Bundle.model_validate(bundle)
    kinds = {entry["resource"]["resourceType"] for entry in bundle["entry"]}
    assert kinds == {"ClinicalImpression", "Observation"}
    assert all("id" not in entry["resource"] for entry in bundle["entry"])
    assert line["category"] == "CR"
    assert named(answer, "outcome") == []


def test_a_partial_record_is_never_proved(served: Served) -> None:
    """By default what is positive stands under the assumption that the rest changes nothing."""
    (part,) = named(served.ask("POST", OPERATION, parameters(CR, asOf=AS_OF)), "assessment")
    body = parameters(CR, asOf=AS_OF, record="complete")
    (whole,) = named(served.ask("POST", OPERATION, body), "assessment")

    assert part["category"] == whole["category"] == "CR"
    assert part["provisional"] is True
    assert part["confidence"] == "material"
    assert {"id": "record-partial", "class": "material"} in part["assumptions"]
    assert all(one["id"] != "record-partial" for one in whole["assumptions"])


@pytest.mark.parametrize("number", range(len(CR["entry"])))
def test_a_message_with_one_result_is_not_a_patient(served: Served, number: int) -> None:
    """Whatever single result comes: never a remission, and the answer says how to ask."""
    resource = CR["entry"][number]["resource"]
    if resource["resourceType"] != "Observation":
        pytest.skip("no result")
    answer = served.ask("POST", OPERATION, resource)
    (line,) = named(answer, "assessment")
    (warning,) = named(answer, "outcome")

    assert line["category"] in ("NE", "IND")
    assert line["state"] != "in-remission"
    assert warning["issue"][0]["severity"] == "warning"
    assert warning["issue"][0]["details"]["text"] == "record-incomplete"
    assert "Patient/[id]/$classify-remission" in warning["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "sent",
    [
        "application/fhir+json",
        "application/fhir+json; charset=UTF-8; fhirVersion=4.0",
        "application/json",
        "application/json+fhir",
        "text/plain; charset=UTF-8",
        "application/octet-stream",
        "(none)",
    ],
)
def test_json_is_read_whatever_an_engine_calls_it(served: Served, sent: str) -> None:
    """The defaults of Mirth and NiFi, and no type at all, are read as FHIR JSON."""
    for body in (CR, parameters(CR)):
        answer = served.ask("POST", OPERATION, body, headers={"Content-Type": sent})
        (line,) = named(answer, "assessment")
        assert line["category"] == "CR"


@pytest.mark.parametrize(
    "sent",
    [
        *("application/fhir+xml", "text/html", "multipart/form-data; boundary=x"),
        *("application/x-www-form-urlencoded", "application/fhir+json; fhirVersion=3.0"),
        "text/plain; charset=ISO-8859-1",
    ],
)
def test_other_bodies_are_refused_by_their_type(served: Served, sent: str) -> None:
    """XML, forms, other versions and other charsets are 415."""
    refused(served.ask("POST", OPERATION, CR, headers={"Content-Type": sent}), 415)


@pytest.mark.parametrize(
    ("accept", "spoken"),
    [
        ("*/*", "application/fhir+json"),
        ("(none)", "application/fhir+json"),
        ("application/json", "application/json"),
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json"),
        ("text/html, application/json;q=0.5", "application/json"),
        ("application/x-ndjson", "application/x-ndjson"),
    ],
)
def test_the_answer_comes_as_it_was_asked_for(served: Served, accept: str, spoken: str) -> None:
    """Who asks for plain JSON hears that word again."""
    answer = served.ask("POST", OPERATION, CR, headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{spoken}; charset=utf-8"


@pytest.mark.parametrize(
    "accept", ["text/html", "application/fhir+xml", "application/fhir+json; fhirVersion=3.0"]
)
def test_what_cannot_be_given_is_406(served: Served, accept: str) -> None:
    """Another format, or another version of FHIR."""
    refused(served.ask("POST", OPERATION, CR, headers={"Accept": accept}), 406)
    refused(served.ask("GET", "/metadata", headers={"Accept": accept}), 406)


def test_format_wins_over_accept(served: Served) -> None:
    """`_format` is for callers who cannot set a header."""
    answer = served.ask(
        "POST", OPERATION, CR, headers={"Accept": "text/html"}, query="_format=application/json"
    )
    assert answer.status_code == 200
    refused(served.ask("POST", OPERATION, CR, query="_format=xml"), 406)


HOSTILE = {
    "no JSON": (b"MSH|^~\\&|" + CANARY.encode(), 400),
    "cut off": (json.dumps(CR).encode()[:-200], 400),
    "nothing": (b"  ", 400),
    "a list": (json.dumps([CR]).encode(), 422),
    "no type": (json.dumps({"name": CANARY}).encode(), 422),
    "another resource": (
        json.dumps({"resourceType": "Practitioner", "id": CANARY}).encode(),
        422,
    ),
    "of nobody": (
        json.dumps({"resourceType": "Bundle", "type": "collection", "entry": []}).encode(),
        422,
    ),
    "nested": (b"[" * 100_000, 400),
    "deep": (b'{"resourceType":"Bundle","entry":' + b'[{"resource":' * 5000, 400),
    "NUL": (b"\x00" * 50, 400),
    "UTF-16": (CANARY.encode("utf-16"), 400),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_judged_is_refused_without_its_words(served: Served, name: str) -> None:
    """Broken text is 400, what is no patient's record is 422, and neither is quoted."""
    body, status = HOSTILE[name]
    refused(served.ask("POST", OPERATION, body), status)


def test_half_a_record_is_no_record(served: Served) -> None:
    """One result that cannot be read refuses the whole; NDJSON tells it for each patient."""
    broken = json.loads(json.dumps(CR))
    results = [one["resource"] for one in broken["entry"]]
    marrow = next(one for one in results if one["resourceType"] == "Observation")
    marrow["code"] = CANARY
    refused(served.ask("POST", OPERATION, broken), 422)

    answer = served.ask("POST", OPERATION, broken, headers={"Accept": "application/x-ndjson"})
    assert answer.status_code == 200
    assert "incomplete" in {json.loads(line)["disposition"] for line in answer.text.splitlines()}


ODD = {
    "unknown name": ({"name": CANARY, "valueString": "x"}, 400),
    "two values": ({"name": "asOf", "valueDateTime": AS_OF, "valueString": AS_OF}, 400),
    "no value": ({"name": "asOf"}, 400),
    "wrong type": ({"name": "history", "valueString": "true"}, 400),
    "a number": ({"name": "criteria", "valueCode": 7}, 400),
    "unknown set": ({"name": "criteria", "valueCode": CANARY}, 400),
    "a path": ({"name": "criteria", "valueCode": "../../etc/passwd"}, 400),
    "no moment": ({"name": "asOf", "valueDateTime": CANARY}, 400),
    "no type": ({"name": "complete", "valueCode": CANARY}, 400),
    "odd record": ({"name": "record", "valueCode": CANARY}, 400),
    "no name": ({"valueString": CANARY}, 400),
    "a record as text": ({"name": "bundle", "valueString": CANARY}, 400),
    "write": ({"name": "write", "valueBoolean": True}, 400),
}


@pytest.mark.parametrize("name", ODD)
def test_a_wrong_parameter_is_named_and_not_quoted(served: Served, name: str) -> None:
    """Each is 400, and the words are ours."""
    parameter, status = ODD[name]
    body = parameters(CR)
    body["parameter"].append(parameter)
    refused(served.ask("POST", OPERATION, body), status)


def test_a_bare_record_has_no_parameters_beside_it(served: Served) -> None:
    """The rule of FHIR for operations: parameters with a body stand in a Parameters resource."""
    assert "Parameters" in refused(served.ask("POST", OPERATION, CR, query=f"asOf={AS_OF}"), 400)


def test_parameters_change_the_answer(served: Served) -> None:
    """Criteria, moment, history and complete are heeded."""
    sets = ["eln-2022", "iwg-2003"]
    answer = served.ask("POST", OPERATION, parameters(CR, criteria=sets))
    assert [one["criteria"]["id"] for one in named(answer, "assessment")] == sets

    early = served.ask("POST", OPERATION, parameters(CR, asOf="2020-01-01"))
    assert named(early, "assessment")[0]["category"] == "NE"

    once = named(served.ask("POST", OPERATION, parameters(CR)), "assessment")
    every = named(served.ask("POST", OPERATION, parameters(CR, history=True)), "assessment")
    assert len(every) >= len(once)

    refused(served.ask("POST", OPERATION, parameters(CR, criteria=sets), headers=LINE), 406)


def test_many_patients_come_as_lines(served: Served) -> None:
    """NDJSON in, NDJSON out: a line per patient."""
    people = [case(name) for name in ("complete-remission", "both-lineages-very-low")]
    body = b"".join(
        json.dumps(entry["resource"]).encode() + b"\n" for one in people for entry in one["entry"]
    )
    answer = served.ask(
        "POST",
        OPERATION,
        body,
        headers={"Content-Type": "application/x-ndjson", "Accept": "application/x-ndjson"},
    )
    assert len({json.loads(line)["patient"] for line in answer.text.splitlines()}) == 2


def test_gzip_is_read_up_to_the_limit(serve: Serve) -> None:
    """A body may be packed; one that unpacks beyond the limit is refused, as is rubbish."""
    served = serve("[service]\nmax_body_mib = 1\n")
    packed = {"Content-Encoding": "gzip"}
    good = served.ask("POST", OPERATION, gzip.compress(json.dumps(CR).encode()), headers=packed)
    assert good.status_code == 200

    bomb = gzip.compress(b" " * (50 << 20))
    refused(served.ask("POST", OPERATION, bomb, headers=packed), 413)
    refused(served.ask("POST", OPERATION, b"no gzip", headers=packed), 400)
    refused(
        served.ask("POST", OPERATION, b"{}", headers={"Content-Encoding": "br"}),
        415,
    )
    refused(served.ask("POST", OPERATION, b" " * ((1 << 20) + 1)), 413)


def test_the_names_of_a_request_come_back(served: Served) -> None:
    """X-Request-Id and traceparent are taken over; what may not stand in a log is replaced."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    sent = {"X-Request-Id": "mirth.42", "traceparent": trace}
    answer = served.ask("POST", OPERATION, CR, headers=sent)
    assert answer.headers["x-request-id"] == "mirth.42"
    assert answer.headers["traceparent"].startswith(trace[:36])
    assert answer.headers["traceparent"] != trace

    for odd in (f"{CANARY} {{x}}", "a" * 129):
        answer = served.ask("POST", OPERATION, b"", headers={"X-Request-Id": odd})
        assert answer.headers["x-request-id"] != odd
        assert refused(answer, 400)
    for wrong in ("00-" + "0" * 32 + "-b7ad6b7169203331-01", "ff" + trace[2:], "rubbish"):
        answer = served.ask("GET", "/metadata", headers={"traceparent": wrong})
        assert answer.headers["traceparent"][3:35] not in wrong


def test_what_is_not_there_is_told_in_fhir(served: Served) -> None:
    """404 and 405 are OperationOutcomes, with Allow."""
    refused(served.ask("GET", f"/Patient/{CANARY}"), 404)
    answer = served.ask("DELETE", OPERATION)
    refused(answer, 405)
    assert "POST" in answer.headers["allow"]


def test_the_service_describes_itself(served: Served) -> None:
    """CapabilityStatement and OperationDefinition are valid, agree, and have an ETag."""
    statement = served.ask("GET", "/metadata")
    CapabilityStatement.model_validate(statement.json)
    definition = served.ask("GET", "/OperationDefinition/classify-remission")
    OperationDefinition.model_validate(definition.json)

    ins = [one["name"] for one in definition.json["parameter"] if one["use"] == "in"]
    assert sorted(ins) == sorted([RECORD, *VALUES])
    named_there = statement.json["rest"][0]["operation"][0]
    assert named_there["definition"] == definition.json["url"]
    again = {"If-None-Match": statement.headers["etag"]}
    assert served.ask("GET", "/metadata", headers=again).status_code == 304


def test_every_patient_is_in_the_audit(served: Served) -> None:
    """Whoever is told something of a patient leaves a line, under a name that is no name."""
    served.ask("POST", OPERATION, CR)

    (line,) = served.audited
    assert line["action"] == "read"
    assert line["server"] == "caller:local"
    assert "frida" not in json.dumps(line)


BY_ID = "/Patient/{}/$classify-remission"


def test_a_patient_of_the_source_is_read(serve: Serve, source: EmbeddedServer) -> None:
    """By GET and by POST the same, complete, and nothing is written."""
    served = serve(SOURCE.format(base=source.base_url))
    path = BY_ID.format(DEMO)

    got = served.ask("GET", path, query=f"asOf={AS_OF}", headers=LINE)
    posted = served.ask("POST", path, parameters(asOf=AS_OF), headers=LINE)

    assert got.status_code == 200
    assert got.content == posted.content
    assert all(one["id"] != "record-partial" for one in got.json["assumptions"])
    assert source.requests.unsafe == []
    empty = served.ask("POST", path, headers={"Content-Type": "(none)"})
    assert empty.status_code == 200


def test_what_the_source_does_not_give_is_no_answer(serve: Serve, source: EmbeddedServer) -> None:
    """Unknown is 404, a source that is down is 503 with Retry-After, no source is 501."""
    served = serve(SOURCE.format(base=source.base_url))
    refused(served.ask("GET", BY_ID.format(CANARY)), 404)
    refused(served.ask("GET", BY_ID.format("..%2f..%2fmetadata")), 404)
    refused(served.ask("GET", BY_ID.format("p1"), query="write=true"), 405)
    refused(served.ask("GET", BY_ID.format("p1"), query=f"{CANARY}=1"), 400)

    down = serve(SOURCE.format(base="http://127.0.0.1:9/fhir") + 'max_wait = "1s"\n')
    answer = down.ask("GET", BY_ID.format("p1"))
    refused(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    refused(serve().ask("GET", BY_ID.format("p1")), 501)


def test_a_record_that_is_cut_off_is_no_answer(serve: Serve) -> None:
    """Complete or nothing: where a type is never answered whole it is 503, never a category."""
    faults = ["outcome-in-200@" + str(number) for number in range(2, 40)]
    with EmbeddedServer(resources=demo_cohort(), faults=faults) as source:
        served = serve(SOURCE.format(base=source.base_url) + 'max_wait = "1s"\n')
        answer = served.ask("GET", BY_ID.format(DEMO))
    assert answer.status_code in (503, 504), answer.text
    refused(answer, answer.status_code)


WRITING = (
    '[sink.main]\nkind = "repository"\n[cohort]\nkind = "observation"\n[service]\nwrite = {}\n'
)


def test_nothing_is_written_unless_asked_and_allowed(serve: Serve, source: EmbeddedServer) -> None:
    """`write=true` is refused by default; allowed, it writes once as `sync` does, and no more."""
    base = SOURCE.format(base=source.base_url)
    path = BY_ID.format(DEMO)
    ask = parameters(write=True)
    refused(serve(base + WRITING.format("false")).ask("POST", path, ask), 403)
    assert source.requests.unsafe == []

    served = serve(base + WRITING.format("true"))
    refused(served.ask("POST", path, parameters(write=True, asOf=AS_OF)), 400)
    first = served.ask("POST", path, ask, headers=LINE)
    written = len(source.requests.unsafe)
    second = served.ask("POST", path, ask, headers=LINE)

    assert first.json["write"] == "created"
    assert written > 0
    assert second.json["write"] == "none"
    assert len(source.requests.unsafe) == written


def test_a_held_lock_is_503(serve: Serve, source: EmbeddedServer, monkeypatch: Any) -> None:
    """While another run writes the caller is told to come again."""
    from datetime import timedelta

    from fhir_remission.effects.state.lock import only_run
    from fhir_remission.jobs.site.site_files import lock_file
    from fhir_remission.service.answering import source as module

    monkeypatch.setattr(module, "PATIENCE", timedelta(0))
    served = serve(SOURCE.format(base=source.base_url) + WRITING.format("true"))
    with only_run(lock_file(served.site.settings)):
        answer = served.ask("POST", BY_ID.format(DEMO), parameters(write=True))
    refused(answer, 503)
    assert int(answer.headers["retry-after"]) > 0


def test_a_source_that_is_too_slow_is_504(serve: Serve) -> None:
    """After `answer_time` the caller hears so, with a time to come again; nothing is half read."""
    with EmbeddedServer(resources=demo_cohort(), faults=["slow:400"]) as source:
        served = serve(SOURCE.format(base=source.base_url) + '[service]\nanswer_time = "1s"\n')
        answer = served.ask("GET", BY_ID.format(DEMO))
    refused(answer, 504)
    assert int(answer.headers["retry-after"]) > 0


def test_a_site_that_a_person_must_look_at_is_409(serve: Serve, source: EmbeddedServer) -> None:
    """Results of another site's key: nothing is written over, and the caller cannot mend it."""
    served = serve(SOURCE.format(base=source.base_url) + WRITING.format("true"))
    assert served.ask("POST", BY_ID.format(DEMO), parameters(write=True)).status_code == 200
    key = served.folder / "site.key"
    key.unlink()
    new_site_key(key)
    written = len(source.requests.unsafe)
    again = serve(SOURCE.format(base=source.base_url) + WRITING.format("true"))

    refused(again.ask("POST", BY_ID.format(DEMO), parameters(write=True)), 409)
    assert len(source.requests.unsafe) == written


def test_every_error_of_ours_has_a_status() -> None:
    """None is told as a fault of the service, and each that may pass has a time to come again."""
    found = list(_kinds(RemissionError))
    assert len(found) > 10
    for kind in found:
        made = refusal_of(kind.__new__(kind))
        assert made.status != 500, kind
        assert (made.status in (503, 504)) == bool(made.retry_after), kind


def _kinds(kind: type[RemissionError]) -> Iterator[type[RemissionError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _kinds(one)


def test_the_list_of_the_site_says_what_it_says_today(serve: Serve, tmp_path: Path) -> None:
    """Who is put on it has a diagnosis, who is taken off has none, as in a run; no list is 503."""
    undiagnosed = {**CR, "entry": [x for x in CR["entry"] if x["resource"].get("id") != "dx"]}
    body = parameters(undiagnosed, record="complete", asOf=AS_OF)
    cohort, told = tmp_path / "cohort.csv", []
    cohort.write_text("patient\n")
    listed = serve('[cohort]\nkind = "list"\nfile = "cohort.csv"\n')
    for row in ("anna,", "frida,2026-01-04", "anna,"):
        cohort.write_text(f"patient,diagnosed_on\n{row}\n")
        told.append(listed.ask("POST", OPERATION, body, headers=LINE).json["confidence"])
    cohort.unlink()

    assert told == ["material", "proved", "material"]
    assert "run doctor" in refused(listed.ask("POST", OPERATION, body), 503)
