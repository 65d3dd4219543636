"""Actions that change what a position is, or its cost: distributions, exchanges of symbols, ends.

The cost follows US tax law where it says so: see `_spin_off` and `_merger`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from nightdesk.accounting.conversion import IN_LIEU, converted, fractions, worth_of
from nightdesk.accounting.ledger import Entry, EntryKind, Position
from nightdesk.core.errors import Refused
from nightdesk.core.money import QUANTITY_STEP, ZERO, exact, to_cents, to_price
from nightdesk.core.panel import Action, ActionKind

ONE = Decimal(1)


@dataclass(frozen=True)
class Surroundings:
    """What the entries of an event need beside the positions.

    Attributes
    ----------
    session : date
        The session that books it.
    prices : mapping of symbol to float
        Last raw closes before the open, dollars; absent or NaN where none is known.
    units : mapping of symbol to Decimal
        Smallest quantities of the symbols that the book names.
    """

    session: date
    prices: Mapping[str, float]
    units: Mapping[str, Decimal]

    def price(self, symbol: str) -> Decimal | None:
        """The last close; None where none is known."""
        price = self.prices.get(symbol)
        return exact(price) if price is not None and price > 0 else None


def event_entries(event: Action, positions: Sequence[Position], around: Surroundings) -> list[Entry]:
    """The entries of one event on the positions of its symbol; none where nobody holds it.

    Raises
    ------
    Refused
        When the symbol becomes one that the book does not name, or a price is missing that the cost is
        divided by.
    """
    if not positions:
        return []
    match event.kind:
        case "capital_gain" | "return_of_capital":
            return distribute(positions, around.session, event.kind, event.value)
        case "spin_off" | "symbol_change":
            return _EXCHANGES[event.kind](event, positions, around)
        case "merger" if event.value:
            return _EXCHANGES[event.kind](event, positions, around)
        case "merger" | "delisting":
            return _redemption(event, positions, around.session)
    raise ValueError(f"{event.kind} is no event: it is booked from the panel's arrays")


def ending(event: Action) -> str:
    """How a symbol ended, in words."""
    match event.kind:
        case "symbol_change":
            return f"{event.symbol} became {event.other}"
        case "merger":
            return f"{event.symbol} was taken over" + (f" by {event.other}" if event.other else "")
    return f"{event.symbol} was delisted"


def distribute(positions: Sequence[Position], session: date, kind: EntryKind, per_unit: float) -> list[Entry]:
    """Cash a unit on what is held; who is short pays it."""
    cash = worth_of([one.quantity for one in positions], exact(per_unit))
    price = to_price(exact(per_unit))
    return [
        Entry(
            session, kind, one.strategy, one.symbol, ZERO, price, paid, ZERO, f"{kind}-{one.symbol}-{session}"
        )
        for one, paid in zip(positions, cash, strict=True)
    ]


def boot_gain(basis: Decimal, cash: Decimal, received: Decimal | None) -> Decimal:
    """The gain that counts when units go for others and cash (section 356), dollars and cents.

    Parameters
    ----------
    basis, cash : Decimal
        What the units cost, and the cash that came with the others; both negative of a short position.
    received : Decimal or None
        What the others are worth; None where that is not known: then only cash beyond the basis counts.
    """
    if received is None:
        beyond = cash - basis
        return to_cents(beyond if beyond * cash > 0 else ZERO)
    return min(max(to_cents(received + cash - basis), to_cents(ZERO)), abs(cash))


def _redemption(event: Action, positions: Sequence[Position], session: date) -> list[Entry]:
    """Units end for so much cash each; for nothing where that is 0."""
    cash = worth_of([one.quantity for one in positions], exact(event.cash))
    price, reference = to_price(exact(event.cash)), f"{event.kind}-{event.symbol}-{session}"
    return [
        Entry(session, "redemption", one.strategy, one.symbol, -one.quantity, price, paid, ZERO, reference)
        for one, paid in zip(positions, cash, strict=True)
    ]


@dataclass(frozen=True)
class _Given:
    """What leaves a position: units and cost, both with its sign; and the cash that comes for them."""

    quantity: Decimal
    cost: Decimal
    cash: Decimal = ZERO


def _spin_off(event: Action, positions: Sequence[Position], around: Surroundings) -> list[Entry]:
    """The cost is divided by what both are worth (section 358): the stated worth of what is spun off, and the
    last price before, which holds both.
    """
    price = around.price(event.symbol)
    if price is None:
        raise Refused(
            f"{event.symbol} spun off {event.other} on {around.session} and has no price before it, by which "
            "its cost could be divided: store its bars"
        )
    worth = exact(event.cash)
    share = min(exact(event.value) * worth / price, ONE).quantize(QUANTITY_STEP)
    given = [_Given(ZERO, to_cents(one.cost * share)) for one in positions]
    return _exchange(event, positions, around, given, share=share, price=worth, in_lieu=worth)


def _symbol_change(event: Action, positions: Sequence[Position], around: Surroundings) -> list[Entry]:
    """Everything goes over: quantity, cost and the session of entry."""
    worth = _worth_of_other(event, around)
    given = [_Given(one.quantity, one.cost) for one in positions]
    return _exchange(event, positions, around, given, share=ONE, price=worth, in_lieu=worth)


def _merger(event: Action, positions: Sequence[Position], around: Surroundings) -> list[Entry]:
    """The cost goes over. Where cash comes beside the shares, a gain counts up to the cash and a loss does
    not (section 356): the new cost is the old one, less the cash, plus the gain that counted. Where no price
    of the new symbol is known, the cash comes out of the cost first.
    """
    known = around.price(event.other)
    boot = worth_of([one.quantity for one in positions], exact(event.cash))
    given = []
    for one, new, cash in zip(positions, converted(positions, event.value), boot, strict=True):
        counted = boot_gain(one.cost, cash, None if known is None else new * known)
        given.append(_Given(one.quantity, one.cost - cash + counted, cash))
    worth = _worth_of_other(event, around)
    return _exchange(event, positions, around, given, share=ONE, price=known or ZERO, in_lieu=worth)


def _worth_of_other(event: Action, around: Surroundings) -> Decimal:
    """What a new unit is worth: its own last price, else what is left of the old one's."""
    known, old = around.price(event.other), around.price(event.symbol)
    if known is not None:
        return known
    return ZERO if old is None else max(old - exact(event.cash), ZERO) / exact(event.value)


