"""What a desk that lives for years does each day: logs are rotated, and what is old is deleted.

Each part stands by itself: one that fails leaves the others, and says what it removed in a sentence.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.machine.cluster import Cluster
from nightdesk.machine.home import Home
from nightdesk.machine.postgres import AIRFLOW_VARIABLE, sqlalchemy_address

#: Logs of tasks, Airflow's rows and findings that passed are kept so long.
KEPT_DAYS = 90
#: What the DAG processor writes of each parsing of a file: megabytes a day that nobody reads later.
PARSING_DAYS = 7
#: A daemon's log is rotated beyond this size, and so many old ones are kept.
LOG_BYTES, LOGS_KEPT = 20 * 1024**2, 4

#: Airflow's tables that grow with its runs. `dag` and `dag_version` are left: they grow with edits alone.
AIRFLOW_TABLES = (
    "asset_event", "callback", "celery_taskmeta", "celery_tasksetmeta", "connection_test_request", "dag_run",
    "deadline", "import_error", "job", "log", "partitioned_asset_key_log", "revoked_token", "task_instance",
    "task_instance_history", "task_reschedule", "task_state_store", "trigger", "xcom",
)  # fmt: skip
CLEANING_SECONDS = 1500.0
MEGABYTE = 1024**2


def parts(home: Home, environ: Mapping[str, str], days: int = KEPT_DAYS) -> dict[str, Callable[[], str]]:
    """The parts of the upkeep by name; each does its work and says what it removed.

    Parameters
    ----------
    home : Home
        The desk.
    environ : mapping of str to str
        Where the addresses of databases are.
    days : int
        How long logs, rows and findings are kept.
    """
    if days < 1:
        raise Refused(f"upkeep: {days} days: what is kept must be at least the last day")
    return {
        "logs": lambda: clean_logs(home, environ, days),
        "airflow": lambda: clean_airflow(home, environ, days),
        "findings": lambda: clean_findings(environ, days),
        "data_docs": lambda: build_data_docs(home, environ),
        "backup": lambda: back_up(home, environ),
        "integrity": lambda: check_ledgers(environ),
        "feeds": lambda: look_at_feeds(environ),
    }


def keep_up(
    home: Home, environ: Mapping[str, str], days: int = KEPT_DAYS
) -> tuple[dict[str, str], list[str]]:
    """Do all parts, whatever becomes of each.

    Returns
    -------
    tuple
        What each part that ended well says, by its name; and a line for each that failed.
    """
    done, failed = {}, []
    for name, part in parts(home, environ, days).items():
        try:
            done[name] = part()
        except (NightdeskError, OSError) as error:
            failed.append(f"{name}: {error}")
    return done, failed


def clean_logs(home: Home, environ: Mapping[str, str], days: int = KEPT_DAYS) -> str:
    """Rotate the daemons' logs by size, and delete those of tasks and of parsing by age."""
    rotated = [path for path in sorted(home.logs.glob("*.log")) if rotate(path, LOG_BYTES)]
    server = Cluster(home.postgres).log
    if server.exists() and rotate(server, LOG_BYTES):
        rotated.append(server)
    tasks = Path(environ.get("AIRFLOW__LOGGING__BASE_LOG_FOLDER") or home.logs / "tasks")
    old, size = _delete_old(tasks, days)
    parsed, more = _delete_old(home.logs / "parsing", min(days, PARSING_DAYS))
    names = ", ".join(path.name for path in rotated) or "none"
    return (
        f"rotated beyond {LOG_BYTES / MEGABYTE:.0f} MB: {names}; "
        f"deleted {old:,} logs of tasks older than {days} days and {parsed:,} of parsing, "
        f"{(size + more) / MEGABYTE:,.1f} MB"
    )


def rotate(path: Path, limit: int, kept: int = LOGS_KEPT) -> bool:
    """Move what a log holds aside when that is more than `limit` bytes: ``.1`` is the newest of `kept`.

    The log itself is emptied, not moved: a daemon has it open for appending, and goes on at its new end. What
    is written between copy and emptying, a few milliseconds, is lost.
    """
    if path.stat().st_size <= limit:
        return False
    old = [path.with_name(f"{path.name}.{number}") for number in range(1, kept + 1)]
    for newer, older in zip(old[-2::-1], old[:0:-1], strict=True):
        if newer.exists():
            newer.replace(older)
    shutil.copy2(path, old[0])
    os.truncate(path, 0)
    return True


def clean_findings(environ: Mapping[str, str], days: int = KEPT_DAYS) -> str:
    """Delete the findings of old, closed sessions that passed."""
    from nightdesk.store.connection import connect
    from nightdesk.store.db import now
    from nightdesk.store.health_rows import thin_findings

    conn = connect(environ=environ)
    try:
        before = (now(conn) - timedelta(days=days)).date()
        sessions, rows = thin_findings(conn, before)
    finally:
        conn.close()
    return f"deleted {rows:,} findings that passed, of {sessions:,} sessions before {before}"


def build_data_docs(home: Home, environ: Mapping[str, str]) -> str:
    """Build the Data Docs of every book anew from what is stored; older pages than they hold are deleted."""
    from nightdesk.session.data_docs import KEPT_DECISIONS, build_all
    from nightdesk.store.connection import connect

    conn = connect(environ=environ)
    try:
        built = build_all(conn, home.reports, environ)
    finally:
        conn.close()
    told = ", ".join(f"{book} {pages}" for book, pages in built.items()) or "none"
    return f"pages of Data Docs by book, of its newest {KEPT_DECISIONS} decisions: {told}"


def back_up(home: Home, environ: Mapping[str, str]) -> str:
    """Make the day's backup; its own days say how long backups are kept."""
    from nightdesk.machine.backup import make_backup

    return make_backup(home, environ, seconds=CLEANING_SECONDS).words()


