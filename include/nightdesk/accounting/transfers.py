"""Money that a person moves from one account of a book to another: a dated fact, booked in both accounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from nightdesk.accounting.ledger import Entry, cash_entry
from nightdesk.core.account_terms import MAIN
from nightdesk.core.money import to_cents

#: An account of nobody in the book: its side of a transfer is booked elsewhere.
ELSEWHERE = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Dollars, positive, that go from one account to another in the settling of a decision, at `as_of`.

    `number` tells those of one book apart; `source` and `target` are accounts of the book.
    """

    number: int
    as_of: datetime
    source: str
    target: str
    amount: Decimal


def transfer_entries(transfers: Iterable[Transfer], session: date) -> tuple[Entry, ...]:
    """The entries of transfers, one in each account; over the book they add up to nothing."""
    entries = []
    for one in transfers:
        for account, cash in ((one.source, -one.amount), (one.target, one.amount)):
            if account != ELSEWHERE:
                reference = f"transfer-{one.number}"
                entries.append(cash_entry(session, "transfer", to_cents(cash), reference, account))
    return tuple(entries)


def seen_in(account: str, transfers: Iterable[Transfer]) -> tuple[Transfer, ...]:
    """Transfers as one of the accounts lives through them, which calls itself `main`."""
    return tuple(
        replace(
            one,
            source=MAIN if one.source == account else ELSEWHERE,
            target=MAIN if one.target == account else ELSEWHERE,
        )
        for one in transfers
        if account in (one.source, one.target)
    )
