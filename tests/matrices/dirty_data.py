"""The dirty-data matrix: every defect of market data, told by every vendor, and what catches it.

``python -m tests.matrices.dirty_data`` prints the table, and ends with status 1 when a cell is not what
`PROMISED` says. A defect that nothing catches is there too, with the reason in docs/data-checks.md.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
from tests.matrices.defects import (
    DEFECTS,
    FIRST,
    HOURS_FIRST,
    HOURS_LAST,
    HOURS_NOW,
    LAST,
    NOW,
    PLANTED,
    SPOILT,
    SYMBOLS,
    Defect,
    quiet_hours,
    quiet_market,
)
from tests.matrices.table import table
from tests.matrices.vendors import VENDORS, PlantedMarket, TellingVendor

from nightdesk.core.book import Book, parse_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import NightdeskError
from nightdesk.core.hours import build_hourly_panel
from nightdesk.core.panel import Bars, Panel, book_columns, build_panel
from nightdesk.core.schedule import schedule_of
from nightdesk.feeds import Fetched
from nightdesk.feeds.hourly_quality import OF_HOURS, examine_hours
from nightdesk.feeds.quality import examine
from nightdesk.research.backtest import data

NOTHING, UNTOUCHED = "not caught", "no effect: the bars are as without it"
#: How outcomes are told, the gravest first; the last three are judgements on corporate actions.
TITLES = {
    "stop": "stop", "quarantine": "quarantine", "warn": "warning",
    "asked": "asked", "refused": "refused", "inferred": "inferred",
}  # fmt: skip

#: What must come of each defect, by vendor; `*` stands for all that are not named.
PROMISED: dict[str, dict[str, str]] = {
    "text for a price": {
        "*": "no bars: the server answered bars that are no numbers",
        "yahoo": "no bars: the server's chart cannot be read",
        "files": "refused: bars.csv, column close: found 'n/a', expected a number",
        "tiingo": "no bars: the server answered prices that are no numbers",
    },
    "no price (NaN)": {
        "*": "warning: no_bar; dropped: 1 without open, high, low or close",
        "tiingo": "no bars: the server answered prices that are no numbers",
    },
    "no price (null)": {"*": "warning: no_bar; dropped: 1 without open, high, low or close"},
    "an infinite price": {
        "*": "warning: no_bar; dropped: 1 without open, high, low or close",
        "files": "refused: bars.csv, column high: found inf, expected a finite number",
        "tiingo": "no bars: the server answered prices that are no numbers",
    },
    "a price of 0": {"*": "quarantine: not_positive"},
    "a negative price": {"*": "quarantine: not_positive"},
    "a negative volume": {"*": "quarantine: not_positive"},
    "a volume of 0": {"*": "warning: volume_mismatch"},
    "high and low swapped": {"*": "quarantine: out_of_range"},
    "a close above the high": {"*": "quarantine: out_of_range"},
    "a flat bar (open = high = low = close)": {"*": "warning: volume_mismatch"},
    "a spike of the high (× 3)": {"*": "warning: spike"},
    "decimal slip of a day (× 100)": {"*": "quarantine: price_jump; warning: outlier"},
    "decimal slip of a day (× 0.01)": {"*": "quarantine: price_jump; warning: outlier"},
    "pence for pounds from a day on (× 100)": {"*": "quarantine: price_jump; warning: outlier"},
    "another currency from a day on (× 0.79)": {"*": "warning: outlier"},
    "a split that nobody states (4:1)": {
        "*": "quarantine: price_jump; warning: outlier",
        "files": "inferred: corporate action",
    },
    "a split that the prices do not follow (4:1)": {"*": "refused: corporate action"},
    "a wrong close of a day (5 % off)": {"*": "not caught"},
    "2 % off from a day on": {"*": "not caught"},
    "2 % off, a second source is right": {"*": "quarantine: source_deviation"},
    "the same bar twice": {
        "*": "dropped: 1 told twice",
        "yahoo": "no effect: the bars are as without it",
        "files": "refused: bars.csv: AAPL has two bars of 2024-08-01: keep one of them",
    },
    "two bars of a day that differ": {
        "*": "no bars: the server answered two bars of 2024-08-01 04:00:00 UTC that di…",
        "yahoo": "no effect: the bars are as without it",
        "files": "refused: bars.csv: AAPL has two bars of 2024-08-01: keep one of them",
        "tiingo": "no bars: the server answered two bars of 2024-08-01 that differ",
    },
    "a bar of a Saturday": {"*": "dropped: 1 on no session of the calendar"},
    "a bar of a holiday": {"*": "dropped: 1 on no session of the calendar"},
    "a bar of the future": {
        "*": "no effect: the bars are as without it",
        "files": "refused: bars.csv: the bar of AAPL of 2024-08-19 is in the future (today…",
    },
    "days shifted by a calendar day": {"*": "warning: no_bar; dropped: 2 on no session of the calendar"},
    "days shifted by a session": {"*": "warning: no_bar"},
    "days shifted by a session, a second source is right": {
        "*": "quarantine: source_deviation; warning: no_bar"
    },
    "an old bar told again for 6 sessions": {"*": "warning: unchanged"},
    "one session missing": {"*": "warning: no_bar"},
    "three sessions missing in a row": {"*": "quarantine: absent; warning: no_bar"},
    "one session in ten missing": {"*": "quarantine: missing_share; warning: no_bar"},
    "an hour before the open": {
        "*": "dropped: 1 outside the hours of a session",
        "yahoo": "has no hours",
        "tiingo": "has no hours",
    },
    "an hour told twice, differing": {
        "*": "no bars: the server answered two bars of 2024-11-04 14:30:00 UTC that di…",
        "yahoo": "has no hours",
        "files": "refused: bars.csv: AAPL has two bars of the hour to 2024-11-04 15:00:00 …",
        "tiingo": "has no hours",
    },
    "an hour too early after the clocks change": {
        "*": "quarantine: h:missing_share; warning: h:no_bar; dropped: 10 outside the hours of a session",
        "yahoo": "has no hours",
        "files": "quarantine: h:missing_share; warning: h:no_bar; dropped: 5 outside the hours of a session",
        "tiingo": "has no hours",
    },
}


def book_of(*, hourly: bool = False) -> Book:
    """A book of the market's symbols; its volatility index is always told well."""
    tree = {
        "name": "dirty",
        "title": "Dirty",
        "initial_capital": 1000,
        "broker": {"account": "paper"},
        "universe": {symbol: {"max_weight": 0.5} for symbol in SYMBOLS},
        "strategies": {"time_series_momentum": {}},
        "regime": [{"name": "ALL"}],
        "limits": {},
    }
    return parse_book(tree | ({"schedule": "hourly"} if hourly else {}), "a matrix")


