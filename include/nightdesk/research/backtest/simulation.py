"""The daily steps of a book driven over history: settle, then decide, on an account kept in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import NamedTuple

import numpy as np

from nightdesk.accounting import (
    AccrualTerms,
    Entry,
    Mark,
    Opening,
    Transfer,
    accrual_terms,
    at_the_open,
    settle,
)
from nightdesk.accounting.exercise_notices import ExerciseNotice
from nightdesk.accounting.funding_rates import NO_FUNDING, Funding
from nightdesk.accounting.ledger import Ledger
from nightdesk.accounting.settlement import Executed, Settlement, still_resting
from nightdesk.accounting.tax import TaxLedger, TaxView, market_split, tax_terms, tax_view, trades_of
from nightdesk.core.calendar import get_calendar
from nightdesk.core.funding import NO_HISTORY, FundingHistory
from nightdesk.core.money import exact
from nightdesk.engine import (
    Carried,
    Desk,
    Facts,
    Gated,
    Market,
    StaleHolding,
    State,
    Targets,
    bracketed,
    counted_sessions,
    facts_at,
    gate,
    heard,
    kill_reason,
    placed_by,
    plan_all,
    plan_protection,
    stale_holdings,
    targets,
    watches_taxes,
)
from nightdesk.engine.held_arrays import Holdings
from nightdesk.engine.inputs import Today, since_close
from nightdesk.orders import Cross, Expired, Fill, Order
from nightdesk.orders.resting import Protected, Resting
from nightdesk.research.backtest.funding_walk import FundingWalk, Settled
from nightdesk.research.backtest.rejected_orders import rejecting
from nightdesk.risk import (
    NO_LOSS,
    Override,
    PeriodLows,
    RiskEvent,
    RiskState,
    in_force,
    period_lows,
    period_starts,
)
from nightdesk.risk.levels import SIMULATED
from nightdesk.strategies import Spoken


@dataclass(frozen=True, slots=True)
class Decided:
    """Everything of one session; `t` is its row in the market, `spoken` what strategies said in turn."""

    t: int
    state: State
    entries: tuple[Entry, ...]
    fills: tuple[Fill, ...]
    expired: tuple[Expired, ...]
    targets: Targets
    gated: Gated
    orders: tuple[Order, ...]
    crosses: tuple[Cross, ...]
    stale: tuple[StaleHolding, ...] = ()
    spoken: Mapping[str, Spoken] = field(default_factory=dict)
    protected: tuple[Protected, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """The state, where the last decision left the book's risk and what its strategies carry on, the orders
    and crosses that wait for the next session, and what this session settled. `closing` is the mark at the
    newest close before this session, `today` the session so far; both serve decisions within a session.
    `resting` are the protective orders of earlier decisions that wait on, each with what is left of it.
    """

    state: State | None = None
    risk: RiskState | None = None
    carried: Carried | None = None
    tax: TaxLedger | None = None
    orders: tuple[Order, ...] = ()
    resting: tuple[Order, ...] = ()
    crosses: tuple[Cross, ...] = ()
    entries: tuple[Entry, ...] = ()
    fills: tuple[Fill, ...] = ()
    expired: tuple[Expired, ...] = ()
    closing: Mark | None = None
    today: Today = field(default_factory=Today)


class _Now(NamedTuple):
    """What a decision counts of its session: the mark, and what `Progress` and `State` say of it.

    `seen` is the session so far as the decision sees it, `today` as the next one goes on from it.
    """

    mark: Mark
    closing: Mark | None
    today: Today
    seen: Today


@dataclass(frozen=True)
class Simulation:
    """A book's daily steps for `nightdesk.research.backtest.run.walk`; every session is noted in `decided`.

    `events` and `overrides` are the facts that it is given, `raised` those that rules of the book set on the
    way; `transfers` what people moved between accounts of the book; `release_after` the sessions after which
    a simulated person releases a kill of those rules; `notices` are the options that end early, by session;
    `funding` the rates of perpetuals that have a history, and `notes` what a person must know of them; in the
    sessions of `rejects` the broker rejects whatever is sent for them.
    """

    desk: Desk
    market: Market
    events: Sequence[RiskEvent] = ()
    notices: Mapping[date, tuple[ExerciseNotice, ...]] = field(default_factory=dict)
    funding: FundingHistory = NO_HISTORY
    decided: list[Decided] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raised: list[RiskEvent] = field(default_factory=list)
    transfers: tuple[Transfer, ...] = ()
    overrides: tuple[Override, ...] = ()
    release_after: int | None = None
    rejects: frozenset[date] = frozenset()

    def settle(self, t: int, progress: Progress) -> Progress:
        """Bring the account to the close of session `t`; see `nightdesk.accounting.settlement`.

        The first session receives the book's capital and nothing else.
        """
        market, before, waiting = self.market, progress.state, (*progress.resting, *progress.orders)
        if before is None:
            opening, capital = Opening(), self.desk.book.initial_capital
            period = market.period(
                t,
                self._terms,
                None,
                ordered=False,
                capital=capital,
                notices=self._noticed(t) if self.notices else (),
            )
        else:
            opening = Opening(before.ledger, before.mark, market.closes[t - 1])
            moved = self.transfers and tuple(one for one in self.transfers if one.as_of == market.closes[t])
            period = market.period(
                t,
                self._terms,
                before.mark.session,
                ordered=bool(waiting),
                crosses=progress.crosses,
                transfers=moved,
                notices=self._noticed(t) if self.notices else (),
                funding=self._funding(t) if self.funding.symbols else NO_FUNDING,
            )
        execute = at_the_open(period, self.desk.fill_terms)
        if period.session in self.rejects:
            execute = rejecting(execute, {one.client_order_id for one in progress.orders})
        settled = settle(opening, waiting, period, execute)
        taxes, view = self._taxes(t, progress.tax, settled.entries) if self._counted else (None, TaxView())
        now = _Now(settled.mark, progress.closing, progress.today, Today())
        if market.hours is not None:
            now = self._within_session(t, progress, settled)
        state = State(
            settled.ledger,
            now.mark,
            self._facts_at(t),
            risk=progress.risk,
            carried=progress.carried,
            tax=view,
            periods=self._periods(settled.mark) if self.desk.asks_for("periods") else NO_LOSS,
            today=now.seen,
            holdings=self._holdings(before, settled.ledger),
        )
        return Progress(
            state=state,
            risk=progress.risk,
            carried=progress.carried,
            tax=taxes,
            resting=still_resting(settled) if self.desk.protective else (),
            entries=settled.entries,
            fills=settled.fills,
            expired=settled.expired,
            closing=now.closing,
            today=now.today,
        )

    def _facts_at(self, t: int) -> Facts:
        """What people and rules of the book have said that counts in row `t`."""
        session = self.market.sessions[t]
        facts = facts_at(self.facts, session)
        if not self.overrides:
            return facts
        return replace(facts, overrides=in_force(self.overrides, self.market.closes[t], session))

    def _holdings(self, before: State | None, ledger: Ledger) -> Holdings:
        """The holdings of a ledger: those of the session before, where it had no entries since."""
        if before is None or before.holdings is None or before.ledger is not ledger:
            return Holdings(self.desk, ledger)
        return before.holdings

    def _funding(self, t: int) -> Funding:
        """What the period that ends in row `t` has of rates with a history."""
        first = self.decided[0].t

        def settled(row: int) -> Settled:
            one = self.decided[row - first]
            return Settled(one.state.ledger, one.entries)

        found = FundingWalk(self.market, self.funding, first, settled).of(t)
        self.notes.extend(found.notes)
        return found

    def _noticed(self, t: int) -> tuple[ExerciseNotice, ...]:
        """The notices of the night before row `t`."""
        if not self.market.begins_session(t):
            return ()
        return self.notices.get(self.market.sessions[t], ())

    @cached_property
    def _terms(self) -> AccrualTerms:
        return accrual_terms(self.desk.book)

    def _periods(self, marked: Mark) -> PeriodLows:
        """What the running week and month have lost, from the marks of the sessions before."""
        first = min(period_starts(marked.session))
        marks = [(marked.session, marked.nav)]
        for one in reversed(self.decided):
            marks.append((one.state.mark.session, one.state.mark.nav))
            if one.state.mark.session < first:
                break
        return period_lows(reversed(marks), marked.session)

    @property
    def facts(self) -> Sequence[RiskEvent]:
        """All facts so far, ascending; of one session, what was given counts after what was raised."""
        if not self.raised:
            return self.events
        return sorted((*self.raised, *self.events), key=lambda event: event.session)

    def _kill(self, session: date, reason: str) -> list[RiskEvent]:
        """A kill by a rule, and its release where a simulated person gives one within the span."""
        killed = [RiskEvent(session, "kill", reason)]
        if self.release_after is None:
            return killed
        released = get_calendar(self.desk.book.calendar).shift(session, self.release_after)
        if released > self.market.sessions[-1]:
            return killed
        return [*killed, RiskEvent(released, "release", f"of the kill of {session}", SIMULATED)]

    def _within_session(self, t: int, progress: Progress, settled: Settlement[Executed]) -> _Now:
        """What a decision within a session counts of it: its return since the last close, its trades."""
        before, begins, closing = progress.state, self.market.begins_session(t), progress.closing
        if begins:
            closing = None if before is None else before.mark
        mark = since_close(settled.mark, closing)
        today = (Today() if begins else progress.today).after(settled.fills, mark.day_return)
        return _Now(mark, closing, today, today.at_close() if self.market.closes_session(t) else today)

    @cached_property
    def _counted(self) -> int:
        """Sessions in which day trades count; 0 where no rule asks for taxes."""
        return counted_sessions(self.desk) if watches_taxes(self.desk) else 0

    def _taxes(self, t: int, before: TaxLedger | None, entries: Sequence[Entry]) -> tuple[TaxLedger, TaxView]:
        """What a rule of the law must know of the book's trades; a backtest knows no other book."""
        book, market = self.desk.book, self.market
        session = market.sessions[t]
        splits = [market_split(symbol, session, exact(ratio)) for symbol, ratio in market.splits(t).items()]
        taxes = before or TaxLedger({book.name: tax_terms(book)})
        if splits or entries:
            taxes = taxes.apply((*splits, *trades_of(book.name, entries)))
        return taxes, tax_view(taxes, book.name, session, self._counted_from(t), filled=market.fills_in(t))

    def _counted_from(self, t: int) -> date:
        """The session from which day trades count in row `t`."""
        market = self.market
        if market.hours is None:
            return market.sessions[max(0, t + 1 - self._counted)]
        calendar = get_calendar(self.desk.book.calendar)
        return calendar.shift(market.sessions[t], market.closes_session(t) - self._counted)

    def decide(self, t: int, progress: Progress) -> Progress:
        """Targets, gate and orders of session `t`."""
        state = progress.state
        if state is None:
            raise ValueError("a session is settled before it is decided")
        day = heard(self.desk, state, self.market.day(t))
        wanted = targets(self.desk, state, day)
        gated = gate(self.desk, state, day, wanted)
        orders: tuple[Order, ...] = ()
        crosses: tuple[Cross, ...] = ()
        if np.count_nonzero(gated.quantity != wanted.held):
            orders, crosses = plan_all(self.desk, state, day, gated.quantity, wanted.carried.bundles)
        resting = tuple(map(Resting, progress.resting))
        protected = plan_protection(self.desk, state, day, gated.quantity, wanted.carried, resting)
        sent = bracketed(self.desk, state, orders, wanted.carried)
        protected += sent.protected
        orders = (*sent.orders, *placed_by(protected))
        released = {one.resting for one in protected if one.releases}
        settled = (progress.entries, progress.fills, progress.expired)
        stale = stale_holdings(self.market, t, state.ledger)
        decided = Decided(t, state, *settled, wanted, gated, orders, crosses, stale, day.spoken, protected)
        self.decided.append(decided)
        reason = kill_reason(state, gated)
        if reason is not None and t + 1 < len(self.market.sessions):
            self.raised.extend(self._kill(self.market.sessions[t + 1], reason))
        return Progress(
            state=state,
            risk=gated.judged.risk,
            carried=wanted.carried,
            tax=progress.tax,
            orders=orders,
            resting=tuple(one for one in progress.resting if one.client_order_id not in released),
            crosses=crosses,
            closing=progress.closing,
            today=progress.today,
        )
