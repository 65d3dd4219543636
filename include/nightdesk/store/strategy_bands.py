"""The bands of strategies' results that a backtest has left, and what strategies have earned since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.risk.result_band import ResultBand
from nightdesk.risk.situation import Flags
from nightdesk.store.db import Connection
from nightdesk.store.rows import read_rows, replace_rows


@dataclass(frozen=True)
class KeptBand:
    """A strategy's band with the backtest behind it: its configuration, span and sources of bars."""

    strategy: str
    band: ResultBand
    config_hash: str
    first: date
    last: date
    sources: tuple[str, ...]
    created_at: datetime


def keep_bands(
    conn: Connection,
    book: str,
    config_hash: str,
    bands: Mapping[str, ResultBand],
    span: tuple[date, date],
    sources: Sequence[str],
) -> None:
    """Replace the bands of a book by those of one backtest."""
    rows = [
        {
            "strategy": strategy,
            "config_hash": config_hash,
            "sessions": one.sessions,
            "windows": one.windows,
            "low": one.low,
            "high": one.high,
            "first_session": span[0],
            "last_session": span[1],
            "sources": list(sources),
        }
        for strategy, one in bands.items()
    ]
    replace_rows(conn, "strategy_bands", {"book": book}, rows)


def kept_bands(conn: Connection, book: str) -> dict[str, KeptBand]:
    """The bands of a book, by strategy; empty where no backtest has left any."""
    return {
        row["strategy"]: KeptBand(
            row["strategy"],
            ResultBand(row["sessions"], row["windows"], row["low"], row["high"]),
            row["config_hash"],
            row["first_session"],
            row["last_session"],
            tuple(row["sources"]),
            row["created_at"],
        )
        for row in read_rows(conn, "strategy_bands", book=book)
    }


def strategy_results(
    conn: Connection, book: str, decisions: Sequence[datetime], strategies: Sequence[str]
) -> dict[str, tuple[Floats, Flags]]:
    """What each strategy had gained up to the marks of some decisions, dollars, and whether it held anything.

    Arrays of shape (n_decisions,); 0 and False before its first position.
    """
    at = {as_of: n for n, as_of in enumerate(decisions)}
    found: dict[str, tuple[Floats, Flags]] = {
        one: (np.zeros(len(decisions)), np.zeros(len(decisions), dtype=np.bool_)) for one in strategies
    }
    for row in read_rows(conn, "strategy_results", book=book, first=decisions[0], last=decisions[-1]):
        if row["as_of"] in at and row["strategy"] in found:
            profit, held = found[row["strategy"]]
            profit[at[row["as_of"]]] = float(row["profit"])
            held[at[row["as_of"]]] = row["held"]
    return found
