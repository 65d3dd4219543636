"""The layouts in which people have daily bars: by which header one is known, and how it is read.

A new layout is one entry of `LAYOUTS`: the columns by which it is known, and what differs from the usual.
Names of columns are compared without size of letters, blanks, underscores and marks (`plain_name`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from nightdesk.feeds.spellings import as_written, of_binance, of_polygon, of_stooq


class Basis(StrEnum):
    """For what the prices of a layout were adjusted, where the layout says so for certain."""

    RAW = "raw"  #: dollars of their own day
    SPLITS = "splits"  #: prices, volumes and dividends before a split were divided by it
    TOTAL = "splits and dividends"  #: what is stated of either is in the prices already
    UNSTATED = "unstated"  #: the header does not tell: taken as they are


PRICES = ("open", "high", "low", "close")
#: What a file states of corporate actions beside its bars, and the kind of action that it becomes.
STATED = ("split", "dividend", "capital_gain")
NUMBERS = (*PRICES, "volume", "adj_close")

#: Columns by their canonical name: how they are called, the first that a file has counts.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "day": ("session", "date", "timestamp", "datetime", "time", "windowstart", "opentime"),
    "symbol": ("symbol", "ticker"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume", "vol"),
    "adj_close": ("adjclose", "adjustedclose"),
    "split": ("split", "splits", "stocksplits", "splitfactor", "splitcoefficient", "splitratio"),
    "dividend": ("dividend", "dividends", "dividendamount", "divcash"),
    "capital_gain": ("capitalgain", "capitalgains"),
    "source": ("source",),
    "period": ("per",),
}


def plain_name(name: str) -> str:
    """A column's name as it is compared: ``<CLOSE>``, ``Adj Close``, ``adj_close``, ``4. close`` alike."""
    return re.sub(r"^\d+[a-z]?\. |[^\w%]|_", "", name.strip().casefold())


@dataclass(frozen=True)
class Layout:
    """One way in which daily bars are written.

    Attributes
    ----------
    name : str
        For people.
    marks : frozenset of str
        Plain names of columns; a file that has them all is of this layout.
    basis : Basis
        For what its prices were adjusted.
    renamed : mapping of str to str, optional
        Canonical names of columns that `COLUMNS` does not know, by their plain name.
    empty : tuple of str
        Cells that hold no value, beside the empty one.
    signs : str
        What a number may begin or end with and is left out, such as ``$``.
    thousands_letters : bool
        Whether numbers may end with K, M, B or T.
    spelling : callable
        From the layout's name of a symbol to the desk's.
    no_volume : bool
        Whether it may lack a column of volumes.
    """

    name: str
    marks: frozenset[str]
    basis: Basis = Basis.RAW
    renamed: Mapping[str, str] | None = None
    empty: tuple[str, ...] = ()
    signs: str = ""
    thousands_letters: bool = False
    spelling: Callable[[str], str] = as_written
    no_volume: bool = False

    def columns(self, header: Sequence[str]) -> dict[str, str]:
        """The header's own names by canonical name; of two that mean the same the usual one counts."""
        plain = [plain_name(name) for name in header]
        found = {}
        for canonical, names in COLUMNS.items():
            own = tuple(one for one, other in (self.renamed or {}).items() if other == canonical)
            known = next((one for one in (*own, *names) if one in plain), None)
            if known is not None:
                found[canonical] = header[plain.index(known)]
        return found


def _marks(names: str) -> frozenset[str]:
    return frozenset(names.split())


#: What vendors write where a day has no value.
NOTHING = ("null", "NULL", "NaN", "nan", "-", "N/A")

PLAIN = Layout("the desk's own", frozenset(), Basis.RAW)

#: In this order: the first whose marks a header has is the file's.
LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "Polygon flat file",
        _marks("ticker volume open close high low windowstart transactions"),
        spelling=of_polygon,
    ),
    Layout(
        "Stooq, text",
        _marks("ticker per date open high low close vol"),
        Basis.UNSTATED,
        spelling=of_stooq,
        empty=NOTHING,
    ),
    Layout(
        "Alpha Vantage, daily adjusted",
        _marks("timestamp open high low close adjustedclose volume dividendamount splitcoefficient"),
        empty=NOTHING,
    ),
    Layout(
        "Tiingo", _marks("date close high low open volume adjclose divcash splitfactor"), empty=NOTHING
    ),
    Layout(
        "Yahoo with dividends and splits",
        _marks("date open high low close adjclose volume dividends stocksplits"),
        Basis.SPLITS,
        empty=NOTHING,
    ),
    Layout(
        "Yahoo, adjusted, with dividends and splits",
        _marks("date open high low close volume dividends stocksplits"),
        Basis.TOTAL,
        empty=NOTHING,
    ),
    Layout(
        "Investing.com",
        _marks("date price open high low vol change%"),
        Basis.UNSTATED,
        renamed={"price": "close"},
        empty=NOTHING,
        thousands_letters=True,
    ),
    Layout(
        "Nasdaq",
        _marks("date closelast volume open high low"),
        Basis.UNSTATED,
        renamed={"closelast": "close"},
        empty=NOTHING,
        signs="$",
    ),
    Layout(
        "Binance klines",
        _marks("opentime open high low close volume closetime"),
        spelling=of_binance,
    ),
    Layout(
        "Alpaca or Polygon bars",
        _marks("timestamp open high low close volume tradecount vwap"),
        spelling=of_polygon,
    ),
    *(
        Layout(PLAIN.name, _marks(f"{symbol} {day} open high low close volume"))
        for symbol in COLUMNS["symbol"]
        for day in COLUMNS["day"]
    ),
    Layout("Alpha Vantage, daily", _marks("timestamp open high low close volume"), empty=NOTHING),
    Layout(
        "Yahoo", _marks("date open high low close adjclose volume"), Basis.UNSTATED, empty=NOTHING
    ),
    Layout("Stooq", _marks("date open high low close volume"), Basis.UNSTATED, empty=NOTHING),
    *(
        Layout(
            "prices of one symbol",
            _marks(f"{day} open high low close"),
            Basis.UNSTATED,
            empty=NOTHING,
            no_volume=True,
        )
        for day in COLUMNS["day"]
    ),
)  # fmt: skip

#: The twelve columns of Binance's klines, which its files before 2025 do not name.
BINANCE_KLINES = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip


def recognise(header: Sequence[str]) -> Layout | None:
    """The layout of a header; None where it is plainly no table of daily bars.

    A day, a close and another price are plainly bars, whatever else is missing: the desk's own layout is
    taken then, and what it lacks is refused.
    """
    names = {plain_name(name) for name in header}
    for layout in LAYOUTS:
        if layout.marks <= names and (layout.no_volume is False or names.isdisjoint(COLUMNS["symbol"])):
            return layout
    has = set(PLAIN.columns(header))
    return PLAIN if {"day", "close"} <= has and has & {"open", "high", "low"} else None
