"""Which of a book's accounts a symbol goes to, and what is wrong with what the book says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from nightdesk.core.account_terms import AccountEntry
from nightdesk.core.asset_classes import CLASSES, DEFAULT
from nightdesk.core.universe import Instrument

#: So many symbols are named where more of them are meant.
_NAMED = 5


def route_of(symbol: str, asset_class: str, accounts: Sequence[str], routes: Mapping[str, str]) -> str | None:
    """The account of a symbol: by its own route, else by its class's, else the default or the only account.

    None where no route leads anywhere.
    """
    only = accounts[0] if len(accounts) == 1 else None
    return routes.get(symbol) or routes.get(asset_class) or routes.get(DEFAULT) or only


def route_faults(
    accounts: Mapping[str, AccountEntry], routes: Mapping[str, str], universe: Mapping[str, Instrument]
) -> Iterator[str]:
    """What is wrong with routes, a line each with the path of the key."""
    known = ", ".join(accounts)
    for key, name in routes.items():
        if name not in accounts:
            yield f"routes.{key}: found {name}, which is no account of this book; they are {known}"
        if key not in universe and key not in CLASSES and key != DEFAULT:
            yield (
                f"routes.{key}: a route is named by a symbol of the universe, by an asset class "
                f"({', '.join(CLASSES)}) or {DEFAULT}"
            )
    goes = {
        symbol: route_of(symbol, one.asset_class, tuple(accounts), routes) for symbol, one in universe.items()
    }
    nowhere = [symbol for symbol, to in goes.items() if to is None]
    if nowhere:
        more = f" and {len(nowhere) - _NAMED} more" if len(nowhere) > _NAMED else ""
        yield (
            f"routes: {', '.join(nowhere[:_NAMED])}{more} of the universe go to no account; name one by "
            f"symbol, by asset class, or as {DEFAULT}"
        )
    for name in accounts if not nowhere else ():
        if name not in goes.values():
            yield (
                f"accounts.{name}: no symbol of the universe goes there; add a route to it, or leave it out"
            )
    for symbol, one in universe.items():
        underlying = universe.get(one.underlying or "")
        if one.asset_class != "option" or underlying is None:
            continue
        to, other = goes[symbol], goes[one.underlying or ""]
        if to != other:
            yield (
                f"routes: {symbol} goes to {to} and its underlying {one.underlying} to {other}; exercise "
                "moves shares within one account: let both go to the same"
            )


def account_faults(accounts: Mapping[str, AccountEntry], initial_capital: Decimal) -> Iterator[str]:
    """What is wrong with accounts among themselves, a line each with the path of the key."""
    total = sum((one.capital for one in accounts.values()), Decimal(0))
    if total != initial_capital:
        yield (
            f"accounts: their capital adds up to {total} dollars, and initial_capital is {initial_capital}: "
            "say of each account what part of it lies there"
        )
    owners: dict[tuple[str, str], str] = {}
    for name, one in accounts.items():
        first = owners.setdefault((one.kind, one.account), name)
        if first != name:
            yield (
                f"accounts.{name}.account: {one.account!r} of {one.kind} is account {first} already; "
                "name another one, or leave one of the two out"
            )
