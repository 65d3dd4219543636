"""Alerts on their way to real mail servers: each receiver has each alert once, whatever refuses or fails."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from tests.conftest import PROJECT, open_connection
from tests.fakes.smtp import FakeMail, mail_server, text_of
from tests.session.small_desk import begin_child, die, wait_for

from nightdesk.alerts import sending
from nightdesk.core.reporting_terms import Routes
from nightdesk.operations import delivery
from nightdesk.operations.delivery import Delivered, book_routes, deliver, nowhere_words
from nightdesk.store.db import Connection, cursor, lock_key, lone_lock
from nightdesk.store.delivery_rows import acknowledge, deliveries_of
from nightdesk.store.message_rows import alerts_of, raise_alert

OPS, DEV = "ops@example.com", "dev@example.com"


@pytest.fixture
def mail() -> Iterator[FakeMail]:
    with mail_server(None) as server:
        yield server


@pytest.fixture
def environ(mail: FakeMail) -> dict[str, str]:
    return {"NIGHTDESK_ALERT_MAIL": mail.url(OPS)}


def usual(_: str | None) -> Routes:
    return Routes()


def tell(conn: Connection, *subjects: str, level: str = "CRITICAL", book: str | None = "swing") -> None:
    for subject in subjects:
        raise_alert(conn, subject, level, f"swing: {subject}", "Error: a body", book=book)  # type: ignore[arg-type]


def age(conn: Connection, by: timedelta) -> None:
    """Let time pass: everything that happened is so much longer ago."""
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.alerts SET created_at = created_at - %s, sent_at = sent_at - %s", (by, by)
        )
        cur.execute(
            "UPDATE nightdesk.alert_deliveries "
            "SET last_attempt_at = last_attempt_at - %s, sent_at = sent_at - %s",
            (by, by),
        )


def test_every_alert_is_sent_once_to_everybody_of_its_routes(conn: Connection, mail: FakeMail) -> None:
    environ = {"NIGHTDESK_ALERT_MAIL": mail.url(OPS, DEV)}
    tell(conn, "one", "two")
    assert deliver(conn, usual, environ) == Delivered(sent=4)
    for _ in range(2):
        age(conn, timedelta(hours=2))
        assert deliver(conn, usual, environ) == Delivered()
    assert sorted((to, got["Subject"]) for to, got in mail.received) == [
        (to, f"CRITICAL swing: {subject}") for to in (DEV, OPS) for subject in ("one", "two")
    ]
    assert all(row["sent_at"] is not None for row in alerts_of(conn))


def test_the_book_says_which_level_takes_which_route(
    conn: Connection, mail: FakeMail, tmp_path: Path
) -> None:
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    tree |= {"name": "swing", "alerts": {"routes": {"INFO": [], "WARNING": ["chat"], "CRITICAL": ["mail"]}}}
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "swing.yaml").write_text(yaml.safe_dump(tree))
    (tmp_path / "books" / "broken.yaml").write_text("name: [")
    environ = {"NIGHTDESK_ALERT_MAIL": mail.url(OPS), "NIGHTDESK_ALERT_CHAT": mail.url(DEV)}
    for level in ("INFO", "WARNING", "CRITICAL"):
        tell(conn, level, level=level)
    tell(conn, "of the desk", level="INFO", book=None)
    tell(conn, "of a broken book", level="INFO", book="broken")
    deliver(conn, book_routes(tmp_path), environ)
    assert [(to, got["Subject"].split(": ")[1]) for to, got in mail.received] == [
        (OPS, "CRITICAL"),
        (DEV, "WARNING"),
        (OPS, "of the desk"),
        (OPS, "of a broken book"),
    ]


def test_with_the_server_down_an_alert_waits_and_arrives_once_when_it_is_up(
    conn: Connection, mail: FakeMail, environ: dict[str, str]
) -> None:
    tell(conn, "one", "two")
    mail.stop()
    assert deliver(conn, usual, environ) == Delivered(failed=1, waiting=2)
    mail.start()
    # The first waits half a minute, the second was never tried.
    assert deliver(conn, usual, environ) == Delivered(sent=1, waiting=1)
    age(conn, timedelta(seconds=31))
    assert deliver(conn, usual, environ) == Delivered(sent=1)
    assert sorted(mail.subjects()) == ["CRITICAL swing: one", "CRITICAL swing: two"]
    assert "refused" not in str([deliveries_of(conn, [row["alert_id"]]) for row in alerts_of(conn)])


def test_each_failure_is_kept_with_its_reason_and_makes_the_wait_longer(
    conn: Connection, mail: FakeMail, environ: dict[str, str]
) -> None:
    tell(conn, "one")
    mail.to_text = "451 4.7.1 try again later"
    for seconds in (30, 60, 120):
        assert deliver(conn, usual, environ) == Delivered(failed=1, waiting=1)
        age(conn, timedelta(seconds=seconds - 1))
        assert deliver(conn, usual, environ) == Delivered(waiting=1)
        age(conn, timedelta(seconds=2))
    [[found]] = deliveries_of(conn, [row["alert_id"] for row in alerts_of(conn)]).values()
    assert (found.attempts, found.failures, found.times_sent) == (3, 3, 0)
    assert "try again later" in found.last_error


def test_what_one_receiver_refuses_is_not_sent_again_to_the_others(conn: Connection, mail: FakeMail) -> None:
    environ = {"NIGHTDESK_ALERT_MAIL": mail.url(OPS, DEV)}
    mail.to_recipients[DEV] = "550 5.1.1 no such user"
    tell(conn, "one")
    assert deliver(conn, usual, environ) == Delivered(sent=1, failed=1, waiting=1)
    mail.to_recipients.clear()
    age(conn, timedelta(minutes=1))
    assert deliver(conn, usual, environ) == Delivered(sent=1)
    assert [to for to, _ in mail.received] == [OPS, DEV]


def test_an_alert_that_a_server_never_takes_does_not_keep_the_others_from_it(
    conn: Connection, mail: FakeMail, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    take = sending.send
    monkeypatch.setattr(
        delivery,
        "send",
        lambda receiver, message: "554" if "one" in message.subject else take(receiver, message),
    )
    tell(conn, "one", "two", "three")
    for _ in range(2):
        deliver(conn, usual, environ)
        age(conn, timedelta(seconds=10))
    assert mail.subjects() == ["CRITICAL swing: two", "CRITICAL swing: three"]


def test_a_server_that_hangs_costs_one_time_out_and_not_one_an_alert(
    conn: Connection, mail: FakeMail, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.3)
    mail.silent = True
    tell(conn, *map(str, range(20)))
    assert deliver(conn, usual, environ) == Delivered(failed=1, waiting=20)


def test_when_the_time_is_over_the_rest_waits(
    conn: Connection, mail: FakeMail, environ: dict[str, str]
) -> None:
    tell(conn, "one")
    assert deliver(conn, usual, environ, seconds=0.0) == Delivered(waiting=1)
    assert mail.received == []


def test_an_emergency_is_repeated_every_hour_until_somebody_acknowledges_it(
    conn: Connection, mail: FakeMail, environ: dict[str, str]
) -> None:
    tell(conn, "fire", level="EMERGENCY")
    tell(conn, "smoke")
    for _ in range(3):
        deliver(conn, usual, environ)
        age(conn, timedelta(minutes=59))
        deliver(conn, usual, environ)
        age(conn, timedelta(minutes=2))
    assert mail.subjects() == [
        "EMERGENCY swing: fire",
        "CRITICAL swing: smoke",
        *["EMERGENCY still not acknowledged: swing: fire"] * 2,
    ]
    fire = next(row["alert_id"] for row in alerts_of(conn) if row["level"] == "EMERGENCY")
    assert f"`nightdesk ack {fire}`" in text_of(mail.received[0][1])
    acknowledge(conn, fire, "kim")
    age(conn, timedelta(hours=5))
    assert deliver(conn, usual, environ) == Delivered()


def test_a_second_sender_leaves_and_the_first_sends_what_came_meanwhile(
    conn: Connection, database: str, mail: FakeMail, environ: dict[str, str]
) -> None:
    tell(conn, "one")
    with open_connection(database) as other, lone_lock(other, lock_key("alert sender")):
        assert deliver(conn, usual, environ) == Delivered()
    assert mail.received == []
    assert deliver(conn, usual, environ) == Delivered(sent=1)


def test_eight_senders_at_once_send_each_alert_once(
    conn: Connection, database: str, mail: FakeMail, environ: dict[str, str]
) -> None:
    tell(conn, *map(str, range(25)))

    def work() -> None:
        with open_connection(database) as own:
            deliver(own, usual, environ)

    senders = [threading.Thread(target=work) for _ in range(8)]
    for one in senders:
        one.start()
    for one in senders:
        one.join()
    deliver(conn, usual, environ)
    assert sorted(mail.subjects()) == sorted(f"CRITICAL swing: {n}" for n in range(25))


def test_a_sender_that_is_killed_at_work_leaves_the_alert_to_the_next(
    conn: Connection, database: str, mail: FakeMail, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(conn, "one")

    def work() -> None:
        monkeypatch.setattr(delivery, "send", die)
        with open_connection(database) as own:
            deliver(own, usual, environ)

    assert wait_for(begin_child(work)) == -9
    assert deliver(conn, usual, environ) == Delivered(waiting=1)
    age(conn, timedelta(seconds=31))
    assert deliver(conn, usual, environ) == Delivered(sent=1)
    assert mail.subjects() == ["CRITICAL swing: one"]


def test_on_a_desk_without_any_address_alerts_stay_rows_and_nobody_complains(
    conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    tell(conn, "one")
    assert deliver(conn, usual, {}) == Delivered()
    assert caplog.records == []
    assert [row["sent_at"] for row in alerts_of(conn)] == [None]


def test_a_route_is_missed_where_the_book_names_it_or_nobody_has_the_alert_and_no_warning_follows(
    conn: Connection, mail: FakeMail, environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    tell(conn, "one", "two")
    with caplog.at_level(logging.WARNING):
        # The usual routes lead to a chat too, which nobody has asked for.
        assert deliver(conn, usual, environ) == Delivered(sent=2)
        tell(conn, "three")
        named = deliver(conn, lambda _: Routes(CRITICAL=("mail", "pager")), environ)
        tell(conn, "four", level="INFO")
        lost = deliver(conn, usual, {"NIGHTDESK_ALERT_CHAT": mail.url(DEV)})
    assert (named.sent, named.nowhere, lost.nowhere) == (1, ("pager",), ("mail",))
    assert caplog.records == []
    assert "set NIGHTDESK_ALERT_PAGER or the Airflow connection nightdesk_alert_pager" in nowhere_words(
        "pager"
    )


def test_when_mail_is_set_up_the_alerts_of_the_last_day_go_out_and_not_the_whole_past(
    conn: Connection, mail: FakeMail, environ: dict[str, str]
) -> None:
    tell(conn, "old")
    tell(conn, "an old fire", level="EMERGENCY")
    deliver(conn, usual, {})
    age(conn, timedelta(days=1, minutes=1))
    tell(conn, "new")
    assert deliver(conn, usual, environ) == Delivered(sent=2)
    assert mail.subjects() == ["EMERGENCY swing: an old fire", "CRITICAL swing: new"]


def test_what_was_tried_once_is_tried_for_weeks(
    conn: Connection, mail: FakeMail, environ: dict[str, str]
) -> None:
    tell(conn, "one", "two")
    mail.stop()
    deliver(conn, usual, environ)
    age(conn, timedelta(days=20))
    mail.start()
    assert deliver(conn, usual, environ) == Delivered(sent=2)


def test_no_log_of_a_failed_conversation_holds_the_password(
    conn: Connection, mail: FakeMail, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_ALERT_MAIL", mail.url(OPS, password="a-wrong-password"))
    tell(conn, "one")
    with caplog.at_level(logging.DEBUG):
        assert deliver(conn, usual, os.environ) == Delivered(failed=1, waiting=1)
    assert "alert_not_sent alert=1 route=mail receiver=ops@example.com" in caplog.text
    assert "a-wrong-password" not in caplog.text
