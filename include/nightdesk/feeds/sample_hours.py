"""Hours of the sample market: each session's bar divided into the hours of its exchange.

Model (per session):

- Closes follow a Brownian bridge from the session's open to its close. Its variance is spread over the hours
  as that of large stocks is (measured on the hours of 2015 to 2020, as is all below); it is scaled down where
  it would leave the session's range.
- The hour that comes nearest to the session's high holds it, and so with the low; each hour opens where the
  one before closed.
- Volume is divided by the usual shares of the hours and noise; what rounding leaves falls to later hours.

So the hours of a session add up to its bar, to the cent and to the share. Each symbol has random numbers of
its own, read session by session from the market's first day on: none depends on the span asked for.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Sessions, as_date, get_calendar
from nightdesk.core.schedule import HOUR, Instants, Schedule, hourly
from nightdesk.feeds.sample_market import LATE_SHARE, MISSING_SHARE, SampleMarket
from nightdesk.feeds.sample_process import BENCHMARK, CRYPTO, VIX

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SEED = 91
EXCHANGE = "XNYS"
#: Symbols without hours: the index is read by sessions, and bitcoin trades on no exchange of hours.
WITHOUT_HOURS = frozenset({VIX, CRYPTO})

#: Of the hours of a full session, the first half as long. An early close has the first ones and the last.
VARIANCE_SHARES = np.array([0.235, 0.19, 0.12, 0.09, 0.075, 0.105, 0.185])
VOLUME_SHARES = np.array([0.15, 0.17, 0.125, 0.10, 0.09, 0.11, 0.255])
VOLUME_NOISE = 0.25  # of the log of an hour's volume
REACH = 0.45  # of high and low beyond open and close, in standard deviations of the hour
#: Range of a Brownian path over its standard deviation (Feller 1951).
RANGE_OF_PATH = np.sqrt(8.0 / np.pi)
#: A late hour comes so long after it is over.
LATE_BY = HOUR

_FULL = len(VOLUME_SHARES)
_DRAWS = ("path", "top", "bottom", "volume", "lot")


@dataclass(frozen=True)
class SampleHours:
    """The hours of one symbol, arrays of shape (n_hours,), ascending.

    Attributes
    ----------
    end : datetime64[s]
        UTC.
    session : datetime64[D]
    open, high, low, close : ndarray
        Raw dollars.
    volume : ndarray
        Units.
    late : bool ndarray
        Which come `LATE_BY` after they are over.
    """

    end: Instants
    session: Sessions
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    late: Flags

    def within(self, first: np.datetime64, last: np.datetime64, now: np.datetime64) -> SampleHours:
        """Those of the sessions of a span that have come by an instant, UTC."""
        came = self.end + np.where(self.late, LATE_BY, np.timedelta64(0, "s"))
        kept = (self.session >= first) & (self.session <= last) & (came <= now)
        return SampleHours(**{name: values[kept] for name, values in vars(self).items()})


@lru_cache(maxsize=1)
def exchange_hours() -> Schedule:
    """The hours of the exchange whose sessions the sample market has."""
    return hourly(get_calendar(EXCHANGE))


def divide_sessions(market: SampleMarket, symbol: str) -> SampleHours:
    """The hours of a symbol of a market; none of a session that has no bar.

    Parameters
    ----------
    market : SampleMarket
        Holds the symbol, from the sample market's first day on.
    symbol : str
        One that has hours.
    """
    n, on = market.symbols.index(symbol), np.isin(market.days, exchange_hours().calendar.sessions)
    days = market.days[on]
    bar = {name: getattr(market, name)[on, n] for name in ("open", "high", "low", "close", "volume")}
    clock = _Clock.of(days)
    part = _draws(symbol, len(days))
    with np.errstate(invalid="ignore", divide="ignore"):
        laid = _prices(bar, clock, part) | {"volume": _volumes(bar["volume"], clock, part["volume"])}
    missing, late = _lots(symbol, part["lot"])
    kept = clock.there & np.isfinite(bar["close"])[:, None] & ~missing
    return SampleHours(
        end=clock.end[kept],
        session=np.broadcast_to(days[:, None], kept.shape)[kept],
        **{name: values[kept] for name, values in laid.items()},
        late=late[kept],
    )


@dataclass(frozen=True)
class _Clock:
    """Where the hours of sessions lie; arrays of shape (n_sessions, hours of a full session).

    `there` marks hours that a session has, `usual` is the hour of a full session that each is like, `end` its
    end, UTC.
    """

    there: Flags
    usual: NDArray[np.intp]
    end: Instants

    @classmethod
    def of(cls, days: Sessions) -> _Clock:
        schedule, within = exchange_hours(), np.arange(_FULL)
        ends = schedule.instants(as_date(days[0]), as_date(days[-1]))
        begins = np.flatnonzero(schedule.opens_session(ends))
        count = np.diff(np.append(begins, len(ends)))[:, None]
        there = within < count
        usual = np.where(within == count - 1, _FULL - 1, within)
        at = np.minimum(begins[:, None] + within, len(ends) - 1)
        return cls(there, usual, ends[at])


def _draws(symbol: str, sessions: int) -> dict[str, Floats]:
    """Standard normal numbers of a symbol, each array of shape (n_sessions, hours of a full session)."""
    from scipy.special import ndtri

    width = len(_DRAWS) * _FULL
    bits = np.random.Philox(key=[SEED, zlib.crc32(symbol.encode())]).random_raw(sessions * width)
    normal = ndtri(((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53)
    laid = normal.reshape(sessions, len(_DRAWS), _FULL)
    return {name: laid[:, k] for k, name in enumerate(_DRAWS)}


def _prices(bar: dict[str, Floats], clock: _Clock, part: dict[str, Floats]) -> dict[str, Floats]:
    """Open, high, low and close of the hours, in whole cents within the session's own."""
    opened, high, low, last = (bar[name][:, None] for name in ("open", "high", "low", "close"))
    share = np.where(clock.there, VARIANCE_SHARES[clock.usual], 0.0)
    share = share / share.sum(axis=1, keepdims=True)
    sigma = np.log(high / low) / RANGE_OF_PATH * np.sqrt(share)
    close = np.clip(np.round(np.exp(_path(bar, share, sigma * part["path"])), 2), low, high)
    # from the last hour on: behind an early close nothing is there
    close = np.where(np.cumsum(share, axis=1) > 1.0 - VARIANCE_SHARES.min() / 2.0, last, close)
    begun = np.hstack([opened, close[:, :-1]])
    above, below = np.maximum(begun, close), np.minimum(begun, close)
    top = above * np.exp(np.abs(part["top"]) * REACH * sigma)
    bottom = below * np.exp(-np.abs(part["bottom"]) * REACH * sigma)
    peak = _first_of(np.where(clock.there, top, -np.inf).argmax(axis=1))
    trough = _first_of(np.where(clock.there, bottom, np.inf).argmin(axis=1))
    return {
        "open": begun,
        "high": np.where(peak, high, np.clip(np.round(top, 2), above, high)),
        "low": np.where(trough, low, np.clip(np.round(bottom, 2), low, below)),
        "close": close,
    }


