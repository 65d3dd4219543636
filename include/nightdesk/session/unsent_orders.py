"""Orders of a session that came to nothing before they could be executed: why, in one alert a session."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from nightdesk.accounting.disputes import IN_DISPUTE
from nightdesk.core.account_terms import in_account
from nightdesk.session.context import Context
from nightdesk.session.foreign_orders import FOREIGN
from nightdesk.session.trading_right import NO_RIGHT
from nightdesk.store.db import Connection, now
from nightdesk.store.message_rows import Level, raise_alert
from nightdesk.store.order_rows import StoredOrder, find_order, unsent_orders


def tell_unsent(context: Context, account: str) -> None:
    """Tell people of the session's orders of an account that were rejected, held back or too late; once each
    set of them.

    With them of those of the decision before that the broker had accepted and rejected since. Nobody is told
    of a dry run, nor of a past session, which sends nothing by design; of foreign orders people were told.
    """
    conn, book, name = context.conn, context.book.name, context.name
    if context.dry_run or context.as_of < context.schedule.latest_completed(now(conn)):
        return
    if context.previous is not None:
        _tell_rejected_since(context, context.previous)
    rows = [
        row
        for row in unsent_orders(conn, book, context.as_of)
        if not row["accepted"] and row["account"] == account
    ]
    if all(row["cause"].startswith(FOREIGN) for row in rows):
        return
    grave = any(
        row["status"] != "suppressed" or IN_DISPUTE in row["cause"] or row["cause"].startswith(NO_RIGHT)
        for row in rows
    )
    level: Level = "CRITICAL" if grave and not context.book.is_simulated(account) else "WARNING"
    ids = "|".join(row["client_order_id"] for row in rows)
    where = f" of account {account}" if len(context.book.account_names) > 1 else ""
    raise_alert(
        conn,
        f"unsent {book} {name} {hashlib.sha256(ids.encode()).hexdigest()[:12]}",
        level,
        f"{book}: {len(rows)} {'order' if len(rows) == 1 else 'orders'} of {name}{where} not in the market",
        "\n".join(unsent_words(rows))
        + f"\nThe decision of {name} is carried out in part, or not at all. When the cause is gone before "
        f"{context.schedule.deadline_of(context.as_of)}, `nightdesk resend {book} ORDER --reason "
        f'"..."` sends one again; else the next {context.schedule.noun} decides anew.',
        book=book,
        session=context.session,
    )


def unsent_words(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each order that came to nothing: what it was, and why."""
    return [
        f"{row['side']} {row['quantity']:f} {row['symbol']} is {row['status']}: {row['cause']} "
        f"({row['client_order_id']})"
        for row in rows
    ]


def unsent_notes(conn: Connection, book: str, as_of: datetime) -> list[str]:
    """The same in few lines, by cause: for a page, and for the status of a day."""
    by_cause: dict[tuple[str, str], list[str]] = {}
    for row in unsent_orders(conn, book, as_of):
        parts = f"{row['side']} {row['quantity']:f} {row['symbol']}{in_account(row['account'])}"
        by_cause.setdefault((row["status"], row["cause"]), []).append(parts)
    return [f"{', '.join(parts)} {status}: {cause}" for (status, cause), parts in by_cause.items()]


def _tell_rejected_since(context: Context, before: datetime) -> None:
    for row in unsent_orders(context.conn, context.book.name, before):
        found = find_order(context.conn, row["client_order_id"])
        if row["accepted"] and row["status"] == "rejected" and found is not None:
            tell_rejected(context, found, context.session)


def tell_rejected(context: Context, one: StoredOrder, session: date) -> None:
    """Tell people of an order that the broker had accepted and rejected later."""
    order, schedule = one.order, context.schedule
    trace = f"nightdesk trace {order.book} {order.session} {order.symbol}"
    if order.as_of != schedule.last_of(order.session):
        trace += f" {schedule.option_of(order.as_of)}"
    raise_alert(
        context.conn,
        f"rejected {order.client_order_id}",
        "CRITICAL",
        f"{order.book}: the broker rejected {order.side} {order.quantity} {order.symbol}"
        f"{in_account(order.account)}",
        f"Order {order.client_order_id} of {schedule.noun} {schedule.name_of(order.as_of)} was accepted and "
        f"then rejected. `{trace}` shows the broker's answer.",
        book=order.book,
        session=session,
    )
