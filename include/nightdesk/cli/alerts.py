"""`alerts` and `ack`: what people were told, what waits to be sent, and that somebody knows of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine import database
from nightdesk.cli.options import Json
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.store.db import Connection
    from nightdesk.store.deliveries import Delivery


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
        bool, typer.Option("--test", help="Raise a WARNING that only tests, and send it.")
    ] = False,
    json: Json = False,
) -> None:
    """List the newest alerts, and what became of each.

    The DAG `alerts` looks for late sessions, late data and failing sources, and sends what waits; on a desk
    without Airflow `--send` does both, every few minutes.
    """
    from nightdesk.store.deliveries import deliveries_of
    from nightdesk.store.messages import alerts_of

    with database() as conn:
        if test:
            _raise_test(conn)
        if send:
            _look(conn)
        delivered = _deliver(conn) if send or test else None
        rows = alerts_of(conn, book, newest=newest)
        brought = deliveries_of(conn, [row["alert_id"] for row in rows])
    found = [{**row, "deliveries": _plain(brought.get(row["alert_id"], ()))} for row in rows]
    show(
        {"delivered": delivered, "alerts": found}, as_json=json, text=lambda: _told(delivered, found, brought)
    )


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

    from nightdesk.store.deliveries import acknowledge

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


def _raise_test(conn: Connection) -> None:
    import getpass

    from nightdesk.store.db import now
    from nightdesk.store.messages import raise_alert

    moment, who = now(conn), getpass.getuser()
    body = f"{who} asked for it: alerts of this desk arrive here. Nothing is wrong."
    raise_alert(conn, f"test {moment.isoformat()}", "WARNING", "a test of the alerts", body)


def _look(conn: Connection) -> None:
    """Raise what the sweep of the DAG raises without asking Airflow."""
    import os

    from nightdesk.pipeline.context import project_root
    from nightdesk.pipeline.data_alerts import tell_feeds
    from nightdesk.pipeline.sweeping import tell_late, tell_missing

    root = project_root(os.environ)
    tell_missing(conn, root)
    tell_late(conn, root)
    tell_feeds(conn)


def _deliver(conn: Connection) -> dict[str, int]:
    import os
    from dataclasses import asdict

    from nightdesk.pipeline.alerting import book_routes, deliver
    from nightdesk.pipeline.context import project_root

    return asdict(deliver(conn, book_routes(project_root(os.environ)), os.environ))


def _plain(deliveries: Sequence[Delivery]) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [asdict(one) for one in deliveries]


def _told(
    delivered: Mapping[str, int] | None,
    alerts: Sequence[Mapping[str, Any]],
    brought: Mapping[int, Sequence[Delivery]],
) -> Iterator[str]:
    if delivered is not None:
        yield "{sent} sent, {failed} failed, {waiting} wait".format(**delivered)
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
