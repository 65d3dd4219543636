"""Rows of protective orders, laid beside a desk that has decided: what rests, or why nothing does."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from tests.conftest import open_connection


def plant_resting(
    url: str, book: str, strategy: str, symbol: str, decision: tuple[datetime, date], stop: Decimal
) -> None:
    """A stop that was placed in a decision and rests for what the strategy holds of a symbol since then."""
    as_of, _ = decision
    order = f"{book}-protects-{symbol}"
    with open_connection(url) as conn, conn.cursor() as cursor:
        cursor.execute(
            "INSERT INTO nightdesk.orders (client_order_id, book, session, as_of, symbol, side, quantity, "
            "purpose, order_type, time_in_force, reference_price, status, attempts, stop_price) "
            "SELECT %s, book, session, as_of, symbol, 'sell', quantity, 'protect ' || strategy, 'stop', "
            "'gtc', round(price, 6), 'submitted', 1, %s FROM nightdesk.positions "
            "WHERE (book, as_of, strategy, symbol) = (%s, %s, %s, %s)",
            (order, stop, book, as_of, strategy, symbol),
        )
        assert cursor.rowcount == 1
        _tell(cursor, book, strategy, symbol, decision, ("place", order, "it rests at the broker"))


def plant_unprotected(
    url: str, book: str, strategy: str, symbol: str, decision: tuple[datetime, date], why: str
) -> None:
    """A position of a decision for which nothing can rest."""
    with open_connection(url) as conn, conn.cursor() as cursor:
        _tell(cursor, book, strategy, symbol, decision, ("none", None, why))


def _tell(  # type: ignore[no-untyped-def] # a cursor
    cursor,
    book: str,
    strategy: str,
    symbol: str,
    decision: tuple[datetime, date],
    told: tuple[str, str | None, str],
) -> None:
    action, order, words = told
    cursor.execute(
        "INSERT INTO nightdesk.protections (book, as_of, session, strategy, symbol, action, held, wanted, "
        "placed, words) SELECT book, as_of, %s, strategy, symbol, %s, quantity, quantity, %s, %s "
        "FROM nightdesk.positions "
        "WHERE (book, as_of, strategy, symbol) = (%s, %s, %s, %s)",
        (decision[1], action, order, words, book, decision[0], strategy, symbol),
    )
    assert cursor.rowcount == 1
