"""Facts beside prices in the store: every version kept, one way in for histories and corrections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from psycopg2 import sql

from nightdesk.core.book import Book
from nightdesk.core.book_facts import fact_subjects, first_fact_day
from nightdesk.core.calendar import as_date, as_moment
from nightdesk.core.fact_versions import WORDS, FactVersions, number_columns
from nightdesk.core.facts import SECOND_CLOSES, FactKind
from nightdesk.core.panel import Floats, Panel
from nightdesk.store.bar_rows import MARKET_LOCK
from nightdesk.store.binary import copy_out, days, instants
from nightdesk.store.db import Connection, Cursor, cursor, now, one, transaction
from nightdesk.store.rows import SCHEMA, read_rows

if TYPE_CHECKING:
    import pandas as pd

#: Where a kind's table is not called like the kind.
_TABLES = {"quotes": "quotes_eod"}


@dataclass(frozen=True)
class SavedFacts:
    """What became of facts: new ones, further versions, those known already, those known later than now."""

    new: int = 0
    corrected: int = 0
    unchanged: int = 0
    ahead: int = 0


def save_facts(
    conn: Connection, kind: FactKind, rows: pd.DataFrame, observed_from: datetime | None = None
) -> SavedFacts:
    """Store the versions that are new, all or nothing; the same again writes nothing.

    What its source says to be known later than now is left for later.

    Parameters
    ----------
    conn : Connection
        By itself or in a transaction.
    kind : FactKind
    rows : DataFrame
        See `nightdesk.feeds.fact_feed.fact_frame`; sound, see `nightdesk.feeds.fact_checks.check_facts`.
    observed_from : datetime, optional
        When fetching began. What is known from then on was seen and not dated by its source: it is known from
        the moment it is stored, and a version only where it differs from what was known until then.
    """
    if not len(rows):
        return SavedFacts()
    with transaction(conn), cursor(conn) as cur:
        # Under the lock of the market's writers, so that what is stored later has a later instant.
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (MARKET_LOCK,))
        at = now(conn)
        _stage(cur, kind, rows, observed_from)
        cur.execute(_composed(_INSERT, kind), {"at": at})
        fresh, corrected, ahead = one(cur)
    return SavedFacts(fresh - corrected, corrected, len(rows) - fresh - ahead, ahead)


def _stage(cur: Cursor, kind: FactKind, rows: pd.DataFrame, observed_from: datetime | None) -> None:
    """Put facts in a table of the transaction, with whether they were seen or dated."""
    frame = rows[list(kind.columns)].copy()
    start = np.datetime64("NaT") if observed_from is None else as_moment(observed_from)
    observed = frame["known_at"].to_numpy("datetime64[us]") >= start  # nothing is, without an instant
    frame["known_at"] = frame["known_at"].dt.strftime("%Y-%m-%dT%H:%M:%S.%f+00")
    frame["observed"] = observed
    content = StringIO()
    frame.to_csv(content, index=False, header=False, date_format="%Y-%m-%d")
    content.seek(0)
    cur.execute(_composed(_STAGE, kind))
    words = (kind.subject, "source", *kind.columns_of(str))
    copied = sql.SQL("COPY incoming_facts ({}) FROM STDIN (FORMAT csv, FORCE_NOT_NULL ({}))").format(
        _listed(frame.columns), _listed(words)
    )
    cur.copy_expert(copied.as_string(cur), content)
    cur.execute("ANALYZE incoming_facts")


_STAGE = """
DROP TABLE IF EXISTS pg_temp.incoming_facts;
CREATE TEMPORARY TABLE incoming_facts (LIKE {table}, observed boolean NOT NULL) ON COMMIT DROP;
ALTER TABLE incoming_facts ALTER stored_at DROP NOT NULL
"""

#: Of a fact that was dated the version of its instant is compared, of one that was seen that of its moment.
_INSERT = """
WITH came AS (
    SELECT {columns}, observed FROM (
        SELECT CASE WHEN observed THEN %(at)s ELSE known_at END AS known_at, {others}, observed
        FROM incoming_facts
    ) AS moved
), fresh AS (
    SELECT {came_columns}, EXISTS (SELECT FROM {table} AS held WHERE {same}) AS is_known
    FROM came LEFT JOIN LATERAL (
        SELECT true AS found, {values} FROM {table} AS held
        WHERE {same} AND held.known_at <= came.known_at AND (came.observed OR held.known_at = came.known_at)
        ORDER BY held.known_at DESC, held.stored_at DESC LIMIT 1
    ) AS before ON true
    WHERE came.known_at <= %(at)s
      AND (before.found IS NULL OR ({before_values}) IS DISTINCT FROM ({came_values}))
), written AS (
    INSERT INTO {table} ({columns}, stored_at) SELECT {columns}, %(at)s FROM fresh
)
SELECT (SELECT count(*) FROM fresh), (SELECT count(*) FROM fresh WHERE is_known),
       (SELECT count(*) FROM came WHERE known_at > %(at)s)
