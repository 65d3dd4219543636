"""A feed: a CSV file a symbol, as a program of yours may write them each evening.

NIGHTDESK_BARS names the folder; SPY.csv in it has a header and rows of date, open, high, low, close, volume.
"""

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from nightdesk.core.errors import Refused
from nightdesk.feeds import Feed, Fetched, Missing, action_frame, bar_frame, register

COLUMNS = ("date", "open", "high", "low", "close", "volume")


@register
class OneFileEach(Feed):
    """Raw prices; dividends and splits are stated by hand, with `nightdesk action`."""

    name = "one_file_each"

    def covers(self, symbol: str) -> bool:
        return self._file(symbol).is_file()

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        until = min(last, self.last_session())
        missing: dict[str, Missing] = {}
        found: list[pd.DataFrame] = []
        for symbol in dict.fromkeys(symbols):
            rows = self._rows(symbol, first, until) if self.covers(symbol) else pd.DataFrame()
            if len(rows):
                found.append(rows)
            else:
                missing[symbol] = Missing(f"no bar from {first} to {until} in {self._file(symbol)}")
        bars, dropped = self.on_sessions(bar_frame(pd.concat(found) if found else {}))
        return Fetched(bars.reset_index(drop=True), action_frame(), missing, dropped)

    def _rows(self, symbol: str, first: date, until: date) -> pd.DataFrame:
        path = self._file(symbol)
        try:
            rows = pd.read_csv(path, parse_dates=["date"])[list(COLUMNS)]
            prices = rows[list(COLUMNS[1:])].astype("float64")
        except (KeyError, ValueError) as error:
            raise Refused(f"{path}: {error}; expected the columns {', '.join(COLUMNS)}") from error
        rows = prices.assign(symbol=symbol, session=rows["date"], source=self.name)
        return rows[rows["session"].between(pd.Timestamp(first), pd.Timestamp(until))]

    def _file(self, symbol: str) -> Path:
        folder = os.environ.get("NIGHTDESK_BARS")
        if not folder:
            raise Refused(f"feed {self.name}: set NIGHTDESK_BARS to the folder of its files")
        return Path(folder, f"{symbol}.csv")
