"""Trades of an account, as the tax law sees them: what the ledger's entries were before they were shared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from nightdesk.execution.ledger import Entry
from nightdesk.execution.money import ZERO

#: A split that a book did not live through, since it held nothing; it still restates a loss.
NO_BOOK = ""

#: How references of cash in lieu of a fraction begin: a sale, though the ledger books it as an adjustment.
IN_LIEU = "fraction-"


@dataclass(frozen=True, slots=True)
class Trade:
    """A change of what an account holds of a symbol.

    Attributes
    ----------
    book, symbol : str
        Whose account; a split may be nobody's (`NO_BOOK`).
    session : date
        When it counts.
    kind : str
        "trade": bought or sold, for cash; "split": units restated, cost kept; "transfer": units that came or
        went without a price (a difference to the broker that a person took over).
    quantity : Decimal
        Signed change in units.
    cash : Decimal
        Signed effect on cash in dollars and cents, commission included.
    reference : str
        The order, or the action, behind it.
    ratio : Decimal
        Of a split: units after for one before.
    """

    book: str
    symbol: str
    session: date
    kind: Literal["trade", "split", "transfer"]
    quantity: Decimal
    cash: Decimal
    reference: str
    ratio: Decimal = Decimal(1)


def trades_of(book: str, entries: Iterable[Entry]) -> tuple[Trade, ...]:
    """The trades of one book's account, in the order of its entries.

    Strategies are shares of one account: what they pass to each other, as a cross or inside an order, is no
    sale. So entries of one order and session are added up again, and crosses are left out, as are dividends
    and everything that moves cash alone.
    """
    sums: dict[tuple[date, str, str], Trade] = {}
    for entry in entries:
        if entry.kind not in ("fill", "split", "adjustment") or not entry.symbol:
            continue
        key = (entry.session, entry.symbol, entry.reference)
        before = sums.get(key)
        sums[key] = Trade(
            book=book,
            symbol=entry.symbol,
            session=entry.session,
            kind=_kind(entry),
            quantity=entry.quantity + (ZERO if before is None else before.quantity),
            cash=entry.cash + (ZERO if before is None else before.cash),
            reference=entry.reference,
            ratio=entry.price if entry.kind == "split" else Decimal(1),
        )
    return tuple(one for one in sums.values() if one.quantity)


def market_split(symbol: str, session: date, ratio: Decimal) -> Trade:
    """A split that is known from the market."""
    return Trade(NO_BOOK, symbol, session, "split", ZERO, ZERO, f"split-{symbol}-{session}", ratio)


def in_order(trades: Iterable[Trade]) -> tuple[Trade, ...]:
    """Trades of several books by session; splits come first, as they do at the open."""
    return tuple(sorted(trades, key=lambda one: (one.session, one.kind != "split")))


def _kind(entry: Entry) -> Literal["trade", "split", "transfer"]:
    if entry.kind == "split":
        return "split"
    priced = entry.kind == "fill" or entry.reference.startswith(IN_LIEU)
    return "trade" if priced else "transfer"
