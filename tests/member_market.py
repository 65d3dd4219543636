"""A small market whose list of members changes every week, and a book on it, for every driver."""

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import yaml

from nightdesk.core.calendar import as_date, get_calendar

INCEPTION, ORIGIN = date(2022, 3, 1), date(2021, 2, 1)
#: First and last session of the bars.
BEGINS, ENDS = date(2021, 1, 4), date(2022, 6, 30)
SYMBOLS = tuple(f"M{n:02}" for n in range(12))
#: Its bars end with its listing, in the midst of the decided sessions; ten dollars a share are paid out.
DELISTED, DELISTED_ON = "M03", 12


def session(number: int) -> date:
    """The session that is so many after the inception."""
    return get_calendar().shift(INCEPTION, number)


#: Symbol, first session and last one (None: to the end), by number from the inception on.
LIST: tuple[tuple[str, int, int | None], ...] = (
    *((symbol, -200, None) for symbol in ("M00", "M01", "M02", "M10", "M11")),
    ("M03", -200, DELISTED_ON - 1),
    ("M04", -200, 4),
    ("M04", 10, None),
    ("M05", -200, 5),
    ("M06", -60, 9),
    ("M07", 5, 14),
    ("M08", 10, None),
    ("M09", 15, None),
)


@dataclass(frozen=True)
class MemberMarket:
    """Where its files are."""

    folder: Path

    @property
    def book(self) -> Path:
        return self.folder / "weekly.yaml"

    @property
    def list(self) -> Path:
        return self.folder / "members.csv"

    def write_list(self, spans: tuple[tuple[str, int, int | None], ...] = LIST) -> None:
        """Write the list of members."""
        rows = [
            [
                symbol,
                session(first),
                "" if last is None else session(last),
                "odd" if symbol[-1] in "13579" else "",
            ]
            for symbol, first, last in spans
        ]
        with self.list.open("w", newline="") as file:
            csv.writer(file).writerows([["symbol", "from", "until", "group"], *rows])


def member_market(folder: Path, delisted_on: int = DELISTED_ON) -> MemberMarket:
    """Write bars, actions, list and book to an empty folder."""
    made = MemberMarket(folder)
    bars = folder / "market"
    bars.mkdir(parents=True)
    with (bars / "bars.csv").open("w", newline="") as file:
        header = ["date", "symbol", "open", "high", "low", "close", "volume"]
        csv.writer(file).writerows([header, *_rows(delisted_on)])
    with (bars / "actions.csv").open("w", newline="") as file:
        header = ["symbol", "session", "kind", "value", "cash"]
        csv.writer(file).writerows([header, [DELISTED, session(delisted_on), "delisting", 0, 10]])
    made.write_list()
    made.book.write_text(yaml.safe_dump(_tree(made), sort_keys=False))
    return made


def _tree(made: MemberMarket) -> dict[str, object]:
    return {
        "name": "weekly",
        "title": "Weekly members",
        "initial_capital": 100_000,
        "inception": INCEPTION,
        "origin": ORIGIN,
        "feeds": {"daily": [f"files:{made.folder / 'market'}"]},
        "broker": {"account": "paper-weekly"},
        "universe": {
            "members": f"files:{made.list}",
            "each": {"asset_class": "equity", "group": "rest", "max_weight": 0.2},
            "always": ["GLD"],
            "symbols": {"M01": {"max_weight": 0.1}},
        },
        "strategies": {
            "cross_sectional_momentum": {
                "share": 0.5,
                "params": {"havens": ["GLD"], "long_above": 0.5, "defence_above": 0.9},
            },
            "time_series_momentum": {"share": 0.5},
        },
        "regime": [{"name": "ANY"}],
        "limits": {"max_weight": {}, "cash_buffer": {"limit": 0.02}, "group_count": {"limit": 9}},
    }


def _rows(delisted_on: int) -> list[list[str]]:
    random = np.random.default_rng(7)
    sessions = [as_date(one) for one in get_calendar().between(BEGINS, ENDS)]
    rows = []
    for n, symbol in enumerate((*SYMBOLS, "GLD", "SPY", "^VIX")):
        close, drift = 30.0 + 7 * n, 0.0
        for at, day in enumerate(sessions):
            if symbol == DELISTED and day >= session(delisted_on):
                break
            if at % 30 == 0:
                drift = float(random.normal(0.001, 0.003))
            before = close
            close = close * float(np.exp(drift + random.normal(0, 0.012)))
            if symbol == "^VIX":
                close = 18.0 + 4 * np.sin(at / 9)
            opened = before * float(np.exp(random.normal(0, 0.002)))
            low, high = min(opened, close) * 0.995, max(opened, close) * 1.005
            volume = "" if symbol == "^VIX" else "5000000"
            rows.append([str(day), symbol, *(f"{one:.2f}" for one in (opened, high, low, close)), volume])
    return rows
