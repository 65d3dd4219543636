"""Strategies beside their own backtest: what each earned in the last sessions, and what it earned then."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from nightdesk.alerts.figures import percent
from nightdesk.core.book import Book
from nightdesk.risk.result_band import window_results
from nightdesk.store.db import Connection
from nightdesk.store.ledger_rows import dated_marks
from nightdesk.store.strategy_bands import KeptBand, kept_bands, strategy_results


@dataclass(frozen=True)
class Placed:
    """Where a strategy's newest result lies: "below", "inside" or "above" its band, or why that is not known.

    `result` is a share of NAV; NaN where it is not known.
    """

    strategy: str
    place: Literal["below", "inside", "above", "unknown"]
    result: float
    words: str


def placed(conn: Connection, book: Book, as_of: datetime) -> tuple[Placed, ...]:
    """Every strategy of a book at the mark of a decision; empty where no backtest has left a band."""
    kept = kept_bands(conn, book.name)
    return tuple(_placed(conn, book, name, kept.get(name), as_of) for name in book.strategies) if kept else ()


def _placed(conn: Connection, book: Book, name: str, kept: KeptBand | None, as_of: datetime) -> Placed:
    again = f"`nightdesk backtest {book.name} --from D --to D --keep-band` keeps one"
    if kept is None:
        return _unknown(name, f"no band was kept of it; {again}")
    if kept.config_hash != book.config_hash:
        return _unknown(name, f"the band is of an earlier version of the book; {again}")
    if not kept.band.known:
        return _unknown(
            name,
            f"its backtest from {kept.first} to {kept.last} has {kept.band.windows:,} windows with a "
            f"position, too few for a band; {again} over a longer span",
        )
    length = kept.band.sessions
    dated = dict(list(dated_marks(conn, book.name, last=as_of).items())[-length - 1 :])
    marks = list(dated.values())
    if len(marks) <= length:
        return _unknown(name, f"{len(marks) - 1} of the {length} sessions that its band is of have passed")
    profit, held = strategy_results(conn, book.name, list(dated), [name])[name]
    result = float(window_results(profit, held, np.array([float(one.nav) for one in marks]), length)[-1])
    if math.isnan(result):
        return _unknown(name, f"it has held nothing in the last {length} sessions")
    place = kept.band.place(result)
    words = (
        f"{name} earned {percent(result, signed=True)} of NAV from the close of {marks[0].session} to that "
        f"of {marks[-1].session}, {place} its band of {percent(kept.band.low, signed=True)} to "
        f"{percent(kept.band.high, signed=True)} over {length} sessions (98 of 100 windows of its backtest "
        f"from {kept.first} to {kept.last} on {', '.join(kept.sources)})."
    )
    return Placed(name, place, result, words)


def _unknown(name: str, why: str) -> Placed:
    return Placed(name, "unknown", math.nan, f"{name} is not compared with its backtest: {why}.")
