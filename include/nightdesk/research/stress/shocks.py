"""Shocks that are laid over real bars, or over what a broker answers: pure, and the same each time.

A shock begins with the session that is `after` sessions into the span, so that positions are there to be hit.
What it does to prices is done to whole bars: of a session its part comes overnight, and no order escapes it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.calendar import Sessions, as_date
from nightdesk.core.panel import Floats, Panel

#: Prices of a panel.
_PRICES = ("open", "high", "low", "close", "fill_open", "fill_low", "fill_high")
#: What a bar is made of, and what orders meet of it.
_BARS = (*_PRICES, "volume", "fill_volume")
#: Sessions before the shock by which volatilities are measured.
MEASURED = 60


class Shock(ABC):
    """Something that happens in a span."""

    @abstractmethod
    def over(self, panel: Panel, book: Book, first: date) -> Panel:
        """The panel as the shock leaves it.

        Parameters
        ----------
        panel : Panel
            Real bars.
        book : Book
            Whose universe and benchmark are hit.
        first : date
            First decided session, from which sessions are counted.
        """

    def loses(self, panel: Panel, first: date) -> frozenset[date]:
        """The sessions that have no bars any more; by default none."""
        return frozenset()

    def rejects(self, panel: Panel, first: date) -> frozenset[date]:
        """The sessions in which the broker rejects whatever is sent to it; by default none."""
        return frozenset()


@dataclass(frozen=True)
class Fall(Shock):
    """A fall of all symbols of a book's universe, and of its benchmark, at once.

    A price of the session that is k sessions into the fall (the first is 1) is multiplied by
    ``(1 - depth) ** min(k / sessions, 1)``, and cash dividends alike. The volatility index stays as it was:
    no regime warns of it. Of one session, it is a gap over a night.

    Parameters
    ----------
    depth : float
        Share of its price that every symbol loses.
    sessions : int
        Over how many sessions, by the same factor in each; the prices stay down afterwards.
    after : int
        Sessions of the span before it begins.
    """

    depth: float
    sessions: int
    after: int

    def over(self, panel: Panel, book: Book, first: date) -> Panel:
        """See `Shock.over`."""
        days = panel.days
        done = np.clip((np.arange(len(days)) - _row(panel, first, self.after) + 1) / self.sessions, 0.0, 1.0)
        path = np.ones((len(days), len(days.symbols)))
        path[:, _hit(panel, book)] = ((1.0 - self.depth) ** done)[:, None]
        return _moved(panel, path)


@dataclass(frozen=True)
class OneMarket(Shock):
    """All symbols of a book's universe move as its benchmark does: their correlations are one.

    From the shock on the adjusted close of a symbol is ``P[b-1] * (M[t] / M[b-1]) ** (s / s_m)``, where M is
    the adjusted close of the benchmark, b the first session of the shock, and s and s_m the standard
    deviations of the log returns of the symbol and of the benchmark over the `MEASURED` sessions before it:
    each keeps its own volatility, and nothing hedges anything. Other prices of a bar, and cash dividends, are
    moved by the factor of its close. A symbol without those sessions stays as it was; so does the volatility
    index.

    Parameters
    ----------
    after : int
        Sessions of the span before it begins; it lasts to the end.
    """

    after: int

    def over(self, panel: Panel, book: Book, first: date) -> Panel:
        """See `Shock.over`."""
        days, begins = panel.days, _row(panel, first, self.after)
        level = _carried(np.log(days.adjusted_close))
        steps = np.diff(level[max(0, begins - 1 - MEASURED) : begins], axis=0)
        path, market = np.ones(level.shape), days.column(book.benchmark)
        if len(steps) < 2:
            return panel
        deviation = steps.std(axis=0, ddof=1)
        for n in _hit(panel, book):
            share = deviation[n] / deviation[market]
            moved = share * (level[begins:, market] - level[begins - 1, market])
            own = level[begins:, n] - level[begins - 1, n]
            factor = np.exp(moved - own)
            path[begins:, n] = np.where(np.isfinite(factor), factor, 1.0)
        return _moved(panel, path)


@dataclass(frozen=True)
class WilderMarket(Shock):
    """Prices swing more widely around the way that they go: volatilities are multiplied, the end is the same.

    A price x of the session that is k sessions into the shock (the first is 1) becomes
    ``x * (x * S / A) ** (f - 1) * exp(-(f - 1) * m * k)``: f is `times`, A the last close before the shock, S
    the units after all splits since for one, and m the mean log growth of that price a session up to the end
    of the panel. Every log distance from A is multiplied by f, within a bar too, and the drift taken back, so
    that the last close is the real one. Cash dividends are moved by the factor of the close before them. The
    volatility index is multiplied by f. A symbol without a close before the shock stays as it was.

    Parameters
    ----------
    times : float
        By how much volatilities are multiplied.
    after : int
        Sessions of the span before it begins; it lasts to the end.
    """

    times: float
    after: int

    def over(self, panel: Panel, book: Book, first: date) -> Panel:
        """See `Shock.over`."""
        days, begins = panel.days, _row(panel, first, self.after)
        if not 0 < begins < len(days):
            return panel
        split = np.cumprod(np.where(np.arange(len(days))[:, None] < begins, 1.0, days.split), axis=0)
        anchor, count = days.last_close[begins - 1], len(days) - begins
        more = self.times - 1.0
        drift = np.log(days.last_close[-1] * split[-1] / anchor) / count
        hit = np.isin(np.arange(len(days.symbols)), _hit(panel, book)) & np.isfinite(drift)
        since = np.arange(len(days)) - begins + 1

        def wilder(part: Panel) -> Panel:
            row = np.minimum(np.searchsorted(days.sessions, part.sessions), len(days) - 1)
            calm = np.exp(-more * np.where(hit, drift, 0.0) * since[row][:, None])
            counts = hit & (since[row] > 0)[:, None]

            def swung(price: Floats) -> Floats:
                with np.errstate(divide="ignore", invalid="ignore"):
                    factor = (price * split[row] / anchor) ** more * calm
                return np.where(counts, price * factor, price)

            return self._with_prices(part, swung, book, since[row] > 0)

        return _both(panel, wilder)

    def _with_prices(self, part: Panel, swung: Callable[[Floats], Floats], book: Book, counts: Any) -> Panel:
        """A panel, or the days behind one, with every price moved."""
        out: dict[str, Any] = {name: swung(getattr(part, name)) for name in _PRICES}
        before = np.vstack([np.ones((1, len(part.symbols))), _carried(out["close"] / part.close)[:-1]])
        out["dividend"] = part.dividend * np.where(np.isfinite(before), before, 1.0)
        index = part.column(book.volatility_index)
        for name in ("open", "high", "low", "close"):
            out[name][:, index] = getattr(part, name)[:, index] * np.where(counts, self.times, 1.0)
        if part.hours is not None:
            names = ("open", "high", "low", "close")
            with np.errstate(divide="ignore", invalid="ignore"):
                factor = sum(out[name] for name in names) / sum(getattr(part, name) for name in names)
            out["hours"] = replace(part.hours, mean=part.hours.mean * factor)
        return replace(part, **out)


@dataclass(frozen=True)
class LostFeed(Shock):
    """No source has any bar of any symbol for some sessions, and what was lost never comes.

    Bars are missing (NaN) in these sessions, of universe, benchmark and volatility index; corporate actions
    stay known. A daily run would stop in them: `nightdesk.research.backtest.run.backtest` lives through them.

    Parameters
    ----------
    sessions : int
        How many.
    after : int
        Sessions of the span before.
    """

    sessions: int
    after: int

    def over(self, panel: Panel, book: Book, first: date) -> Panel:
        """See `Shock.over`."""
        lost = _sessions(panel, first, self.after, self.sessions)

        def without(part: Panel) -> Panel:
            gone = np.isin(part.sessions, lost)[:, None]
            bars: dict[str, Any] = {name: np.where(gone, np.nan, getattr(part, name)) for name in _BARS}
            if part.hours is not None:
                bars["hours"] = replace(part.hours, mean=np.where(gone, np.nan, part.hours.mean))
            return replace(part, **bars)

        return _both(panel, without)

    def loses(self, panel: Panel, first: date) -> frozenset[date]:
        """See `Shock.loses`."""
        return frozenset(map(as_date, _sessions(panel, first, self.after, self.sessions)))


@dataclass(frozen=True)
class RejectingBroker(Shock):
    """The broker rejects every order that is sent for some sessions; what rests there from before stays.

    Parameters
    ----------
    sessions : int
        How many.
    after : int
        Sessions of the span before.
    """

    sessions: int
    after: int

    def over(self, panel: Panel, book: Book, first: date) -> Panel:
        """The panel as it is."""
        return panel

    def rejects(self, panel: Panel, first: date) -> frozenset[date]:
        """See `Shock.rejects`."""
        return frozenset(map(as_date, _sessions(panel, first, self.after, self.sessions)))


def _row(panel: Panel, first: date, after: int) -> int:
    """The session, as a row of the panel's days, that is so many into the span."""
    return int(np.searchsorted(panel.days.sessions, np.datetime64(first, "D"))) + after


