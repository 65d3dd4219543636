"""A desk whose book decides by the hour, long and short on margin: two sessions, and an hour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cockpit.decided_desk import DecidedDesk, as_project
from tests.conftest import open_connection
from tests.session.hourly_desk import HourlyDesk, at

from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session

BOOK = "hours_of_tests"
#: Decisions that were made: two sessions of seven with the nights after them, and the first of the third.
MADE = 15
RUN = "scheduled__hour"

#: What makes the book of `tests.hourly_book` go short, borrow, and meet its limits.
LONG_SHORT: dict[str, Any] = {
    "margin": {"kind": "portfolio"},
    "financing": {"debit_rate": 0.06, "borrow_rate": 0.005},
    "universe": {symbol: {"max_weight": 0.8, "asset_class": "equity"} for symbol in ("SPY", "AAPL", "BAC")},
    "strategies": {
        "hours": {
            "kind": "rules",
            "share": 1.0,
            "params": {"enter": "h:momentum_2 > 0.001", "enter_short": "h:momentum_2 < -0.001"},
        }
    },
    "limits": {
        "liquidity": {"limit": 0.0015},
        "max_weight": {},
        "gross_leverage": {"limit": 3.0},
        "net_leverage": {"limit": 1.5},
        "leverage_reduction": {},
        "turnover_per_day": {"limit": 4.0},
        "daily_loss": {"limit": -0.05},
        "max_drawdown": {"limit": 0.15},
    },
}


def decide_hours(folder: Path, url: str, made: int = MADE) -> DecidedDesk:
    """Make the desk and let its book decide."""
    desk = HourlyDesk(url, folder / "hourly", changed=LONG_SHORT)
    for number in range(made):
        with (
            open_connection(url) as conn,
            open_context(
                desk.book,
                at(number),
                conn=conn,
                turn_seconds=0,
                task=f"hourly__{BOOK}/{RUN}{number}/step/1",
            ) as context,
        ):
            run_session(context)
    root = as_project(folder / "project")
    (root / "books" / desk.book.name).symlink_to(desk.book)
    return DecidedDesk(url, root, folder / "home")
