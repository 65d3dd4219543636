"""How much may be in a book's positions at an account: its limit of capital, and its right to real money."""

from __future__ import annotations

from decimal import Decimal

from nightdesk.core.contracts import PLAIN
from nightdesk.core.money import ZERO
from nightdesk.orders.order import Order, adds_risk
from nightdesk.orders.resting import protects
from nightdesk.session.context import Context
from nightdesk.session.trading_right import NO_RIGHT, trading_right
from nightdesk.store.ledger_rows import positions_of, read_ledger
from nightdesk.store.order_rows import orders_of


def held_by(context: Context, symbol: str) -> Decimal:
    """Units of a symbol that the book's ledger holds at the decision."""
    ledger = read_ledger(context.conn, context.book.name, context.as_of)
    return ZERO if ledger is None else ledger.net().get(symbol, ZERO)


def beyond_capital(context: Context, order: Order) -> str:
    """Why an order that adds to a position may not be sent; empty where it may.

    At an account with real money the book's stage says how much of `capital_limit` counts, whatever the
    book's file says; without the right nothing does.
    """
    entry = context.book.entry_of(order.account)
    limit, bound = entry.capital_limit, ""
    if entry.live:
        code = context.new_run().code_version
        right = trading_right(context.conn, order.book, context.book.rules_hash, code)
        if right.why:
            return f"{NO_RIGHT}: {right.why}"
        if limit is not None and right.share < 1:
            limit, bound = right.share * limit, f", {right.share:.0%} of {limit} at stage {right.stage}"
    if limit is None:
        return ""
    capital = _at_work(context, order.account) + _notional(context, order)
    if capital <= limit:
        return ""
    return (
        f"with it {capital:.2f} dollars would be in positions, "
        f"account {entry.account} is limited to {limit:f}{bound}"
    )


def _notional(context: Context, order: Order) -> Decimal:
    """Dollars that an order stands for at the decision's price."""
    contract = context.desk.contracts.get(order.symbol, PLAIN)
    return contract.notional(order.quantity, order.reference_price)


def _at_work(context: Context, account: str) -> Decimal:
    """Dollars in an account's positions at the mark, and in its orders of the decision that were sent and add
    to them.
    """
    book, as_of = context.book.name, context.as_of
    rows = [row for row in positions_of(context.conn, book, as_of) if row["account"] == account]
    positions = sum((abs(row["market_value"]) for row in rows), ZERO)
    sent = (
        one.order
        for one in orders_of(context.conn, book, as_of)
        if one.order.account == account
        and one.attempts
        and not protects(one.order)
        and one.status not in ("rejected", "cancelled", "expired", "suppressed")
    )
    return positions + sum(
        (
            _notional(context, one)
            for one in sent
            if adds_risk(held_by(context, one.symbol), one.signed_quantity)
        ),
        ZERO,
    )
