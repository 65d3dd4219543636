"""What the desk has decided and what waits for a person: `health` asks for it, and `up` ends with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import NightdeskError
from nightdesk.machine.home import Home
from nightdesk.machine.parts import Part

if TYPE_CHECKING:
    from nightdesk.core.schedule import Schedule
    from nightdesk.store.db import Connection

#: An alert that some receiver lacks is on its way; after so long it is not.
ON_ITS_WAY = timedelta(minutes=15)
#: The gravest alerts that `up` ends with; more of them are counted.
ALERTS_SHOWN = 5


def decided(conn: Connection, root: Path) -> Iterator[Part]:
    """A part for each started book: its newest decision, and whether a later one should be closed."""
    from nightdesk.core.book import load_book
    from nightdesk.core.schedule import schedule_of
    from nightdesk.operations.watchdog import GRACE, is_overdue
    from nightdesk.session.context import book_path
    from nightdesk.store.book_rows import started_books
    from nightdesk.store.db import now
    from nightdesk.store.failure_rows import decision_standing
    from nightdesk.store.run_rows import find_run, latest_closed

    moment = now(conn)
    for record in started_books(conn):
        newest = latest_closed(conn, record.book)
        run = None if newest is None else find_run(conn, record.book, newest)
        words = "no session is closed" if run is None else f"{run.session} is its newest closed session"
        try:
            book = load_book(book_path(record.book, root))
        except NightdeskError as error:
            yield Part(f"book {record.book}", "unwell", f"{words}; its file is gone or wrong: {error}")
            continue
        schedule = schedule_of(book)
        if newest is not None:
            words = f"{schedule.name_of(newest)} is its newest closed {schedule.noun}"
        grace = GRACE[schedule.kind]
        due = schedule.latest_completed(moment - grace)
        standing = decision_standing(conn, book.name, due)
        overdue = standing is not None and is_overdue(standing, schedule.session_of(due), moment, grace)
        if overdue:
            words += f"; {schedule.name_of(due)} should be closed by now (`nightdesk status {book.name}`)"
        yield Part(f"book {book.name}", "unwell" if overdue else "well", words)


def undelivered(conn: Connection, root: Path, environ: Mapping[str, str]) -> Part:
    """Alerts that a receiver should have by now and does not, also where nobody has tried to send them."""
    from nightdesk.alerts.sending import receivers
    from nightdesk.alerts.timing import is_fresh
    from nightdesk.operations.delivery import book_routes
    from nightdesk.store.db import now
    from nightdesk.store.delivery_rows import Alert, alerts_to_send

    moment, routes_of = now(conn), book_routes(root)

    def is_late(alert: Alert) -> bool:
        if moment - alert.created_at <= ON_ITS_WAY:
            return False
        if alert.deliveries:
            return any(delivery.times_sent == 0 for delivery in alert.deliveries)
        routes = getattr(routes_of(alert.book), alert.level)
        wanted = any(receivers(route, environ) for route in routes)
        return wanted and is_fresh(alert.level, alert.created_at, moment)

    late = [alert for alert in alerts_to_send(conn) if is_late(alert)]
    if not late:
        return Part("alerts", "well", "none waits to be sent")
    first = min(alert.created_at for alert in late)
    error = next((one.last_error for alert in late for one in alert.deliveries if one.last_error), "")
    words = f"{len(late)} wait to be sent, the first since {first:%Y-%m-%d %H:%M} UTC (`nightdesk alerts`)"
    return Part("alerts", "unwell", f"{words}: {error}" if error else words)


def waiting(conn: Connection, root: Path) -> Iterator[str]:
    """What stands against the started books, the gravest first, and what nobody has acknowledged."""
    from nightdesk.alerts.concerns import Gravity, sort_alerts
    from nightdesk.operations.book_concerns import concerns_of
    from nightdesk.operations.fileless import fileless_books
    from nightdesk.store.book_rows import started_books
    from nightdesk.store.message_rows import alerts_of

    lacking = {one.book: f"{one.words} {one.todo}" for one in fileless_books(conn, root)}
    books = [record.book for record in started_books(conn)]
    found = [
        (one, book)
        for book in books
        for one in concerns_of(conn, book, schedule_in(root, book), lacking.get(book, ""))
    ]
    for one, book in sorted(found, key=lambda pair: pair[0].state.rank):
        if one.state.rank <= Gravity.DEGRADED.rank:
            yield f"{book}: {one.line}"
    unknown = sort_alerts(row for row in alerts_of(conn, newest=1000) if _is_open(row))
    for row in unknown[:ALERTS_SHOWN]:
        yield f"alert {row['alert_id']} {row['level']}, not acknowledged: {row['subject']}"
    if len(unknown) > ALERTS_SHOWN:
        yield f"and {len(unknown) - ALERTS_SHOWN} more alerts (`nightdesk alerts`)"


def newest_page(conn: Connection, home: Home, book: str) -> Path | None:
    """The page of a book's newest closed decision; None where there is none, or the book cannot be read."""
    from nightdesk.session.report import page_name
    from nightdesk.store.run_rows import latest_closed

    closed, schedule = latest_closed(conn, book), schedule_in(home.root, book)
    if closed is None or schedule is None:
        return None
    path = home.reports / book / f"{page_name(schedule.name_of(closed))}.html"
    return path if path.is_file() else None


def commands(conn: Connection, home: Home, books: Sequence[str]) -> list[str]:
    """Two commands to paste, with a session and a symbol that are there."""
    from nightdesk.store.ledger_rows import positions_of
    from nightdesk.store.rows import read_rows
    from nightdesk.store.run_rows import find_run, latest_closed

    own = home.root / ".venv" / "bin" / "nightdesk"
    program = ".venv/bin/nightdesk" if own.exists() and Path.cwd() == home.root else "nightdesk"
    for book in books:
        closed = latest_closed(conn, book)
        run = None if closed is None else find_run(conn, book, closed)
        if run is None:
            continue
        ordered = read_rows(conn, "order_rows", book=book, as_of=run.as_of)
        symbols = [row["symbol"] for row in [*ordered, *positions_of(conn, book, run.as_of)]]
        if symbols:
            schedule = schedule_in(home.root, book)
            option = "" if schedule is None else schedule.option_of(run.as_of)
            within = f" {option}" if option.startswith("--as-of") else ""
            return [f"{program} trace {book} {run.session} {symbols[0]}{within}", f"{program} status {book}"]
    return [f"{program} status", f"{program} health"]


def schedule_in(root: Path, book: str) -> Schedule | None:
    """When a book of a project decides; None for one whose file is gone or wrong."""
    from nightdesk.core.book import load_book
    from nightdesk.core.schedule import schedule_of
    from nightdesk.session.context import book_path

    try:
        return schedule_of(load_book(book_path(book, root)))
    except NightdeskError:
        return None


def _is_open(row: dict[str, Any]) -> bool:
    return row["acknowledged_at"] is None and row["level"] != "INFO"