def _path(bar: dict[str, Floats], share: Floats, steps: Floats) -> Floats:
    """Logs of the closes: the way from open to close, and a bridge that stays within the range."""
    opened, high, low, last = (np.log(bar[name])[:, None] for name in ("open", "high", "low", "close"))
    elapsed = np.cumsum(share, axis=1)
    straight = opened + elapsed * (last - opened)
    walked = np.cumsum(steps, axis=1)
    bridge = walked - elapsed * walked[:, -1:]
    room = np.where(bridge > 0, high - straight, straight - low) / np.abs(bridge)
    scale = np.nanmin(np.where(np.abs(bridge) > 1e-12, np.maximum(room, 0.0), np.inf), axis=1, keepdims=True)
    path: Floats = straight + np.minimum(scale, 1.0) * bridge
    return path


def _first_of(column: NDArray[np.intp]) -> Flags:
    """One cell a row, shape (n_sessions, hours of a full session)."""
    marked: Flags = np.arange(_FULL) == column[:, None]
    return marked


def _volumes(volume: Floats, clock: _Clock, noise: Floats) -> Floats:
    """The session's units divided among its hours, whole ones."""
    weight = np.where(clock.there, VOLUME_SHARES[clock.usual] * np.exp(VOLUME_NOISE * noise), 0.0)
    so_far = np.cumsum(weight, axis=1)
    whole = np.round(volume[:, None] * (so_far / so_far[:, -1:]))
    return np.diff(whole, axis=1, prepend=0.0)


def _lots(symbol: str, normal: Floats) -> tuple[Flags, Flags]:
    """Which hours never come, and which come late; none of the benchmark."""
    from scipy.special import ndtr

    lot = ndtr(normal)
    may = (symbol != BENCHMARK) & (np.arange(len(lot)) > 0)[:, None]
    missing = may & (lot < MISSING_SHARE)
    return missing, may & ~missing & (lot < MISSING_SHARE + LATE_SHARE)
