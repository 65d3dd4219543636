"""What the data checks leave of the market at a decision: worked out by the quality step, read by the others.

The quality step reads the whole history and examines it. All that the later steps of the decision need of the
bars fits into its own row, the returns of its windows, and what is seldom: withheld bars, splits, the
benchmark. It is stored beside what it was made from. A step whose decision knows the market by another
instant, has another version of its book or other code, and one that finds nothing stored (a decision that was
closed long ago), works it out of the bars anew: the values are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nightdesk.core.calendar import as_date, as_instant
from nightdesk.core.panel import Action, Floats, Panel
from nightdesk.core.withheld import BadOpens, Withheld, usable
from nightdesk.engine import Desk, Market, observe
from nightdesk.engine.market import HourRows
from nightdesk.store.packing import Packed
from nightdesk.store.quality_outcomes import MadeFrom, Part, outcome_row, read_outcome
from nightdesk.strategies import Signals, SignalSide
from nightdesk.version import code_version

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nightdesk.core.book import Book
    from nightdesk.feeds.hourly_quality import SoundHours
    from nightdesk.feeds.quality import Quality
    from nightdesk.store.db import Connection

#: How many sessions a day shows of itself: its own, and the one before it.
_SHOWN = 2

#: The fields of a market that no bar says.
_UNSAID = (
    "desk", "factors", "signals", "direction", "side", "confidence", "strength", "models", "injected",
)  # fmt: skip
_BARS = ("open", "high", "low", "close", "volume")

#: What a market of hours has beside its rows.
_OF_HOURS = ("day", "closes", "fills_at_mean", "mean")


class Examining(Protocol):
    """The session of a book whose bars are examined; a `nightdesk.session.context.Context` is one."""

    @property
    def conn(self) -> Connection: ...
    @property
    def book(self) -> Book: ...
    @property
    def session(self) -> date: ...
    @property
    def as_of(self) -> datetime: ...
    @property
    def is_hourly(self) -> bool: ...
    @property
    def desk(self) -> Desk: ...
    def panel(self) -> Panel: ...
    def examined(self) -> Quality: ...
    def has_examined(self, known_by: datetime) -> bool: ...


class Checked:
    """A session's market after the checks, of one instant up to which bars are known.

    Every part is read, or worked out, when it is first asked for.

    Parameters
    ----------
    context : Examining
        The session.
    known_by : datetime
    """

    def __init__(self, context: Examining, known_by: datetime) -> None:
        self._context = context
        self.made_from = MadeFrom(known_by, context.book.config_hash, code_version(context.desk))
        self._day: CheckedDay | None = None
        self._has_returns = False
        #: Whether the day is that which the quality step stored, with its own row of the session.
        self.is_stored = False

    def has(self, part: Part) -> bool:
        """Whether a part is there, or is worked out, without a look into the store."""
        if self._context.has_examined(self.made_from.known_by):
            return True
        found = {
            "day": self._day is not None,
            "recent": self._has_returns,
            "history": "history" in self.__dict__,
        }
        return found[part]

    def is_quick(self) -> bool:
        """Whether the day is there, or stored: else it is worked out of the whole history of bars."""
        return self.has("day") or self._stored("day") is not None

    @cached_property
    def market(self) -> Market:
        """The market of all sessions since the origin, from the bars."""
        by_day = self._context.examined().entries_allowed
        entries_allowed = by_day if self.hours is None else self.hours.entries_allowed
        return silent_market(self._context.desk, self._panel, self.withheld, entries_allowed)

    @cached_property
    def hours(self) -> SoundHours | None:
        """What the checks leave of the hours, from the bars; None for a book that decides by sessions."""
        from nightdesk.feeds.hourly_quality import sound_hours

        context = self._context
        return sound_hours(context.panel(), context.examined(), context.book) if context.is_hourly else None

    @property
    def withheld(self) -> Withheld:
        """What decisions do not use of the panel, from the bars."""
        return self._context.examined().withheld if self.hours is None else self.hours.withheld

    @property
    def _panel(self) -> Panel:
        """The bars; behind hours, sessions without what the checks withhold of them."""
        return self._context.panel() if self.hours is None else self.hours.panel

    def usable_panel(self) -> Panel:
        """The panel as factors and signals see it: without the bars that the checks withhold."""
        panel, history = self._context.panel(), self.history
        if panel.hours is not None and history.days_withheld is not None:
            sound_days = usable(panel.days, history.days_withheld)
            panel = replace(panel, hours=replace(panel.hours, days=sound_days))
        return usable(panel, history.withheld)

    def day(self, *, returns: bool) -> CheckedDay:
        """The newest session; the returns of its windows are there where they are asked for."""
        if self._day is None or (returns and not self._has_returns):
            self._day, self._has_returns = self._find_day(returns=returns)
        return self._day

    @cached_property
    def history(self) -> CheckedHistory:
        """What concerns all sessions."""
        stored = self._stored("history")
        return self._work_out_history() if stored is None else unpacked_history(stored)

    def row(self) -> dict[str, Any]:
        """What the quality step stores for the others."""
        self._day, self._has_returns, self.is_stored = self._work_out_day(), True, True
        self.__dict__["history"] = self._work_out_history()
        return outcome_row(self.made_from, packed_outcome(self._day, self.history))

    def _find_day(self, *, returns: bool) -> tuple[CheckedDay, bool]:
        desk, day = self._context.desk, self._stored("day")
        recent = self._stored("recent") if day is not None and returns else None
        self.is_stored = day is not None and not (returns and recent is None)
        if day is None or not self.is_stored:
            return self._work_out_day(), True
        return unpacked_day(desk, day, recent), returns

    def _work_out_day(self) -> CheckedDay:
        return checked_day(self.market, self._panel, self.withheld)

    def _work_out_history(self) -> CheckedHistory:
        by_day = None if self.hours is None else self._context.examined().withheld.bars
        return checked_history(self._context.desk, self._panel, self.withheld, by_day)

    def _stored(self, part: Part) -> Packed | None:
        """What is stored; nothing is read where this process has examined the bars by itself."""
        context = self._context
        if context.has_examined(self.made_from.known_by):
            return None
        return read_outcome(context.conn, context.book.name, context.as_of, self.made_from, part)


@dataclass(frozen=True)
class CheckedDay:
    """The newest session, as settlement, the regime and the strategies see it.

    Attributes
    ----------
    market : Market
        Its last two sessions, of which no strategy has said anything; the returns of their windows are NaN
        where they were not asked for.
    bars : mapping of field to ndarray of shape (n_columns,)
        Open, high, low, close and volume of the session in the panel's columns, NaN where there is no bar or
        the checks withhold it.
    last_close : ndarray of shape (n_columns,)
        Newest close that is not withheld, restated for splits since.
    age : ndarray of shape (n_columns,)
        Sessions since that close; -1 before the first one.
    """

    market: Market
    bars: Mapping[str, Floats]
    last_close: Floats
    age: NDArray[np.int64]


@dataclass(frozen=True)
class CheckedHistory:
    """What concerns all sessions since the origin.

    Attributes
    ----------
    withheld : bool ndarray of shape (n_rows, n_columns)
        See `Withheld.bars`; of an hourly book a row is an hour.
    days_withheld : bool ndarray of shape (n_sessions, n_columns) or None
        The same of the sessions behind hours; None where the rows are sessions.
    splits : tuple of (date, str, float)
        Session, symbol and units after for one before, of the symbols that may be traded.
    benchmark, benchmark_returns : ndarray of shape (n_sessions,)
        Adjusted closes of the benchmark and their returns.
    """

    withheld: NDArray[np.bool_]
    days_withheld: NDArray[np.bool_] | None
    splits: tuple[tuple[date, str, float], ...]
    benchmark: Floats
    benchmark_returns: Floats


def silent_market(desk: Desk, panel: Panel, withheld: Withheld, entries_allowed: NDArray[np.bool_]) -> Market:
    """The market of a panel of which no factor is known and no strategy has spoken."""
    length, width = len(panel), len(desk.symbols)
    unknown: dict[str, Floats] = dict.fromkeys(desk.factor_names, np.full((length, width), np.nan))
    quiet = _quiet(length, width)
    return observe(
        desk,
        panel,
        unknown,
        dict.fromkeys(desk.strategies, quiet),
        withheld=withheld,
        entries_allowed=entries_allowed,
    )


def checked_day(market: Market, panel: Panel, withheld: Withheld) -> CheckedDay:
    """The newest session of a market and of the panel behind it."""
    sound = usable(panel, withheld.bars)
    references = np.arange(len(panel.symbols)) >= len(market.desk.symbols)
    days = sound.days  # hours of a reference are not read, its sessions are
    return CheckedDay(
        market=market.newest(_SHOWN),
        bars={name: getattr(sound, name)[-1] for name in _BARS},
        last_close=np.where(references, days.last_close[-1], sound.last_close[-1]),
        age=np.where(references, days.age[-1], sound.age[-1]),
    )


def checked_history(
    desk: Desk, panel: Panel, withheld: Withheld, days_withheld: NDArray[np.bool_] | None
) -> CheckedHistory:
    """What concerns all sessions of a panel."""
    column, split = panel.column(desk.book.benchmark), panel.split[:, : len(desk.symbols)]
    return CheckedHistory(
        withheld=withheld.bars,
        days_withheld=days_withheld,
        splits=tuple(
            (as_date(panel.sessions[t]), desk.symbols[n], float(split[t, n]))
            for t, n in np.argwhere(split != 1.0).tolist()
        ),
        benchmark=panel.days.adjusted_close[:, column],
        benchmark_returns=panel.days.returns[:, column],
    )


def packed_outcome(day: CheckedDay, history: CheckedHistory) -> dict[Part, Packed]:
    """Both as the store keeps them."""
    market = day.market
    arrays: dict[str, NDArray[Any]] = {
        f"bar.{name}": values for name, values in {**day.bars, "last_close": day.last_close}.items()
    }
    arrays["bar.age"] = day.age
    for one in fields(Market):
        value = getattr(market, one.name)
        if one.name not in (*_UNSAID, "returns") and isinstance(value, np.ndarray):
            arrays[one.name] = value
    if market.hours is not None:
        arrays |= {f"hours.{name}": getattr(market.hours, name) for name in _OF_HOURS}
    arrays |= {f"bad.{one.name}": getattr(market.bad_opens, one.name) for one in fields(BadOpens)}
    arrays["sessions"] = np.array(market.sessions, dtype="datetime64[D]")
    arrays["closes"] = np.array([one.replace(tzinfo=None) for one in market.closes], dtype="datetime64[s]")
    happened = [[_as_facts(one) for one in actions] for actions in market.happened]
    facts: dict[str, Any] = {"happened": happened, "returns": len(market.returns)}
    if market.hours is not None:
        facts["days"] = market.hours.sessions
    return {
        "day": Packed(arrays, facts),
        "recent": Packed({"returns": market.returns}),
        "history": _packed_history(history),
    }


def _packed_history(history: CheckedHistory) -> Packed:
    arrays: dict[str, NDArray[Any]] = {
        "withheld": np.packbits(history.withheld, axis=0),
        "benchmark": history.benchmark,
        "benchmark_returns": history.benchmark_returns,
    }
    facts: dict[str, Any] = {
        "rows": len(history.withheld),
        "splits": [(day.isoformat(), symbol, ratio) for day, symbol, ratio in history.splits],
    }
    if history.days_withheld is not None:
        arrays["days_withheld"] = np.packbits(history.days_withheld, axis=0)
        facts["days"] = len(history.days_withheld)
    return Packed(arrays, facts)


def unpacked_day(desk: Desk, day: Packed, recent: Packed | None) -> CheckedDay:
    """The newest session as the store kept it; without `recent` the returns of its windows are NaN."""
    arrays: dict[str, Any] = dict(day.arrays)
    bars = {name: arrays.pop(f"bar.{name}") for name in _BARS}
    last_close, age = arrays.pop("bar.last_close"), arrays.pop("bar.age")
    bad = BadOpens(**{one.name: arrays.pop(f"bad.{one.name}") for one in fields(BadOpens)})
    sessions, closes = arrays.pop("sessions"), arrays.pop("closes")
    hours = None
    if "days" in day.facts:
        of_hours = {name: arrays.pop(f"hours.{name}") for name in _OF_HOURS}
        hours = HourRows(sessions=day.facts["days"], **of_hours)
    length, width = len(sessions), len(desk.symbols)
    quiet = _quiet(length, width)
    count = len(desk.strategies)
    market = Market(
        desk=desk,
        sessions=tuple(as_date(one) for one in sessions),
        closes=tuple(as_instant(one) for one in closes),
        factors=dict.fromkeys(desk.factor_names, np.full((length, width), np.nan)),
        signals=dict.fromkeys(desk.strategies, quiet),
        direction=np.zeros((length, count, width), dtype=np.int8),
        side=np.full((length, count, width), SignalSide.LONG, dtype=np.int8),
        confidence=np.zeros((length, count, width)),
        strength=np.zeros((length, count, width)),
        returns=(
            np.full((day.facts["returns"], width), np.nan) if recent is None else recent.arrays["returns"]
        ),
        happened=tuple(tuple(map(_as_action, actions)) for actions in day.facts["happened"]),
        bad_opens=bad,
        hours=hours,
        **arrays,
    )
    return CheckedDay(market, bars, last_close, age)


def unpacked_history(history: Packed) -> CheckedHistory:
    """What concerns all sessions, as the store kept it."""
    arrays, facts = history.arrays, history.facts
    days = None
    if "days" in facts:
        days = np.unpackbits(arrays["days_withheld"], axis=0, count=facts["days"]).astype(np.bool_)
    return CheckedHistory(
        withheld=np.unpackbits(arrays["withheld"], axis=0, count=facts["rows"]).astype(np.bool_),
        days_withheld=days,
        splits=tuple((date.fromisoformat(day), symbol, ratio) for day, symbol, ratio in facts["splits"]),
        benchmark=arrays["benchmark"],
        benchmark_returns=arrays["benchmark_returns"],
    )


def as_stored(market: Market, quarantined: NDArray[np.bool_], *, entries_allowed: bool) -> Market:
    """The market whose newest session has the quarantine that was stored for it; shape (n_symbols,)."""
    held, allowed = market.quarantined.copy(), market.entries_allowed.copy()
    held[-1], allowed[-1] = quarantined, entries_allowed
    return replace(market, quarantined=held, entries_allowed=allowed)


def _quiet(length: int, width: int) -> Signals:
    """Signals of a strategy that says nothing."""
    return Signals(
        direction=np.zeros((length, width), dtype=np.int8),
        strength=np.zeros((length, width)),
        confidence=np.zeros((length, width)),
        reason=np.zeros((length, width), dtype=np.int8),
    )


def _as_facts(action: Action) -> dict[str, Any]:
    return {one.name: getattr(action, one.name) for one in fields(Action)} | {"day": str(action.day)}


def _as_action(facts: Mapping[str, Any]) -> Action:
    return Action(**{**facts, "day": np.datetime64(facts["day"])})
