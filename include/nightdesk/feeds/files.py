"""The `files:PATH` feed: a folder or file of the user's own daily or hourly bars in CSV or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightdesk.core.calendar import Calendar, get_calendar
from nightdesk.core.corporate.evidence import History, factor_changes, raw_splits
from nightdesk.core.corporate.findings import INFERRED_SOURCE
from nightdesk.core.errors import Refused
from nightdesk.core.names import NameChange, former_spans
from nightdesk.core.schedule import hourly
from nightdesk.feeds.bar_tables import Found, Version, find_tables, read_symbols, read_table
from nightdesk.feeds.day_columns import place
from nightdesk.feeds.feed import (
    PRICES,
    WITHOUT_PRICE,
    Feed,
    Fetched,
    Missing,
    action_frame,
    add_up,
    bar_frame,
    hour_frame,
)
from nightdesk.feeds.hour_tables import find_hour_actions, find_hours, hour_symbols, read_hours
from nightdesk.feeds.spellings import same_symbol
from nightdesk.feeds.stated_actions import combine, read_actions
from nightdesk.feeds.unadjusting import unadjust

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

#: Symbols that are named where one is not among them.
MOST_NAMED = 10

STILL_FILLED = "hours that are not over yet"


class FilesFeed(Feed):
    """Daily bars from files, each symbol's history as it stands there, and hourly ones.

    Corporate actions that the files state come as they are. Where a file carries `adj_close`, each change of
    adj_close / close is an action of kind `adjustment` of the later bar's date, so that nothing before it
    changes when a later dividend arrives; where it does not, splits are inferred from raw prices. See
    `nightdesk.core.corporate.evidence`.

    Parameters
    ----------
    path : Path
        A file, or a folder of which every file of daily bars in a known layout is read, and every file of
        corporate actions; what else may hold data is named in `Fetched.passed_over`.
    """

    name = "files"
    hourly = True

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
        if not path.is_dir() and not path.is_file():
            raise Refused(f"files:{path}: found a pipe or a device, expected a file or folder of bars")
        self.path = path

    def covers(self, symbol: str) -> bool:
        return same_symbol(symbol) in _symbols_of(find_tables(self.path).bars)

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        found = find_tables(self.path)
        loaded = _load(found, self.calendar, self.now().date())
        asked: dict[str, str] = {}
        for symbol in symbols:
            asked.setdefault(same_symbol(symbol), symbol)
        frame = loaded.frame[loaded.frame["symbol"].isin(list(asked))]
        frame = frame.assign(symbol=frame["symbol"].map(asked).astype(object))
        self._refuse_other_days(frame)
        # the whole history, since the first ratio of a span needs the bar before it
        stated = loaded.actions[loaded.actions["symbol"].isin(list(asked))]
        stated = action_frame(stated.assign(symbol=stated["symbol"].map(asked).astype(object)))
        shown = _evidence(self.on_sessions(frame)[0], stated, self.is_continuous)
        actions = _within(_with_stated(shown, stated), first, last)
        bars, dropped = self.on_sessions(_within(frame, first, last))
        there = set(bars["symbol"])
        missing = {one: Missing(loaded.absence(one, first, last)) for one in symbols if one not in there}
        return Fetched(
            bar_frame(bars),
            action_frame(actions),
            missing,
            add_up(dropped, loaded.dropped),
            found.passed_over,
        )

    def former_names(self, symbol: str) -> tuple[NameChange, ...]:
        stated = _load(find_tables(self.path), self.calendar, self.now().date()).actions
        changes = stated[(stated["kind"] == "symbol_change") & (stated["value"] == 1.0)]
        days = changes["session"].to_numpy().astype("datetime64[D]")
        named = zip(changes["symbol"], changes["other"], days, strict=True)
        said = [
            NameChange(str(old), symbol if same_symbol(new) == same_symbol(symbol) else str(new), day)
            for old, new, day in named
        ]
        path = {symbol, *(one.name for one in former_spans(symbol, said))}
        return tuple(one for one in said if one.new in path)

    def covers_hours(self, symbol: str) -> bool:
        return same_symbol(symbol) in _hour_symbols_of(find_hours(self.path))

    def fetch_hours(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        asked = {same_symbol(symbol): symbol for symbol in reversed(symbols)}
        frame, dropped = _read_all_hours(find_hours(self.path), self.calendar.name, self._continuous)
        now = np.datetime64(self.now().astimezone(UTC).replace(tzinfo=None), "s")
        _refuse_future_hours(frame, now)
        frame = frame[frame["symbol"].isin(list(asked))]
        frame = frame.assign(symbol=frame["symbol"].map(asked).astype(object))
        whole = frame[list(PRICES)].notna().all(axis=1)
        over = frame["end"] <= now
        counts = {WITHOUT_PRICE: int((over & ~whole).sum()), STILL_FILLED: int((~over).sum())}
        bars = frame[whole & over]
        stated = _read_hour_actions(find_hour_actions(self.path), self.calendar.name)
        stated = stated[stated["symbol"].isin(list(asked))]
        stated = action_frame(stated.assign(symbol=stated["symbol"].map(asked).astype(object)))
        opens = self.hours.opens_session(bars["end"].to_numpy().astype("datetime64[s]"))
        shown = _evidence(bars, stated, self.is_continuous, opens)
        bars = _within(bars, first, last)
        there = set(bars["symbol"])
        absent = Missing(f"the files hold no hour of it from {first} to {last}")
        return Fetched(
            hour_frame(bars),
            action_frame(_within(_with_stated(shown, stated), first, last)),
            {one: absent for one in symbols if one not in there},
            add_up(dropped, {reason: count for reason, count in counts.items() if count}),
        )

    def _refuse_other_days(self, frame: pd.DataFrame) -> None:
        """Refuse bars of a market that never closes whose days are none of UTC: they would be misdated."""
        odd = frame[~frame["of_utc"].to_numpy(bool)]
        odd = odd[[self.is_continuous(one) for one in odd["symbol"]]]
        if len(odd):
            row = odd.iloc[0]
            raise Refused(
                f"{place(row['file'], row['row'])}: {row['symbol']} trades all day, and this bar begins "
                "at no midnight of UTC: as a day of UTC it would show hours that are yet to come. "
                "Give bars of whole days of UTC"
            )


class _Loaded:
    """Every bar of some files, checked; symbols in their common spelling."""

    def __init__(self, frame: pd.DataFrame, actions: pd.DataFrame, dropped: Mapping[str, int]) -> None:
        self.frame, self.actions, self.dropped = frame, actions, dropped
        by_symbol = frame.groupby("symbol", observed=True)["session"]
        self.first_day = {str(name): day.date() for name, day in by_symbol.min().items()}
        self.last_day = {str(name): day.date() for name, day in by_symbol.max().items()}

    def absence(self, symbol: str, first: date, last: date) -> str:
        """Why there is no bar of `symbol` in a span."""
        name = same_symbol(symbol)
        if name not in self.first_day:
            some = sorted(self.first_day)[:MOST_NAMED]
            more = ", …" if len(self.first_day) > len(some) else ""
            return f"the files hold no such symbol (they hold {', '.join(some)}{more})"
        span = f"{self.first_day[name]} to {self.last_day[name]}"
        return f"no bar from {first} to {last} (the files hold {span})"


def _within(frame: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    return frame[
        (frame["session"] >= np.datetime64(first, "s")) & (frame["session"] <= np.datetime64(last, "s"))
    ]


def _load(found: Found, calendar: Calendar, today: date) -> _Loaded:
    loaded = _read_all(found.bars, found.actions, calendar.name)
    row = loaded.frame.iloc[int(loaded.frame["session"].argmax())]
    newest = row["session"].date()
    if newest > today:
        raise Refused(
            f"{place(row['file'], row['row'])}: the bar of {row['symbol']} of {newest} is in the future "
            f"(today is {today} UTC): remove it or correct its date"
        )
    return loaded


@lru_cache(maxsize=4)
def _symbols_of(tables: tuple[Version, ...]) -> frozenset[str]:
    """The symbols that the files hold: a book is read with every parsing of its DAG, its bars are not."""
    return frozenset().union(*(read_symbols(path) for path, _, _ in tables))


@lru_cache(maxsize=4)
def _read_all(tables: tuple[Version, ...], actions: tuple[Version, ...], calendar: str) -> _Loaded:
    """The bars of all files; the key holds time and size of each, so a changed file is read anew."""
    import pandas as pd

    exchange = get_calendar(calendar)
    read = [read_table(path, exchange) for path, _, _ in tables]
    listed = [read_actions(path, exchange) for path, _, _ in actions]
    frame = pd.concat([one.frame for one in read], ignore_index=True)
    frame = frame.sort_values(["symbol", "session"], kind="stable")
    twice = frame.duplicated(["symbol", "session"], keep=False)
    if twice.any():
        one, other = frame[twice].iloc[0], frame[twice].iloc[1]
        raise Refused(
            f"{place(one['file'], one['row'])} and {place(other['file'], other['row'])}: "
            f"{one['symbol']} has two bars of {one['session'].date()}: keep one of them"
        )
    stated = combine([*(one.actions for one in read), *(rows for rows, _ in listed)])
    bars, stated = unadjust(frame.reset_index(drop=True), stated)
    return _Loaded(bars, stated, add_up(*(one.dropped for one in read), *(counts for _, counts in listed)))


@lru_cache(maxsize=4)
def _hour_symbols_of(tables: tuple[Version, ...]) -> frozenset[str]:
    return frozenset().union(*(hour_symbols(path) for path, _, _ in tables))


@lru_cache(maxsize=4)
def _read_all_hours(
    tables: tuple[Version, ...], calendar: str, continuous: frozenset[str]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The hours of all files, with the session that each counts in, and what was left out, by reason."""
    import pandas as pd

    schedule = hourly(get_calendar(calendar))
    read = [
        read_hours(path, schedule, lambda name: name in continuous or name.endswith("-USD"))
        for path, _, _ in tables
    ]
    frame = pd.concat([one.frame for one in read], ignore_index=True)
    frame = frame.sort_values(["symbol", "end"], kind="stable", ignore_index=True)
    twice = frame.duplicated(["symbol", "end"], keep=False)
    if twice.any():
        one, other = frame[twice].iloc[0], frame[twice].iloc[1]
        raise Refused(
            f"{place(one['file'], one['row'])} and {place(other['file'], other['row'])}: "
            f"{one['symbol']} has two bars of the hour to {one['end']} UTC: keep one of them"
        )
    ends = frame["end"].to_numpy().astype("datetime64[s]")
    frame["session"] = schedule.sessions_of(ends).astype("datetime64[s]")
    return frame, add_up(*(one.dropped for one in read))


