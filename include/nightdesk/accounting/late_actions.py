"""Late booking: an action that became known after the session of its ex-date was settled.

It is booked once, by the next settling, on what was held at the open of the ex-date, if that is still held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from nightdesk.accounting.actions import corporate_actions
from nightdesk.accounting.ledger import Entry, Ledger, Position
from nightdesk.core.money import ZERO
from nightdesk.core.panel import ENDINGS, Action, ActionKind

#: How the references of entries end that are booked late.
LATE = "-late"


@dataclass(frozen=True)
class BelatedAction:
    """One action of one symbol, booked after its session.

    Attributes
    ----------
    symbol, kind
        Of what, and what it is.
    settled : date
        The session that should have booked it.
    amount : float
        Of a split the units after for one before, of a dividend dollars a unit; else 0.
    event : Action or None
        Every other action.
    prices : mapping of symbol to float
        Last raw closes before `settled`, restated for its splits.
    held : mapping of strategy to Decimal
        Units that were held at its open; who held nothing is absent.
    """

    symbol: str
    kind: ActionKind
    settled: date
    amount: float = 0.0
    event: Action | None = None
    prices: Mapping[str, float] = field(default_factory=dict)
    held: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """The reference of its entries when they are booked in time."""
        return f"{self.kind}-{self.symbol}-{self.settled}"

    @property
    def per_unit(self) -> float:
        """What its entries show as their price, of actions that can be compared by it."""
        return self.amount if self.event is None else self.event.value or self.event.cash


@dataclass(frozen=True)
class LateBooking:
    """The entries of a belated action, or in words why it cannot be booked."""

    entries: tuple[Entry, ...] = ()
    refused: str = ""


def late_bookings(
    actions: Iterable[BelatedAction], now: Ledger, session: date, units: Mapping[str, Decimal]
) -> tuple[LateBooking, ...]:
    """What becomes of belated actions, each on the ledger as those before it leave it; see `book_late`."""
    out = []
    for action in actions:
        out.append(book_late(action, now, session, units))
        now = now.apply(out[-1].entries)
    return tuple(out)


def book_late(action: BelatedAction, now: Ledger, session: date, units: Mapping[str, Decimal]) -> LateBooking:
    """The entries of a belated action.

    Parameters
    ----------
    action : BelatedAction
    now : Ledger
        At the open of the session that books it.
    session : date
        The session that books it.
    units : mapping of symbol to Decimal
        Smallest quantities.

    Returns
    -------
    LateBooking
        Nothing of both where nobody held the symbol then.

    Raises
    ------
    Refused
        As `corporate_actions`.
    """
    had = {
        strategy: Position(strategy, action.symbol, units_held)
        for strategy, units_held in sorted(action.held.items())
        if units_held
    }
    has = _positions(now, action.symbol)
    if not had:
        return LateBooking()
    if any(strategy not in has or has[strategy].quantity * one.quantity < 0 for strategy, one in had.items()):
        return LateBooking(refused="what was held then was sold since")
    base = had
    if action.event is not None and action.kind != "capital_gain":
        base = has
        same = {name: one.quantity for name, one in had.items()} == {
            name: one.quantity for name, one in has.items()
        }
        if not same and action.kind not in ENDINGS:
            return LateBooking(refused="the position was changed since, and with it the cost that it moves")
    made = corporate_actions(
        Ledger(ZERO, {(one.strategy, one.symbol): one for one in base.values()}),
        action.settled,
        {action.symbol: action.amount} if action.kind == "split" else {},
        {action.symbol: action.amount} if action.kind == "dividend" else {},
        action.prices,
        units,
        () if action.event is None else (action.event,),
    )
    entries = tuple(_belated(one, session) for one in made)
    after = _positions(now.apply(entries), action.symbol)
    if any(one.quantity * has[strategy].quantity < 0 for strategy, one in after.items() if strategy in has):
        return LateBooking(refused="more of it was sold since than is left of what was held then")
    return LateBooking(entries)


def _belated(entry: Entry, session: date) -> Entry:
    since = entry.session if entry.since is None else entry.since
    return replace(entry, session=session, reference=f"{entry.reference}{LATE}", since=since)


def _positions(ledger: Ledger, symbol: str) -> dict[str, Position]:
    held = sorted((one for one in ledger.held() if one.symbol == symbol), key=lambda one: one.strategy)
    return {one.strategy: one for one in held}
