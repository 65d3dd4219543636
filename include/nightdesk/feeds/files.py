"""The `files:PATH` feed: a folder or file of the user's own daily bars in CSV or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightdesk.calendar import Calendar
from nightdesk.errors import Refused
from nightdesk.feeds.base import Feed, Fetched, Missing, action_frame, bar_frame
from nightdesk.feeds.tables import find_tables, place, read_symbols, read_table

if TYPE_CHECKING:
    import pandas as pd

#: Growth of the adjustment factor from which on it is an action. Published to 6 decimals, the factor of a
#: price above 0.20 dollars is exact to 5e-6, so that anything beyond is no rounding.
SMALLEST_ADJUSTMENT = 1e-5


class FilesFeed(Feed):
    """Daily bars from files, each symbol's history as it stands there.

    Where a file carries `adj_close`, the growth of adj_close / close from one bar to the next is an action
    of kind `adjustment` of the later bar's date, so that nothing before it changes when a later dividend
    arrives.

    Parameters
    ----------
    path : Path
        A file, or a folder of which every CSV and Parquet file of daily bars is read.
    """

    name = "files"

    def __init__(
        self,
        path: Path,
        calendar: Calendar | str,
        *,
        continuous: Collection[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(calendar, continuous=continuous, now=now)
        if not path.exists():
            raise Refused(f"files:{path}: there is no such file or folder")
        self.path = path

    def covers(self, symbol: str) -> bool:
        return symbol in _symbols_of(find_tables(self.path))

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        loaded = _load(find_tables(self.path), self.now().date())
        wanted = loaded.frame[loaded.frame["symbol"].isin(list(symbols))]
        # the whole history, since the first ratio of a span needs the bar before it
        actions = _within(_adjustments(self.on_sessions(wanted)[0]), first, last)
        bars, dropped = self.on_sessions(_within(wanted, first, last))
        there = set(bars["symbol"])
        missing = {one: Missing(loaded.absence(one, first, last)) for one in symbols if one not in there}
        return Fetched(bar_frame(bars), action_frame(actions), missing, dropped)


class _Loaded:
    """Every bar of some files, checked."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        by_symbol = frame.groupby("symbol", observed=True)["session"]
        self.first_day = {str(name): day.date() for name, day in by_symbol.min().items()}
        self.last_day = {str(name): day.date() for name, day in by_symbol.max().items()}

    def absence(self, symbol: str, first: date, last: date) -> str:
        """Why there is no bar of `symbol` in a span."""
        if symbol not in self.first_day:
            return "the files hold no such symbol"
        span = f"{self.first_day[symbol]} to {self.last_day[symbol]}"
        return f"no bar from {first} to {last} (the files hold {span})"


def _within(frame: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    return frame[
        (frame["session"] >= np.datetime64(first, "s")) & (frame["session"] <= np.datetime64(last, "s"))
    ]


def _load(tables: tuple[tuple[Path, int, int], ...], today: date) -> _Loaded:
    loaded = _read_all(tables)
    row = loaded.frame.iloc[int(loaded.frame["session"].argmax())]
    newest = row["session"].date()
    if newest > today:
        raise Refused(
            f"{place(row['file'], row['row'])}: the bar of {row['symbol']} of {newest} is in the future "
            f"(today is {today} UTC): remove it or correct its date"
        )
    return loaded


@lru_cache(maxsize=4)
def _symbols_of(tables: tuple[tuple[Path, int, int], ...]) -> frozenset[str]:
    """The symbols that the files hold: a book is read with every parsing of its DAG, its bars are not."""
    return frozenset().union(*(read_symbols(path) for path, _, _ in tables))


@lru_cache(maxsize=4)
def _read_all(tables: tuple[tuple[Path, int, int], ...]) -> _Loaded:
    """The bars of all files; the key holds time and size of each, so a changed file is read anew."""
    import pandas as pd

    frames = [read_table(path) for path, _, _ in tables]
    frame = pd.concat(frames, ignore_index=True).sort_values(["symbol", "session"], kind="stable")
    twice = frame.duplicated(["symbol", "session"], keep=False)
    if twice.any():
        one, other = frame[twice].iloc[0], frame[twice].iloc[1]
        raise Refused(
            f"{place(one['file'], one['row'])} and {place(other['file'], other['row'])}: "
            f"{one['symbol']} has two bars of {one['session'].date()}: keep one of them"
        )
    return _Loaded(frame.reset_index(drop=True))


def _adjustments(bars: pd.DataFrame) -> pd.DataFrame:
    """Growth of each symbol's adjustment factor as actions; `bars` is sorted by symbol and session."""
    close, adjusted = (bars[name].to_numpy() for name in ("close", "adj_close"))
    symbol = bars["symbol"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = adjusted / close
        ratio = factor[1:] / factor[:-1]
        moved = (symbol[1:] == symbol[:-1]) & np.isfinite(ratio) & (np.abs(ratio - 1.0) > SMALLEST_ADJUSTMENT)
    at = np.flatnonzero(moved & (ratio > 0)) + 1
    rows = bars.iloc[at]
    return action_frame(
        {
            "symbol": rows["symbol"].to_numpy(),
            "session": rows["session"].to_numpy(),
            "kind": ["adjustment"] * len(at),
            "value": ratio[at - 1],
            "source": rows["source"].to_numpy(),
        }
    )
