"""A feed's frame as checked arrays: nothing that is impossible reaches a table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import SETTLING_TIME, Calendar, Sessions
from nightdesk.core.errors import Refused
from nightdesk.core.panel import ACTION_KINDS, Floats

if TYPE_CHECKING:
    import pandas as pd

Instants = NDArray[np.datetime64]

PRICES = ("open", "high", "low", "close")
KINDS = ACTION_KINDS
#: Texts of an action, and kinds that may have a value of 0.
TEXTS = ("other", "note")
MAY_BE_ZERO = ("merger", "delisting")

#: A place for each key is made where keys are at most so many times as many as rows.
_ROOM = 8

_SETTLING_TIME = np.timedelta64(SETTLING_TIME)


@dataclass(frozen=True)
class CheckedFrame:
    """Rows of one kind, sorted by symbol and day, as the key of the bars is.

    Arrays of shape (n_rows,): `symbol` indexes `symbols`, `source` indexes `sources`, `kind` indexes `KINDS`
    (None for bars), `day` is datetime64[D], `completed` the instant from which the market itself made the row
    known (datetime64[us], UTC); `values` are float64 by column, `texts` indices
    and what they index.
    """

    symbols: tuple[str, ...]
    sources: tuple[str, ...]
    symbol: NDArray[np.intp]
    source: NDArray[np.intp]
    day: Sessions
    completed: Instants
    values: Mapping[str, Floats]
    kind: NDArray[np.intp] | None = None
    texts: Mapping[str, tuple[NDArray[np.intp], tuple[str, ...]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.day)


def read_bars(
    frame: pd.DataFrame, calendar: Calendar, continuous: Collection[str], now: datetime
) -> CheckedFrame:
    """Check a frame of bars.

    Parameters
    ----------
    frame : DataFrame
        Columns symbol, session, open, high, low, close, volume (NaN where unknown), source.
    calendar : Calendar
        Its sessions are the days that a bar may have.
    continuous : collection of str
        Symbols of markets that never close: their bars are of UTC days, the running one included.
    now : datetime
        The present, timezone-aware.

    Raises
    ------
    Refused
        A missing column, a price that is no finite number, a duplicate, a day on no session, a session that
        has not closed or a day that has not begun; with the symbol and day of the first such row.
    """
    facts = _read(frame, ("symbol", "session"), (*PRICES, "volume"), calendar, continuous, "bar")
    for name in PRICES:
        _refuse(facts, ~np.isfinite(facts.values[name]), f"a bar without a finite {name}")
    _refuse(facts, np.isinf(facts.values["volume"]), "a bar of infinite volume")
    endless = _endless(facts.symbols, continuous)[facts.symbol]
    on_session = endless | _of_days(facts.day, lambda days: np.isin(days, calendar.sessions))
    _refuse(facts, ~on_session, f"a bar on no session of {calendar.name}")
    ready = facts.completed - _SETTLING_TIME
    if endless.any():
        ready = np.where(endless, facts.day.astype("datetime64[us]"), ready)
    _refuse(facts, ready > instant(now), f"a bar from the future (it is {now:%Y-%m-%d %H:%M} UTC)")
    return facts


def read_actions(frame: pd.DataFrame, calendar: Calendar, continuous: Collection[str]) -> CheckedFrame:
    """Check a frame of corporate actions (columns symbol, session, kind, value, source, other, cash, note).

    Raises
    ------
    Refused
        A missing column, an unknown kind, a value that is not above 0 (but of a merger or a delisting, where
        it may be 0), cash below 0, a duplicate; with the symbol and day of the first such row.
    """
    key = ("symbol", "session", "kind")
    facts = _read(frame, key, ("value", "cash"), calendar, continuous, "corporate action", TEXTS)
    value, cash = facts.values["value"], facts.values["cash"]
    may_be_zero = [KINDS.index(kind) for kind in MAY_BE_ZERO]
    positive = (value > 0) | (np.isin(np.asarray(facts.kind), may_be_zero) & (value == 0))
    _refuse(facts, ~(np.isfinite(value) & positive), "a corporate action whose value is not above 0")
    _refuse(facts, ~(np.isfinite(cash) & (cash >= 0)), "a corporate action whose cash is below 0")
    return facts


def instant(moment: datetime) -> np.datetime64:
    """A timezone-aware datetime as datetime64[us] in UTC."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _read(
    frame: pd.DataFrame,
    key: tuple[str, ...],
    names: tuple[str, ...],
    calendar: Calendar,
    continuous: Collection[str],
    what: str,
    texts: tuple[str, ...] = (),
) -> CheckedFrame:
    """The rows as arrays, each key once; `what` is the word for a row in errors."""
    import pandas as pd

    needed = (*key, *names, *texts, "source")
    lacking = [name for name in needed if name not in frame]
    if lacking:
        raise Refused(f"{what}s lack {', '.join(lacking)}: the columns {', '.join(needed)} are needed")
    symbol, symbols = pd.factorize(frame["symbol"], sort=True)
    source, sources = pd.factorize(frame["source"], sort=True)
    day = frame["session"].to_numpy().astype("datetime64[D]")
    if (symbol < 0).any() or (source < 0).any() or np.isnat(day).any():
        raise Refused(f"a {what} without a symbol, a session or a source: nothing was stored")
    kinds = (
        pd.Index(KINDS).get_indexer(pd.Index(frame["kind"])) if "kind" in key else np.zeros(len(day), np.intp)
    )
    order = _order(symbol, day, kinds)
    if order is not None:
        symbol, day, kinds, source = symbol[order], day[order], kinds[order], source[order]
    facts = CheckedFrame(
        symbols=tuple(map(str, symbols)),
        sources=tuple(map(str, sources)),
        symbol=symbol,
        source=source,
        day=day,
        completed=_completed(day, _endless(tuple(symbols), continuous)[symbol], calendar),
        values={name: _in_order(_numbers(frame, name, what), order) for name in names},
        kind=kinds if "kind" in key else None,
        texts={name: _labels(_in_order(frame[name].to_numpy(), order)) for name in texts},
    )
    _refuse(facts, kinds < 0, f"a {what} that is none of {', '.join(KINDS)}")
    again = (symbol[1:] == symbol[:-1]) & (day[1:] == day[:-1]) & (kinds[1:] == kinds[:-1])
    _refuse(facts, np.append(again, False)[: len(day)], f"a {what} that is given twice")
    return facts


