"""Which contract at IBKR a symbol of a book is: looked up once, kept, and refused where several fit.

IBKR knows a stock by a number (`conId`); the name alone is that of many, at exchanges all over the world.
Orders go to SMART, in dollars, with the number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from nightdesk.core.errors import Refused
from nightdesk.core.money import exact
from nightdesk.core.universe import Instrument

if TYPE_CHECKING:
    from ib_async.contract import Contract, ContractDetails

#: What IBKR answers when it knows no such contract.
UNKNOWN_CONTRACT = 200


@dataclass(frozen=True)
class IbkrContract:
    """A stock or fund at IBKR.

    Attributes
    ----------
    symbol : str
        As books name it.
    con_id : int
        IBKR's number of it, which stays.
    name : str
        As IBKR writes the symbol: "BRK B".
    primary_exchange : str
        Where it is listed.
    tick : Decimal
        The smallest step of a price, dollars.
    size_increment : Decimal
        The smallest step of a quantity, units.
    """

    symbol: str
    con_id: int
    name: str
    primary_exchange: str
    tick: Decimal
    size_increment: Decimal

    def routed(self) -> Contract:
        """The contract as orders and questions name it: by its number, at SMART, in dollars."""
        from ib_async.contract import Contract

        return Contract(
            secType="STK", conId=self.con_id, symbol=self.name, exchange="SMART",
            primaryExchange=self.primary_exchange, currency="USD",
        )  # fmt: skip


class ContractCache(Protocol):
    """Where contracts are kept once they were looked up."""

    def find(self, symbol: str) -> IbkrContract | None:
        """The contract that is kept of a book's symbol, unless it is to be looked up anew."""

    def number(self, symbol: str) -> int | None:
        """The number that is kept of it in any case: of several contracts it is that one."""

    def keep(self, contract: IbkrContract) -> None:
        """Keep a contract by its symbol."""


class ContractsInMemory:
    """A cache that ends with the process."""

    def __init__(self) -> None:
        self._found: dict[str, IbkrContract] = {}

    def find(self, symbol: str) -> IbkrContract | None:
        return self._found.get(symbol)

    def number(self, symbol: str) -> int | None:
        return None  # what it keeps is never looked up anew

    def keep(self, contract: IbkrContract) -> None:
        self._found[contract.symbol] = contract


@dataclass(frozen=True)
class IbkrNames:
    """How a book and IBKR name the same thing: a class of shares is BRK-B here and "BRK B" there."""

    universe: Mapping[str, Instrument]

    def theirs(self, symbol: str) -> str:
        """IBKR's name of a book's symbol."""
        return symbol.replace("-", " ").replace(".", " ")

    def ours(self, contract: Any) -> str:
        """The book's name of a contract; of what no book here trades, one that is no symbol of a book."""
        if contract.secType != "STK":
            return f"{contract.localSymbol or contract.symbol} {contract.secType}".strip()
        if contract.currency != "USD":
            return f"{contract.symbol} in {contract.currency}"
        for symbol in self.universe:
            if self.theirs(symbol) == contract.symbol:
                return symbol
        return str(contract.symbol).replace(" ", "-")


def lookup(name: str) -> Contract:
    """What IBKR is asked for to find a stock or fund by its name."""
    from ib_async.contract import Contract

    return Contract(secType="STK", symbol=name, exchange="SMART", currency="USD")


def only_contract(
    symbol: str, name: str, found: Sequence[ContractDetails], number: int | None = None
) -> IbkrContract:
    """The one contract that a symbol is.

    Parameters
    ----------
    symbol, name : str
        As the book and as IBKR write it.
    found : sequence of ContractDetails
        What IBKR has found under the name.
    number : int, optional
        The one that it is where there are several.

    Raises
    ------
    Refused
        When it is none, or one of several.
    """
    fitting = {}
    for one in found:
        at = one.contract
        if (at.secType, at.currency, at.symbol) == ("STK", "USD", name) and at.conId > 0:
            fitting[at.conId] = one
    if not fitting:
        raise Refused(f"IBKR has no stock or fund {name!r} in dollars for the book's symbol {symbol}")
    if number in fitting:
        fitting = {number: fitting[number]}
    if len(fitting) > 1:
        each = ", ".join(
            f"{number} ({one.longName or 'without a name'}, {one.contract.primaryExchange})"
            for number, one in sorted(fitting.items())
        )
        raise Refused(
            f"IBKR has several contracts {name!r} for the book's symbol {symbol}: {each}; name the "
            f"right number: `nightdesk broker BOOK --contract {symbol}=NUMBER`"
        )
    (one,) = fitting.values()
    return IbkrContract(
        symbol=symbol,
        con_id=one.contract.conId,
        name=name,
        primary_exchange=one.contract.primaryExchange,
        tick=_step(one.minTick, Decimal("0.01")),
        size_increment=_step(one.sizeIncrement, Decimal(1)),
    )


def resolved(
    symbol: str, names: IbkrNames, cache: ContractCache, find: Callable[[str], Sequence[ContractDetails]]
) -> IbkrContract:
    """The contract of a book's symbol, from the cache or looked up and kept there; raises as `only_contract`.

    Parameters
    ----------
    symbol : str
    names : IbkrNames
    cache : ContractCache
    find : callable
        Asks IBKR for all contracts of a name.
    """
    known = cache.find(symbol)
    if known is not None:
        return known
    name = names.theirs(symbol)
    made = only_contract(symbol, name, find(name), cache.number(symbol))
    cache.keep(made)
    return made


def _step(told: float, otherwise: Decimal) -> Decimal:
    """A step as it was told; one that is missing, none, or of another size than a step is `otherwise`."""
    return exact(told) if 0 < told < 1e6 else otherwise
