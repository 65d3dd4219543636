"""Contracts of IBKR that stay in the database, are asked for again each day, and whose change is told."""

from __future__ import annotations

from datetime import timedelta

from nightdesk.brokers.ibkr_contracts import IbkrContract, IbkrNames
from nightdesk.core.errors import Refused
from nightdesk.store.broker_contract_rows import KeptContract, keep_contract, kept_contract
from nightdesk.store.db import Connection, now
from nightdesk.store.message_rows import raise_alert

KIND = "ibkr"

#: A name may come to mean another company: it is looked up anew after so long.
ASKED_AGAIN = timedelta(days=1)


class ContractsInStore:
    """The contracts of a book's symbols.

    Parameters
    ----------
    conn : Connection
    book : str
        Who asks, for people who are told of a change.
    names : IbkrNames
    """

    def __init__(self, conn: Connection, book: str, names: IbkrNames) -> None:
        self._conn, self._book, self._names = conn, book, names

    def find(self, symbol: str) -> IbkrContract | None:
        """What IBKR said of a symbol within the last day."""
        kept = kept_contract(self._conn, KIND, symbol)
        if kept is None or now(self._conn) - kept.asked_at > ASKED_AGAIN:
            return None
        return IbkrContract(
            symbol=symbol,
            con_id=kept.contract_id,
            name=self._names.theirs(symbol),
            primary_exchange=kept.primary_exchange,
            tick=kept.tick,
            size_increment=kept.size_increment,
        )

    def number(self, symbol: str) -> int | None:
        """The number that is kept of a symbol, however old."""
        kept = kept_contract(self._conn, KIND, symbol)
        return None if kept is None else kept.contract_id

    def keep(self, contract: IbkrContract) -> None:
        """Keep what IBKR says of a symbol; people are told when it is another contract than before."""
        before = kept_contract(self._conn, KIND, contract.symbol)
        made = KeptContract(
            symbol=contract.symbol,
            contract_id=contract.con_id,
            primary_exchange=contract.primary_exchange,
            tick=contract.tick,
            size_increment=contract.size_increment,
            asked_at=now(self._conn),
        )
        keep_contract(self._conn, KIND, made)
        if before is not None and before.contract_id != made.contract_id:
            self._tell_changed(before, made)

    def _tell_changed(self, before: KeptContract, made: KeptContract) -> None:
        book, symbol = self._book, made.symbol
        raise_alert(
            self._conn,
            f"contract {KIND} {symbol} {made.contract_id}",
            "WARNING",
            f"{book}: {symbol} is another contract at IBKR",
            f"{symbol} was contract {before.contract_id} ({before.primary_exchange or 'named by a person'}) "
            f"and is {made.contract_id} ({made.primary_exchange}) now, as after a merger or a change of "
            "name. Orders go to the new one. Look it up at IBKR: where it is another company, "
            f'`nightdesk kill {book} --reason "..."` stops the book, whose file wants another symbol then.',
            book=book,
        )


def whole_number(text: str) -> tuple[str, int]:
    """A symbol and the number of its contract, as a person writes them: SYMBOL=NUMBER.

    Raises
    ------
    Refused
        When it is none.
    """
    symbol, equals, number = text.partition("=")
    is_number = number.isascii() and number.isdecimal()
    if not symbol or not equals or not is_number or not 0 < int(number) < 2**31:
        raise Refused(f"found {text!r}; name a symbol of the book and IBKR's number, such as BRK-B=72063691")
    return symbol, int(number)
