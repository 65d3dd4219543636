"""Several feeds in order: what the first lacks of a symbol is asked of the next.

Which sources are asked is decided by their circuit breakers, whose state is kept by a `HealthStore`, since
every task is a new process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
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
    feeds: Sequence[Feed],
    symbols: Sequence[str],
    first: date,
    last: date,
    health: HealthStore,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    *,
    hours: bool = False,
) -> Chained:
    """Bars of `symbols` from the first feed that has them.

    A feed is asked for a symbol that the ones before it gave no bar of on the newest expected day (of hours:
    of the newest expected hour); of what it gives only the bars count that they did not give. Corporate
    actions come from the first feed that gave the symbol.

    Parameters
    ----------
    feeds : sequence of Feed
        In the order in which they are asked.
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

    Raises
    ------
    Transient
        When nothing came at all and a passing fault is among the reasons.
    Refused
        When nothing came at all and every reason is final; or what a feed holds is malformed.
    """
    import pandas as pd

    bars: dict[str, list[pd.DataFrame]] = {}
    actions: list[pd.DataFrame] = []
    reasons: dict[str, list[tuple[str, Missing]]] = {}
    dropped: dict[str, int] = {}
    passed_over: dict[str, str] = {}
    seen: dict[str, SourceHealth] = {}
    framed, period = (hour_frame, "end") if hours else (bar_frame, "session")
    lacking = list(dict.fromkeys(symbols))
    for feed in feeds:
        if not lacking:
            break
        state = SourceHealth.from_row(health.load(feed.name))
        opened_by = Fault.PASSING
        for group in _batches(lacking, feed.batch):
            if state.circuit(now()) is Circuit.OPEN:
                words = f"not asked, its circuit is open since {state.opened_at:%H:%M:%S} UTC"
                pause = Missing(f"{words} ({state.last_error})", opened_by)
                answer = Fetched(framed({}), action_frame(), dict.fromkeys(group, pause))
            else:
                answer = (feed.fetch_hours if hours else feed.fetch)(group, first, last)
                faults = [one for one in answer.missing.values() if one.fault is not Fault.ABSENT]
                # a source that knows no such symbol is healthy; one that fails or refuses us is not
                state = state.failed(now(), faults[0].reason) if faults else state.succeeded(now())
                opened_by = faults[0].fault if faults else opened_by
                health.save(feed.name, state.as_row())
            for symbol, why in answer.missing.items():
                reasons.setdefault(symbol, []).append((feed.name, why))
            given = {str(name): rows for name, rows in answer.bars.groupby("symbol", sort=False)}
            actions.append(answer.actions[~answer.actions["symbol"].isin(list(bars))])
            for symbol, rows in given.items():
                bars.setdefault(symbol, []).append(rows)
            dropped = add_up(dropped, answer.dropped)
            passed_over |= answer.passed_over
        seen[feed.name] = state
        reaches = _reaches_hour if hours else _reaches
        lacking = [one for one in lacking if not reaches(bars.get(one, []), feed, one, last)]
    told = {one: _combine(reasons[one]) for one in symbols if one in reasons}
    if not bars:
        _nothing_came(told, first, last, passed_over)
    missing = {one: why for one, why in told.items() if one not in bars}
    unheard = {one: told[one] for one in lacking if one in told and told[one].fault is Fault.PASSING}
    together = [row for rows in bars.values() for row in rows]
    frame = pd.concat(together).drop_duplicates(["symbol", period], keep="first")
    moves = [one for one in actions if len(one)]
    together_moved = action_frame(pd.concat(moves) if moves else ())
    fetched = Fetched(framed(frame), together_moved, missing, dropped, passed_over)
    return Chained(fetched, seen, unheard)


def _batches(symbols: Sequence[str], size: int | None) -> Iterator[list[str]]:
    step = len(symbols) if size is None else size
    for start in range(0, len(symbols), step):
        yield list(symbols[start : start + step])


def _reaches(rows: Sequence[pd.DataFrame], feed: Feed, symbol: str, last: date) -> bool:
    """Whether there is a bar of the newest day that `symbol` can have by `last`."""
    wanted = min(last, feed.last_session())
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
    told: Mapping[str, Missing], first: date, last: date, passed_over: Mapping[str, str]
) -> NoReturn:
    message = f"no source gave a bar of any symbol from {first} to {last}: {in_words(told)}"
    if passed_over:
        message += f" (passed over: {'; '.join(f'{name}: {why}' for name, why in passed_over.items())})"
    if any(one.fault is Fault.PASSING for one in told.values()):
        raise Transient(f"{message}; it is tried again")
    raise Refused(f"{message}; correct the key, the symbols or the feeds of the book")