def check_ledgers(environ: Mapping[str, str]) -> str:
    """Verify every book, and tell of one whose ledger does not agree."""
    from nightdesk.operations.integrity import check_integrity
    from nightdesk.store.connection import connect

    conn = connect(environ=environ)
    try:
        return check_integrity(conn)
    finally:
        conn.close()


def look_at_feeds(environ: Mapping[str, str]) -> str:
    """How the sources of data fare; what fails is told once a spell."""
    from nightdesk.feeds.breaker import SourceHealth
    from nightdesk.session.data_alerts import tell_feeds
    from nightdesk.store.connection import connect
    from nightdesk.store.rows import read_rows

    conn = connect(environ=environ)
    try:
        told = tell_feeds(conn)
        health = {row["source"]: SourceHealth.from_row(row) for row in read_rows(conn, "feeds_health")}
    finally:
        conn.close()
    states = (
        ", ".join(f"{source} {one.lasting_status()}" for source, one in health.items()) or "none was asked"
    )
    return f"sources: {states}; {told} alerts raised"


def clean_airflow(home: Home, environ: Mapping[str, str], days: int = KEPT_DAYS) -> str:
    """Delete Airflow's rows of old runs by its own command, and none from the oldest unfinished run on.

    Raises
    ------
    Refused
        When nobody says where Airflow's database is.
    Transient
        When it does not answer, or its command fails, with the end of what it said.
    """
    url = airflow_database(home, environ)
    before = datetime.now(UTC) - timedelta(days=days)
    rows, size, unfinished = _airflow_state(url)
    spared = ""
    if unfinished is not None and unfinished[2] < before:
        dag_id, run_id, before = unfinished
        spared = (
            f"; not beyond {before:%Y-%m-%d %H:%M} UTC, when {run_id} of {dag_id} began, which is unfinished"
        )
    _clean(url, before)
    left, size_left, _ = _airflow_state(url)
    gone = ", ".join(f"{name} {rows[name] - left[name]:,}" for name in rows if rows[name] > left[name])
    return (
        f"deleted rows from before {before:%Y-%m-%d}: {gone or 'none'}; "
        f"{size / MEGABYTE:,.1f} MB before, {size_left / MEGABYTE:,.1f} MB now{spared}"
    )


def airflow_database(home: Home, environ: Mapping[str, str]) -> str:
    """The libpq address of Airflow's metadata, which a task's own environment does not hold."""
    named = environ.get(AIRFLOW_VARIABLE)
    if named:
        return named
    cluster = Cluster(home.postgres)
    if not cluster.data.exists():
        raise Refused(f"where Airflow's tables are is not known: name their database in {AIRFLOW_VARIABLE}")
    return cluster.url("airflow")


def _airflow_state(url: str) -> tuple[dict[str, int], int, tuple[str, str, datetime] | None]:
    """Rows of each of `AIRFLOW_TABLES` that exists, bytes of all tables, and the oldest unfinished run."""
    import psycopg2
    from psycopg2 import sql

    from nightdesk.store.db import address
    from nightdesk.store.faults import failed_connection, in_words

    where = address(url) or "the address of Airflow's database"
    try:
        conn = psycopg2.connect(url, connect_timeout=5)
    except psycopg2.OperationalError as error:
        raise failed_connection(error, where, AIRFLOW_VARIABLE) from None
    try:
        with in_words(where), conn.cursor() as cur:
            cur.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname = ANY(%s) "
                "AND pg_table_is_visible(oid) ORDER BY relname",
                (list(AIRFLOW_TABLES),),
            )
            rows = {}
            for (name,) in cur.fetchall():
                cur.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name)))
                rows[name] = int((cur.fetchone() or (0,))[0])
            cur.execute("SELECT pg_database_size(current_database())")
            size = int((cur.fetchone() or (0,))[0])
            cur.execute(
                "SELECT dag_id, run_id, coalesce(start_date, queued_at, run_after) AS began FROM dag_run "
                "WHERE state IN ('queued', 'running') ORDER BY began LIMIT 1"
            )
            return rows, size, cur.fetchone()
    finally:
        conn.close()


def _clean(url: str, before: datetime) -> None:
    # A task's process has no way to Airflow's database: its command gets the address in a process of its own.
    environ = {name: value for name, value in os.environ.items() if name != "_AIRFLOW_PROCESS_CONTEXT"}
    environ.pop("AIRFLOW__CORE__SQL_ALCHEMY_CONN", None)
    environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = sqlalchemy_address(url)
    command = [sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive"]
    command += ["--clean-before-timestamp", before.isoformat(), "--tables", ",".join(AIRFLOW_TABLES)]
    try:
        done = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CLEANING_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Transient(f"`airflow db clean` did not end within {CLEANING_SECONDS:.0f} s") from None
    if done.returncode != 0:
        end = " ".join((done.stdout + done.stderr).strip().splitlines()[-3:])
        raise Transient(f"`airflow db clean` failed: {end}")


def _delete_old(folder: Path, days: int) -> tuple[int, int]:
    """Delete the files below a folder that nobody wrote to for so many days, and folders left empty.

    Returns
    -------
    tuple of int
        How many files, and their bytes.
    """
    limit, files, size = time.time() - days * 86400, 0, 0
    for place, _, names in os.walk(folder, topdown=False):
        path = Path(place)
        # One that Airflow has just made for a task stays, though it is empty.
        is_old = path != folder and path.stat().st_mtime < limit
        for file in (path / name for name in names):
            found = file.lstat()
            if found.st_mtime < limit:
                file.unlink()
                files, size = files + 1, size + found.st_size
        if is_old and not any(path.iterdir()):
            path.rmdir()
    return files, size