def _refuse_future_hours(frame: pd.DataFrame, now: np.datetime64) -> None:
    ahead = frame[frame["start"] > now]
    if len(ahead):
        row = ahead.iloc[0]
        raise Refused(
            f"{place(row['file'], row['row'])}: the bar of {row['symbol']} that begins at {row['start']} UTC "
            f"is in the future (it is {now} UTC): remove it or correct its instant"
        )


@lru_cache(maxsize=4)
def _read_hour_actions(tables: tuple[Version, ...], calendar: str) -> pd.DataFrame:
    """What is stated beside the hours; symbols in their common spelling."""
    import pandas as pd

    stated = combine([read_actions(path, get_calendar(calendar))[0] for path, _, _ in tables])
    return unadjust(pd.DataFrame({"split_adjusted": np.zeros(0, dtype=bool)}), stated)[1]


def _with_stated(adjustments: pd.DataFrame, stated: pd.DataFrame) -> pd.DataFrame:
    """Stated actions, and what is shown of the days on which none is stated: what is given comes first."""
    import pandas as pd

    if stated.empty:
        return adjustments
    key = ["symbol", "session"]
    given = pd.MultiIndex.from_frame(stated[stated["kind"] != "accept"][key])
    implied = adjustments[~pd.MultiIndex.from_frame(adjustments[key]).isin(given)]
    return pd.concat([stated, implied]) if len(implied) else stated


