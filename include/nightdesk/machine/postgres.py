"""The desk's databases: an embedded server, or one of the user's own where its address is set.

``NIGHTDESK_DATABASE_URL`` and ``NIGHTDESK_AIRFLOW_DATABASE_URL`` name databases of the user's own, each by
itself; what is not named lives in the embedded server of the desk's home. Users of other roles in the desk's
database have addresses of their own: ``NIGHTDESK_OWNER_DATABASE_URL`` and ``NIGHTDESK_READER_DATABASE_URL``.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nightdesk.core.errors import Refused
from nightdesk.machine.cluster import Cluster
from nightdesk.machine.home import Home
from nightdesk.machine.logins import ensure_logins, url_of

DATABASE_VARIABLE = "NIGHTDESK_DATABASE_URL"
AIRFLOW_VARIABLE = "NIGHTDESK_AIRFLOW_DATABASE_URL"
OWNER_VARIABLE = "NIGHTDESK_OWNER_DATABASE_URL"
READER_VARIABLE = "NIGHTDESK_READER_DATABASE_URL"
DATABASES = ("nightdesk", "airflow")

#: Where Linux keeps files in memory, and the bytes that must be free there before a server's files go there.
MEMORY, MEMORY_NEEDED = Path("/dev/shm"), 2 * 1024**3  # nosec B108 (its folders have owners)


@dataclass(frozen=True)
class Addresses:
    """Where the two databases answer, as libpq addresses (``postgresql://...``).

    Attributes
    ----------
    nightdesk, airflow : str
        The desk's database, in the name of who runs it, and Airflow's.
    owner, reader : str
        The desk's database in the name of who migrates it, and of who only looks; empty where that is nobody
        else.
    """

    nightdesk: str
    airflow: str
    owner: str = ""
    reader: str = ""

    @property
    def airflow_sqlalchemy(self) -> str:
        """The address of Airflow's metadata as SQLAlchemy writes it, with the psycopg2 driver."""
        return sqlalchemy_address(self.airflow)


def sqlalchemy_address(url: str) -> str:
    """A libpq address as SQLAlchemy writes it, with the psycopg2 driver."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg2://", url)


def addresses(home: Home | None = None, environ: Mapping[str, str] | None = None) -> Addresses:
    """Where both databases answer when they run; nothing is started or asked."""
    home = Home.find() if home is None else home
    environ = os.environ if environ is None else environ
    own = environ.get(DATABASE_VARIABLE)
    users = not own and home.database_logins.exists()
    return Addresses(
        nightdesk=own or url_of(home, "writer"),
        airflow=environ.get(AIRFLOW_VARIABLE) or Cluster(home.postgres).url("airflow"),
        owner=environ.get(OWNER_VARIABLE) or (url_of(home, "owner") if users else ""),
        reader=environ.get(READER_VARIABLE) or (url_of(home, "reader") if users else ""),
    )


def is_embedded(environ: Mapping[str, str]) -> bool:
    """Whether one of the databases lives in the embedded server."""
    return not all(environ.get(name) for name in (DATABASE_VARIABLE, AIRFLOW_VARIABLE))


def start(home: Home | None = None, environ: Mapping[str, str] | None = None) -> Addresses:
    """Make sure that both databases answer, starting the embedded server where it is needed.

    Returns
    -------
    Addresses
        Both databases.

    Raises
    ------
    Refused
        When an address is not one of PostgreSQL, or the server refuses (password, no such database).
    Transient
        When nothing answers there.
    """
    home = Home.find() if home is None else home
    environ = os.environ if environ is None else environ
    for variable in (DATABASE_VARIABLE, AIRFLOW_VARIABLE, OWNER_VARIABLE, READER_VARIABLE):
        if environ.get(variable):
            _check(variable, environ[variable], environ)
    if is_embedded(environ):
        Cluster(home.postgres).start(DATABASES)
    if not environ.get(DATABASE_VARIABLE):
        ensure_logins(home)
    return addresses(home, environ)


def stop(home: Home | None = None) -> bool:
    """End the embedded server; False when it did not run. A server of the user's own is left alone."""
    return Cluster((Home.find() if home is None else home).postgres).stop()


def is_alive(url: str) -> bool:
    """Whether the database at `url` takes a connection (authenticated, database opened) within 5 seconds."""
    return fault_of(url) is None


def fault_of(url: str) -> str | None:
    """Why the database at `url` takes no connection within 5 seconds, in a line; None when it does."""
    import psycopg2

    from nightdesk.store.faults import first_line

    try:
        psycopg2.connect(url, connect_timeout=5).close()
    except psycopg2.Error as error:
        return first_line(error)
    return None


def serving_since(url: str) -> datetime | None:
    """When the server behind `url` began to serve, in UTC; None when it does not answer within 5 seconds.

    None too where that is yet to come: the clock was set back since, and tells nothing of what was before.
    """
    began: datetime | None = _value(
        url,
        "SELECT pg_postmaster_start_time() AT TIME ZONE 'UTC' "
        "WHERE pg_postmaster_start_time() <= pg_catalog.clock_timestamp()",
    )
    return None if began is None else began.replace(tzinfo=UTC)


def airflow_revision(url: str) -> str | None:
    """Up to which of its migrations Airflow's tables are; None where none are, or nothing answers."""
    revision: str | None = _value(url, "SELECT version_num FROM alembic_version")
    return revision


def _value(url: str, query: str) -> Any:
    """The first value that a query gives; None when it gives none, or nothing answers within 5 seconds."""
    import psycopg2

    try:
        connection = psycopg2.connect(url, connect_timeout=5)
    except psycopg2.Error:
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return (cursor.fetchone() or (None,))[0]
    except psycopg2.Error:
        return None
    finally:
        connection.close()


def database_url(home: Home | None = None, environ: Mapping[str, str] | None = None) -> str:
    """The libpq address of Nightdesk's database; the embedded server is started where it is needed."""
    environ = os.environ if environ is None else environ
    own = environ.get(DATABASE_VARIABLE) or None
    return start(home, environ).nightdesk if own is None else own


def known_url(home: Home | None = None, environ: Mapping[str, str] | None = None) -> str:
    """The libpq address of Nightdesk's database, whether or not a server answers there."""
    own = (os.environ if environ is None else environ).get(DATABASE_VARIABLE) or None
    return url_of(Home.find() if home is None else home, "writer") if own is None else own


def owner_url(home: Home | None = None, environ: Mapping[str, str] | None = None) -> str:
    """The libpq address of Nightdesk's database for who migrates it; else the desk's own.

    The embedded server is started where it is needed.
    """
    database_url(home, environ)
    found = addresses(home, environ)
    return found.owner or found.nightdesk


def restoring_url(home: Home, environ: Mapping[str, str]) -> str:
    """The libpq address of Nightdesk's database for who restores it: makes it beside itself, and renames it.

    In the embedded server, which is started where it is needed, that is its superuser; else the owner.
    """
    if environ.get(DATABASE_VARIABLE):
        return owner_url(home, environ)
    start(home, environ)
    return Cluster(home.postgres).url("nightdesk")


@contextmanager
def ephemeral() -> Iterator[Addresses]:
    """A server of its own with two empty databases, gone (with its data) at the end; for tests.

    Its files are in memory where that has room: making and deleting databases on a disk takes longer than
    most tests do.
    """
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-pg-", dir=_memory()))
    cluster = Cluster(folder / "postgres", durable=False)
    try:
        cluster.start(DATABASES)
        yield Addresses(nightdesk=cluster.url("nightdesk"), airflow=cluster.url("airflow"))
    finally:
        cluster.destroy()
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> Path | None:
    """The folder that is kept in memory; None where there is none, or little is left of it."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED
    return MEMORY if roomy else None


def _check(variable: str, url: str, environ: Mapping[str, str]) -> None:
    import psycopg2

    from nightdesk.store.db import address
    from nightdesk.store.faults import failed_connection
    from nightdesk.store.tls import check_tls

    shown = address(url) if re.match(r"postgres(ql)?://", url) else None
    if shown is None:
        # Nothing of it is shown: whatever cannot be read may hold the password.
        raise Refused(
            f"{variable} is not an address of PostgreSQL: expected "
            "postgresql://user:password@host:port/database, with special characters percent-encoded"
        )
    check_tls(url, variable, environ)
    try:
        psycopg2.connect(url, connect_timeout=5).close()
    except psycopg2.OperationalError as error:
        raise failed_connection(error, shown, variable) from None
