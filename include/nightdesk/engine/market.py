"""The market as decisions see it: all sessions in bulk, one session at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nightdesk.accounting.exercise_notices import ExerciseNotice
from nightdesk.accounting.funding_rates import NO_FUNDING, Funding
from nightdesk.accounting.late_actions import BelatedAction
from nightdesk.accounting.period import AccrualTerms, Period
from nightdesk.accounting.transfers import Transfer
from nightdesk.core.contracts import fundings_between
from nightdesk.core.money import ZERO
from nightdesk.core.panel import Action, Floats
from nightdesk.core.withheld import BadOpens
from nightdesk.engine.day_terms import DayTerms
from nightdesk.engine.desk import Desk
from nightdesk.engine.entry_conditions import BarredSessions
from nightdesk.engine.inputs import Day, Flags
from nightdesk.orders.fills import FillBars
from nightdesk.orders.order import Cross
from nightdesk.strategies.model import Model
from nightdesk.strategies.strategy import BAR, BundleCodes, Codes, Direction, Signals, View


@dataclass(frozen=True)
class Market:
    """Everything that decisions need of the market, none of it depending on a position.

    Attributes
    ----------
    sessions : tuple of date, length n_sessions
        The session of each row; of an hourly book a row is an hour.
    closes : tuple of datetime, length n_sessions
        Decision instants (UTC): closes of sessions, or ends of hours.
    price, dividend, split : ndarray of shape (n_sessions, n_symbols)
        Marking prices (newest raw close that is not withheld), and actions; see `Panel`.
    fill_open, fill_low, fill_high, fill_volume : ndarray of shape (n_sessions, n_symbols)
        What orders meet; see `Panel`.
    close, open, high, low, volume : ndarray of shape (n_sessions, n_symbols)
        The bar as strategies see it, raw dollars and units, NaN without one and where it is withheld.
    quarantined, has_bar, age : ndarray of shape (n_sessions, n_symbols)
    factors : mapping of name to ndarray of shape (n_sessions, n_symbols)
    withheld_bars : ndarray of shape (n_sessions, n_symbols)
        Where a bar is none for computing, and its low and high reach no limit order.
    returns : ndarray of shape (window - 1 + n_days, n_symbols)
        Adjusted returns, session to session, of bars that are not withheld; rows before the first session are
        NaN, so that every window has one shape. `window` is the longest that a day shows; those of hours have
        one row more.
    signals : mapping of strategy name to Signals
    direction, side, confidence, strength : ndarray of shape (n_sessions, n_strategies, n_symbols)
        The same by session.
    bundle, ratio : ndarray of shape (n_sessions, n_strategies, n_symbols), or None
        Likewise; 0 for strategies without bundles, None where no strategy of the book has any.
    vix : ndarray of shape (n_sessions,)
        Newest value of the volatility index, NaN before its first bar.
    band : ndarray of shape (n_sessions,)
    entries_allowed : bool ndarray of shape (n_sessions,)
    opens_month : bool ndarray of shape (n_sessions,)
        Where the session before it on the calendar is of another month.
    models : mapping of strategy name to tuple of Model, length n_sessions
        Of strategies that learn, the live ones, where the signals were made from the factors.
    injected : frozenset of (as_of, strategy, symbol)
        Signals that no strategy made; see `nightdesk.engine.injection`.
    happened : tuple of tuple of Action
        By session, see `Panel.events`; empty where none is known.
    bad_opens : BadOpens
        Opens at which no order fills.
    hours : HourRows or None
        What the rows have beside that where they are hours.
    member : bool ndarray of shape (n_sessions, n_symbols) or None
        Who is a member of the universe; None in a book that lists its symbols.
    studies : mapping of strategy name to sequence, length n_sessions
        What strategies that speak in turn measured, where the signals were made from the factors.
    turns : mapping of strategy name to tuple of states, length n_sessions
        What their decisions left, in a market whose sessions were decided.
    off : bool ndarray of shape (n_sessions, n_symbols) or None
        Which members open nothing for the session; None where all may.
    legs : bool ndarray of shape (n_sessions, n_symbols) or None
        Which members are such as legs of pairs alone; None where none is.
    """

    desk: Desk
    sessions: tuple[date, ...]
    closes: tuple[datetime, ...]
    price: Floats
    fill_open: Floats
    fill_low: Floats
    fill_high: Floats
    fill_volume: Floats
    dividend: Floats
    split: Floats
    close: Floats
    open: Floats
    high: Floats
    low: Floats
    volume: Floats
    quarantined: Flags
    withheld_bars: Flags
    has_bar: Flags
    age: NDArray[np.int64]
    factors: Mapping[str, Floats]
    returns: Floats
    signals: Mapping[str, Signals]
    direction: Codes
    side: Codes
    confidence: Floats
    strength: Floats
    vix: Floats
    band: NDArray[np.int64]
    entries_allowed: Flags
    opens_month: Flags
    models: Mapping[str, tuple[Model, ...]] = field(default_factory=dict)
    injected: frozenset[tuple[datetime, str, str]] = frozenset()
    happened: tuple[tuple[Action, ...], ...] = ()
    bad_opens: BadOpens = field(default_factory=BadOpens.none)
    hours: HourRows | None = None
    bundle: BundleCodes | None = None
    ratio: Floats | None = None
    member: Flags | None = None
    studies: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    turns: Mapping[str, tuple[tuple[Any, ...], ...]] = field(default_factory=dict)
    off: Flags | None = None
    legs: Flags | None = None

    def __len__(self) -> int:
        return len(self.sessions)

    @property
    def view(self) -> View:
        """What strategies see of all sessions, with the models that were live."""
        return View(
            symbols=self.desk.symbols,
            sessions=np.array(self.sessions, dtype="datetime64[D]"),
            **{name: getattr(self, name) for name in BAR},
            vix=self.vix,
            factors=self.factors,
            models=self.models,
            member=self.member,
            pairs=self.desk.book.pairs,
            turns=self.turns,
        )

    def newest(self, count: int = 2) -> Market:
        """The last `count` sessions alone; each of their days is what it is in the whole market.

        What is asked of the market besides (`prices`, `fill_bars`, `splits`, `restated_prices`, ...) is the
        same for all of them but the first, which has no session before it any more.
        """
        first = len(self) - count
        if first <= 0:
            return self
        cut: dict[str, Any] = {name: getattr(self, name)[first:] for name in _BY_SESSION}
        if self.bundle is not None and self.ratio is not None:
            cut |= {"bundle": self.bundle[first:], "ratio": self.ratio[first:]}
        if self.hours is not None:  # returns are those of sessions: the windows of the first row are left
            window = max(self.desk.book.portfolio.volatility_window, self.desk.book.portfolio.var_window)
            recent = self.returns[self._known_returns(first) - window :]
            cut |= {"hours": self.hours.rows(first), "returns": recent}
        bad, later = self.bad_opens, self.bad_opens.row >= first
        opens = {one.name: getattr(bad, one.name)[later] for one in fields(BadOpens)}
        return replace(
            self,
            **cut,
            factors={name: values[first:] for name, values in self.factors.items()},
            signals={name: one.rows(first, len(self)) for name, one in self.signals.items()},
            models={name: models[first:] for name, models in self.models.items()},
            bad_opens=BadOpens(**opens | {"row": opens["row"] - first}),
            member=None if self.member is None else self.member[first:],
            off=None if self.off is None else self.off[first:],
            legs=None if self.legs is None else self.legs[first:],
            studies={name: [one[t] for t in range(first, len(self))] for name, one in self.studies.items()},
            turns={name: states[first:] for name, states in self.turns.items()},
        )

    def day(self, t: int) -> Day:
        """What session `t` offers; a negative `t` counts from the end."""
        t = t % len(self)
        portfolio, end = self.desk.book.portfolio, self._known_returns(t)
        if t:
            previous_direction, previous_side = self.direction[t - 1], self.side[t - 1]
        else:
            previous_direction, previous_side = np.full_like(self.direction[0], Direction.HOLD), self.side[0]
        return Day(
            session=self.sessions[t],
            as_of=self.closes[t],
            price=self.price[t],
            has_bar=self.has_bar[t],
            age=self.age[t],
            quarantined=self.quarantined[t],
            factors={name: values[t] for name, values in self.factors.items()},
            returns=self.returns[end - portfolio.volatility_window : end],
            history=self.returns[end - portfolio.var_window : end],
            direction=self.direction[t],
            confidence=self.confidence[t],
            strength=self.strength[t],
            side=self.side[t],
            previous_direction=previous_direction,
            previous_side=previous_side,
            vix=float(self.vix[t]),
            band=int(self.band[t]),
            entries_allowed=bool(self.entries_allowed[t]),
            entries_reason="" if self.entries_allowed[t] else "benchmark or volatility index has no bar",
            splits=self.splits(t),
            successors=self._successors(t),
            opens_month=bool(self.opens_month[t]),
            closes=self.closes_session(t),
            multiplier=self.desk.multiplier,
            bundle=None if self.bundle is None else self.bundle[t],
            ratio=None if self.ratio is None else self.ratio[t],
            member=self._may_open(t),
            legs=None if self.legs is None else self.legs[t] & ~self.desk.of_bundles,
            barred=None if self._barred is None else self._barred.row(t),
            studies={name: one[t] for name, one in self.studies.items()},
            made=self._terms.row(t),
        )

    def _may_open(self, t: int) -> Flags | Literal[True]:
        """Who may be opened at session `t`; True in a book that lists its symbols."""
        if self.member is None:
            return True
        may: Flags = self.member[t] if self.off is None else self.member[t] & ~self.off[t]
        return may

    @cached_property
    def _barred(self) -> BarredSessions | None:
        """Entries that conditions of the book forbid, of all sessions."""
        conditions = self.desk.entry_conditions
        return conditions.barred(self.view, tuple(self.desk.strategies)) if conditions else None

    @cached_property
    def _terms(self) -> DayTerms:
        """Of all sessions."""
        return DayTerms.of(self.desk, self.price, self.direction, self.side, self.confidence, self.band)

    def closes_session(self, t: int) -> bool:
        """Whether row `t` is the last of its session."""
        return self.hours is None or bool(self.hours.closes[t])

    def begins_session(self, t: int) -> bool:
        """Whether row `t` is the first of its session."""
        return t == 0 or self.sessions[t] != self.sessions[t - 1]

    def fills_in(self, t: int) -> date | None:
        """The session in which orders of row `t` are filled, where that is its own; None at a close."""
        return None if self.closes_session(t) else self.sessions[t]

    def _known_returns(self, t: int) -> int:
        """How many rows of `returns` are over at row `t`."""
        if self.hours is None:
            return len(self.returns) - len(self) + t + 1
        return len(self.returns) - self.hours.sessions + int(self.hours.day[t]) + 1

    def fill_bars(self, t: int) -> FillBars:
        """What session `t` offers to the orders decided before it.

        Quarantine is known at the close and takes no fill away: an order fills at an open that is a price by
        itself. One beyond the jump limit from the last accepted price is none; then the order expires and
        says so. Of a bar that is withheld, low and high reach no limit order. They are of bars that are
        complete at the session's close, when fills are booked: a day that a continuous market is still in has
        an open and nothing more (see `Panel`).

        An order of an hourly book is decided minutes after the next hour began, when its open is past: it
        fills at the mean of the hour's open, high, low and close, but in the first hour of a session.
        """
        t = t % len(self)
        width, symbols = len(self.desk.symbols), self.desk.symbols
        bad: dict[str, str] = {}
        if t in self._bad_open_rows:
            bad = {symbols[n]: why for n, why in self.bad_opens.at(t).items() if n < width}
        low, high, withheld = self.fill_low[t], self.fill_high[t], frozenset[str]()
        if t in self._withheld_rows:
            kept = self.withheld_bars[t]
            low, high = np.where(kept, np.nan, low), np.where(kept, np.nan, high)
            withheld = frozenset(symbols[n] for n in np.flatnonzero(kept))
        hours = self.hours
        at_mean = hours is not None and bool(hours.fills_at_mean[t])
        price = hours.mean[t] if hours is not None and at_mean else self.fill_open[t]
        return FillBars(
            session=self.sessions[t],
            at="mean" if at_mean else "open",
            open=self._by_symbol(price),
            volume=self._by_symbol(self.fill_volume[t]),
            low=self._by_symbol(low),
            high=self._by_symbol(high),
            bad=bad,
            withheld=withheld,
        )

    def period(
        self,
        t: int,
        terms: AccrualTerms,
        since: date | None,
        *,
        ordered: bool = True,
        capital: Decimal = ZERO,
        crosses: tuple[Cross, ...] = (),
        late: tuple[BelatedAction, ...] = (),
        notices: tuple[ExerciseNotice, ...] = (),
        funding: Funding = NO_FUNDING,
        transfers: tuple[Transfer, ...] = (),
    ) -> Period:
        """What lies between the decision of session `since` and that of session `t`; see `Period`.

        Its bars are left out where no orders meet them (`ordered` is False).
        """
        t = t % len(self)
        splits, events, overnight = self.splits(t), self.events(t), since != self.sessions[t]
        needs_closes = terms.own or terms.contracts or (terms.rates.borrow and overnight)
        return Period(
            as_of=self.closes[t],
            session=self.sessions[t],
            since=since,
            bars=self.fill_bars(t) if ordered else FillBars(self.sessions[t], {}, {}),
            terms=terms,
            prices=self.prices(t),
            closes=self.prices(t - 1) if t and needs_closes else {},
            splits=splits,
            dividends=self.dividends(t),
            restated=self.restated_prices(t) if splits or events else {},
            events=events,
            late=late,
            crosses=crosses,
            capital=capital,
            fundings=fundings_between(*self.closes[t - 1 : t + 1]) if t and terms.contracts else 0,
            expiring=self.expiring(t),
            notices=notices,
            funding_rates=funding.due,
            late_funding=funding.late,
            transfers=transfers,
        )

    def expiring(self, t: int) -> frozenset[str]:
        """Contracts that expire at the end of row `t`: their day, or the session before a holiday."""
        lasts = self.desk.last_sessions.get(self.sessions[t])
        return lasts if lasts is not None and self.closes_session(t) else frozenset()

    def prices(self, t: int) -> dict[str, float]:
        """Marking prices of session `t` by symbol."""
        return self._by_symbol(self.price[t])

    def splits(self, t: int) -> dict[str, float]:
        """Splits of session `t`: units after for one before; symbols without one are absent."""
        if t % len(self) not in self._split_rows:
            return {}
        row = self.split[t]
        return {self.desk.symbols[n]: float(row[n]) for n in np.flatnonzero(row != 1.0)}

    def dividends(self, t: int) -> dict[str, float]:
        """Dividends of session `t` in dollars a unit; symbols without one are absent."""
        if t % len(self) not in self._dividend_rows:
            return {}
        row = self.dividend[t]
        return {self.desk.symbols[n]: float(row[n]) for n in np.flatnonzero(row)}

    def events(self, t: int) -> tuple[Action, ...]:
        """Actions of session `t` that are neither split nor dividend, of symbols that may be traded."""
        mine = self.happened[t] if self.happened else ()
        return tuple(one for one in mine if one.symbol in self.desk.column) if mine else ()

    def _successors(self, t: int) -> dict[str, tuple[str, float]]:
        """Symbols that become another in session `t`: its name, and units of it for one."""
        events = self.events(t)
        if not events:
            return {}
        exchanged = [one for one in events if one.kind in ("symbol_change", "merger") and one.value]
        return {one.symbol: (one.other, one.value) for one in exchanged if one.other in self.desk.column}

    def restated_prices(self, t: int) -> dict[str, float]:
        """Marking prices of the session before `t`, restated for the splits of `t`; none for the first.

        A symbol that is worth something only from `t` on, by an action, has none yet.
        """
        if t % len(self) == 0:
            return {}
        return self._by_symbol(self.price[t - 1] / self.split[t])

    @cached_property
    def complete_rows(self) -> frozenset[int]:
        """Rows in which every symbol has a bar."""
        return frozenset(np.flatnonzero(self.has_bar.all(axis=1)).tolist())

    @cached_property
    def _bad_open_rows(self) -> frozenset[int]:
        """Sessions with an open at which no order fills."""
        return frozenset(self.bad_opens.row.tolist())

    @cached_property
    def _withheld_rows(self) -> frozenset[int]:
        """Sessions in which a bar is withheld."""
        return frozenset(np.flatnonzero(self.withheld_bars.any(axis=1)).tolist())

    @cached_property
    def _split_rows(self) -> frozenset[int]:
        """Sessions in which anything splits."""
        return frozenset(np.flatnonzero((self.split != 1.0).any(axis=1)).tolist())

    @cached_property
    def _dividend_rows(self) -> frozenset[int]:
        """Sessions in which anything pays."""
        return frozenset(np.flatnonzero(self.dividend.any(axis=1)).tolist())

    def _by_symbol(self, row: Floats) -> dict[str, float]:
        return dict(zip(self.desk.symbols, row.tolist(), strict=True))


#: The fields of a market that have a row a session; `returns` has its windows' rows before them.
_OF_OTHER_SHAPES = frozenset(
    {
        "desk",
        "factors",
        "signals",
        "models",
        "studies",
        "turns",
        "injected",
        "bad_opens",
        "hours",
        "bundle",
        "ratio",
        "member",
        "off",
        "legs",
    }
)
_BY_SESSION = tuple(one.name for one in fields(Market) if one.name not in _OF_OTHER_SHAPES)


@dataclass(frozen=True)
class HourRows:
    """What a market has beside its sessions where its rows are hours.

    Attributes
    ----------
    day : ndarray of shape (n_rows,), intp
        The newest session that was over in each row, -1 before the first; see `nightdesk.core.panel.Hours`.
    sessions : int
        How many of them there are.
    closes : bool ndarray of shape (n_rows,)
        Where a row is the last of its session.
    fills_at_mean : bool ndarray of shape (n_rows,)
        Where orders fill at the mean of the hour, and not at its open.
    mean : ndarray of shape (n_rows, n_symbols)
        That mean, raw dollars; NaN without a bar.
    """

    day: NDArray[np.intp]
    sessions: int
    closes: Flags
    fills_at_mean: Flags
    mean: Floats

    def rows(self, first: int) -> HourRows:
        """The rows from `first` on, of as many sessions."""
        names = ("day", "closes", "fills_at_mean", "mean")
        return replace(self, **{name: getattr(self, name)[first:] for name in names})
