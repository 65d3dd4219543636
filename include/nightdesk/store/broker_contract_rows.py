"""Which contract of a broker a symbol is, as the broker said it last."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal

from nightdesk.store.db import Connection
from nightdesk.store.rows import merge_rows, read_row

#: What a person has named was asked of nobody yet.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class KeptContract:
    """What a broker said of a symbol.

    Attributes
    ----------
    symbol : str
        As books name it.
    contract_id : int
        The broker's own number of the contract.
    primary_exchange : str
        Where it is listed, as the broker names it; empty where a person has named the number.
    tick, size_increment : Decimal
        Smallest steps of its price in dollars, and of an order's quantity in units.
    asked_at : datetime
        When the broker was asked last, UTC.
    """

    symbol: str
    contract_id: int
    primary_exchange: str
    tick: Decimal
    size_increment: Decimal
    asked_at: datetime


def kept_contract(conn: Connection, broker: str, symbol: str) -> KeptContract | None:
    """What is kept of a symbol at a broker; None where it was never asked about."""
    row = read_row(conn, "kept_contract", broker=broker, symbol=symbol)
    return None if row is None else KeptContract(**row)


def keep_contract(conn: Connection, broker: str, contract: KeptContract) -> None:
    """Keep what a broker said of a symbol."""
    merge_rows(conn, "broker_contracts", [{"broker": broker, **asdict(contract)}])


def name_contract(conn: Connection, broker: str, symbol: str, contract_id: int) -> None:
    """Keep which of several contracts a person says that a symbol is; the broker is asked about it next."""
    named = KeptContract(symbol, contract_id, "", Decimal("0.01"), Decimal(1), _NEVER)
    keep_contract(conn, broker, named)