def outcome(defect: Defect, vendor: TellingVendor, folder: Path) -> str:
    """What catches a defect that a vendor tells, in a few words."""
    if defect.of_hours:
        return _of_hours(defect, vendor, folder)
    before = get_calendar().shift(FIRST, -1)
    market = _spoilt(quiet_market(), defect)
    try:
        with vendor.reading(market, folder, NOW) as feed:
            fetched = feed.fetch(SYMBOLS, before, LAST)
    except NightdeskError as error:
        return f"refused: {_short(str(error))}"
    panel = _panel(fetched)
    compare = _closes_of(quiet_market(), panel) if defect.compared else None
    quality = examine(panel, book_of(), compare)
    t0 = int(np.searchsorted(panel.sessions, np.datetime64(PLANTED, "D")))
    found = {
        (one.outcome, one.check)
        for t in range(t0, len(panel))
        for one in quality.findings(t)
        if one.outcome != "pass" and one.symbol in (SPOILT, "*")
    }
    found |= {(f"{one.outcome}", "corporate action") for one in panel.findings if one.symbol == SPOILT}
    same = not defect.compared and not found and _is_quiet(panel)
    return _told(found, fetched, same=same)


def _of_hours(defect: Defect, vendor: TellingVendor, folder: Path) -> str:
    if not vendor.minutes:
        return "has no hours"
    market = _spoilt(quiet_hours(vendor.minutes), defect)
    try:
        with vendor.reading(market, folder, HOURS_NOW) as feed:
            fetched = feed.fetch_hours(SYMBOLS, HOURS_FIRST, HOURS_LAST)
    except NightdeskError as error:
        return f"refused: {_short(str(error))}"
    if SPOILT in fetched.missing:
        return _told(set(), fetched)
    book = book_of(hourly=True)
    days = _panel(_days_of(fetched), HOURS_FIRST, HOURS_LAST)
    bars = data._hourly_bars(fetched.bars, book.panel_symbols)
    quality = examine_hours(build_hourly_panel(schedule_of(book), days, book_columns(book), bars, []), book)
    found = {
        (one.outcome, f"{OF_HOURS}{one.check}")
        for t in range(len(quality.panel))
        for one in quality.findings(t)
        if one.symbol == SPOILT
    }
    return _told(found, fetched)


