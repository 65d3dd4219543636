"""The `yahoo` feed: daily bars, dividends, capital gains and splits through yfinance, without a key."""

from __future__ import annotations

import atexit
import logging
import os
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Calendar
from nightdesk.feeds.feed import Fault, Feed, Fetched, Missing, action_frame, add_up, bar_frame
from nightdesk.feeds.source_fault import SourceFault, retrying
from nightdesk.retry_after import later_words

if TYPE_CHECKING:
    import pandas as pd

    from nightdesk.feeds.yahoo_http import WatchedSession

#: Scheme and host that take the place of Yahoo's own.
BASE_URL = "NIGHTDESK_YAHOO_URL"

TIMEOUT_SECONDS = 10.0

#: Prices are rounded to this many decimals once splits are taken out of them, so that a later split, by
#: which Yahoo divides its whole history, gives the same raw prices again.
PRICE_DECIMALS = 4


class YahooFeed(Feed):
    """Raw bars from Yahoo.

    Yahoo divides all prices and dividends before a split by it; this feed takes later splits out again.
    Bars of a session that is not complete are left out; of crypto the day that is still running is given.

    Parameters
    ----------
    base_url : str, optional
        Scheme and host instead of Yahoo's own; default: the environment's NIGHTDESK_YAHOO_URL.
    timeout : float
        Seconds for each request.
    sleep : callable
        Waits some seconds between attempts.
    """

    name = "yahoo"
    batch = 1

    def __init__(
        self,
        calendar: Calendar | str,
        *,
        continuous: Collection[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        base_url: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(calendar, continuous=continuous, now=now)
        self.base_url = base_url if base_url is not None else os.environ.get(BASE_URL)
        self.timeout = timeout
        self.sleep = sleep

    @cached_property
    def _session(self) -> WatchedSession:
        from nightdesk.feeds.yahoo_http import WatchedSession

        # one for all symbols: the crumb that yfinance keeps belongs to its cookies
        return WatchedSession(self.base_url, self.timeout)

    def covers(self, symbol: str) -> bool:
        return True

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        import pandas as pd

        bars, actions = [], []
        missing: dict[str, Missing] = {}
        dropped: dict[str, int] = {}
        for symbol in symbols:
            answer = self._with_patience(symbol, first)
            if isinstance(answer, Missing):
                missing[symbol] = answer
                continue
            end = min(last, self.now().date() if self.is_continuous(symbol) else self.last_session())
            raw, moves = _unadjusted(symbol, answer)
            own, left_out = self.on_sessions(_within(raw, first, end))
            dropped = add_up(dropped, left_out)
            if own.empty:
                missing[symbol] = Missing(f"no bar from {first} to {end}")
                continue
            bars.append(own)
            actions.append(_within(moves, first, end))
        moved = [one for one in actions if len(one)]
        return Fetched(
            bar_frame(pd.concat(bars)) if bars else bar_frame({}),
            action_frame(pd.concat(moved)) if moved else action_frame(),
            missing,
            dropped,
        )

    def _with_patience(self, symbol: str, first: date) -> pd.DataFrame | Missing:
        """Ask until there is an answer or patience ends; a fault that will not heal is not asked again."""
        try:
            return retrying(self.sleep)(self._ask, symbol, first)
        except SourceFault as error:
            return Missing(f"{error.reason}{later_words(error.retry_after)}", error.fault)

    def _ask(self, symbol: str, first: date) -> pd.DataFrame | Missing:
        """The history from `first` to today, since later splits are taken out of it."""
        yfinance, session = _yfinance(), self._session
        session.forget()
        # yfinance keeps answers to questions about the past, bad ones too
        yfinance.data.YfData.cache_get.cache_clear()
        ticker = yfinance.Ticker(symbol, session=session)
        # otherwise yfinance asks for one more chart only to learn the time zone
        ticker._tz = "UTC" if self.is_continuous(symbol) else "America/New_York"
        try:
            frame = ticker.history(
                start=first.isoformat(),
                end=(self.now().date() + timedelta(days=1)).isoformat(),
                auto_adjust=False,
                actions=True,
                timeout=self.timeout,
            )
        except (yfinance.exceptions.YFException, TypeError, KeyError, ValueError, IndexError):
            # an answer that is a chart in name only; what the server said is told by the session below
            frame = None
        if session.failure is not None and session.failure.fault is Fault.PASSING:
            raise session.failure
        if session.failure is not None:
            return Missing(session.failure.reason, session.failure.fault)
        if frame is None:
            return Missing("the server's chart cannot be read", Fault.FINAL)
        return Missing(f"no bar since {first}") if frame.empty else frame


@cache
def _yfinance():  # type: ignore[no-untyped-def]  # yfinance has no types
    """The library, quiet and with a cache folder of this process: its own is shared and locks."""
    import yfinance

    folder = tempfile.TemporaryDirectory(prefix="nightdesk-yfinance-")
    yfinance.set_tz_cache_location(folder.name)
    atexit.register(folder.cleanup)
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)
    return yfinance


def _within(frame: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    return frame[
        (frame["session"] >= np.datetime64(first, "s")) & (frame["session"] <= np.datetime64(last, "s"))
    ]


def _unadjusted(symbol: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bars in the raw dollars of their own day, and the dividends, capital gains and splits."""
    import pandas as pd

    day = pd.DatetimeIndex(frame.index).tz_localize(None).normalize().to_numpy().astype("datetime64[s]")
    split = frame["Stock Splits"].to_numpy(dtype=np.float64)
    ratio = np.where(split > 0, split, 1.0)
    # the product of the splits after each day
    later = np.append(np.cumprod(ratio[::-1])[::-1][1:], 1.0)
    prices = {
        name: np.round(frame[name.capitalize()].to_numpy(dtype=np.float64) * later, PRICE_DECIMALS)
        for name in ("open", "high", "low", "close")
    }
    volume = np.round(frame["Volume"].to_numpy(dtype=np.float64) / later)
    bars = bar_frame({"symbol": symbol, "session": day, **prices, "volume": volume, "source": YahooFeed.name})
    cash = _payments(frame)
    rows = [
        (symbol, day[t], kind, np.round(amount[t] * later[t], 6), YahooFeed.name)
        for kind, amount in cash.items()
        for t in np.flatnonzero(amount)
    ]
    rows += [(symbol, day[t], "split", split[t], YahooFeed.name) for t in np.flatnonzero(split > 0)]
    return bars, action_frame(rows)


def _payments(frame: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Dollars a share that each day paid as a dividend and as a capital gain, divided by later splits.

    Yahoo has come to add a fund's capital gain to the dividend of its day and to state it beside it too (so
    its client says as well). Where the dividend is large enough to hold the gain it is taken to: cash that is
    in doubt is not booked twice.
    """
    dividend = frame["Dividends"].to_numpy(dtype=np.float64)
    if "Capital Gains" not in frame:  # a column of funds alone
        return {"dividend": dividend}
    gain = frame["Capital Gains"].to_numpy(dtype=np.float64)
    held = (gain > 0) & (dividend >= gain)
    return {"dividend": np.where(held, np.round(dividend - gain, 9), dividend), "capital_gain": gain}
