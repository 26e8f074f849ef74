"""Every field that comes from outside, with hostile text: only our own errors leave a module.

Bodies of resources are searched by `make lane-fuzz`; here are headers, links, tokens, manifests,
rows of the state, names of files, and settings.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_remission.cli.main import main
from fhir_remission.domain.nouns.plain_text import plain
from fhir_remission.effects.files.mapping_files import default_dir
from fhir_remission.effects.files.site_key import read_site_key
from fhir_remission.effects.http.auth import secret_of
from fhir_remission.effects.http.keys import read_signing_key
from fhir_remission.effects.http.origin import read_base
from fhir_remission.effects.http.refusal import is_done, refusal, vendor_codes
from fhir_remission.effects.http.retry import asked_to_wait, read_http_date
from fhir_remission.effects.http.smart import Discovery, TokenHeaders, discover, token_url
from fhir_remission.effects.http.transport import Answer, NoAnswer, Request
from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.effects.server.bulk_manifest import joined, read_manifest
from fhir_remission.effects.server.server_families import choose_profile, load_families
from fhir_remission.effects.state.lease import take_lease
from fhir_remission.effects.state.state import open_state
from fhir_remission.effects.state.state_check import unfinished
from fhir_remission.effects.state.state_copy import TABLES, export_lines, import_lines
from fhir_remission.effects.state.state_rows import AssessmentRow, EvidenceRow
from fhir_remission.effects.state.watermarks import citations, read_marks
from fhir_remission.errors import RemissionError
from fhir_remission.fhir.incoming.bundle import next_link, read_page
from fhir_remission.jobs.bulk.order import read_begun
from fhir_remission.jobs.reading.cohort_file import read_cohort
from fhir_remission.jobs.write_back.plan_file import read_plan
from fhir_remission.settings import Auth
from fhir_remission.settings.loading import load_settings, read_assignments
from tests.effects.conftest import FakeClock

NASTY = [
    *("", " ", "\0", "\r\n", "a\r\nX-Evil: y", "\x1b[2J", "\x85", "\u2028", "\u202e", "\ufeff"),
    *("9" * 400, "-1", "1e999", "NaN", "Infinity", "0x10", "٣٠", "1_000", "²", "½", "+5", "१"),
    *("a" * 9_000, "../" * 40, "%00", "%2e%2e/", "${x}", "{}", "[" * 5000, "'\"`;--", "\\"),
    *("http://[", "https://a:b@c", "//x", "xn--a", "ｆhir。example", "é" * 300, "💥", "ß", "İ"),
    *(
        "Fri, 31 Dec 9999 23:59:59 -9999",
        "Fri, 31 Dec 99999 23:59:59 GMT",
        "1 Jan 0001 00:00 +1400",
    ),
    *("Mon, 01 Jan 2026 00:00:00 -0000", "Thu, 01 Jan 1970 25:61:61 GMT", "0000-00-00", "Jan"),
    *("9999-12-31T23:59:59.999999+00:00", "2026-02-30", "24:00", "inf", "nan", "None", "true"),
    *("~nobody-here/x", "~", "/dev/null", "/", "."),
]
TEXT = st.one_of(st.sampled_from(NASTY), st.text(max_size=40))
RAW = st.one_of(TEXT.map(str.encode), st.binary(max_size=60))
NOW = datetime(2026, 3, 1, tzinfo=UTC)
FOR_FILES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def only_ours(work: Callable[[], object]) -> None:
    """It ends, or says why not in words of ours that can be printed."""
    try:
        work()
    except RemissionError as error:
        assert plain(str(error)).encode()  # noqa: PT017 - as every writer does it


# Headers, links, tokens -------------------------------------------------------------------------


@given(TEXT, TEXT, TEXT)
def test_headers_that_say_when(after: str, date: str, milliseconds: str) -> None:
    """A number of seconds, whatever they say; a date that sums can be made with, or none."""
    headers = {"retry-after": after, "date": date, "x-ms-retry-after-ms": milliseconds}

    waits = asked_to_wait(headers, NOW)
    read = read_http_date(date)

    assert not math.isnan(waits)
    assert read is None or abs((read - NOW).days) < 100_000


@given(TEXT, TEXT)
def test_addresses(link: str, base: str) -> None:
    """A link, a base address, an alias, a token endpoint."""
    ours = read_base("https://fhir.example/r4", rewrite_origin=["http://inner:8080/fhir"])

    ours.resolve(link, against="https://fhir.example/r4/Observation")
    ours.holds(link)
    only_ours(lambda: read_base(base))
    only_ours(lambda: read_base("https://fhir.example/r4", rewrite_origin=[base]))
    only_ours(lambda: token_url("", ours, Discovery(link)))
    only_ours(lambda: token_url(link, ours, Discovery()))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)


class Says:
    """A server that always says the same."""

    def __init__(self, body: bytes, status: int, date: str) -> None:
        self._answer = Answer(status, {"date": date}, body, "https://fhir.example/r4")

    def send(self, _: Request) -> Answer | NoAnswer:
        """Say it."""
        return self._answer

    def close(self) -> None:
        """Nothing to close."""


TOKENS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("access_token", "expires_in", "scope", "error"), JSON)
)


@given(st.one_of(TOKENS, JSON), st.sampled_from([200, 400, 401, 403, 404, 500]), TEXT)
def test_answers_of_a_login(body: Any, status: int, date: str) -> None:
    """A token that can be sent in a header, or an error."""
    clock = FakeClock()
    told = json.dumps(body).encode()
    server = Says(told, status, date)
    form: Callable[[], dict[str, str]] = dict
    tokens = TokenHeaders(
        "https://fhir.example/token", server, form, clock=clock, wanted=("system/*.rs",)
    )

    def log_in() -> None:
        header = tokens.current()["Authorization"]
        assert header.isascii()
        assert header.isprintable()

    only_ours(log_in)
    only_ours(lambda: discover(read_base("https://fhir.example/r4"), server, clock))


@pytest.mark.parametrize("token", ["a\r\nX: y", "a\nb", "", " ", "é", "a b", "\0", "x" * 70_000])
def test_a_token_that_no_header_can_hold_is_refused(token: str) -> None:
    """Exit 4 and a line; it never comes to a request."""
    server = Says(json.dumps({"access_token": token, "scope": "system/*.rs"}).encode(), 200, "")
    form: Callable[[], dict[str, str]] = dict
    tokens = TokenHeaders(
        "https://fhir.example/token", server, form, clock=FakeClock(), wanted=("system/*.rs",)
    )

    with pytest.raises(RemissionError) as caught:
        tokens.current()

    assert caught.value.exit_code == 4


# Bodies beside resources --------------------------------------------------------------------------


@given(st.one_of(RAW, JSON.map(lambda value: json.dumps(value).encode())))
def test_manifests_pages_and_outcomes(body: bytes) -> None:
    """Of a manifest, a page, a refusal, a CapabilityStatement."""
    whole = read_manifest(b"{}")
    only_ours(lambda: joined(whole, read_manifest(body)))
    only_ours(lambda: read_page(body, name="page"))
    next_link(body)
    answer = Answer(400, {}, body, "")
    assert str(refusal("host", "label", answer)).isprintable()
    is_done(answer)
    vendor_codes(answer)


FAMILIES = load_families(default_dir() / "servers")


@given(JSON, TEXT, TEXT)
def test_capability_statements(inside: Any, version: str, setting: str) -> None:
    """Any value in any place of it."""
    statement = {
        "resourceType": "CapabilityStatement",
        "fhirVersion": version,
        "software": {"name": inside},
        "rest": [{"mode": "server", "resource": [{"type": "Observation", "searchParam": inside}]}],
    }
    for told in (statement, {**statement, "fhirVersion": "4.0.1", "rest": inside}, inside):
        only_ours(lambda told=told: choose_profile(told, FAMILIES, setting=setting, delta="auto"))


# Files -----------------------------------------------------------------------------------------


@FOR_FILES
@given(RAW)
def test_files_of_ours_that_somebody_changed(tmp_path: Path, data: bytes) -> None:
    """A plan, a key, a cohort, what is known of an export."""
    file = tmp_path / ".export.json"
    file.write_bytes(data)

    only_ours(lambda: read_plan(file, b"k" * 32))
    only_ours(lambda: read_site_key(file))
    only_ours(lambda: read_begun(tmp_path))
    only_ours(lambda: read_cohort(data.decode("utf-8", "replace"), file="cohort.csv"))
    only_ours(lambda: read_signing_key(data.decode("utf-8", "replace")))


@FOR_FILES
@given(TEXT)
def test_a_seal_of_any_text(tmp_path: Path, seal: str) -> None:
    """A plan that is a plan but for its seal."""
    plan = {"site": "s", "as_of": "", "cohort": 0, "entries": [], "hmac": seal}
    file = tmp_path / "plan.json"
    file.write_bytes(msgspec.json.encode(plan))

    with pytest.raises(RemissionError) as caught:
        read_plan(file, b"k" * 32)

    assert caught.value.exit_code in (2, 5)


NAMES = [b"\xff", b"a\xe9b", b"\xc3\x28", b"new\nline", b"\x1b[2J", "💥".encode(), b"-x", b"a'b\"c"]


def test_a_file_by_any_name_is_read_like_others(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """By `classify` and in an archive; where it is damaged, it is named in a line."""
    folder = os.fsencode(tmp_path) + b"/in"
    os.mkdir(folder)
    for name in NAMES:
        path = folder + b"/" + name + b".ndjson"
        with open(path, "wb") as file:
            file.write(b'{"resourceType":"Patient","id":"p1"}\n{"resourceType":"Observ\n')
        assert main(["classify", "--", os.fsdecode(path)]) == 3, name

    assert main(["archive", str(tmp_path / "in"), "--out", str(tmp_path / "o"), "--workers=1"]) == 3
    told = capsysbinary.readouterr().err
    assert b"bug" not in told
    assert all(line.decode().isprintable() for line in told.splitlines())
    assert len(json.loads((tmp_path / "o/summary.json").read_bytes())["damage"]) == len(NAMES)


# Settings ----------------------------------------------------------------------------------------

KEYS = [
    *("site.id", "site.timezone", "site.key_file", "source.base_url", "source.rate", "log.format"),
    *("source.read_timeout", "source.connections", "source.rewrite_origin", "state.url"),
    *("run.max_runtime", "run.allowed_hours", "write.max_changed_share", "sink.main.kind"),
    *("source.auth.mode", "source.auth.scopes", "source.proxy", "cohort.file", "", "a.b.c", "x"),
]


@FOR_FILES
@given(st.sampled_from(KEYS), st.one_of(TEXT, st.just("a\udcffb")))
def test_settings(tmp_path: Path, key: str, value: str) -> None:
    """In the file, on the command line, in the environment."""
    file = tmp_path / "site.toml"
    table, _, name = key.rpartition(".")
    quoted = json.dumps(value)
    file.write_text(f"[{table}]\n{name} = {quoted}\n")
    variable = "FHIR_REMISSION__" + key.upper().replace(".", "__")

    only_ours(lambda: load_settings(file, {}, {}))
    only_ours(lambda: load_settings(None, read_assignments([f"{key}={value}"]), {}))
    only_ours(lambda: load_settings(None, read_assignments([value]), {}))
    only_ours(lambda: load_settings(None, {}, {variable: value, f"{variable}_FILE": value}))


@FOR_FILES
@given(RAW)
def test_a_settings_file_of_any_bytes(tmp_path: Path, data: bytes) -> None:
    """Not TOML, not text."""
    file = tmp_path / "site.toml"
    file.write_bytes(data)

    only_ours(lambda: load_settings(file, {}, {}))


@given(st.one_of(TEXT, st.just("a\udcffb")), st.sampled_from(["basic", "header", "secret"]))
def test_secrets(secret: str, mode: Any) -> None:
    """What no header can hold is told before anything is sent."""
    only_ours(lambda: secret_of(Auth(mode=mode, client_id="c", secret=secret)))


# The state ---------------------------------------------------------------------------------------


def filled(path: Path) -> list[tuple[str, str]]:
    """A state with a row in every table; its columns."""
    state = open_state(f"sqlite:///{path}", SystemClock())
    state.begin_run("s")
    state.advance("s", {"s": "2026-01-01T00:00:00Z"}, {"s": "s"}, "s")
    state.postpone("s", "s", "s", "2026-01-01T00:00:00Z")
    lease = take_lease(state.database, SystemClock(), "s", "s")
    row = AssessmentRow(
        key="s", source="s", patient="s", sink="s", evidence_hash="s",
        content_digest="s", etag="s", status="pending", run="s",
    )  # fmt: skip
    state.plan_send(lease, [row], [EvidenceRow("s", "s", "s", "s", "s")], {"s": "{}"})
    state.close()
    database = sqlite3.connect(path)
    columns = [
        (table, row[1])
        for table in (*TABLES, "lease")
        for row in database.execute(f"PRAGMA table_info({table})")
    ]
    full = set(TABLES) - {"parked"}
    assert all(database.execute(f"SELECT COUNT(*) FROM {one}").fetchone()[0] for one in full)
    database.close()
    return columns


VALUES = ["", "x" * 5000, "9999-99-99T99:99:99Z", b"\xff\x00", 2**63 - 1, 1.5]


def test_rows_of_the_state(tmp_path: Path) -> None:
    """Any value in any column of any table: read, or named as what cannot be read."""
    columns = filled(tmp_path / "0.db")
    assert len(columns) > 20
    wrong: list[str] = []
    for number, (table, name) in enumerate(columns):
        for place, value in enumerate(VALUES):
            path = tmp_path / f"{number}-{place}.db"
            path.write_bytes((tmp_path / "0.db").read_bytes())
            database = sqlite3.connect(path)
            try:
                with database:
                    database.execute(f"UPDATE {table} SET {name} = ?", (value,))
            except sqlite3.Error:
                continue
            finally:
                database.close()
            try:
                only_ours(lambda path=path: looked_at(path))
            except Exception as error:
                wrong.append(f"{table}.{name} = {value!r:.20}: {type(error).__name__} {error}")
            path.unlink()

    assert wrong == []


def looked_at(path: Path) -> None:
    """Everything that reads rows."""
    state = open_state(f"sqlite:///{path}", SystemClock())
    try:
        state.watermark("s", "s")
        state.dirty("s")
        state.assessments("s", "s", "s")
        state.written_by("s", "s")
        state.cited("s")
        state.backlog("s")
        state.runs()
        state.on_its_way("s")
        read_marks(state.database, "s")
        citations(state.database, "s")
        unfinished(state, NOW)
        list(export_lines(state))
    finally:
        state.close()


@FOR_FILES
@given(st.lists(st.one_of(RAW, JSON.map(lambda value: json.dumps(value).encode())), max_size=3))
def test_lines_of_an_exported_state(tmp_path: Path, lines: list[bytes]) -> None:
    """What is imported was written by anybody."""
    state = open_state("sqlite://", SystemClock())
    try:
        only_ours(lambda: import_lines(state, lines))
    finally:
        state.close()
