"""The ledger of trials: every set of parameters that was tried on history, chained.

The best of many tries is too good to be expected; by how much depends on how many there were. So the ledger
keeps each asking, whatever came of it, and nothing is ever taken out.

What counts as a trial is a **distinct** set: configuration (and after how many sessions a simulated person
releases it), code, bars, span and feed. The same set asked
again is a row, since a ledger that leaves rows out cannot be checked, and no trial, since nothing new was
looked at and nothing new can be chosen. Another span, other bars and an edit of the code do count: a span can
be chosen as a parameter can. That may count a set twice that an upgrade of the code left as it was, which
makes a verdict stricter by little: the highest Sharpe ratio that luck gives grows with the root of the
logarithm of the count.

The spread of the trials is that of one value for each distinct set of *rules*, the newest: tries that differ
in their span alone resemble each other, and would make the spread, and so what luck is said to give, too
small.

The chain shows any edit and any gap. Rows cut off at its end leave none: who keeps a verdict keeps the count
that it was made with.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

from nightdesk.core.errors import Refused
from nightdesk.core.masking import one_line
from nightdesk.store.db import Connection, cursor, lock_key, transaction
from nightdesk.store.rows import add_rows, read_row, read_rows

TrialKind = Literal["backtest", "sweep", "validation"]

#: What a row's hash is of, beside the hash before; the order counts.
HASHED = (
    *(
        "number",
        "kind",
        "book",
        "asked_by",
        "changes",
        "release_after",
        "config_hash",
        "rules_hash",
        "code_version",
        "bars_hash",
    ),
    *("first_session", "last_session", "feed", "sessions", "sharpe", "annual_sharpe", "skewness", "kurtosis"),
    *("at", "before"),
)

#: Faults of the chain that are told one by one.
MOST_FAULTS = 5


@dataclass(frozen=True)
class TriedSet:
    """A set of parameters that was tried.

    Attributes
    ----------
    kind : str
        What tried it.
    book : str
        Name of the book.
    asked_by : str
        The person.
    config_hash, rules_hash : str
        Of the book with these values, see `Book.config_hash` and `Book.rules_hash`.
    code_version, bars_hash : str
        Of the code that decided, with the plug-ins that the book names, and of the bars
        (`nightdesk.core.bars_digest`).
    first, last : date
        First and last decided session.
    feed : str
        Sources of the bars, sorted, separated by commas.
    sessions : int
        Returns that the figures are of.
    sharpe, annual_sharpe : float
        Mean over standard deviation of the returns, a session and a year; NaN where they do not vary.
    skewness, kurtosis : float
        Of the returns; the kurtosis of a normal distribution is 3. NaN where they do not vary.
    changes : mapping of str to str
        Values over the book's file, by dotted key.
    release_after : int or None
        Sessions after which a simulated person released a kill that a rule had set; None: nobody did.
    """

    kind: TrialKind
    book: str
    asked_by: str
    config_hash: str
    rules_hash: str
    code_version: str
    bars_hash: str
    first: date
    last: date
    feed: str
    sessions: int
    sharpe: float
    annual_sharpe: float
    skewness: float
    kurtosis: float
    changes: Mapping[str, str] = field(default_factory=dict)
    release_after: int | None = None


@dataclass(frozen=True)
class Trials:
    """What was tried of a book.

    Attributes
    ----------
    book : str
    count : int
        Distinct sets: configuration, code, bars, span and feed.
    asked : int
        Rows: the same set asked again is one more.
    rules : int
        Distinct sets of rules among them.
    sharpe_variance : float
        Sample variance (ddof = 1) of the Sharpe ratio a session over the newest trial of each set of rules;
        NaN where fewer than two of them have one.
    """

    book: str
    count: int
    asked: int
    rules: int
    sharpe_variance: float


def add_trials(conn: Connection, sets: Sequence[TriedSet]) -> tuple[int, ...]:
    """Note what was tried, at the end of the ledger; the numbers of the rows.

    One writer at a time: who comes second waits until the transaction of the first has ended.
    """
    if not sets:
        return ()
    with transaction(conn):
        with cursor(conn) as cur:
            cur.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key("trials"),))
        newest = read_row(conn, "newest_trial")
        if newest is None:
            raise LookupError("the server tells no time")
        last, before, rows = newest["number"] or 0, newest["hash"] or "", []
        for number, one in enumerate(sets, last + 1):
            row = _row(one) | {"number": number, "at": newest["now"], "before": before}
            before = trial_hash(row)
            rows.append(row | {"hash": before})
        if add_rows(conn, "trials", rows) < len(rows):
            raise LookupError(f"trials after {last} were there before")
    return tuple(row["number"] for row in rows)


def trials_of(conn: Connection, book: str) -> Trials:
    """How often a book was tried, and how far its trials lie apart.

    Raises
    ------
    Refused
        When the ledger, of this book or another, has a gap or a changed row: then nobody knows.
    """
    check_trials(conn)
    counts = read_row(conn, "trial_counts", book=book)
    spread = read_row(conn, "trial_spread", book=book)
    if counts is None:
        return Trials(book, 0, 0, 0, math.nan)
    return Trials(**counts, sharpe_variance=math.nan if spread is None else float(spread["variance"]))


def trial_counts(conn: Connection) -> tuple[Trials, ...]:
    """The same of every book that was tried, by name; raises as `trials_of`."""
    return tuple(trials_of(conn, row["book"]) for row in read_rows(conn, "trial_counts", book=None))


def newest_trials(conn: Connection, book: str | None = None, *, newest: int = 50) -> list[dict[str, Any]]:
    """The newest rows of the ledger, of one book or of all, without their hashes."""
    return read_rows(conn, "trial_rows", book=book, newest=newest)


def check_trials(conn: Connection) -> None:
    """Refuse a ledger with a gap or a changed row, with the first of them."""
    faults = trial_faults(conn)
    if faults:
        more = f"; and {len(faults) - MOST_FAULTS:,} more" if len(faults) > MOST_FAULTS else ""
        raise Refused(
            f"the ledger of trials (table trials) is not whole: {'; '.join(faults[:MOST_FAULTS])}{more}. "
            "How many sets were tried is not known, so no result can be judged: restore the table"
        )


def trial_faults(conn: Connection) -> tuple[str, ...]:
    """Every gap and every changed row of the ledger, in words; none where it is whole."""
    return tuple(_faults(read_rows(conn, "trial_chain")))


def _faults(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    number, before = 0, ""
    for row in rows:
        if row["number"] != number + 1:
            which = f"{number + 1}" if row["number"] == number + 2 else f"{number + 1} to {row['number'] - 1}"
            yield f"trial {which} is missing"
        elif row["before"] != before:
            yield f"trial {row['number']} does not follow trial {number} as that stands"
        if trial_hash(row) != row["hash"]:
            yield f"trial {row['number']} was changed"
        number, before = row["number"], row["hash"]


def trial_hash(row: Mapping[str, Any]) -> str:
    """SHA-256, hexadecimal, of a row with the hash before it, by the columns of the table."""
    document = json.dumps([_plain(row[name]) for name in HASHED], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(document.encode()).hexdigest()


def _row(one: TriedSet) -> dict[str, Any]:
    """The columns of a set, but for its place in the chain."""
    return {
        "kind": one.kind,
        "book": one.book,
        "asked_by": one_line(one.asked_by),
        "changes": dict(one.changes),
        "release_after": one.release_after,
        "config_hash": one.config_hash,
        "rules_hash": one.rules_hash,
        "code_version": one.code_version,
        "bars_hash": one.bars_hash,
        "first_session": one.first,
        "last_session": one.last,
        "feed": one.feed,
        "sessions": one.sessions,
        "sharpe": _known(one.sharpe),
        "annual_sharpe": _known(one.annual_sharpe),
        "skewness": _known(one.skewness),
        "kurtosis": _known(one.kurtosis),
    }


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value
