"""The pool of the sample market, as it was known on a day."""

from datetime import UTC, date, datetime
from functools import cache

import numpy as np
import pandas as pd

from nightdesk.core.calendar import get_calendar
from nightdesk.core.facts import LISTINGS, QUOTES, FactKind
from nightdesk.core.panel import Action, Bars, Column, Panel, build_panel
from nightdesk.feeds import make
from nightdesk.feeds.sample_companies import companies
from nightdesk.feeds.sample_facts import SampleFacts
from nightdesk.screening import PoolFacts

FIRST, LAST = date(2020, 6, 1), date(2024, 12, 31)


def now() -> datetime:
    return datetime(2025, 1, 2, 12, tzinfo=UTC)


@cache
def sample_panel() -> Panel:
    """The bars of all companies of the sample market."""
    symbols = tuple(companies())
    fetched = make("sample", now=now).fetch(symbols, FIRST, LAST)
    place = {symbol: n for n, symbol in enumerate(symbols)}
    frame, told = fetched.bars, fetched.actions
    bars = Bars(
        column=frame["symbol"].map(place).to_numpy(dtype=np.intp),
        day=frame["session"].to_numpy().astype("datetime64[D]"),
        **{name: frame[name].to_numpy(dtype=float) for name in ("open", "high", "low", "close", "volume")},
    )
    actions = [
        Action(symbol, day, kind, value)
        for symbol, day, kind, value in zip(
            told["symbol"],
            told["session"].to_numpy().astype("datetime64[D]"),
            told["kind"],
            told["value"],
            strict=True,
        )
        if kind in ("split", "dividend")
    ]
    return build_panel(get_calendar("XNYS").between(FIRST, LAST), tuple(map(Column, symbols)), bars, actions)


@cache
def _facts(kind: FactKind) -> pd.DataFrame:
    rows: pd.DataFrame = SampleFacts(now=now).fetch(kind, tuple(companies()), FIRST, LAST).rows
    return rows.sort_values(["symbol", "known_at"])


def pool_on(day: date) -> PoolFacts:
    """What was known of the pool at the end of a session."""
    whole = sample_panel()
    panel = whole.until(int(np.searchsorted(whole.sessions, np.datetime64(day), side="right")))
    end = pd.Timestamp(day) + pd.Timedelta(days=1, hours=12)
    known = {
        kind.name: rows[rows["known_at"] <= end] for kind in (LISTINGS, QUOTES) for rows in (_facts(kind),)
    }
    newest = known["listings"].groupby("symbol").last().reindex(panel.symbols)
    last = known["quotes"].groupby("symbol").tail(5)
    at = last.groupby("symbol").cumcount()
    bid, ask = (
        last.assign(at=at)
        .pivot_table(index="at", columns="symbol", values=one)
        .reindex(columns=panel.symbols)
        for one in ("bid", "ask")
    )
    words = {name: tuple(newest[name].fillna("")) for name in ("exchange", "security", "sector")}
    return PoolFacts(
        panel=panel,
        **words,
        market_cap=newest["market_cap"].to_numpy(dtype=float),
        delisted_on=newest["delisted_on"].to_numpy().astype("datetime64[D]"),
        bid=bid.to_numpy(dtype=float),
        ask=ask.to_numpy(dtype=float),
        quarantined=np.zeros(len(panel.symbols), dtype=np.bool_),
    )