def _completed(day: Sessions, endless: NDArray[np.bool_], calendar: Calendar) -> Instants:
    """Close and settling time of the session on or after each day; of a UTC day its end."""

    def closed(days: Sessions) -> Instants:
        at = np.minimum(np.searchsorted(calendar.sessions, days), len(calendar.sessions) - 1)
        known: Instants = calendar.closes[at].astype("datetime64[us]") + _SETTLING_TIME
        return known

    done = _of_days(day, closed)
    if endless.any():
        done = np.where(endless, (day + np.timedelta64(1, "D")).astype("datetime64[us]"), done)
    return done


def _of_days[D: np.generic](day: Sessions, function: Callable[[Sessions], NDArray[D]]) -> NDArray[D]:
    """What a function says of the day of each row; many rows of few days ask once a day."""
    span = 1 + int((day.max() - day.min()).astype(np.int64)) if len(day) else 1
    if span > len(day):
        return function(day)
    found: NDArray[D] = function(day.min() + np.arange(span))[(day - day.min()).astype(np.intp)]
    return found


def _order(
    symbol: NDArray[np.intp], day: Sessions, kinds: NDArray[np.intp]
) -> NDArray[np.integer[Any]] | None:
    """The order by symbol, day and kind; None where the rows have it."""
    if not len(day):
        return None
    span, ranks = 1 + int((day.max() - day.min()).astype(np.int64)), 1 + int(kinds.max() - kinds.min())
    key = (symbol * span + (day - day.min()).astype(np.int64)) * ranks + (kinds - kinds.min())
    if (key[1:] > key[:-1]).all():
        return None
    keys = (1 + int(symbol.max())) * span * ranks
    if keys <= _ROOM * len(key):  # a place for each key takes a fraction of a sort
        place = np.full(keys, -1, dtype=np.int64)
        place[key] = np.arange(len(key))
        order = place[place >= 0]
        if len(order) == len(key):
            return order
    return np.argsort(key, kind="stable")


def _in_order[D: np.generic](values: NDArray[D], order: NDArray[np.integer[Any]] | None) -> NDArray[D]:
    return values if order is None else values[order]


def _endless(symbols: tuple[str, ...], continuous: Collection[str]) -> NDArray[np.bool_]:
    endless = set(continuous)
    return np.array([one in endless for one in symbols], dtype=bool)


def _labels(texts: NDArray[np.object_]) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    import pandas as pd

    codes, names = pd.factorize(texts)
    return codes.astype(np.intp), tuple(map(str, names))


def _numbers(frame: pd.DataFrame, name: str, what: str) -> Floats:
    if len(frame) and frame[name].dtype.kind not in "fiu":
        raise Refused(f"the {name} of {what}s is {frame[name].dtype}, numbers are needed")
    return frame[name].to_numpy(dtype=np.float64)


def _refuse(facts: CheckedFrame, wrong: NDArray[np.bool_], what: str) -> None:
    """Refuse the whole frame for its first wrong row."""
    if not wrong.any():
        return
    at = int(np.argmax(wrong))
    more = f", and {int(wrong.sum()) - 1} more such rows" if wrong.sum() > 1 else ""
    symbol, source = facts.symbols[facts.symbol[at]], facts.sources[facts.source[at]]
    raise Refused(f"{symbol} {facts.day[at]} from {source}: {what}{more}; nothing was stored")