def _spoilt(market: PlantedMarket, defect: Defect) -> PlantedMarket:
    splits = {} if defect.split is None else {SPOILT: [(PLANTED, defect.split)]}
    return PlantedMarket({**market.bars, SPOILT: defect.change(list(market.bars[SPOILT]))}, splits)


def _panel(fetched: Fetched, first: date = FIRST, last: date = LAST) -> Panel:
    """A panel of what was fetched, beside a volatility index that is told well."""
    book, calendar = book_of(), get_calendar()
    sessions = calendar.between(first, last)
    bars = data._bars(fetched.bars, book.panel_symbols)
    n = len(sessions)
    index = np.full(n, 15.0) + np.sin(np.arange(n))
    whole = Bars(
        column=np.append(bars.column, np.full(n, book.panel_symbols.index(book.volatility_index))),
        day=np.append(bars.day, sessions),
        **{
            name: np.append(getattr(bars, name), index) for name in ("open", "high", "low", "close", "volume")
        },
    )
    known = data._actions(fetched.actions)
    return build_panel(
        sessions,
        book_columns(book),
        whole,
        known,
        previous_session=np.datetime64(calendar.shift(first, -1), "D"),
    )


def _days_of(hours: Fetched) -> Fetched:
    """Days made of hours: what stands behind them is quiet."""
    rows = hours.bars.groupby(["symbol", "session"], as_index=False).agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "source": "first"}
    )
    return Fetched(rows, hours.actions)


def _closes_of(market: PlantedMarket, panel: Panel) -> np.ndarray:
    """The closes of a second source, which tells the quiet market."""
    out = np.full(panel.close.shape, np.nan)
    rows = {one: t for t, one in enumerate(panel.sessions.astype(object))}
    for symbol, bars in market.bars.items():
        for one in bars:
            out[rows[one.day], panel.column(symbol)] = one.cells[3]
    return out


def _is_quiet(panel: Panel) -> bool:
    """Whether a panel has the bars of the quiet market: the defect did not come through."""
    return np.allclose(
        _closes_of(quiet_market(), panel)[:, :-1], panel.close[:, :-1], rtol=1e-9, equal_nan=True
    )


def _told(found: set[tuple[str, str]], fetched: Fetched, *, same: bool = False) -> str:
    """What was found, the gravest first: the feed's refusal, checks, and rows that were left out."""
    words = []
    if SPOILT in fetched.missing:
        words.append(f"no bars: {_short(fetched.missing[SPOILT].reason)}")
    for outcome_, title in TITLES.items():
        names = sorted(check for what, check in found if what == outcome_)
        words += [f"{title}: {', '.join(names)}"] if names else []
    words += [f"dropped: {count} {reason}" for reason, count in sorted(fetched.dropped.items()) if count]
    return "; ".join(words) or (UNTOUCHED if same else NOTHING)


def _short(text: str) -> str:
    """The end of a refusal, without paths, instants and numbers of lines."""
    last = re.sub(r"\S*/(?=bars\.csv)|, line \d+( and .*?line \d+)?", "", text)
    return last if len(last) <= 64 else f"{last[:63]}…"


def matrix(
    vendors: Sequence[TellingVendor] = VENDORS, defects: Sequence[Defect] = DEFECTS
) -> dict[tuple[str, str], str]:
    """What catches each defect, by defect and vendor."""
    cells = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, defect in enumerate(defects):
            for vendor in vendors:
                cells[defect.name, vendor.name] = outcome(
                    defect, vendor, Path(folder) / f"{number}{vendor.name}"
                )
    return cells


def promised(defect: str, vendor: str) -> str:
    """What must come of a defect that a vendor tells."""
    told = PROMISED.get(defect, {})
    return told.get(vendor, told.get("*", "nothing is promised"))


def not_as_promised(cells: dict[tuple[str, str], str]) -> list[str]:
    """A line for each cell that is not what `PROMISED` says."""
    return [
        f"{defect}, {vendor}: promised {promised(defect, vendor)!r}, found {found!r}"
        for (defect, vendor), found in cells.items()
        if found != promised(defect, vendor)
    ]


def main() -> int:
    """Print the table; 1 when it is not as promised."""
    cells = matrix()
    names = [one.name for one in VENDORS]
    rows = [[defect.name, *(cells[defect.name, name] for name in names)] for defect in DEFECTS]
    print(table(["defect", *names], rows))
    wrong = not_as_promised(cells)
    print(f"\n{len(cells)} cells, {len(wrong)} not as promised", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
