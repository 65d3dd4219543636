"""The desk as it stands, in numbers: what is shown to Prometheus, all books together, in one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from nightdesk.store.connection import connect_reader
from nightdesk.store.db import Connection, cursor, one, transaction
from nightdesk.store.rows import read_rows

#: No statement takes longer; who asks gets no figures then, and is told that there are none.
STATEMENT_SECONDS = 5
#: Those that grow by a row a symbol, order, step or headline, by name: a list that does not grow by itself.
BIG_TABLES = (
    "bars", "bars_hourly", "factors", "fills", "headlines", "ledger_entries", "order_events", "orders",
    "positions", "quality_runs", "quotes_eod", "run_steps", "signals", "targets", "verdicts",
)  # fmt: skip

#: Counting all that books ever did takes most of a second after ten years of four of them: it is done once in
#: so many seconds, and who reads more often is given the counts of before.
COUNTED = ("orders", "verdicts", "fills", "tables")
COUNTED_FOR = timedelta(seconds=60)

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class DeskFigures:
    """Rows by kind of figure; each list has a row a book, and a row each of what its kind counts.

    Attributes
    ----------
    moment : datetime
        The database's clock when they were read, UTC.
    counted_at : datetime
        The same when the kinds of `COUNTED` were read.
    marks, positions, levels, strategies, orders, verdicts, fills, progress, steps, findings, alerts,
    deliveries, brokers, feeds, tables, database : list of dict
        Columns as the queries ``metric_*`` of ``sql/queries/metrics.sql`` name them; of `feeds` those of
        ``feeds_health``.
    """

    moment: datetime
    counted_at: datetime
    marks: Rows
    positions: Rows
    levels: Rows
    strategies: Rows
    orders: Rows
    verdicts: Rows
    fills: Rows
    progress: Rows
    steps: Rows
    findings: Rows
    alerts: Rows
    deliveries: Rows
    brokers: Rows
    feeds: Rows
    tables: Rows
    database: Rows


#: Kinds that another query gives than the one of their name, and what a query is given.
_QUERIES = {"feeds": "feeds_health"}
_VALUES: dict[str, dict[str, Any]] = {"tables": {"tables": list(BIG_TABLES)}}


@contextmanager
def figures_connection(environ: Mapping[str, str]) -> Iterator[Connection]:
    """A reader's connection whose statements end after `STATEMENT_SECONDS`.

    Raises
    ------
    Transient, Refused
        As `connect_reader` does; also when the schema is another one than this code knows.
    """
    conn = connect_reader(environ)
    try:
        with cursor(conn) as cur:
            cur.execute(
                f"SET statement_timeout = '{STATEMENT_SECONDS}s'; SET application_name = 'nightdesk metrics'"
            )
        yield conn
    finally:
        conn.close()


def desk_figures(conn: Connection, before: DeskFigures | None = None) -> DeskFigures:
    """All figures of one snapshot, so that they agree with each other: no step's commit falls between two.

    Parameters
    ----------
    conn : Connection
        Where they are read.
    before : DeskFigures, optional
        What was read before: its counts are taken where they are not older than `COUNTED_FOR`.
    """
    begin = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SELECT clock_timestamp()"
    with transaction(conn, begin) as clock:
        assert clock is not None
        moment: datetime = clock[0]
        kept = before if before and timedelta(0) <= moment - before.counted_at < COUNTED_FOR else None
        rows = {
            kind: getattr(kept, kind)
            if kept is not None and kind in COUNTED
            else read_rows(conn, _QUERIES.get(kind, f"metric_{kind}"), **_VALUES.get(kind, {}))
            for kind in (one.name for one in fields(DeskFigures))
            if kind not in ("moment", "counted_at")
        }
    return DeskFigures(moment, moment if kept is None else kept.counted_at, **rows)


#: Of tables that a database may not have yet: each is asked only where it is there.
_SAFETY = {
    "backups": "SELECT max(began_at) FROM nightdesk.backups WHERE file IS NOT NULL AND deleted_at IS NULL",
    "drills": "SELECT max(began_at) FROM nightdesk.drills WHERE outcome = 'ok'",
}


def newest_backup(conn: Connection) -> datetime | None:
    """When the newest backup that is kept was begun, in UTC; None where no backup is on record."""
    return _newest(conn, "backups")


def newest_drill(conn: Connection) -> datetime | None:
    """When the newest good rehearsal of a restore was begun, in UTC; None where none is on record."""
    return _newest(conn, "drills")


def _newest(conn: Connection, table: str) -> datetime | None:
    with cursor(conn) as cur:
        cur.execute("SELECT to_regclass(%s) IS NOT NULL", (f"nightdesk.{table}",))
        if not one(cur)[0]:
            return None
        cur.execute(_SAFETY[table])
        found: datetime | None = one(cur)[0]
    return found
