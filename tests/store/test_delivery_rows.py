"""Alerts on their way: what waits, what became of each attempt, who has acknowledged it."""

from __future__ import annotations

from datetime import date

import pytest
from tests.conftest import open_connection

from nightdesk.core.errors import Refused
from nightdesk.store import delivery_rows
from nightdesk.store.db import Connection, cursor, lock_key, lone_lock, now
from nightdesk.store.delivery_rows import (
    acknowledge,
    alerts_to_send,
    begin_delivery,
    end_delivery,
    plan_delivery,
)
from nightdesk.store.message_rows import alerts_of, raise_alert

OPS = ("mail", "ops@example.com")


def raised(conn: Connection, level: str = "CRITICAL", subject: str = "a subject") -> int:
    key = f"{level} {subject}"
    raise_alert(conn, key, level, subject, "a body", book="swing", session=date(2026, 11, 19))  # type: ignore[arg-type]
    return next(row["alert_id"] for row in alerts_of(conn) if row["alert_key"] == key)


def waiting(conn: Connection) -> list[int]:
    return [alert.alert_id for alert in alerts_to_send(conn)]


def test_the_gravest_alerts_go_first_and_older_ones_before_newer(conn: Connection) -> None:
    levels = ("INFO", "WARNING", "EMERGENCY", "CRITICAL", "EMERGENCY", "INFO")
    numbers = [raised(conn, level, str(n)) for n, level in enumerate(levels)]
    assert waiting(conn) == [numbers[at] for at in (2, 4, 3, 1, 0, 5)]


def test_what_everybody_has_waits_no_more_but_an_emergency_does_until_acknowledged(conn: Connection) -> None:
    numbers = [raised(conn, level) for level in ("CRITICAL", "EMERGENCY")]
    for number in numbers:
        delivery_rows.mark_sent(conn, number)
    assert waiting(conn) == numbers[1:]
    acknowledge(conn, numbers[1], "kim")
    assert waiting(conn) == []


def test_what_somebody_has_acknowledged_is_not_sent_any_more(conn: Connection) -> None:
    acknowledge(conn, raised(conn), "kim")
    assert waiting(conn) == []


def test_after_a_month_an_alert_is_history(conn: Connection) -> None:
    number = raised(conn)
    with cursor(conn) as cur:
        cur.execute("UPDATE nightdesk.alerts SET created_at = created_at - interval '29 days 23 hours'")
    assert waiting(conn) == [number]
    with cursor(conn) as cur:
        cur.execute("UPDATE nightdesk.alerts SET created_at = created_at - interval '2 hours'")
    assert waiting(conn) == []


def test_an_attempt_counts_before_it_is_made_and_one_that_never_ends_is_a_failed_one(
    conn: Connection,
) -> None:
    number = raised(conn)
    for _ in range(2):
        plan_delivery(conn, number, *OPS)
    before = now(conn)
    begin_delivery(conn, number, *OPS)
    [alert] = alerts_to_send(conn)
    [found] = alert.deliveries
    assert (found.route, found.receiver, found.attempts, found.failures, found.times_sent) == (*OPS, 1, 1, 0)
    assert found.last_attempt_at is not None
    assert before <= found.last_attempt_at <= now(conn)
    assert found.last_error == "the sender ended before it knew"


def test_a_failure_is_kept_with_its_reason_and_a_success_forgets_it(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_ALERT_MAIL", "mailtos://desk:word-of-mail@example.com/ops@example.com")
    number = raised(conn)
    plan_delivery(conn, number, *OPS)
    begin_delivery(conn, number, *OPS)
    end_delivery(conn, number, *OPS, "535 for word-of-mail")
    [alert] = alerts_to_send(conn)
    assert (alert.deliveries[0].failures, alert.deliveries[0].last_error) == (1, "535 for ***")
    begin_delivery(conn, number, *OPS)
    end_delivery(conn, number, *OPS, None)
    [alert] = alerts_to_send(conn)
    [found] = alert.deliveries
    assert (found.attempts, found.failures, found.times_sent, found.last_error) == (2, 0, 1, "")
    assert found.sent_at is not None


def test_an_alert_is_acknowledged_once_and_the_first_person_stays(conn: Connection) -> None:
    number = raised(conn)
    first = acknowledge(conn, number, "kim")
    assert (first["acknowledged_by"], first["subject"]) == ("kim", "a subject")
    assert acknowledge(conn, number, "lee") == first
    [listed] = alerts_of(conn)
    assert (listed["acknowledged_by"], listed["acknowledged_at"]) == ("kim", first["acknowledged_at"])


def test_a_number_that_no_alert_has_cannot_be_acknowledged(conn: Connection) -> None:
    with pytest.raises(Refused, match="there is no alert 404: `nightdesk alerts` lists them"):
        acknowledge(conn, 404, "kim")


def test_a_lone_lock_is_had_by_one_and_freed_at_the_end(conn: Connection, database: str) -> None:
    key = lock_key("a test")
    with open_connection(database) as other:
        with lone_lock(conn, key) as mine:
            for _ in range(2):
                with lone_lock(other, key) as theirs:
                    assert (mine, theirs) == (True, False)
        with lone_lock(other, key) as theirs:
            assert theirs
