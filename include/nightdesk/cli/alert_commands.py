"""`alerts` and `ack`: what people were told, what waits to be sent, and that somebody knows of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import Json
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.store.db import Connection
    from nightdesk.store.delivery_rows import Delivery


@app.command(
    epilog=example(
        "nightdesk alerts", "nightdesk alerts multi_asset --newest 100 --json", "nightdesk alerts --test"
    )
)
def alerts(
    book: Annotated[str | None, typer.Argument(metavar="BOOK", help="Those of this book alone.")] = None,
    newest: Annotated[int, typer.Option("--newest", metavar="N", min=1, help="How many are listed.")] = 20,
    send: Annotated[bool, typer.Option("--send", help="Send what waits first, as the DAG does.")] = False,
    test: Annotated[
        bool,
        typer.Option("--test", help="Raise a WARNING that only tests, of BOOK where that is named; send it."),
    ] = False,
    json: Json = False,
) -> None:
    """List alerts, and what became of each: what nobody has acknowledged first, the gravest first.

    Of the newest; an EMERGENCY or CRITICAL that waits for an acknowledgement is listed however old it is.

    The DAG `alerts` looks for late sessions, late data and failing sources, and sends what waits; on a desk
    without Airflow `--send` does both, every few minutes. `--test` ends with status 1 when nobody would have
    the test, or somebody lacks it.
    """
    from nightdesk.store.delivery_rows import deliveries_of

    with database() as conn:
        tested = _raise_test(conn, book) if test else None
        if send:
            _look(conn)
        delivered = _deliver(conn) if send or test else None
        rows = listed_alerts(conn, book, newest=newest)
        brought = deliveries_of(conn, [row["alert_id"] for row in rows])
        lacking = [] if tested is None else _lacking(conn, tested)
    found = [{**row, "deliveries": _plain(brought.get(row["alert_id"], ()))} for row in rows]
    show(
        {"delivered": delivered, "alerts": found}, as_json=json, text=lambda: _told(delivered, found, brought)
    )
    if lacking:
        typer.echo(f"nightdesk: the test has not reached {' and '.join(lacking)}", err=True)
        raise typer.Exit(1)


@app.command(epilog=example("nightdesk ack 17"))
def ack(
    alert: Annotated[
        int, typer.Argument(metavar="ALERT", help="Its number, as `nightdesk alerts` shows it.")
    ],
    json: Json = False,
) -> None:
    """Acknowledge an alert: say that you know of it.

    An EMERGENCY is repeated every hour until somebody does; what still waits to be sent is not sent any more.
    """
    import getpass

    from nightdesk.store.delivery_rows import acknowledge

    who = getpass.getuser()
    with database() as conn:
        row = acknowledge(conn, alert, who)
    at = f"{row['acknowledged_at']:%Y-%m-%d %H:%M} UTC"
    show(
        row,
        as_json=json,
        text=lambda: [
            f"alert {alert} ({row['subject']}) was acknowledged by {row['acknowledged_by']} at {at}"
        ],
    )


def listed_alerts(
    conn: Connection, book: str | None = None, *, newest: int, mails: bool = True
) -> list[dict[str, Any]]:
    """The newest alerts and as many of the gravest that nobody has acknowledged, in `sort_alerts` order.

    Without `mails` those that carry the mail of a session, week or month are left out.
    """
    from nightdesk.alerts.concerns import sort_alerts
    from nightdesk.store.message_rows import alerts_of, grave_alerts

    rows = (*alerts_of(conn, book, newest=newest, mails=mails), *grave_alerts(conn, book, newest=newest))
    return sort_alerts({row["alert_id"]: row for row in rows}.values())


def _raise_test(conn: Connection, book: str | None) -> str:
    """Raise the test; its key.

    Raises
    ------
    Refused
        When no route of it leads to anybody.
    """
    import getpass
    import os

    from nightdesk.alerts.sending import receivers, variable
    from nightdesk.core.errors import Refused
    from nightdesk.operations.delivery import book_routes
    from nightdesk.session.context import book_path, project_root
    from nightdesk.store.db import now
    from nightdesk.store.message_rows import raise_alert

    root = project_root(os.environ)
    if book is not None:
        book_path(book, root)
    routes = book_routes(root)(book).WARNING
    if not any(receivers(route, os.environ) for route in routes):
        names = " or ".join(map(variable, routes))
        raise Refused(
            f"nobody would have the test: set {names} in the environment or in .env (addresses in "
            "docs/operations.md). A connection of Airflow is read by its tasks alone, which send what waits"
            if routes
            else f"nobody would have the test: book {book} sends a WARNING nowhere (`alerts.routes`)"
        )
    moment, who = now(conn), getpass.getuser()
    key = f"test {moment.isoformat()}"
    body = f"{who} asked for it: alerts of this desk arrive here. Nothing is wrong."
    raise_alert(conn, key, "WARNING", "a test of the alerts", body, book=book)
    return key


def _lacking(conn: Connection, key: str) -> list[str]:
    """Who does not have the alert with this key; a word for everybody where a sender at work still has it."""
    from nightdesk.store.delivery_rows import deliveries_of
    from nightdesk.store.message_rows import alerts_of

    alert = next(row["alert_id"] for row in alerts_of(conn) if row["alert_key"] == key)
    brought = deliveries_of(conn, [alert]).get(alert, ())
    if not brought:
        return ["anybody yet: another sender is at work, look again with `nightdesk alerts`"]
    return [one.receiver for one in brought if not one.times_sent]


def _look(conn: Connection) -> None:
    """Raise what the sweep of the DAG raises without asking Airflow."""
    import os

    from nightdesk.operations.backup_concerns import tell_backups
    from nightdesk.operations.fileless import tell_fileless
    from nightdesk.operations.task_retries import tell_through
    from nightdesk.operations.watchdog import tell_late, tell_missing
    from nightdesk.session.context import project_root
    from nightdesk.session.data_alerts import tell_feeds

    root = project_root(os.environ)
    tell_missing(conn, root)
    tell_late(conn, root)
    tell_through(conn)
    tell_feeds(conn)
    tell_fileless(conn, root)
    tell_backups(conn)


def _deliver(conn: Connection) -> dict[str, Any]:
    import os
    from dataclasses import asdict

    from nightdesk.operations.delivery import book_routes, deliver
    from nightdesk.session.context import project_root

    return asdict(deliver(conn, book_routes(project_root(os.environ)), os.environ))


def _plain(deliveries: Sequence[Delivery]) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [asdict(one) for one in deliveries]


def _told(
    delivered: Mapping[str, Any] | None,
    alerts: Sequence[Mapping[str, Any]],
    brought: Mapping[int, Sequence[Delivery]],
) -> Iterator[str]:
    if delivered is not None:
        from nightdesk.operations.delivery import nowhere_words

        yield "{sent} sent, {failed} failed, {waiting} wait".format(**delivered)
        yield from map(nowhere_words, delivered["nowhere"])
    if not alerts:
        yield "no alert was ever raised"
        return
    rows = [
        (
            str(row["alert_id"]),
            row["level"],
            f"{row['created_at']:%Y-%m-%d %H:%M}",
            _standing(row, brought.get(row["alert_id"], ())),
            row["subject"],
        )
        for row in alerts
    ]
    yield from table(("number", "level", "raised, UTC", "sent", "subject"), rows, right=("number",))
    for row in alerts:
        for one in brought.get(row["alert_id"], ()):
            if one.last_error and row["acknowledged_at"] is None:
                times = "once" if one.attempts == 1 else f"{one.attempts} times"
                yield f"alert {row['alert_id']} to {one.receiver}, tried {times}: {one.last_error}"


def _standing(row: Mapping[str, Any], deliveries: Sequence[Delivery]) -> str:
    if row["acknowledged_by"] is not None:
        return f"known to {row['acknowledged_by']}"
    if row["sent_at"] is not None:
        return f"{row['sent_at']:%Y-%m-%d %H:%M}"
    return "waits" if deliveries else "no"
