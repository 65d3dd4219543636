"""Small frames of bars and actions for the tests of the stored market."""

from collections.abc import Iterable
from datetime import date

import pandas as pd

from nightdesk.core.book import Book, parse_book
from nightdesk.feeds.feed import action_frame

BOOK: Book = parse_book(
    {
        "name": "small",
        "title": "Three symbols",
        "initial_capital": "1000.00",
        "broker": {"account": "paper-small"},
        "universe": {
            "GLD": {"max_weight": 0.5},
            "BTC-USD": {"max_weight": 0.5, "asset_class": "crypto"},
            "SPY": {"max_weight": 0.5},
        },
        "strategies": {"time_series_momentum": {}},
        "regime": [{"name": "ALL"}],
        "limits": {},
    },
    "a test",
)

#: 2024-01-01 was a holiday; 2nd to 5th are sessions, 6th and 7th a weekend.
INCEPTION = date(2024, 1, 5)


def bars(*rows: tuple[str, str, float], source: str = "vendor") -> pd.DataFrame:
    """Bars of (symbol, day, close); open, high and low stand near the close."""
    symbol, day, close = zip(*rows, strict=True) if rows else ((), (), ())
    price = pd.Series(close, dtype=float)
    return pd.DataFrame(
        {
            "symbol": pd.Series(symbol, dtype=object),
            "session": pd.to_datetime(pd.Series(day, dtype=object)).astype("datetime64[s]"),
            "open": price - 0.5,
            "high": price + 1,
            "low": price - 1,
            "close": price,
            "volume": 1000.0,
            "source": source,
        }
    )


def actions(*rows: tuple[str, str, str, float], source: str = "vendor") -> pd.DataFrame:
    """Corporate actions of (symbol, ex-date, kind, value)."""
    frame = pd.DataFrame(rows, columns=["symbol", "session", "kind", "value"])
    return action_frame(frame.assign(session=pd.to_datetime(frame["session"]), source=source))


def week(symbols: Iterable[str] = ("SPY", "^VIX")) -> pd.DataFrame:
    """Bars of the four sessions of the first week of 2024."""
    return bars(*[(name, f"2024-01-0{day}", 100.0 + day) for name in symbols for day in (2, 3, 4, 5)])