"""

_VERSIONS = """
SELECT DISTINCT ON ({key}, known_at)
    (array_position(%(subjects)s::text[], {subject}) - 1)::integer AS subject_number, {day}, known_at,
    {numbers}
FROM {table}
WHERE {subject} = ANY(%(subjects)s::text[]) AND {day} >= %(first)s
  AND known_at <= %(known_from)s AND stored_at <= %(known_by)s
  AND (%(source)s::text IS NULL OR source = %(source)s)
ORDER BY {key}, known_at, stored_at DESC
"""

_KNOWN = """
SELECT DISTINCT ON ({key}) {columns}, stored_at FROM {table}
WHERE {subject} = ANY(%(subjects)s::text[]) AND {day} BETWEEN %(first)s AND %(last)s
  AND known_at <= %(known_from)s AND stored_at <= %(known_by)s
ORDER BY {key}, known_at DESC, stored_at DESC
"""

_NEWEST = """
SELECT found.* FROM unnest(%(subjects)s::text[]) AS asked (subject) CROSS JOIN LATERAL (
    SELECT {columns} FROM {table}
    WHERE {subject} = asked.subject AND {day} BETWEEN %(first)s AND %(last)s
      AND known_at <= %(known_from)s AND stored_at <= %(known_by)s
    ORDER BY {day} DESC, known_at DESC, stored_at DESC LIMIT 1
) AS found
"""

_HISTORY = """
SELECT {columns}, stored_at FROM {table}
WHERE {subject} = %(subject)s AND {day} BETWEEN %(first)s AND %(last)s ORDER BY {key}, known_at, stored_at
"""

_SUBJECTS = """
SELECT {subject} AS subject, count(DISTINCT {day}) AS facts, count(*) AS versions, min({day}) AS first,
    max({day}) AS last, max(known_at) AS known_at, max(stored_at) AS stored_at
