"""What each account of a book is worth at a mark: its cash, and what is held of the symbols that go there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from nightdesk.accounting.ledger import NO_CONTRACTS, Ledger, value
from nightdesk.core.contracts import PLAIN, Contract
from nightdesk.core.money import to_cents


@dataclass(frozen=True, slots=True)
class AccountMark:
    """One account at a mark, dollars and cents; ``nav`` is what both come to."""

    account: str
    cash: Decimal
    positions_value: Decimal

    @property
    def nav(self) -> Decimal:
        """Cash and positions."""
        return self.cash + self.positions_value


def account_marks(
    ledger: Ledger,
    prices: Mapping[str, float],
    accounts: Sequence[str],
    account_of: Mapping[str, str],
    contracts: Mapping[str, Contract] = NO_CONTRACTS,
) -> tuple[AccountMark, ...]:
    """The accounts of a book at raw prices; over all of them cash and positions are those of its mark.

    Parameters
    ----------
    ledger : Ledger
    prices : mapping of symbol to float
        Of every symbol that is held.
    accounts : sequence of str
    account_of : mapping of symbol to str
        Where each symbol goes.
    contracts : mapping of symbol to Contract
        Those whose unit is not worth its price.
    """
    worth = dict.fromkeys(accounts, to_cents(Decimal(0)))
    for one in ledger.held():
        contract = contracts.get(one.symbol, PLAIN)
        worth[account_of[one.symbol]] += value(one, prices[one.symbol], contract)
    return tuple(AccountMark(name, ledger.cash_in(name), worth[name]) for name in accounts)
