"""What rests at brokers for the positions of a book, and what each decision does about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.orders.resting import Protected, Resting
from nightdesk.store.db import Connection
from nightdesk.store.kill_switch_rows import kill_switch
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


@dataclass(frozen=True)
class StandingProtection:
    """What works now for a position that a decision found, or why nothing does.

    Attributes
    ----------
    action, words : str
        What the decision did, and where the order rests or why none does.
    held, wanted : Decimal
        Units at the decision, and that the gate let through, signed.
    price : Decimal or None
        Its mark, raw dollars.
    client_order_id, status, side, account : str
        Of the order that works, or is planned; empty where there is none.
    quantity : Decimal or None
        Units of it that are not executed.
    stop_price, target_price : Decimal or None
        Where it rests, raw dollars.
    placed_as_of, placed_session
        The decision that placed it.
    refused : str
        State of an order that the decision placed and that ended without resting; empty for none.
        `refused_why` is its cause.
    """

    strategy: str
    symbol: str
    action: str
    words: str
    held: Decimal
    wanted: Decimal
    price: Decimal | None
    client_order_id: str
    status: str
    side: str
    quantity: Decimal | None
    stop_price: Decimal | None
    target_price: Decimal | None
    account: str
    placed_as_of: datetime | None
    placed_session: date | None
    refused: str
    refused_why: str

    @property
    def rests(self) -> bool:
        """Whether an order works for it, or is planned."""
        return bool(self.client_order_id)

    @property
    def is_asked(self) -> bool:
        """Whether something is to rest: for no position that the decision leaves, and for one that it opens
        where its order was to bring exits and does not.
        """
        return self.rests or self.held * self.wanted > 0 or (self.action == "none" and not self.held)

    @property
    def why_none(self) -> str:
        """Why nothing rests."""
        if self.refused:
            return f"its order was {self.refused}: {self.refused_why}"
        if self.action in ("none", "cancel"):
            return self.words
        return "what rested for it has ended since the decision"


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


def standing_protections(conn: Connection, book: str, as_of: datetime) -> tuple[StandingProtection, ...]:
    """What works now for the positions that a decision found, by strategy and symbol; nothing does where the
    kill switch stops everything, whatever the broker has told of it so far.
    """
    rows = read_rows(conn, "standing_protections", book=book, as_of=as_of)
    blank = ("client_order_id", "status", "side", "account")
    found = tuple(StandingProtection(**{**row, **{name: row[name] or "" for name in blank}}) for row in rows)
    switch = kill_switch(conn, book)
    if not (found and switch.on and switch.everything):
        return found
    why = f"{switch.who} stops everything, which cancels what rests: {switch.reason}"
    return tuple(replace(one, client_order_id="", refused="cancelled", refused_why=why) for one in found)
