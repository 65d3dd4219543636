"""Alerts on their way to people: which wait, where each was brought, and who has acknowledged it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from nightdesk.core.errors import Refused
from nightdesk.core.masking import mask_line
from nightdesk.store.db import Connection, cursor
from nightdesk.store.message_rows import Level
from nightdesk.store.rows import read_row, read_rows

#: An alert that could not be sent for so long is history: it is listed, and no longer sent.
PATIENCE = timedelta(days=30)


@dataclass(frozen=True)
class Delivery:
    """One receiver of an alert.

    `attempts` counts how often sending was begun, `failures` those that failed since it was last sent (one
    that did not end counts), `times_sent` how often it arrived. Instants are None while it never happened.
    """

    route: str
    receiver: str
    attempts: int = 0
    failures: int = 0
    last_attempt_at: datetime | None = None
    times_sent: int = 0
    sent_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True)
class Alert:
    """An alert that is not acknowledged and is to be sent, now or later, with its known receivers."""

    alert_id: int
    level: Level
    book: str | None
    session: date | None
    subject: str
    body: str
    created_at: datetime
    sent_at: datetime | None
    deliveries: tuple[Delivery, ...] = ()


def alerts_to_send(conn: Connection) -> tuple[Alert, ...]:
    """The alerts that not everybody has yet, and every EMERGENCY, unless acknowledged; the gravest first."""
    rows = read_rows(conn, "alerts_to_send", patience=PATIENCE)
    found = deliveries_of(conn, [row["alert_id"] for row in rows])
    return tuple(Alert(**row, deliveries=found.get(row["alert_id"], ())) for row in rows)


def emergency_waits(conn: Connection) -> bool:
    """Whether there is an EMERGENCY that nobody has acknowledged and that was never tried to be sent."""
    row = read_row(conn, "emergency_waits")
    return row is not None and bool(row["waits"])


def deliveries_of(conn: Connection, alerts: Sequence[int]) -> dict[int, tuple[Delivery, ...]]:
    """The receivers of alerts, by the alert's number; one without any is left out."""
    found: dict[int, tuple[Delivery, ...]] = {}
    for row in read_rows(conn, "deliveries", alerts=list(alerts)) if alerts else ():
        number = row.pop("alert_id")
        found[number] = (*found.get(number, ()), Delivery(**row))
    return found


def plan_delivery(conn: Connection, alert_id: int, route: str, receiver: str) -> None:
    """Note that an alert is to be brought to a receiver; told again, it changes nothing."""
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.alert_deliveries (alert_id, route, receiver) VALUES (%s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            (alert_id, route, receiver),
        )


def begin_delivery(conn: Connection, alert_id: int, route: str, receiver: str) -> None:
    """Count an attempt, to be committed before anything is sent: one that is cut off is a failed one."""
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.alert_deliveries SET attempts = attempts + 1, failures = failures + 1, "
            "last_attempt_at = clock_timestamp(), last_error = 'the sender ended before it knew' "
            "WHERE alert_id = %s AND route = %s AND receiver = %s",
            (alert_id, route, receiver),
        )


def end_delivery(conn: Connection, alert_id: int, route: str, receiver: str, error: str | None) -> None:
    """Record what became of an attempt: an error, or None when the alert was taken."""
    with cursor(conn) as cur:
        if error is None:
            cur.execute(
                "UPDATE nightdesk.alert_deliveries SET failures = 0, times_sent = times_sent + 1, "
                "sent_at = clock_timestamp(), last_error = '' "
                "WHERE alert_id = %s AND route = %s AND receiver = %s",
                (alert_id, route, receiver),
            )
        else:
            cur.execute(
                "UPDATE nightdesk.alert_deliveries SET last_error = %s "
                "WHERE alert_id = %s AND route = %s AND receiver = %s",
                (mask_line(error), alert_id, route, receiver),
            )


def mark_sent(conn: Connection, alert_id: int) -> None:
    """Record that every receiver has an alert."""
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.alerts SET sent_at = clock_timestamp() WHERE alert_id = %s AND sent_at IS NULL",
            (alert_id,),
        )


def acknowledge(conn: Connection, alert_id: int, who: str) -> dict[str, Any]:
    """Record that a person has acknowledged an alert; the first one stays.

    Returns
    -------
    dict
        The alert: alert_id, alert_key, level, book, session, subject, body, created_at, sent_at,
        acknowledged_at, acknowledged_by.

    Raises
    ------
    Refused
        When no alert has the number.
    """
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.alerts SET acknowledged_at = clock_timestamp(), acknowledged_by = %s "
            "WHERE alert_id = %s AND acknowledged_at IS NULL",
            (who, alert_id),
        )
    row = read_row(conn, "alert_by_number", alert_id=alert_id)
    if row is None:
        raise Refused(f"there is no alert {alert_id}: `nightdesk alerts` lists them with their numbers")
    return row


def acknowledge_by_key(conn: Connection, beginning: str, who: str) -> None:
    """Record that a person knows of the events whose keys begin so; whoever knew first stays."""
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.alerts SET acknowledged_at = clock_timestamp(), acknowledged_by = %s "
            "WHERE starts_with(alert_key, %s) AND acknowledged_at IS NULL",
            (who, beginning),
        )
