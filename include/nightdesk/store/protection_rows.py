"""What rests at brokers for the positions of a book, and what each decision does about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from nightdesk.orders.resting import Protected, Resting
from nightdesk.store.db import Connection
from nightdesk.store.order_rows import whole_order
from nightdesk.store.rows import read_rows


@dataclass(frozen=True)
class StoredProtection:
    """What a decision does for one position; see `nightdesk.engine.protective.Protected`.

    `placed` is the client order id of what is placed; empty for nothing.
    """

    strategy: str
    symbol: str
    action: str
    held: Decimal
    wanted: Decimal
    resting: str
    placed: str
    words: str

    @property
    def releases(self) -> bool:
        """Whether the order that rests is to be cancelled."""
        return self.action in ("replace", "cancel")


def resting_orders(conn: Connection, book: str, as_of: datetime) -> tuple[Resting, ...]:
    """The protective orders of earlier decisions that work once a decision is settled, by decision and id.

    What became of them since is left out: asked again the answer is the same.
    """
    rows = read_rows(conn, "resting_orders", book=book, as_of=as_of)
    return tuple(Resting(whole_order(row), row["executed"]) for row in rows)


def protection_rows(plan: Sequence[Protected]) -> list[dict[str, Any]]:
    """What a decision does as the table holds it."""
    return [
        {
            "strategy": one.strategy,
            "symbol": one.symbol,
            "resting": one.resting,
            "action": one.action,
            "held": one.held,
            "wanted": one.wanted,
            "placed": None if one.order is None else one.order.client_order_id,
            "words": one.words,
        }
        for one in plan
    ]


def protections_of(conn: Connection, book: str, as_of: datetime) -> tuple[StoredProtection, ...]:
    """What a decision does for its positions, by strategy, symbol and the order that rests."""
    return tuple(map(_stored, read_rows(conn, "protection_rows", book=book, as_of=as_of)))


def _stored(row: Mapping[str, Any]) -> StoredProtection:
    return StoredProtection(**{**row, "placed": row["placed"] or ""})
