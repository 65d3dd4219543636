"""A thousand orders planned and written, and a thousand fills settled, beside the bare SQL of the same rows.

Both sides write into the same tables of one embedded PostgreSQL, each job into a book of its own, and commit.
The bare side is given its rows ready made, and copies them in: no plan, no identity, no rounding, no sharing,
no comparison of ledger and broker, nor with what is there already.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2.extras import execute_values

from benchmarks import many_orders
from benchmarks.many_orders import Case, Settling, make_cases, sent
from benchmarks.measurement import RUNS, Measurement, medians
from nightdesk.accounting.ledger import mark
from nightdesk.accounting.reconciliation import plan_repairs
from nightdesk.accounting.repairs import BookFill, MoveOrder, booked_entries
from nightdesk.core.account_terms import MAIN
from nightdesk.engine import plan_all
from nightdesk.machine import postgres
from nightdesk.session.decide import write_orders
from nightdesk.session.reconciled import keep
from nightdesk.session.writing import saving
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, transaction
from nightdesk.store.ledger_rows import entry_rows, mark_row, position_rows
from nightdesk.store.migrations import migrate
from nightdesk.store.order_rows import fill_rows, intent_rows, order_rows, planned_event

ORDERS_LIMIT, FILLS_LIMIT = 4.0, 5.0


def measure() -> list[Measurement]:
    """Orders, then fills; refuses to compare what does not leave the same rows."""
    with postgres.ephemeral() as addresses:
        conn = connect(addresses.nightdesk)
        try:
            migrate(conn)
            cases = make_cases(conn)
            planned = [(next(cases), bare_orders(next(cases))) for _ in range(RUNS + 1)]
            orders = _medians(planned, plan_and_write, write_bare)
            settled = [(sent(next(cases)), bare_settling(sent(next(cases)))) for _ in range(RUNS + 1)]
            fills = _medians(settled, settle, write_bare)
            _refuse_unlike(conn)
        finally:
            conn.close()
    reference = "COPY of the same rows"
    return [
        Measurement(
            f"{many_orders.SIZE:,} orders planned and written", orders[0], reference, orders[1], ORDERS_LIMIT
        ),
        Measurement(f"{many_orders.SIZE:,} fills settled", fills[0], reference, fills[1], FILLS_LIMIT),
    ]


def plan_and_write(case: Case) -> None:
    """What the orders step does once its session is read."""
    orders, crosses = plan_all(case.desk, case.state, case.day, case.quantity)
    write_orders(case.context, orders, crosses)


def settle(job: Settling) -> None:
    """What the settle step does once both sides are read."""
    repairs = plan_repairs(job.broker, job.ours, job.context.book.own_entry.tolerance)
    entries = booked_entries(repairs, job.ours)
    ledger = job.opening.apply(entries)
    fills = [one.fill for one in repairs if isinstance(one, BookFill)]
    with saving(job.context) as save:
        marked = mark(ledger, job.context.session, job.prices, job.state.mark)
        orders = {name: one.order for name, one in job.ours.orders.items()}
        save.rows("fills", fill_rows(fills, orders, job.desk.fill_terms))
        save.rows("ledger_entries", entry_rows(entries))
        save.rows("positions", position_rows(ledger, job.prices))
        save.rows("portfolio", [mark_row(marked)])
        keep(job.context, save, {MAIN: repairs})


#: What stands for nothing in a row that is copied in: an empty text is one.
NULL = r"\N"
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Bare:
    """Rows by table, ready to be copied in; `moved` are orders that are brought to an end besides."""

    conn: Connection
    tables: Mapping[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]]
    moved: list[tuple[Any, ...]]


def ready(conn: Connection, key: Mapping[str, Any], tables: Mapping[str, Rows], moved: Rows = ()) -> Bare:
    """Rows as PostgreSQL takes them, with the columns of `key` in each that lacks them."""
    prepared = {}
    for name, rows in tables.items():
        whole = [row if name == "order_events" else {**key, **row} for row in rows]
        prepared[name] = (tuple(whole[0]), [tuple(row.values()) for row in whole])
    return Bare(conn, prepared, [tuple(row.values()) for row in moved])


def write_bare(job: Bare) -> None:
    """One transaction, one COPY a table, one UPDATE where orders move: PostgreSQL takes rows no faster."""
    with transaction(job.conn), job.conn.cursor() as cursor:
        for table, (columns, rows) in job.tables.items():
            text = io.StringIO()
            csv.writer(text).writerows([[NULL if one is None else one for one in row] for row in rows])
            text.seek(0)
            cursor.copy_expert(
                f"COPY nightdesk.{table} ({', '.join(columns)}) FROM STDIN WITH (FORMAT csv, NULL '{NULL}')",
                text,
            )
        if job.moved:
            execute_values(
                cursor,
                "UPDATE nightdesk.orders o SET status = move.status, filled_quantity = move.filled "
                "FROM (VALUES %s) AS move (client_order_id, status, filled) "
                "WHERE o.client_order_id = move.client_order_id",
                job.moved,
                page_size=len(job.moved),
            )


def bare_orders(case: Case) -> Bare:
    """The rows of `plan_and_write`."""
    return ready(
        case.context.conn,
        case.context.key,
        {
            "orders": order_rows(case.orders),
            "order_intents": intent_rows(case.orders),
            "order_events": [planned_event(order, "decided") for order in case.orders],
        },
    )


def bare_settling(job: Settling) -> Bare:
    """The rows of `settle`."""
    repairs = plan_repairs(job.broker, job.ours, job.context.book.own_entry.tolerance)
    entries = booked_entries(repairs, job.ours)
    ledger = job.opening.apply(entries)
    fills = [one.fill for one in repairs if isinstance(one, BookFill)]
    moves = [one for one in repairs if isinstance(one, MoveOrder)]
    orders = {name: one.order for name, one in job.ours.orders.items()}
    return ready(
        job.context.conn,
        job.context.key,
        {
            "fills": fill_rows(fills, orders, job.desk.fill_terms),
            "ledger_entries": entry_rows(entries),
            "positions": position_rows(ledger, job.prices),
            "portfolio": [mark_row(mark(ledger, job.context.session, job.prices, job.state.mark))],
            "order_events": [
                {
                    "client_order_id": one.client_order_id,
                    "number": 1,
                    "as_of": job.context.as_of,
                    "session": job.context.session,
                    "status": one.status,
                    "cause": one.cause,
                    "answer": json.dumps(one.answer),
                }
                for one in moves
            ],
        },
        [{"name": one.client_order_id, "status": one.status, "filled": one.filled} for one in moves],
    )


def _medians[A, B](
    cases: list[tuple[A, B]], ours: Callable[[A], None], bare: Callable[[B], None]
) -> list[float]:
    """Median seconds of both jobs, each time on a case of its own."""
    mine, theirs = iter([one for one, _ in cases]), iter([one for _, one in cases])
    return medians(lambda: ours(next(mine)), lambda: bare(next(theirs)))


def _refuse_unlike(conn: Connection) -> None:
    """All books are alike, so every table holds as many rows of each that has any, and equal sums."""
    for table, amount in (
        ("orders", "filled_quantity"),
        ("order_intents", "quantity"),
        ("fills", "quantity"),
        ("ledger_entries", "cash"),
        ("positions", "cost"),
        ("portfolio", "nav"),
    ):
        with conn.cursor() as cursor:
            cursor.execute(
                f"SELECT DISTINCT count(*), sum({amount}) FROM nightdesk.{table} "
                "GROUP BY book, session ORDER BY 1"
            )
            found = cursor.fetchall()
        # Orders were written in all books, and filled in half of them.
        if len(found) != (2 if table == "orders" else 1):
            raise AssertionError(f"{table}: the two sides left other rows: {found}")
