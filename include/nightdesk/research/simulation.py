"""The daily steps of a book driven over history: settle, then decide, on an account kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nightdesk.decision import Desk, Gated, Market, RiskEvent, State, Targets, facts_at, gate, plan, targets
from nightdesk.execution import (
    Entry,
    Expired,
    Fill,
    Ledger,
    Order,
    capital,
    corporate_actions,
    fill_entries,
    mark,
    open_session,
    restate,
)


@dataclass(frozen=True, slots=True)
class Decided:
    """Everything of one session; `t` is its row in the market."""

    t: int
    state: State
    entries: tuple[Entry, ...]
    fills: tuple[Fill, ...]
    expired: tuple[Expired, ...]
    targets: Targets
    gated: Gated
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """The state, the orders that wait for the next open, and what this session settled."""

    state: State | None = None
    orders: tuple[Order, ...] = ()
    entries: tuple[Entry, ...] = ()
    fills: tuple[Fill, ...] = ()
    expired: tuple[Expired, ...] = ()


@dataclass(frozen=True)
class Simulation:
    """A book's daily steps for `nightdesk.research.walk.walk`; every session is noted in `decided`."""

    desk: Desk
    market: Market
    events: Sequence[RiskEvent] = ()
    decided: list[Decided] = field(default_factory=list)

    def settle(self, t: int, progress: Progress) -> Progress:
        """Bring the account to the close of session `t`: actions, fills of the orders decided before, the
        mark.

        The first session receives the book's capital and nothing else.
        """
        session, market, before = self.market.sessions[t], self.market, progress.state
        if before is None:
            entries: tuple[Entry, ...] = (capital(session, self.desk.book.initial_capital),)
            fills: tuple[Fill, ...] = ()
            expired: tuple[Expired, ...] = ()
            ledger = Ledger().apply(entries)
        else:
            entries, ledger, fills, expired = self._morning(t, before.ledger, progress.orders)
        marked = mark(ledger, session, market.prices(t), None if before is None else before.mark)
        state = State(ledger, marked, facts_at(self.events, session))
        return Progress(state, (), entries, fills, expired)

    def _morning(
        self, t: int, ledger: Ledger, orders: tuple[Order, ...]
    ) -> tuple[tuple[Entry, ...], Ledger, tuple[Fill, ...], tuple[Expired, ...]]:
        """Corporate actions on what was held overnight, then the fills at the open."""
        market, units, session = self.market, self.desk.unit_of, self.market.sessions[t]
        splits, dividends = market.splits(t), market.dividends(t)
        entries: tuple[Entry, ...] = ()
        if splits or dividends:
            restated = market.restated_prices(t) if splits else {}
            entries = corporate_actions(ledger, session, splits, dividends, restated, units)
            orders = tuple(
                restate(order, splits[order.symbol], units[order.symbol]) if order.symbol in splits else order
                for order in orders
            )
        fills: tuple[Fill, ...] = ()
        expired: tuple[Expired, ...] = ()
        if orders:
            fills, expired = open_session(orders, market.fill_bars(t), self.desk.fill_terms)
            by_id = {order.client_order_id: order for order in orders}
            for fill in fills:
                entries += fill_entries(by_id[fill.client_order_id], (fill,), units[fill.symbol])
        return entries, ledger.apply(entries), fills, expired

    def decide(self, t: int, progress: Progress) -> Progress:
        """Targets, gate and orders of session `t`."""
        state = progress.state
        if state is None:
            raise ValueError("a session is settled before it is decided")
        day = self.market.day(t)
        wanted = targets(self.desk, state, day)
        gated = gate(self.desk, state, day, wanted)
        orders = plan(self.desk, state, day, gated)
        self.decided.append(
            Decided(t, state, progress.entries, progress.fills, progress.expired, wanted, gated, orders)
        )
        return replace(progress, orders=orders)