FROM {table} GROUP BY {subject} ORDER BY {subject}
"""

_CHANGED = """
SELECT EXISTS (
    SELECT FROM {table} WHERE {subject} = ANY(%(subjects)s::text[]) AND stored_at > %(since)s
      AND (%(known_from)s::timestamptz IS NULL OR known_at <= %(known_from)s)
      AND (%(first)s::date IS NULL OR {day} >= %(first)s) AND (%(last)s::date IS NULL OR {day} <= %(last)s)
      AND (%(source)s::text IS NULL OR source = %(source)s)
)
"""


def read_versions(
    conn: Connection,
    kind: FactKind,
    subjects: Sequence[str],
    *,
    first: date,
    known_from: datetime,
    known_by: datetime,
    source: str | None = None,
) -> FactVersions:
    """The versions of some subjects' facts that a decision may know, of days from `first` on.

    Parameters
    ----------
    conn : Connection
    kind : FactKind
    subjects : sequence of str
        Each once.
    first : date
    known_from, known_by : datetime
        Known to the world by the one, stored by the other. Of two of one instant the one stored last counts.
    source : str, optional
        Of one source alone.
    """
    values = {"subjects": list(subjects), "first": first, "known_from": known_from, "known_by": known_by}
    names = number_columns(kind)
    types = {"subject_number": ">i4", kind.day: ">i4", "known_at": ">i8", **dict.fromkeys(names, ">f8")}
    with cursor(conn) as cur:
        statement = _composed(_VERSIONS, kind).as_string(cur)
        rows = copy_out(cur, cur.mogrify(statement, {**values, "source": source}), types)
    return FactVersions(
        tuple(subjects),
        rows["subject_number"].astype(np.intp),
        days(rows[kind.day]),
        instants(rows["known_at"]),
        {name: rows[name].astype(np.float64) for name in names},
    )


def read_book_facts(
    conn: Connection, book: Book, origin: date, known_from: datetime, known_by: datetime
) -> dict[str, FactVersions]:
    """The facts that a decision of a book may know, in all versions, by kind.

    Parameters
    ----------
    origin : date
        Of the book's factors: what those of its first session look back on is read too.
    known_from, known_by : datetime
        See `read_versions`.
    """
    return {
        kind.name: read_versions(
            conn,
            kind,
            subjects,
            first=first_fact_day(kind, origin),
            known_from=known_from,
            known_by=known_by,
        )
        for kind, subjects in fact_subjects(book).items()
    }


def known_facts(
    conn: Connection,
    kind: FactKind,
    subjects: Sequence[str],
    *,
    first: date,
    last: date,
    known_from: datetime,
    known_by: datetime,
) -> list[dict[str, Any]]:
    """The facts of some subjects and days as they were known at one instant, by columns, with `stored_at`.

    Of each the newest version that was known to the world at `known_from` and stored by `known_by`.
    """
    span = {"subjects": list(subjects), "first": first, "last": last}
    return _rows(conn, _KNOWN, kind, {**span, "known_from": known_from, "known_by": known_by})


def newest_known_facts(
    conn: Connection,
    kind: FactKind,
    subjects: Sequence[str],
    *,
    first: date,
    last: date,
    known_from: datetime,
    known_by: datetime,
) -> list[dict[str, Any]]:
    """Of each of some subjects the fact of the newest day that has one, by columns; see `known_facts`."""
    span = {"subjects": list(subjects), "first": first, "last": last}
    return _rows(conn, _NEWEST, kind, {**span, "known_from": known_from, "known_by": known_by})


def fact_history(
    conn: Connection, kind: FactKind, subject: str, first: date, last: date
) -> list[dict[str, Any]]:
    """Every version of one subject's facts, by columns, with `stored_at`, oldest day and version first."""
    return _rows(conn, _HISTORY, kind, {"subject": subject, "first": first, "last": last})


def fact_subjects_stored(conn: Connection, kind: FactKind) -> list[dict[str, Any]]:
    """What is stored of a kind, a row a subject: facts, versions, first and last day, newest instants."""
    return _rows(conn, _SUBJECTS, kind, {})


def facts_changed(
    conn: Connection,
    kind: FactKind,
    subjects: Sequence[str],
    *,
    since: datetime,
    known_from: datetime | None = None,
    first: date | None = None,
    last: date | None = None,
    source: str | None = None,
) -> bool:
    """Whether a version was stored after `since`: of those known at `known_from`, of days from `first` to
    `last`, and of one source, where they are given.
    """
    values = {"subjects": list(subjects), "known_from": known_from, "since": since, "source": source}
    with cursor(conn) as cur:
        cur.execute(_composed(_CHANGED, kind), {**values, "first": first, "last": last})
        return bool(one(cur)[0])


def _rows(conn: Connection, text: str, kind: FactKind, values: dict[str, Any]) -> list[dict[str, Any]]:
    with cursor(conn) as cur:
        cur.execute(_composed(text, kind), values)
        names = [column.name for column in cur.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cur.fetchall()]


