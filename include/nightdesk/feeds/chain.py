"""Several feeds in order: what the first lacks of a symbol is asked of the next.

Which sources are asked is decided by their circuit breakers, whose state is kept by a `HealthStore`, since
every task is a new process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from nightdesk.core.errors import Refused, Transient
from nightdesk.feeds.breaker import Circuit, SourceHealth
from nightdesk.feeds.feed import (
    Fault,
    Feed,
    Fetched,
    Missing,
    action_frame,
    add_up,
    bar_frame,
    hour_frame,
)

if TYPE_CHECKING:
    import pandas as pd


NOBODY_ASKED = Missing("the book names none for it that has such bars")


class HealthStore(Protocol):
    """Where the health of sources is kept, as the plain values of `SourceHealth.as_row`."""

    def load(self, source: str) -> Mapping[str, Any] | None:
        """The values stored for `source`; None when there are none."""

    def save(self, source: str, row: Mapping[str, Any]) -> None:
        """Replace the values of `source`."""


class MemoryHealth:
    """Health that lasts as long as the process: for commands that need no database."""

    def __init__(self) -> None:
        self._rows: dict[str, Mapping[str, Any]] = {}

    def load(self, source: str) -> Mapping[str, Any] | None:
        return self._rows.get(source)

    def save(self, source: str, row: Mapping[str, Any]) -> None:
        self._rows[source] = dict(row)


@dataclass(frozen=True)
class Chained:
    """What the chain gave.

    Attributes
    ----------
    fetched : Fetched
    health : mapping of str to SourceHealth
        How each source that was looked at fares.
    unheard : mapping of str to Missing
        The symbols without a bar of the newest expected day of which a source failed for a passing reason:
        asking again may bring it.
    """

    fetched: Fetched
    health: Mapping[str, SourceHealth]
    unheard: Mapping[str, Missing]


def fetch_with_fallback(
    feeds: Sequence[Feed] | Mapping[str, Sequence[Feed]],
    symbols: Sequence[str],
    first: date,
    last: date,
    health: HealthStore,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    *,
    hours: bool = False,
    or_nothing: bool = False,
) -> Chained:
    """Bars of `symbols` from the first feed that has them.

    A feed is asked for a symbol that the ones before it gave no bar of on the newest expected day (of hours:
    of the newest expected hour); of what it gives only the bars count that they did not give. Corporate
    actions come from the first feed that gave the symbol.

    Parameters
    ----------
    feeds : sequence of Feed, or mapping of symbol to such a sequence
        In the order in which they are asked, for all symbols or for each of them.
    symbols : sequence of str
        What is wanted.
    first, last : date
        Both included.
    health : HealthStore
        Keeps the circuit breakers.
    now : callable
        The clock, timezone-aware.
    hours : bool
        Whether hourly bars are asked for, of feeds that have them, and not daily ones.
    or_nothing : bool
        Whether nothing at all is an answer, with every symbol among the missing.

    Raises
    ------
    Transient
        When nothing came at all, which is no answer, and a passing fault is among the reasons.
    Refused
        When nothing came at all, which is no answer, and every reason is final; or what a feed holds is
        malformed.
    """
    gathered = _Gathered(hours)
    seen: dict[str, SourceHealth] = {}
    orders = {one: tuple(feeds[one] if isinstance(feeds, Mapping) else feeds) for one in symbols}
    lacking = list(orders)
    gathered.reasons |= {one: [("no source", NOBODY_ASKED)] for one, order in orders.items() if not order}
    for turn in range(max(map(len, orders.values()), default=0)):
        reached: set[str] = set()
        for feed, wanting in _next_feeds(orders, lacking, turn):
            guarded = _Guarded(feed, health, now)
            for group in _batches(wanting, feed.batch):
                gathered.add(feed.name, guarded.ask(group, first, last, hours=hours))
            seen[feed.name] = guarded.state
            reached |= {one for one in wanting if gathered.reaches(one, feed, last)}
        lacking = [one for one in lacking if one not in reached]
    why = {one: _combine(gathered.reasons[one]) for one in symbols if one in gathered.reasons}
    if not gathered.bars and not or_nothing:
        _nothing_came(why, first, last, gathered.passed_over)
    unheard = {one: why[one] for one in lacking if one in why and why[one].fault is Fault.PASSING}
    return Chained(gathered.together(why), seen, unheard)


class _Guarded:
    """A feed behind its circuit breaker: `state` is stored after every request."""

    def __init__(self, feed: Feed, health: HealthStore, now: Callable[[], datetime]) -> None:
        self._feed, self._health, self._now = feed, health, now
        self._opened_by = Fault.PASSING
        self.state = SourceHealth.from_row(health.load(feed.name))

    def ask(self, symbols: Sequence[str], first: date, last: date, *, hours: bool) -> Fetched:
        """The feed's answer; while its circuit is open it is not asked, and all symbols are missing.

        What it says of symbols that it cannot have is no word on its health.
        """
        if not any(map(self._feed.covers_hours if hours else self._feed.covers, symbols)):
            return (self._feed.fetch_hours if hours else self._feed.fetch)(symbols, first, last)
        if self.state.circuit(self._now()) is Circuit.OPEN:
            return self._not_asked(symbols, hours=hours)
        began = monotonic()
        answer = (self._feed.fetch_hours if hours else self._feed.fetch)(symbols, first, last)
        took = monotonic() - began
        # A source that knows no such symbol is healthy; one that fails or refuses us is not.
        fault = next((one for one in answer.missing.values() if one.fault is not Fault.ABSENT), None)
        if fault is None:
            self.state = self.state.succeeded(self._now(), took)
        else:
            self.state = self.state.failed(self._now(), fault.reason)
            self._opened_by = fault.fault
        self._health.save(self._feed.name, self.state.as_row())
        return answer

    def _not_asked(self, symbols: Sequence[str], *, hours: bool) -> Fetched:
        words = f"not asked, its circuit is open since {self.state.opened_at:%H:%M:%S} UTC"
        pause = Missing(f"{words} ({self.state.last_error})", self._opened_by)
        return Fetched(
            (hour_frame if hours else bar_frame)({}), action_frame(), dict.fromkeys(symbols, pause)
        )


class _Gathered:
    """What the feeds gave so far; of a bar that two of them gave, the first feed's stays."""

    def __init__(self, hours: bool) -> None:
        self._hours = hours
        self._actions: list[pd.DataFrame] = []
        self._dropped: dict[str, int] = {}
        self.bars: dict[str, list[pd.DataFrame]] = {}
        self.reasons: dict[str, list[tuple[str, Missing]]] = {}
        self.passed_over: dict[str, str] = {}

    def add(self, source: str, answer: Fetched) -> None:
        """Take in an answer; actions only of symbols that no feed before it gave bars of."""
        for symbol, why in answer.missing.items():
            self.reasons.setdefault(symbol, []).append((source, why))
        self._actions.append(answer.actions[~answer.actions["symbol"].isin(list(self.bars))])
        for name, rows in answer.bars.groupby("symbol", sort=False):
            self.bars.setdefault(str(name), []).append(rows)
        self._dropped = add_up(self._dropped, answer.dropped)
        self.passed_over |= answer.passed_over

    def reaches(self, symbol: str, feed: Feed, last: date) -> bool:
        """Whether nothing newer of a symbol can be expected by `last`."""
        return (_reaches_hour if self._hours else _reaches)(self.bars.get(symbol, []), feed, symbol, last)

    def together(self, why: Mapping[str, Missing]) -> Fetched:
        """All of it as one answer, in which a symbol is missing when no feed gave a bar of it."""
        import pandas as pd

        framed, period = (hour_frame, "end") if self._hours else (bar_frame, "session")
        given = [one for of_symbol in self.bars.values() for one in of_symbol]
        rows = pd.concat(given) if given else framed({})
        actions = [one for one in self._actions if len(one)]
        return Fetched(
            framed(rows.drop_duplicates(["symbol", period], keep="first")),
            action_frame(pd.concat(actions) if actions else ()),
            {symbol: reason for symbol, reason in why.items() if symbol not in self.bars},
            self._dropped,
            self.passed_over,
        )


