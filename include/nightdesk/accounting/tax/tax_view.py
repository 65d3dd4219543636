"""What a decision needs to know of taxes and day trades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from nightdesk.accounting.tax.tax_ledger import TaxLedger


@dataclass(frozen=True, slots=True)
class TaxView:
    """What the books of a taxpayer did lately, as a decision of one of them sees it.

    Attributes
    ----------
    losses : mapping of symbol to Decimal
        Dollars of realised losses that a purchase now would disallow, at most.
    day_trades : int
        Day trades of this book's account in the sessions that count.
    opened : mapping of symbol to Decimal
        Units opened in the session in which the decision's orders are filled; none for a daily book, whose
        orders meet a new session.
    """

    losses: Mapping[str, Decimal] = field(default_factory=dict)
    day_trades: int = 0
    opened: Mapping[str, Decimal] = field(default_factory=dict)


def tax_view(
    ledger: TaxLedger, book: str, session: date, first: date, *, filled: date | None = None
) -> TaxView:
    """The view of a decision at the close of a session, or within it.

    Orders of a close are filled on the next day at the earliest, which is the day that windows are measured
    to; those of a decision within a session, in it.

    Parameters
    ----------
    ledger : TaxLedger
        Of the book's taxpayer, up to the session.
    book : str
        The book that decides.
    session : date
        The session.
    first : date
        The session from which day trades count.
    filled : date, optional
        The session itself, where its orders are filled in it still.
    """
    if filled is not None:
        opened = ledger.day_trades.opened_in(book, filled)
        return TaxView(ledger.open_losses(filled), ledger.day_trades.since(book, first), opened)
    return TaxView(ledger.open_losses(session + timedelta(days=1)), ledger.day_trades.since(book, first))