def read_reach(conn: Connection, book: str, kind: FactKind, source: str, since: date) -> dict[str, date]:
    """Up to which day a source has answered for each subject of a book, of those that it did from `since`."""
    rows = read_rows(conn, "fact_reach", book=book, kind=kind.name, source=source, since=since)
    return {row["subject"]: row["until"] for row in rows}


def keep_reach_of(
    conn: Connection, book: str, kind: FactKind, source: str, subjects: Sequence[str], span: tuple[date, date]
) -> None:
    """Note that a source has answered for some subjects over a span that joins what it answered before."""
    keys = {"book": book, "kind": kind.name, "source": source}
    read_rows(conn, "keep_fact_reach", subjects=list(subjects), since=span[0], until=span[1], **keys)


def read_second_closes(conn: Connection, source: str, panel: Panel, known_by: datetime) -> Floats:
    """Closes of a second source on the sessions and symbols of a panel, as they were stored by an instant.

    Returns
    -------
    ndarray of shape (n_sessions, n_symbols)
        Raw dollars; NaN where it had none.
    """
    out = np.full(panel.close.shape, np.nan)
    if not len(panel):
        return out
    found = read_versions(
        conn,
        SECOND_CLOSES,
        panel.symbols,
        first=as_date(panel.sessions[0]),
        known_from=known_by,
        known_by=known_by,
        source=source_of(source),
    )
    inside = (found.day <= panel.sessions[-1]) & np.isin(found.day, panel.sessions)
    order = np.flatnonzero(inside)[np.argsort(found.known_at[inside], kind="stable")]
    # Of several versions of one close the last one stays.
    rows = np.searchsorted(panel.sessions, found.day[order])
    out[rows, found.subject[order]] = found.values["close"][order]
    return out


def second_closes_of(conn: Connection, book: Book, panel: Panel, known_by: datetime) -> Floats | None:
    """Closes of a book's second sources on the sessions and symbols of a panel, as `read_second_closes`.

    None for a book that has no second source.
    """
    if book.feeds.compare_with is None:
        return None
    out = np.full(panel.close.shape, np.nan)
    for name, symbols in book.second_sources(panel.symbols).items():
        mine = np.isin(panel.symbols, symbols)
        out[:, mine] = read_second_closes(conn, name, panel, known_by)[:, mine]
    return out


def source_of(name: str) -> str:
    """The name under which the facts of a feed are stored: a path may move."""
    return name.partition(":")[0]


def table_of(kind: FactKind) -> str:
    """The name of a kind's table."""
    return _TABLES.get(kind.name, kind.name)


def _composed(text: str, kind: FactKind) -> sql.Composed:
    """A statement on the table of a kind."""
    return sql.SQL(text).format(
        table=sql.Identifier(SCHEMA, table_of(kind)),
        subject=sql.Identifier(kind.subject),
        day=sql.Identifier(kind.day),
        key=_listed(kind.key),
        columns=_listed(kind.columns),
        others=_listed([name for name in kind.columns if name != "known_at"]),
        values=_listed(kind.values),
        came_columns=_listed(kind.columns, "came"),
        came_values=_listed(kind.values, "came"),
        before_values=_listed(kind.values, "before"),
        same=sql.SQL(" AND ").join(
            sql.SQL("held.{0} = came.{0}").format(sql.Identifier(name)) for name in kind.key
        ),
        numbers=sql.SQL(", ").join(_number(name, kind.values[name]) for name in number_columns(kind)),
    )


def _number(name: str, stored: type) -> sql.Composable:
    """A column as a float8 that is never null."""
    column = sql.Identifier(name)
    if name in WORDS:
        cases = sql.SQL(" ").join(
            sql.SQL("WHEN {} THEN {}").format(sql.Literal(word), sql.Literal(number))
            for word, number in WORDS[name].items()
        )
        return sql.SQL("(CASE {0} {1} END)::float8 AS {0}").format(column, cases)
    value = sql.SQL("{} - date '1970-01-01'").format(column) if stored is date else column
    return sql.SQL("coalesce(({})::float8, 'NaN') AS {}").format(value, column)


def _listed(names: Any, table: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*((table,) if table else ()), name) for name in names)
