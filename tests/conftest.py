"""Parts that tests of every room share: real market data and real databases."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
from _pytest.junitxml import xml_key
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

from nightdesk.machine import postgres
from nightdesk.store import connection as connection_store
from nightdesk.store import db
from nightdesk.store.migrations import migrate
from nightdesk.version import code_version

PROJECT = Path(__file__).resolve().parents[1]
TEMPLATE = "nightdesk_template"


#: Files and folders with the longest tests, the longest first. A process of the tests takes a file at a time:
#: with a long one begun last, all others would wait for its process.
LONGEST = (
    "end_to_end/test_alpaca_book.py",
    "end_to_end/test_one_desk.py",
    "matrices/test_fault.py",
    "machine/test_airflow.py",
    "end_to_end",
    "parity",
    "matrices",
    "dags/test_preloading.py",
    "session",
    "operations",
    "machine",
    "engine",
    "research",
    "cli",
)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Write into the file of a run (``--junitxml``) which code was tested, and by which part of the tests."""
    config = session.config
    xml = config.stash.get(xml_key, None)
    if xml is None:
        return
    option = config.option
    named = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
    part = [*named, *(option.deselect or ()), *(option.ignore or ())]
    part += [f"-k {option.keyword}"] if option.keyword else []
    part += ["--last-failed"] if getattr(option, "lf", False) else []
    xml.add_global_property("code_version", code_version())
    xml.add_global_property("marker", option.markexpr)
    xml.add_global_property("part", " ".join(map(str, part)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; the order within a file stays."""
    items.sort(key=lambda item: _place(item.path.relative_to(PROJECT / "tests").as_posix()))


def _place(path: str) -> int:
    return next((n for n, one in enumerate(LONGEST) if path.startswith(one)), len(LONGEST))


@pytest.fixture(scope="session")
def market() -> Path:
    """The folder of real daily bars; tests that read it are skipped where it is absent."""
    folder = Path(os.environ.get("NIGHTDESK_MARKET") or PROJECT / ".." / "shared" / "market").resolve()
    if not (folder / "multi_asset_daily.csv.gz").is_file():
        pytest.skip(f"no real market data in {folder}: name its folder in NIGHTDESK_MARKET")
    return folder


class Databases:
    """Migrated databases on a server of this test process, lent to one test at a time.

    Making one from the template takes a few tenths of a second, emptying a used one a few milliseconds.
    """

    def __init__(self, addresses: postgres.Addresses) -> None:
        self._addresses = addresses
        self._free: list[str] = []
        self._server = psycopg2.connect(addresses.airflow)
        self._server.autocommit = True
        # A database with a connection open is no template: the migrating one is closed first.
        self._run("CREATE DATABASE {}", TEMPLATE)
        with open_connection(self._url(TEMPLATE)) as template:
            migrate(template)
            self._pristine = _shape(template)

    def new(self) -> str:
        """The address of one that no test has used."""
        return self.copy(self._url(TEMPLATE))

    def bare(self) -> str:
        """The address of one without any table."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._run("CREATE DATABASE {}", name)
        return self._url(name)

    def copy(self, url: str) -> str:
        """The address of one with the rows of another, which nobody is connected to."""
        name, source = f"test_{uuid.uuid4().hex[:12]}", str(parse_dsn(url)["dbname"])
        self._run("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, source)
        return self._url(name)

    def drop(self, url: str) -> None:
        """Delete one, and end who is connected to it."""
        self._run("DROP DATABASE {} WITH (FORCE)", str(parse_dsn(url)["dbname"]))

    @contextmanager
    def lent(self) -> Iterator[str]:
        """The address of an empty one, taken back at the end of the block."""
        url = self._free.pop() if self._free else self.new()
        yield url
        with open_connection(url) as connection:
            _empty(connection)
            if _shape(connection) == self._pristine:
                self._free.append(url)

    def close(self) -> None:
        """End its own connection."""
        self._server.close()

    def _url(self, name: str) -> str:
        return self._addresses.nightdesk.replace("/nightdesk?", f"/{name}?")

    def _run(self, statement: str, *names: str) -> None:
        with self._server.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The databases of this test process."""
    with postgres.ephemeral() as addresses:
        made = Databases(addresses)
        yield made
        made.close()


@pytest.fixture
def database(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a migrated, empty database, which `connect()` finds as the desk's own."""
    with databases.lent() as url:
        monkeypatch.setenv(db.DATABASE_VARIABLE, url)
        yield url


@pytest.fixture(scope="module")
def module_database(databases: Databases) -> Iterator[str]:
    """The address of a migrated, empty database that the tests of one file share."""
    with databases.lent() as url:
        yield url


@pytest.fixture
def new_database(databases: Databases) -> Iterator[Callable[[], str]]:
    """Makes one more migrated, empty database, gone after the test; returns its address."""
    made: list[str] = []

    def new() -> str:
        made.append(databases.new())
        return made[-1]

    yield new
    for url in made:
        databases.drop(url)


@pytest.fixture
def conn(database: str) -> Iterator[db.Connection]:
    """A connection to the `database` of this test."""
    with open_connection(database) as connection:
        yield connection


@contextmanager
def open_connection(url: str) -> Iterator[db.Connection]:
    """A connection that is closed at the end of the block, whatever happened to it."""
    connection = connection_store.connect(url)
    try:
        yield connection
    finally:
        connection.close()


def _empty(connection: db.Connection) -> None:
    """End what a test left connected, delete its rows and let the numbers begin again."""
    with db.cursor(connection) as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        cursor.execute(
            "SELECT string_agg(format('DELETE FROM nightdesk.%I', relname), '; ') FROM pg_class "
            "WHERE relnamespace = 'nightdesk'::regnamespace AND relkind = 'r' "
            "AND relname NOT IN ('migrations', 'installation', 'role_grants')"
        )
        deletions = db.one(cursor)[0]
        # Foreign keys are checked by triggers, which do not fire in this role: any order of tables will do.
        cursor.execute(f"SET session_replication_role = replica; {deletions}")
        cursor.execute(
            "SELECT setval(oid::regclass, 1, false) FROM pg_class "
            "WHERE relnamespace = 'nightdesk'::regnamespace AND relkind = 'S'"
        )


def _shape(connection: db.Connection) -> tuple[object, ...]:
    """What tells a database that a test migrated, altered or gave a clock from one that it only filled."""
    with db.cursor(connection) as cursor:
        # A clock that a test has set stands before PostgreSQL's on the search path of all later connections.
        cursor.execute(
            "SELECT current_setting('search_path'), (SELECT count(*) FROM nightdesk.migrations), "
            "array_agg(relname ORDER BY relname) "
            "FROM pg_class WHERE relnamespace = 'nightdesk'::regnamespace"
        )
        return db.one(cursor)
