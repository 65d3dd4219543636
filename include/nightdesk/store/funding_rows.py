"""Funding rates as they came: every version, with its source, when that knew it and when it was stored.

A book reads those of the source that it names for a perpetual; others may take theirs from another one. What
was stored before sources were kept apart is read by every book, as it was then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nightdesk.core.funding import FundingHistory, FundingRate
from nightdesk.store.bar_rows import MARKET_LOCK
from nightdesk.store.db import Connection, cursor, now, transaction
from nightdesk.store.rows import add_rows, read_row, read_rows


@dataclass(frozen=True, slots=True)
class StoredRate:
    """A version of a rate, when it was stored (UTC), and whether its source had told its instant before."""

    version: FundingRate
    stored_at: datetime
    revised: bool


def save_funding(
    conn: Connection, history: FundingHistory, first: datetime, sources: Mapping[str, str]
) -> int:
    """Store the versions that are new; how many those are.

    A value that a source has rewritten is one more version, which no decision before now has used. What a
    source says to be known later than now is left for later.

    Parameters
    ----------
    conn : Connection
        By itself or in a transaction.
    history : FundingHistory
    first : datetime
        Instants before it are left out: no decision of the book was due for them.
    sources : mapping of str to str
        Of each symbol of the history its source, as the book names it.
    """
    with transaction(conn), cursor(conn) as cur:
        # Under the lock of the market's writers, so that what is stored later has a later instant.
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (MARKET_LOCK,))
        at = now(conn)
        came = sorted(one for one in history.rates if one.known_at <= at and one.instant > first)
        new = _new(came, _stored(conn, {one: sources[one] for one in sorted(history.symbols)}))
        rows = [
            {
                "symbol": one.symbol,
                "source": sources[one.symbol],
                "instant": one.instant,
                "known_at": one.known_at,
                "rate": one.rate,
                "stored_at": at,
            }
            for one in new
        ]
        add_rows(conn, "funding_rates", rows)
    return len(new)


def _stored(conn: Connection, sources: Mapping[str, str]) -> list[FundingRate]:
    return [FundingRate(**row) for row in read_rows(conn, "funding_rates_stored", **_asked(sources))]


def _asked(sources: Mapping[str, str]) -> dict[str, list[str]]:
    return {"symbols": list(sources), "sources": list(sources.values())}


def _new(came: Sequence[FundingRate], held: Sequence[FundingRate]) -> list[FundingRate]:
    """The versions of `came` that are other than what is held of them; of `held` the last of each counts."""
    known = {(one.symbol, one.instant, one.known_at): one.rate for one in held}
    return [one for one in came if known.get((one.symbol, one.instant, one.known_at)) != one.rate]


def funding_reach(conn: Connection, sources: Mapping[str, str]) -> dict[str, tuple[datetime, datetime]]:
    """The first and the last instant of which a rate is stored, by symbol; without those that have none.

    Parameters
    ----------
    conn : Connection
    sources : mapping of str to str
        By symbol, as a book names them.
    """
    rows = read_rows(conn, "funding_rates_reach", **_asked(sources))
    return {row["symbol"]: (row["oldest"], row["newest"]) for row in rows}


def funding_known(
    conn: Connection,
    sources: Mapping[str, str],
    *,
    first: datetime,
    lately: datetime,
    as_of: datetime,
    known_from: datetime,
    known_by: datetime,
    known_before: datetime,
    stored_before: datetime,
) -> tuple[StoredRate, ...]:
    """What a decision knows of the rates of its instants, of the days before, and of what came since.

    Parameters
    ----------
    conn : Connection
    sources : mapping of str to str
        By symbol, as the book names them.
    first, as_of : datetime
        Rates of instants after the one and up to the other.
    lately : datetime
        Of all instants after it.
    known_from, known_by : datetime
        Known to their source by the one, stored by the other.
    known_before, stored_before : datetime
        The same of the decision before: of instants up to `lately` what came after one of them.
    """
    rows = read_rows(
        conn,
        "funding_rates_known",
        **_asked(sources),
        first=first,
        lately=lately,
        as_of=as_of,
        known_from=known_from,
        known_by=known_by,
        known_before=known_before,
        stored_before=stored_before,
    )
    return tuple(
        StoredRate(FundingRate(**row), at, revised)
        for row in rows
        for at, revised in [(row.pop("stored_at"), row.pop("revised"))]
    )


def funding_changed(conn: Connection, sources: Mapping[str, str], as_of: datetime, since: datetime) -> bool:
    """Whether a rate of an instant up to `as_of` was stored after `since`; of each symbol by its source."""
    row = read_row(conn, "funding_rates_changed", **_asked(sources), as_of=as_of, since=since)
    return row is not None and bool(row["changed"])
