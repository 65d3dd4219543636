"""Trades of an account, as the tax law sees them: what the ledger's entries were before they were shared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from nightdesk.accounting.booking import order_behind
from nightdesk.accounting.conversion import IN_LIEU
from nightdesk.accounting.ledger import Entry
from nightdesk.core.money import ZERO

#: A split that a book did not live through, since it held nothing; it still restates a loss.
NO_BOOK = ""


Kind = Literal["trade", "split", "transfer", "return_of_capital", "exchange"]

#: Kinds of ledger entries that change lots.
_TRADED = (
    "fill",
    "split",
    "adjustment",
    "redemption",
    "exchange",
    "return_of_capital",
    "expiry",
    "exercise",
    "assignment",
)

RETURNED: Literal["return_of_capital"] = "return_of_capital"


@dataclass(frozen=True, slots=True)
class TaxTrade:
    """A change of what an account holds of a symbol.

    Attributes
    ----------
    book, symbol : str
        Whose account; a split may be nobody's (`NO_BOOK`).
    session : date
        When it counts.
    kind : str
        "trade": bought or sold, for cash; "split": units restated, cost kept; "transfer": units that came or
        went without a price (a difference to the broker that a person took over); "return_of_capital": cash
        out of the cost; "exchange": lots go over to another symbol, with their dates.
    quantity : Decimal
        Signed change in units.
    cash : Decimal
        Signed effect on cash in dollars and cents, commission included.
    reference : str
        The order, or the action, behind it.
    ratio : Decimal
        Of a split: units after for one before.
    other, received : str, Decimal
        Of an exchange: the symbol that lots go over to, and its units.
    share, worth : Decimal
        Of an exchange: the part of the cost that goes, and dollars a unit of the other, 0 where not known.
    """

    book: str
    symbol: str
    session: date
    kind: Kind
    quantity: Decimal
    cash: Decimal
    reference: str
    ratio: Decimal = Decimal(1)
    other: str = ""
    received: Decimal = ZERO
    share: Decimal = Decimal(1)
    worth: Decimal = ZERO


def trades_of(book: str, entries: Iterable[Entry]) -> tuple[TaxTrade, ...]:
    """The trades of one book's account, in the order of its entries.

    Strategies are shares of one account: what they pass to each other, as a cross or inside an order, is no
    sale. So entries of one order and session are added up again, and crosses are left out, as are dividends
    and everything that moves cash alone, but returns of capital.
    """
    sums: dict[tuple[date, str, str], TaxTrade] = {}
    giving: dict[tuple[date, str], tuple[date, str, str]] = {}
    for entry in entries:
        if entry.kind not in _TRADED or not entry.symbol:
            continue
        if entry.kind == "exchange":
            # Both legs are one event; the one that gives comes first.
            key = giving.setdefault((entry.session, entry.reference), _key(entry))
            sums[key] = _with_leg(sums.get(key), entry, book)
            continue
        key = _key(entry)
        before = sums.get(key)
        sums[key] = TaxTrade(
            book=book,
            symbol=entry.symbol,
            session=key[0],
            kind=_kind(entry),
            quantity=entry.quantity + (ZERO if before is None else before.quantity),
            cash=entry.in_full + (ZERO if before is None else before.cash),
            reference=key[2],
            ratio=entry.price if entry.kind == "split" else Decimal(1),
        )
    return tuple(one for one in sums.values() if one.quantity or one.received or one.cash)


def market_split(symbol: str, session: date, ratio: Decimal) -> TaxTrade:
    """A split that is known from the market."""
    return TaxTrade(NO_BOOK, symbol, session, "split", ZERO, ZERO, f"split-{symbol}-{session}", ratio)


def in_order(trades: Iterable[TaxTrade]) -> tuple[TaxTrade, ...]:
    """Trades of several books by session; splits come first, as they do at the open."""
    return tuple(sorted(trades, key=lambda one: (one.session, one.kind != "split")))


def _key(entry: Entry) -> tuple[date, str, str]:
    """Which trade an entry is of: what came later of an execution is of the day that it was booked on."""
    if entry.kind == "fill":
        return entry.since or entry.session, entry.symbol, order_behind(entry.reference)
    return entry.session, entry.symbol, entry.reference


def _with_leg(before: TaxTrade | None, entry: Entry, book: str) -> TaxTrade:
    """An exchange with one more leg of it."""
    if before is None:
        before = TaxTrade(book, entry.symbol, entry.session, "exchange", ZERO, ZERO, entry.reference)
    if entry.symbol == before.symbol:
        quantity, cash = before.quantity + entry.quantity, before.cash + entry.cash
        return replace(before, quantity=quantity, cash=cash, share=entry.price)
    received = before.received + entry.quantity
    return replace(before, other=entry.symbol, received=received, worth=entry.price)


def _kind(entry: Entry) -> Kind:
    match entry.kind:
        case "split":
            return "split"
        case "return_of_capital":
            return RETURNED
        case "fill" | "redemption" | "expiry" | "exercise" | "assignment":
            return "trade"
    # An adjustment with cash has a price: cash in lieu, or units that went for cash at the broker.
    return "trade" if entry.reference.startswith(IN_LIEU) or entry.cash else "transfer"
