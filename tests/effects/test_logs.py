"""Logs that cannot name a patient, whoever writes them."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog

from fhir_remission.effects.process.logs import (
    FIELDS,
    OURS,
    PatientHash,
    configure_logs,
    describe_bug,
    get_logger,
    without_addresses,
)
from fhir_remission.jobs.judging.summary import Summary

CANARY = "CANARY"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Logs configured at their loudest, and put back afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.raiseExceptions)
    captured = io.StringIO()
    configure_logs(style="json", level="debug", run_id="r1", stream=captured)
    yield captured
    root.handlers[:], root.level, logging.raiseExceptions = before
    logging.captureWarnings(capture=False)
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """What was logged."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_event_level_time_and_run(stream: io.StringIO) -> None:
    """UTC, RFC 3339, one JSON object."""
    get_logger(server="https://x").info("request", status=200, ms=12, patient="ab12")

    (line,) = lines(stream)
    assert line | {"timestamp": ""} == {
        "event": "request",
        "level": "info",
        "run_id": "r1",
        "server": "https://x",
        "status": 200,
        "ms": 12,
        "patient": "ab12",
        "timestamp": "",
    }
    assert str(line["timestamp"]).endswith("Z")


def test_only_known_fields_are_written(stream: io.StringIO) -> None:
    """A field nobody thought about is not a hole."""
    get_logger().info("x", family_name=CANARY, body=CANARY)

    assert CANARY not in stream.getvalue()
    assert lines(stream)[0]["family_name"] == "(not logged)"


@pytest.mark.parametrize(
    "text",
    [
        f"https://fhir.example/r4/Observation?patient={CANARY}&code=1",
        f"https://{CANARY}:pw@fhir.example/x",
        f"http://fhir.example:8080?{CANARY}",
        f"Patient/{CANARY}",
        f"read Observation/{CANARY}/_history/2 failed",
        f"(HTTPS://FHIR.example/{CANARY})",
    ],
)
def test_addresses_and_references_lose_what_names_a_patient(stream: io.StringIO, text: str) -> None:
    """Host and type stay; in the event, in a field, inside a list."""
    get_logger().warning(text, reason=text, codes=[text])

    assert CANARY not in stream.getvalue()
    assert CANARY not in without_addresses(text)


def test_of_other_libraries_only_the_place_is_written(stream: io.StringIO) -> None:
    """urllib3 puts the address into a warning, others the value."""
    logging.getLogger("urllib3.connectionpool").warning("retry %s", f"/Patient?id={CANARY}")
    logging.getLogger("urllib3.connectionpool").debug("GET %s", CANARY)
    logging.getLogger("somebody.else").error("bad value %s", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("somebody.else").exception("failed")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"deprecated {CANARY}", stacklevel=1)
    try:
        raise ValueError(CANARY)
    except ValueError:
        get_logger().exception("library_message")

    read = lines(stream)
    assert CANARY not in stream.getvalue()
    assert {line["event"] for line in read} == {"library_message"}
    assert read[0]["logger"] == "urllib3.connectionpool"
    assert str(read[0]["place"]).startswith("test_logs.py:")


def test_the_redaction_is_what_keeps_the_canary_out() -> None:
    """Without our handler the same record shows it: the tests above can fail."""
    captured = io.StringIO()
    logger = logging.Logger("urllib3.connectionpool")
    logger.addHandler(logging.StreamHandler(captured))
    logger.warning("retry %s", f"/Patient?id={CANARY}")

    assert CANARY in captured.getvalue()


def test_a_bug_is_told_by_its_place_and_not_by_its_message() -> None:
    """A KeyError quotes the key."""
    try:
        {}[CANARY]  # type: ignore[index]
    except KeyError as error:
        told = describe_bug(error)

    assert told.startswith("KeyError at test_logs.py:")
    assert CANARY not in told


def test_patients_are_named_by_a_keyed_hash() -> None:
    """The same within a site, different between sites, never the id itself."""
    first, second = PatientHash(b"key one"), PatientHash(b"key two")

    assert first("Patient/p1") == PatientHash(b"key one")("Patient/p1")
    assert len({first("Patient/p1"), first("Patient/p2"), second("Patient/p1")}) == 3
    assert PatientHash()("Patient/p1") != PatientHash()("Patient/p1")


def test_text_is_for_terminals_and_json_for_everything_else() -> None:
    """`auto` looks at the stream."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    root = logging.getLogger()
    before = root.handlers[:]
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        configure_logs(style="auto", level="info", run_id="r1", stream=stream)
        get_logger().info("run_summary", patients=3)
        get_logger().debug("too quiet")
    root.handlers[:] = before
    logging.captureWarnings(capture=False)

    assert " info    run_summary patients=3 run_id=r1\n" in terminal.getvalue()
    assert json.loads(pipe.getvalue())["patients"] == 3
    assert "too quiet" not in terminal.getvalue() + pipe.getvalue()


def test_a_closed_stderr_does_no_harm(stream: io.StringIO) -> None:
    """An engine that does not read us must not break us."""
    stream_of_root = logging.getLogger().handlers[0]
    assert isinstance(stream_of_root, logging.StreamHandler)
    closed = io.StringIO()
    closed.close()
    stream_of_root.setStream(closed)

    get_logger().error("nobody listens")
    stream_of_root.setStream(stream)


def test_the_known_fields_name_nothing_of_a_person() -> None:
    """The list is the promise."""
    assert Summary(run_id="r", profile="p").told(0).keys() <= FIELDS
    assert not FIELDS & {"name", "url", "id", "mrn", "birth_date", "body", "text", "value", "token"}
    assert logging.getLogger(OURS).name == OURS


@pytest.mark.parametrize("event", ["held_back", "parked", "not_in_cohort", "dry_run"])
def test_what_a_person_must_do_next_is_written(stream: io.StringIO, event: str) -> None:
    """A stop that hides its own reason helps nobody; commands and categories name no patient."""
    fields = {"reason": "2 of 2", "changes": "CR to CRh: 2", "next": "fhir-remission parked list"}

    get_logger().warning(event, **fields)

    written = json.loads(stream.getvalue())
    assert {name: written[name] for name in fields} == fields