def _sessions(panel: Panel, first: date, after: int, count: int) -> Sessions:
    """So many sessions from there on."""
    begins = _row(panel, first, after)
    return panel.days.sessions[begins : begins + count]


def _hit(panel: Panel, book: Book) -> list[int]:
    """Columns of universe and benchmark."""
    return [panel.column(symbol) for symbol in dict.fromkeys((*book.symbols, book.benchmark))]


def _both(panel: Panel, change: Callable[[Panel], Panel]) -> Panel:
    """A panel changed, and that of its days where its rows are hours."""
    after = change(panel)
    if after.hours is None:
        return after
    return replace(after, hours=replace(after.hours, days=change(after.hours.days)))


def _moved(panel: Panel, path: Floats) -> Panel:
    """A panel whose prices and dividends are multiplied by a factor of their session.

    `path` has shape (n_days, n_symbols).
    """
    days = panel.days.sessions

    def scaled(part: Panel) -> Panel:
        # Hours of a session that is not over have the factor of that session, where it is known.
        by = path[np.minimum(np.searchsorted(days, part.sessions), len(days) - 1)]
        out: dict[str, Any] = {name: getattr(part, name) * by for name in (*_PRICES, "dividend")}
        if part.hours is not None:
            out["hours"] = replace(part.hours, mean=part.hours.mean * by)
        return replace(part, **out)

    return _both(panel, scaled)


def _carried(values: Floats) -> Floats:
    """Each column's newest finite value so far; NaN before its first."""
    row = np.arange(len(values))[:, None]
    newest = np.maximum.accumulate(np.where(np.isfinite(values), row, -1), axis=0)
    carried = np.take_along_axis(values, np.maximum(newest, 0), axis=0)
    return np.where(newest >= 0, carried, np.nan)
