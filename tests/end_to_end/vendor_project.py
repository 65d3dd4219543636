"""Two daily books and an hourly one that get their bars from vendors over the wire, and their market."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from tests.end_to_end.hourly_project import BOOK as HOURLY
from tests.end_to_end.hourly_project import lay_out_hours
from tests.end_to_end.project import ROOT
from tests.hourly_book import SYMBOLS, hourly_tree
from tests.matrices.vendor_entries import MarketBar
from tests.session.new_desk import random_walks

from nightdesk.core.calendar import get_calendar

MULTI, EQUITY = "multi_asset", "equity_swing"
#: The session in which the daily books begin, that of the faults (the hourly book's first), the healed one.
FIRST, FAULTY, HEALED = date(2025, 1, 3), date(2025, 1, 6), date(2025, 1, 7)
#: The history of all books begins here.
_SINCE = date(2023, 6, 1)
_HOURS_SINCE = date(2024, 10, 1)
SHARES = ["polygon", "alpaca", "yahoo"]
FEEDS = {"daily": SHARES, "compare_with": "yahoo"}
#: Of a book with coins.
FEEDS_WITH_COINS = FEEDS | {"daily": {"crypto": ["binance", "alpaca"], "default": SHARES}}


def universe_of(book: str) -> tuple[str, ...]:
    """The symbols of a book that is shipped."""
    tree = yaml.safe_load((ROOT / "books" / f"{book}.yaml").read_text())
    return tuple(tree["universe"])


def lay_out_vendors(root: Path) -> None:
    """The usual project of a test with these three books in place of its own."""
    lay_out_hours(ROOT)(root)
    hours = hourly_tree(
        feeds={**FEEDS, "hourly": ["polygon", "alpaca"]}, origin=_HOURS_SINCE, inception=FAULTY
    )
    trees: dict[str, Any] = {HOURLY: hours}
    for name in (MULTI, EQUITY):
        tree = yaml.safe_load((ROOT / "books" / f"{name}.yaml").read_text())
        trees[name] = tree | {
            "inception": FIRST,
            "feeds": (FEEDS_WITH_COINS if name == MULTI else FEEDS) | _news_of(tree),
        }
    for name, tree in trees.items():
        (root / "books" / f"{name}.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))


def _news_of(tree: dict[str, Any]) -> dict[str, list[str]]:
    return {"news": ["sample"]} if "news" in tree.get("feeds", {}) else {}


def market() -> dict[str, list[MarketBar]]:
    """Days of every symbol of the books, and the half hours of the hourly book's that add up to them."""
    symbols = dict.fromkeys((*universe_of(MULTI), *universe_of(EQUITY), *SYMBOLS))
    bars: dict[str, list[MarketBar]] = {}
    for day, symbol, *cells in random_walks(tuple(symbols), _SINCE, HEALED):
        row: Any = (date.fromisoformat(day), *(float(one or 0) for one in cells))
        bars.setdefault(symbol, []).append(row)
    for symbol in SYMBOLS:
        days = [one for one in bars[symbol] if str(one[0]) >= str(_HOURS_SINCE - timedelta(days=7))]
        bars[symbol] = [*bars[symbol], *(half for one in days for half in _halves_of(one))]
    return bars


def _halves_of(bar: MarketBar) -> Iterator[MarketBar]:
    """The half hours of a session, on a straight line from its open to its close."""
    day, opened, high, low, close, volume = bar
    calendar = get_calendar()
    start, end = calendar.open_at(_date(day)), calendar.close_at(_date(day))
    count = int((end - start) / timedelta(minutes=30))
    points = [round(opened + (close - opened) * n / count, 2) for n in range(count + 1)]
    for n in range(count):
        top, bottom = max(points[n : n + 2]), min(points[n : n + 2])
        yield (
            (start + n * timedelta(minutes=30)).astimezone(UTC),
            points[n],
            high if n == 1 else top,
            low if n == 2 else bottom,
            points[n + 1],
            volume / count,
        )


def _date(day: date | datetime) -> date:
    return day.date() if isinstance(day, datetime) else day
