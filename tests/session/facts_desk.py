"""A small desk whose book decides by facts beside prices, from files that tests may change."""

import csv
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tests.session.small_desk import SmallDesk, session

from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.releases import NEW_YORK

GOLD = "088691"
HEADERS = {
    "macro": ["series", "period", "value", "known_at"],
    "positioning": ["code", "report_date", "long", "short", "open_interest"],
    "earnings": ["symbol", "fiscal_end", "report_date", "timing", "known_at"],
    "quotes": ["symbol", "session", "bid", "ask"],
}
RULES: dict[str, Any] = {
    "kind": "rules",
    "share": 1.0,
    "params": {
        "enter": [
            "macro_DGS10 > macro_DGS10@1 and macro_CPIAUCSL > 200",
            "positioning_percentile < 0.6 and positioning_ratio > -1",
            "0 < sessions_to_earnings < 5",
        ],
        "leave": [
            "macro_DGS10 < macro_DGS10@1 - 0.04",
            "sessions_since_earnings < 2",
            "quoted_spread > 0.05",
        ],
    },
}


def new_york(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), NEW_YORK)


@dataclass
class FactsDesk:
    """The desk, and the lines of its files of facts by kind."""

    desk: SmallDesk
    lines: dict[str, list[list[str]]] = field(default_factory=lambda: {kind: [] for kind in HEADERS})

    def __post_init__(self) -> None:
        self._make_up()
        self.write()
        self.change_book(
            feeds={"daily": [self.desk.feed], **{kind: [f"files:{self.folder}"] for kind in HEADERS}},
            macro={"series": ["DGS10", "CPIAUCSL"]},
            positioning={"codes": {"GLD": GOLD}},
            strategies={"by_facts": RULES},
        )

    @property
    def folder(self) -> Path:
        return self.desk.book.parent / "facts"

    def change_book(self, **changed: Any) -> None:
        tree = yaml.safe_load(self.desk.book.read_text())
        tree["universe"]["QQQ"]["asset_class"] = "equity"
        self.desk.book.write_text(yaml.safe_dump({**tree, **changed}, sort_keys=False))

    def write(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for kind, header in HEADERS.items():
            with (self.folder / f"{kind}.csv").open("w", newline="") as file:
                csv.writer(file).writerows([header, *self.lines[kind]])

    def add(self, kind: str, *line: object) -> None:
        """One more line of a file."""
        self.lines[kind].append([one.isoformat() if isinstance(one, date) else str(one) for one in line])
        self.write()

    def _make_up(self) -> None:
        rng = np.random.default_rng(5)
        first, last = date(2018, 1, 2), session(20)
        days = [as_date(one) for one in get_calendar().between(date(2020, 1, 2), last)]
        rates = 2.0 + np.cumsum(rng.normal(0, 0.04, len(days)))
        macro = [["DGS10", str(day), f"{rate:.2f}", ""] for day, rate in zip(days, rates, strict=True)]
        for month in range(1, 28):
            period = date(2020 + (month - 1) // 12, (month - 1) % 12 + 1, 1)
            released = new_york(period + timedelta(days=42), "08:30").isoformat()
            macro.append(["CPIAUCSL", str(period), f"{199 + month / 10:.1f}", released])
        tuesdays = [first + timedelta(weeks=n) for n in range(240)]
        longs = rng.integers(100, 900, len(tuesdays))
        self.lines["macro"] = macro
        self.lines["positioning"] = [
            [GOLD, str(day), str(long), "400", "1000"]
            for day, long in zip(tuesdays, longs, strict=True)
            if day <= last
        ]
        announced = new_york(session(-20), "12:00").isoformat()
        self.lines["earnings"] = [
            ["QQQ", "2021-12-31", str(session(-40)), "before", new_york(session(-90), "12:00").isoformat()],
            ["QQQ", "2022-02-28", str(session(6)), "after", announced],
        ]
        self.lines["quotes"] = [
            [symbol, str(session(n)), "100.0", f"{100 + rng.random():.2f}"]
            for symbol in ("SPY", "QQQ", "GLD", "TLT")
            for n in range(-8, 15)
        ]

    def factor(self, number: int, name: str) -> dict[str, float]:
        """The stored values of a factor by symbol, those that are missing left out."""
        rows = self.desk.rows(
            "SELECT symbol, factor_value FROM nightdesk.factors_tall WHERE session = %s AND factor = %s",
            session(number),
            name,
        )
        found = {str(symbol): float(value) for symbol, value in rows}  # type: ignore[arg-type]
        return {symbol: value for symbol, value in found.items() if np.isfinite(value)}
