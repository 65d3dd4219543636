"""Which account an entry belongs to: what moves a position, that of its symbol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nightdesk.accounting.ledger import Entry
from nightdesk.core.errors import Refused

#: Entries that have a leg in each of two symbols.
_LEGS = ("exchange", "exercise", "assignment")


def placed(entries: tuple[Entry, ...], account_of: Mapping[str, str]) -> tuple[Entry, ...]:
    """Entries with the account of their symbols; those that move the cash of an account alone say it already.

    Parameters
    ----------
    entries : tuple of Entry
    account_of : mapping of symbol to str
        Where each symbol goes; empty where all of them go to `main`.

    Raises
    ------
    Refused
        When units of one symbol become units of another that goes to another account.
    """
    if not account_of or not entries:
        return entries
    out = tuple(
        replace(one, account=account_of.get(one.symbol, one.account)) if one.symbol else one
        for one in entries
    )
    first: dict[tuple[str, str], Entry] = {}
    for one in out:
        if one.kind in _LEGS:
            other = first.setdefault((one.strategy, one.reference), one)
            if other.account != one.account:
                raise Refused(
                    f"{other.symbol} becomes {one.symbol} on {one.session}, which stays in account "
                    f"{other.account}, and {one.symbol} goes to {one.account}: let both go to the same "
                    f"(routes.{one.symbol}: {other.account})"
                )
    return out
