"""A database by URL: opened privately, migrated by numbered files, written in short transactions.

Messages of a database quote values (`Key (patient)=(...) already exists`), so none is passed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from fhir_remission.effects.files.private_file import FULL, Planted, make_private, not_written
from fhir_remission.effects.process.clock import timestamp
from fhir_remission.errors import SettingsError, Unreachable

# Writing a page, or its log, found no room.
_FULL = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"})


class Database:
    """Transactions over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """All or nothing, and nobody else writes meanwhile."""
        with _own_words(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read without holding anybody up."""
        with (
            _own_words(),
            self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        ):
            yield connection

    def compact(self) -> None:
        """Leave nothing of deleted rows in the file; a database server has its own ways."""
        if self._engine.dialect.name != "sqlite":
            return
        with _own_words():
            raw = self._engine.raw_connection()
            try:
                for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                    raw.cursor().execute(statement)
            finally:
                raw.close()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def open_database(url: str, *, applied_at: datetime) -> Database:
    """Open or create the database and bring it to the newest schema."""
    engine = _engine(_read_url(url))
    try:
        _migrate(engine, applied_at)
    except SettingsError:
        engine.dispose()
        raise
    except SQLAlchemyError as error:
        engine.dispose()
        if _is_full(error):
            raise _no_room() from None
        raise SettingsError(
            f"state.url: cannot use this database ({_cause(error)}); check path, rights and server"
        ) from None
    return Database(engine)


def _read_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError("state.url: expected sqlite:///file or postgresql://...") from None
    if parsed.drivername == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _engine(url: URL) -> Engine:
    try:
        engine = create_engine(url, hide_parameters=True)
    except NoSuchModuleError:
        raise SettingsError("state.url: expected sqlite:///file or postgresql://...") from None
    except ModuleNotFoundError:
        raise SettingsError(
            "state.url: PostgreSQL needs its driver: pip install 'fhir-remission[postgres]'"
        ) from None
    if url.get_backend_name() == "sqlite":
        _keep_private(url.database)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _keep_private(name: str | None) -> None:
    """Create the file for its owner only; SQLite gives its -wal and -shm files the same mode."""
    if not name or name == ":memory:":
        return
    try:
        Path(name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_private(Path(name))
    except Planted as error:
        raise SettingsError(f"state.url: cannot use this database: {error}") from None
    except OSError as error:
        if error.errno in FULL:
            raise not_written(Path(name), error) from None
        raise SettingsError(f"state.url: cannot create {name}: {error.strerror}") from None


def _prepare_sqlite(connection: SqliteConnection, _: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: `_begin_immediate` does.
    connection.isolation_level = None
    # A damaged text is that of one row, not of the whole table it is read with.
    connection.text_factory = _lenient
    connection.execute("PRAGMA busy_timeout=10000")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous=FULL")


def _lenient(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")


def _write_ahead(connection: SqliteConnection) -> None:
    """Switch the journal; two that switch a new file at once would both be told that it is locked.

    No busy_timeout holds for the switch, but one holds for a transaction: that is how to wait.
    """
    for attempt in range(_SWITCHES):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except OperationalError:
            if attempt == _SWITCHES - 1:
                raise
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        else:
            return


def _begin_immediate(connection: Connection) -> None:
    # A deferred transaction that reads first and writes later fails when another one wrote between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


_SWITCHES = 20
# A number of ours among the advisory locks of the database: the ASCII of "fhirremi".
_MIGRATING = 0x66686972_72656D69


def _migrate(engine: Engine, applied_at: datetime) -> None:
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Of two first starts one makes the tables; the other waits, and then sees them.
            # SQLite has BEGIN IMMEDIATE for that.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        version = _version(connection)
        newest = max(number for number, _ in _migrations())
        if version > newest:
            raise SettingsError(
                f"state.url: the database is of schema {version}, newer than this program's "
                f"{newest}: upgrade fhir-remission"
            )
        for number, script in _migrations():
            if number > version:
                _apply(connection, number, script, applied_at)


def _version(connection: Connection) -> int:
    if not connection.dialect.has_table(connection, "schema_version"):
        return 0
    return int(connection.execute(text("SELECT MAX(version) FROM schema_version")).scalar_one())


def _migrations() -> list[tuple[int, str]]:
    folder = files("fhir_remission.effects.state") / "migrations"
    found = [item for item in folder.iterdir() if item.name.endswith(".sql")]
    return sorted((int(item.name[:4]), item.read_text(encoding="utf-8")) for item in found)


def _apply(connection: Connection, number: int, script: str, applied_at: datetime) -> None:
    lines = (line for line in script.splitlines() if not line.startswith("--"))
    for statement in "\n".join(lines).split(";"):
        if statement.strip():
            connection.exec_driver_sql(statement)
    connection.execute(
        text("INSERT INTO schema_version (version, applied_at) VALUES (:version, :at)"),
        {"version": number, "at": timestamp(applied_at)},
    )


@contextmanager
def _own_words() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        if _is_full(error):
            raise _no_room() from None
        raise Unreachable(
            f"the state database failed ({_cause(error)}); nothing is half done, run again later"
        ) from None


def _is_full(error: SQLAlchemyError) -> bool:
    return getattr(getattr(error, "orig", None), "sqlite_errorname", "") in _FULL


def _no_room() -> Unreachable:
    return Unreachable(
        "the disk of the state database is full: make room and run again; nothing is half done"
    )


def _cause(error: SQLAlchemyError) -> str:
    """Name the kind of failure; the message itself may quote patients."""
    original = getattr(error, "orig", None)
    return type(original or error).__name__
