"""Corporate actions as ledger entries: one pure function for backtest, paper broker and settling.

The account's total is computed first, as a broker does, and shared exactly among the strategies that hold the
symbol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from nightdesk.accounting.conversion import IN_LIEU, converted, fractions, worth_of
from nightdesk.accounting.events import Surroundings, distribute, event_entries
from nightdesk.accounting.ledger import Entry, Ledger, Position
from nightdesk.core.money import ZERO, exact, to_price
from nightdesk.core.panel import Action


def corporate_actions(
    ledger: Ledger,
    session: date,
    splits: Mapping[str, float],
    dividends: Mapping[str, float],
    prices: Mapping[str, float],
    units: Mapping[str, Decimal],
    events: Sequence[Action] = (),
) -> tuple[Entry, ...]:
    """Entries of a session's corporate actions on what was held before its open.

    A split restates the quantity and leaves the cost; a fraction of a unit that is left is sold for cash at
    the restated price. A dividend is paid on the quantity after a split of the same date. Then come the
    events, in their order.

    Parameters
    ----------
    ledger : Ledger
        At the end of the session before.
    session : date
        The ex-date.
    splits, dividends : mapping of symbol to float
        Units after for one before; dollars a unit. Symbols without one may be absent.
    prices : mapping of symbol to float
        Last raw close before, restated for splits of the session, of the symbols that split or have an event
        and of those that they become; absent or NaN where none is known.
    units : mapping of symbol to Decimal
        Smallest quantities of the symbols that the book names.
    events : sequence of Action
        See `nightdesk.core.panel.EVENT_KINDS`.

    Raises
    ------
    Refused
        When what is held becomes a symbol that the book does not name, or the price is missing that a
        spin-off divides the cost by.
    """
    entries: list[Entry] = []
    # Who gets the last cent must not depend on the order in which positions were opened or read back.
    for symbol in sorted({position.symbol for position in ledger.held()}):
        ratio, per_unit = splits.get(symbol, 1.0), dividends.get(symbol, 0.0)
        if ratio != 1.0:
            entries += _split(_holders(ledger, symbol), session, ratio, prices[symbol], units[symbol])
        if per_unit != 0.0:
            holders = _holders(ledger.apply(entries), symbol)
            entries += distribute(holders, session, "dividend", per_unit)
    around = Surroundings(session, prices, units)
    for event in events:
        entries += event_entries(event, _holders(ledger.apply(entries), event.symbol), around)
    return tuple(entries)


def _holders(ledger: Ledger, symbol: str) -> list[Position]:
    return sorted((one for one in ledger.held() if one.symbol == symbol), key=lambda one: one.strategy)


def _split(
    positions: Sequence[Position], session: date, ratio: float, price: float, unit: Decimal
) -> list[Entry]:
    """Entries of one split: the new quantities, then what of them is no whole unit and goes for cash."""
    symbol, in_lieu = positions[0].symbol, to_price(exact(price))
    exactly = converted(positions, ratio)
    rests = fractions(exactly, unit)
    paid = worth_of(rests, in_lieu)
    entries = []
    for one, new, rest, cash in zip(positions, exactly, rests, paid, strict=True):
        own, change = (one.strategy, symbol), new - one.quantity
        reference = f"split-{symbol}-{session}"
        entries.append(Entry(session, "split", *own, change, exact(ratio), ZERO, ZERO, reference))
        if rest:
            sold = f"{IN_LIEU}{symbol}-{session}"
            entries.append(Entry(session, "adjustment", *own, -rest, in_lieu, cash, ZERO, sold))
    return entries
