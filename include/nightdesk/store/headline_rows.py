"""Headlines as they came, what scorers make of them, and what a decision read of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.sentiment import Headlines, story_numbers, weights_of
from nightdesk.store.bar_rows import MARKET_LOCK, Saved
from nightdesk.store.binary import copy_out
from nightdesk.store.db import CLOCK, Connection, cursor, transaction
from nightdesk.store.queries import query
from nightdesk.store.rows import add_rows, read_row, read_rows

if TYPE_CHECKING:
    import pandas as pd

_TYPES = {"symbol_id": ">i4", "headline_id": ">i8", "published_at": ">i8", "story": ">i8", "score": ">f8"}
_TYPES |= {"symbols": ">i4"}
_INSTANT_ZERO = np.datetime64("2000-01-01", "us")


def save_headlines(conn: Connection, feed: str, headlines: pd.DataFrame) -> Saved:
    """Store what a feed gave: new headlines, and new versions of changed ones; a known one writes nothing.

    A headline is known from the moment it is stored, whenever it was published: no earlier decision reads it.

    Parameters
    ----------
    conn : Connection
        In a transaction of the caller, or by itself.
    feed : str
        Kind of feed, with the digest of a symbol's words where these found it.
    headlines : DataFrame
        Columns symbol, published_at (datetime64, UTC), headline, source, url, article; one row an article and
        symbol.
    """
    if not len(headlines):
        return Saved()
    rows = headlines.assign(
        published_at=headlines["published_at"].dt.strftime("%Y-%m-%dT%H:%M:%S.%f"),
        story=story_numbers(list(headlines["headline"])),
    )
    document = json.dumps(rows.to_dict("records"))
    first = f"SELECT pg_advisory_xact_lock({MARKET_LOCK}); {query('name_symbols')}; {CLOCK}"
    with (
        transaction(conn, first, {"symbols": sorted(set(headlines["symbol"]))}) as row,
        cursor(conn) as cur,
    ):
        at = None if row is None else row[0]
        cur.execute(
            f"{query('stage_headlines')}; ANALYZE incoming_headlines; {query('supersede_headlines')}",
            {"feed": feed, "at": at, "document": document},
        )
        corrected = cur.rowcount
        cur.execute(query("insert_headlines"))
        written = cur.rowcount
    return Saved(new=written - corrected, corrected=corrected, unchanged=len(headlines) - written)


@dataclass(frozen=True)
class Reading:
    """Which headlines a book reads.

    `feeds` are kinds of feeds, with and without a digest. A headline counts that was published after `after`
    and up to `until`, in the version that was known at `known_by`.
    """

    symbols: tuple[str, ...]
    feeds: tuple[str, ...]
    scorer: str
    after: datetime
    until: datetime


@dataclass(frozen=True)
class StoredHeadlines:
    """Headlines of a reading: `column` is an index of its symbols, and a score is NaN while there is none."""

    headlines: Headlines
    number: NDArray[np.int64]

    def unscored(self) -> NDArray[np.int64]:
        """Numbers of the headlines without a score."""
        numbers: NDArray[np.int64] = self.number[np.isnan(self.headlines.score)]
        return numbers

    def scored(self, scores: Mapping[int, float]) -> Headlines:
        """The headlines, with scores by number where they have none."""
        score = self.headlines.score.copy()
        for at in np.flatnonzero(np.isnan(score)):
            score[at] = scores[int(self.number[at])]
        told = self.headlines
        return replace(told, score=score)


def read_headlines(conn: Connection, reading: Reading, known_by: datetime) -> StoredHeadlines:
    """The headlines of a reading as they were known at an instant."""
    with cursor(conn) as cur:
        cur.execute(query("symbol_numbers"), {"symbols": list(reading.symbols)})
        ids: dict[str, int] = dict(cur.fetchall())
        span = _span(reading) | {
            "symbols": list(ids.values()),
            "known_by": known_by,
            "scorer": reading.scorer,
        }
        rows = copy_out(cur, cur.mogrify(query("panel_headlines"), span), _TYPES)
    column_of = np.full(max(ids.values(), default=0) + 1, -1, dtype=np.intp)
    for at, name in enumerate(reading.symbols):
        if name in ids:
            column_of[ids[name]] = at
    score: Floats = rows["score"].astype(np.float64)
    headlines = Headlines(
        column=column_of[rows["symbol_id"]],
        published=_INSTANT_ZERO + rows["published_at"].astype("timedelta64[us]"),
        story=rows["story"].astype(np.int64),
        score=score,
        weight=weights_of(rows["symbols"].astype(np.int64)),
    )
    return StoredHeadlines(headlines, rows["headline_id"].astype(np.int64))


def headline_words(conn: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """The words of headlines by number."""
    rows = read_rows(conn, "headline_words", numbers=list(numbers))
    return {row["headline_id"]: row["headline"] for row in rows}


def unscored_headlines(
    conn: Connection, symbols: Sequence[str], feeds: Sequence[str], scorer: str
) -> dict[int, str]:
    """The words of all headlines that a scorer has not scored yet, by number."""
    rows = read_rows(conn, "unscored_headlines", symbols=list(symbols), feeds=list(feeds), scorer=scorer)
    return {row["headline_id"]: row["headline"] for row in rows}


def save_scores(conn: Connection, scorer: str, scores: Mapping[int, float]) -> int:
    """Store scores of headlines by number; one that is there stays. How many were new."""
    rows: list[dict[str, Any]] = [
        {"headline_id": number, "scorer": scorer, "score": score} for number, score in scores.items()
    ]
    return add_rows(conn, "headline_scores", rows)


def headlines_changed(conn: Connection, reading: Reading, since: datetime) -> bool:
    """Whether a reading gives something else now than at `since`."""
    row = read_row(conn, "headlines_changed", **_span(reading), symbols=list(reading.symbols), since=since)
    return row is not None and bool(row["changed"])


def reached(
    conn: Connection, book: str, feed: str, symbols: Sequence[str], since: datetime
) -> datetime | None:
    """Up to when the headlines of a book came from a feed; None where some from `since` on never did."""
    row = read_row(conn, "news_reach", book=book, feed=feed)
    if row is None or row["since"] > since or not set(symbols) <= set(row["symbols"]):
        return None
    until: datetime = row["until"]
    return until


def keep_reach(
    conn: Connection, book: str, feed: str, symbols: Sequence[str], since: datetime, until: datetime
) -> None:
    """Note that all headlines of a span came from a feed."""
    read_rows(
        conn, "keep_news_reach", book=book, feed=feed, since=since, until=until, symbols=sorted(symbols)
    )


def _span(reading: Reading) -> dict[str, Any]:
    return {"feeds": list(reading.feeds), "after": reading.after, "until": reading.until}