def _evidence(
    bars: pd.DataFrame,
    stated: pd.DataFrame,
    continuous: Callable[[str], bool],
    opens: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """What each symbol's columns show of corporate actions; `bars` is sorted by symbol and session, or hour.

    Changes of adj_close / close are rows of kind adjustment. Where a symbol has no adj_close and none of its
    splits is stated, those that its raw prices show are rows of kind split; an index and a market that never
    closes have none. Of hours those count alone that begin a session (`opens`), so that what is shown of a
    session is known with its first hour.
    """
    split_elsewhere = set(stated.loc[stated["kind"] == "split", "symbol"])
    day, source = bars["session"].to_numpy(), bars["source"].to_numpy()
    names = ("open", "high", "low", "close", "volume", "adj_close")
    columns = {name: bars[name].to_numpy(np.float64) for name in names}
    rows: list[tuple[object, ...]] = []
    symbol = bars["symbol"].to_numpy()
    first = np.append(True, symbol[1:] != symbol[:-1])[: len(symbol)]
    starts: list[int] = np.flatnonzero(first).tolist()
    for start, stop in zip(starts, [*starts[1:], len(symbol)][: len(starts)], strict=True):
        name, own = str(symbol[start]), slice(start, stop)
        history = History(*(column[own] for column in columns.values()))
        rows += [
            (name, day[start + one.at], "adjustment", one.ratio, source[start + one.at], "")
            for one in factor_changes(history)
        ]
        unsplit = name.startswith("^") or continuous(name) or name in split_elsewhere
        if not unsplit and not np.isfinite(history.adjusted).any():
            rows += [
                (name, day[start + one.at], "split", one.split.value, INFERRED_SOURCE, one.note)
                for one in raw_splits(history)
                if opens is None or opens[start + one.at]
            ]
    columns_of_actions = ("symbol", "session", "kind", "value", "source", "note")
    return action_frame(dict(zip(columns_of_actions, zip(*rows, strict=True), strict=True)) if rows else ())
