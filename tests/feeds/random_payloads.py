"""Random answers of a vendor, good and spoilt, and what a feed must make of any of them.

A vendor's test gives rows as its published schema has them (`day_rows` says of which days) and the document
around them; `payloads` spoils both. `must_be_sound` looks at what the feed made of it, and at what the data
checks make of that: what is no number, lies in the future or on another day is the feed's to refuse; what is
a number and no price is the checks'.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
from hypothesis import strategies as st

from nightdesk.core.book import Book, parse_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.corporate.kinds import ACTION_KINDS
from nightdesk.core.corporate.soundness import RANGE_ROUNDING
from nightdesk.core.panel import Bars, Column, build_panel
from nightdesk.feeds.feed import PRICES, Fetched
from nightdesk.feeds.quality import examine

#: What stands where another thing was expected.
JUNK: tuple[Any, ...] = (
    None, True, "", "n/a", "NaN", "-1", "101.5", math.nan, math.inf, -math.inf, -1, -0.0, 0, 1e-320, 1e308,
    10**30, -(10**30), [], {}, [[]], ["a"], {"a": 1}, "2024-06-06", "9999-12-31T23:59:59Z", "2024-13-45",
    "0001-01-01T00:00:00+14:00", 4_102_444_800_000, -62_135_596_800_000, "\ud800", "a\0b",
)  # fmt: skip

#: A row that is made of a day and its prices.
Row = Callable[[date, Mapping[str, float]], dict[str, Any]]


@st.composite
def day_rows(draw: st.DrawFn, first: date, last: date, row: Row) -> list[dict[str, Any]]:
    """Rows of some sessions of a span, each with prices that could be; then told twice, unsorted, changed.

    Now and then a day lies before the span, after it, or in the future.
    """
    sessions = [one.item() for one in get_calendar().between(first, last)]
    days = draw(st.lists(st.sampled_from(sessions), max_size=6, unique=True).map(sorted))
    days += draw(st.one_of(st.just([]), st.lists(st.sampled_from([*_STRANGE_DAYS, *sessions]), max_size=2)))
    rows = [row(day, draw(prices())) for day in days]
    if rows and draw(st.booleans()):
        rows.append(copy.deepcopy(draw(st.sampled_from(rows))))
    return draw(st.permutations(rows)) if draw(st.booleans()) else rows


_STRANGE_DAYS = (date(1899, 12, 29), date(2024, 5, 1), date(2024, 6, 8), date(2024, 6, 19), date(2100, 1, 4))


@st.composite
def prices(draw: st.DrawFn) -> dict[str, float]:
    """A bar; one in four is none that could be."""
    close = draw(st.floats(1.0, 500.0))
    bar = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": 1000.0}
    if draw(st.integers(0, 3)) == 0:
        name = draw(st.sampled_from(sorted(bar)))
        bar[name] = draw(st.sampled_from([0.0, -1.0, -close, close * 10, close / 10, 1e300]))
    return bar


@st.composite
def payloads(draw: st.DrawFn, good: st.SearchStrategy[Any]) -> str:
    """An answer, whole or spoilt in up to three places, as it is sent."""
    tree = copy.deepcopy(draw(good))
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2, 3]))):
        tree = _spoilt(draw, tree)
    text = json.dumps(tree)
    cut = draw(st.integers(0, 40))
    return text[: len(text) // 2] if cut == 0 else text


def _spoilt(draw: st.DrawFn, tree: Any) -> Any:
    """The tree with one place of it changed: another thing in its place, gone, twice, turned round."""
    places = list(_places(tree))
    if not places:
        return copy.deepcopy(draw(st.sampled_from(JUNK)))
    parent, key = draw(st.sampled_from(places))
    match draw(st.sampled_from(["junk", "junk", "junk", "gone", "twice", "round", "wrapped"])):
        case "junk":
            parent[key] = copy.deepcopy(draw(st.sampled_from(JUNK)))
        case "gone":
            del parent[key]
        case "twice" if isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        case "round" if isinstance(parent[key], list):
            parent[key].reverse()
        case "wrapped":
            parent[key] = [parent[key]]
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a tree, as what holds it and its key there."""
    if isinstance(tree, dict | list):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from _places(tree[key])


def must_be_sound(fetched: Fetched, symbol: str, first: date, last: date) -> None:
    """Assert that an answer of a feed has nothing in it that a decision could trip over.

    Parameters
    ----------
    fetched : Fetched
        What the feed made of a payload when it was asked for daily bars of `symbol`.
    symbol : str
    first, last : date
        The span that was asked for.
    """
    bars, actions = fetched.bars, fetched.actions
    days = bars["session"].to_numpy().astype("datetime64[D]")
    assert set(bars["symbol"]) <= {symbol}
    assert set(fetched.missing) == ({symbol} if bars.empty else set())
    assert all(str(one) for one in fetched.missing.values())
    assert np.isin(days, get_calendar().between(first, last)).all()
    assert not bars.duplicated(["symbol", "session"]).any()
    assert np.isfinite(bars[list(PRICES)].to_numpy()).all()
    assert not np.isinf(bars["volume"].to_numpy()).any()
    assert all(count > 0 for count in fetched.dropped.values())
    assert set(actions["kind"]) <= set(ACTION_KINDS)
    value = actions["value"].to_numpy()
    assert np.isfinite(value).all()
    assert np.isfinite(actions["cash"].to_numpy()).all()
    assert (value[~actions["kind"].isin(["merger", "delisting"]).to_numpy()] > 0).all()
    _bad_bars_are_withheld(fetched, symbol, first, last)


def _bad_bars_are_withheld(fetched: Fetched, symbol: str, first: date, last: date) -> None:
    """What is no price although it is a number: the data checks let no decision use it."""
    bars, sessions = fetched.bars, get_calendar().between(first, last)
    values = {name: bars[name].to_numpy() for name in (*PRICES, "volume")}
    day = bars["session"].to_numpy().astype("datetime64[D]")
    laid = Bars(column=np.zeros(len(bars), np.intp), day=day, **values)
    names = [symbol, *(one for one in ("SPY", "^VIX") if one != symbol)]
    panel = build_panel(sessions, [Column(one) for one in names], laid)
    withheld = examine(panel, _book_of(symbol)).withheld.bars[:, 0]
    low, high = values["low"], values["high"]
    top, bottom = (pick(values["open"], values["close"]) for pick in (np.maximum, np.minimum))
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.maximum(top - high, low - bottom) / np.abs(values["close"])
    bad = np.any([values[name] <= 0 for name in PRICES], axis=0) | (values["volume"] < 0)
    bad |= np.nan_to_num(apart, nan=np.inf) > RANGE_ROUNDING
    assert withheld[np.searchsorted(sessions, day[bad])].all()


def _book_of(symbol: str) -> Book:
    return parse_book(
        {
            "name": "random",
            "title": "Random",
            "initial_capital": 1000,
            "broker": {"account": "paper"},
            "universe": {symbol: {"max_weight": 0.5}},
            "strategies": {"time_series_momentum": {}},
            "regime": [{"name": "ALL"}],
            "limits": {},
        },
        "a test",
    )