def _next_feeds(
    orders: Mapping[str, Sequence[Feed]], symbols: Sequence[str], turn: int
) -> list[tuple[Feed, list[str]]]:
    """Each feed that is some symbol's `turn`-th, once, with those symbols."""
    found: dict[int, tuple[Feed, list[str]]] = {}
    for symbol in symbols:
        if turn < len(orders[symbol]):
            feed = orders[symbol][turn]
            found.setdefault(id(feed), (feed, []))[1].append(symbol)
    return list(found.values())


def _batches(symbols: Sequence[str], size: int | None) -> Iterator[list[str]]:
    step = len(symbols) if size is None else size
    for start in range(0, len(symbols), step):
        yield list(symbols[start : start + step])


def _reaches(rows: Sequence[pd.DataFrame], feed: Feed, symbol: str, last: date) -> bool:
    """Whether there is a bar of the newest day that `symbol` can have by `last`."""
    wanted = min(last, feed.newest_day(symbol))
    if not feed.is_continuous(symbol):
        sessions = feed.calendar.between(wanted - timedelta(days=14), wanted)
        wanted = sessions[-1].item() if len(sessions) else wanted
    return any(one["session"].iloc[-1].date() >= wanted for one in rows)


def _reaches_hour(rows: Sequence[pd.DataFrame], feed: Feed, symbol: str, last: date) -> bool:
    """Whether there is the newest hour that can be there by the close of `last`.

    Of a market that never closes an hour later than that is as good.
    """
    over = feed.hours.latest_completed(feed.now())
    sessions = feed.calendar.between(last - timedelta(days=14), last)
    wanted = min(over, feed.hours.last_of(sessions[-1].item())) if len(sessions) else over
    return any(one["end"].iloc[-1].to_pydatetime().replace(tzinfo=UTC) >= wanted for one in rows)


def _combine(reasons: Sequence[tuple[str, Missing]]) -> Missing:
    worst = next((one for one in Fault if any(missing.fault is one for _, missing in reasons)), Fault.ABSENT)
    return Missing("; ".join(f"{source}: {missing.reason}" for source, missing in reasons), worst)


def in_words(missing: Mapping[str, Missing]) -> str:
    """Which symbols are missing and why, those with one reason together."""
    by_reason: dict[str, list[str]] = {}
    for symbol, why in missing.items():
        by_reason.setdefault(why.reason, []).append(symbol)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())


def _nothing_came(
    why: Mapping[str, Missing], first: date, last: date, passed_over: Mapping[str, str]
) -> NoReturn:
    message = f"no source gave a bar of any symbol from {first} to {last}: {in_words(why)}"
    if passed_over:
        message += f" (passed over: {'; '.join(f'{name}: {reason}' for name, reason in passed_over.items())})"
    if any(one.fault is Fault.PASSING for one in why.values()):
        raise Transient(f"{message}; it is tried again")
    raise Refused(f"{message}; correct the key, the symbols or the feeds of the book")