def _exchange(
    event: Action,
    positions: Sequence[Position],
    around: Surroundings,
    given: Sequence[_Given],
    *,
    share: Decimal,
    price: Decimal,
    in_lieu: Decimal,
) -> list[Entry]:
    """Both legs of an exchange, and the sale of what is no whole unit of the new symbol.

    `share` of the cost leaves the old symbol; `price` is shown on the receiving leg, fractions go at
    `in_lieu`.
    """
    if event.other not in around.units:
        raise Refused(_unnamed(event, around.session))
    session, old, new = around.session, event.symbol, event.other
    received = converted(positions, event.value)
    rests = fractions(received, around.units[new])
    sold, cents = to_price(in_lieu), worth_of(rests, to_price(in_lieu))
    reference, fraction = f"{event.kind}-{old}-{session}", f"{IN_LIEU}{new}-{session}-{old}"
    entries = []
    for one, gone, got, rest, paid in zip(positions, given, received, rests, cents, strict=True):
        who, since = one.strategy, one.entry_session
        entries += [
            Entry(
                session, "exchange", who, old, -gone.quantity, share, gone.cash, ZERO, reference, -gone.cost
            ),
            Entry(
                session, "exchange", who, new, got, to_price(price), ZERO, ZERO, reference, gone.cost, since
            ),
        ]
        if rest:
            entries.append(Entry(session, "adjustment", who, new, -rest, sold, paid, ZERO, fraction))
    return entries


_EXCHANGES: Mapping[ActionKind, Callable[[Action, Sequence[Position], Surroundings], list[Entry]]] = {
    "spin_off": _spin_off,
    "symbol_change": _symbol_change,
    "merger": _merger,
}


def _unnamed(event: Action, session: date) -> str:
    """Why an exchange is refused, and what a person does about it."""
    what = f"{event.symbol} spun off {event.other}" if event.kind == "spin_off" else ending(event)
    match event.kind:
        case "spin_off":
            amount = f"{event.value * event.cash:.6g}"
            way = f"withdraw that and state its worth: return_of_capital, --amount {amount}"
        case "merger":
            way = "state what a share was worth instead: merger, --cash P"
        case _:
            way = "withdraw that and state what a share was worth: delisting, --cash P"
    return (
        f"{what} on {session} while {event.symbol} was held, and the book does not name {event.other}: put "
        f"{event.other} into its universe, or settle it in cash by `nightdesk action` ({way})"
    )
