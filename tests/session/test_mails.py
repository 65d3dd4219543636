"""The mails of a book: one a session, week and month, raised with its close, whatever is run again."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.clock import set_clock
from tests.fakes.smtp import html_of, mail_server, text_of
from tests.session.small_desk import STRATEGY, SmallDesk, session

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.reporting_terms import Routes
from nightdesk.operations.delivery import Delivered, deliver
from nightdesk.operations.mail_by_hand import mail_now
from nightdesk.session import mails, steps
from nightdesk.store.mail_rows import mail_of_alert

OPS = "ops@example.com"


def at(desk: SmallDesk, number: int) -> None:
    set_clock(desk.url, get_calendar().known_from(session(number)) + timedelta(hours=1))


def run(desk: SmallDesk, *numbers: int) -> None:
    for number in numbers:
        at(desk, number)
        desk.run(number)


def switch(desk: SmallDesk, **kinds: bool) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    desk.book.write_text(yaml.safe_dump(tree | {"report": {"mail": kinds}}, sort_keys=False))


def raised(desk: SmallDesk) -> list[tuple[Any, ...]]:
    return desk.rows(
        "SELECT m.kind, m.session, a.level, a.alert_key FROM nightdesk.mails m "
        "JOIN nightdesk.alerts a USING (alert_id) ORDER BY m.session, m.kind"
    )


def test_a_session_has_one_mail_however_often_its_steps_are_run(desk: SmallDesk) -> None:
    run(desk, 0)
    once = raised(desk)
    assert once == [("daily", session(0), "INFO", f"mail daily small {session(0)}")]
    desk.run(0)
    with desk.at(0) as context:
        steps.report(context)
        steps.close(context)
    assert raised(desk) == once
    assert desk.rows("SELECT count(*) FROM nightdesk.alerts WHERE starts_with(alert_key, 'mail ')") == [(1,)]


def test_a_mail_is_raised_with_the_close_and_not_before(desk: SmallDesk) -> None:
    at(desk, 0)
    desk.run_steps(0, "ingest", "report")
    assert raised(desk) == []
    assert desk.rows("SELECT count(*) FROM nightdesk.mails") == [(1,)]
    desk.run_steps(0, "close", "close")
    assert len(raised(desk)) == 1


def test_past_sessions_and_dry_runs_make_none(desk: SmallDesk) -> None:
    for number in range(3):
        desk.run(number)  # the true clock: years after
    at(desk, 3)
    desk.run(3, dry_run=True)
    assert desk.rows("SELECT count(*) FROM nightdesk.mails") == [(0,)]
    assert raised(desk) == []


def test_the_last_session_of_a_week_and_of_a_month_brings_their_summaries(desk: SmallDesk) -> None:
    """The book begins on Tuesday, 1 March 2022: its first week has four sessions."""
    numbers = range(23)
    last_of_week, last_of_month = date(2022, 3, 4), date(2022, 3, 31)
    switch(desk, daily=False, weekly=True, monthly=True)
    run(desk, *numbers)
    assert [(kind, day) for kind, day, _, _ in raised(desk)] == [
        ("weekly", last_of_week),
        ("weekly", date(2022, 3, 11)),
        ("weekly", date(2022, 3, 18)),
        ("weekly", date(2022, 3, 25)),
        ("monthly", last_of_month),
    ]
    with desk.connection() as conn, conn.cursor() as cur:
        cur.execute("SELECT alert_id FROM nightdesk.mails WHERE kind = 'monthly'")
        made = mail_of_alert(conn, cur.fetchone()[0])
    assert made is not None
    assert made.subject.startswith("small March 2022: ")
    profit, fees, trades = desk.rows(
        "SELECT (SELECT sum(profit) FROM nightdesk.performance WHERE session <= '2022-03-31'), "
        "sum(commission), count(*) FROM nightdesk.fills WHERE session <= '2022-03-31'"
    )[0]
    assert f"${abs(profit):,.2f}" in made.subject  # type: ignore[arg-type]
    assert f"{trades} trades, fees ${fees:,.2f}" in made.body
    realised = desk.rows("SELECT sum(realised_cost) FROM nightdesk.slippage WHERE session <= '2022-03-31'")[
        0
    ][0]
    assert f"slippage {'+' if realised > 0 else '−'}${abs(round(realised, 2)):,.2f}" in made.body  # type: ignore[operator, arg-type, call-overload]
    assert len([line for line in made.body.splitlines() if ", NAV $" in line]) == 23
    assert STRATEGY in made.body
    assert made.equity is not None


def test_a_summary_that_was_slept_over_is_made_up_by_the_next_session(desk: SmallDesk) -> None:
    run(desk, 0, 1, 2)
    at(desk, 4)  # the machine slept over Friday, the last session of the week
    desk.run(3)
    assert [(kind, day) for kind, day, _, _ in raised(desk)][-1] == ("daily", session(2))
    desk.run(4)
    assert [(kind, day) for kind, day, _, _ in raised(desk)][-2:] == [
        ("weekly", session(3)),
        ("daily", session(4)),
    ]


def test_a_book_that_never_sent_a_mail_makes_up_no_week(desk: SmallDesk) -> None:
    for number in range(4):
        desk.run(number)
    run(desk, 4)
    assert [kind for kind, *_ in raised(desk)] == ["daily"]


def test_a_book_may_want_none(desk: SmallDesk) -> None:
    switch(desk, daily=False, weekly=False, monthly=False)
    run(desk, 0, 1, 2, 3)
    assert desk.rows("SELECT count(*) FROM nightdesk.mails") == [(0,)]


def test_a_mail_that_cannot_be_made_is_told_and_fails_no_step(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a defect of the mail")

    monkeypatch.setattr(mails, "session_mail", broken)
    at(desk, 0)
    done = desk.run(0)
    assert done["close"]["closed"] == 1
    assert (
        desk.rows("SELECT level, body FROM nightdesk.alerts WHERE starts_with(alert_key, 'mail ')")[0][0]
        == "WARNING"
    )
    assert raised(desk) == []


def test_the_mail_arrives_once_and_later_where_the_server_was_down(desk: SmallDesk) -> None:
    with mail_server(None) as server:
        environ = {"NIGHTDESK_ALERT_MAIL": server.url(OPS)}
        run(desk, 0)
        server.stop()
        with desk.connection() as conn:
            assert deliver(conn, lambda _: Routes(), environ) == Delivered(failed=1, waiting=1)
            server.start()
            with conn.cursor() as cur:
                cur.execute(
                    "UPDATE nightdesk.alert_deliveries SET last_attempt_at = last_attempt_at - interval '1 h'"
                )
            for _ in range(2):
                deliver(conn, lambda _: Routes(), environ)
    ((to, message),) = server.received
    assert to == OPS
    assert message["Subject"].startswith(f"small {session(0)}: ")
    assert [part.get_content_type() for part in message.walk()][:3] == [
        "multipart/alternative", "text/plain", "text/html",
    ]  # fmt: skip
    assert "POSITIONS" in text_of(message)
    assert "<table" in html_of(message)


def test_a_chat_has_the_summary_alone(desk: SmallDesk) -> None:
    """One mail route asks for PGP, as a chat it is sent what Apprise writes itself."""
    run(desk, 0)
    subject, body = desk.rows(
        "SELECT subject, body FROM nightdesk.alerts WHERE alert_key LIKE 'mail daily%%'"
    )[0]
    assert "orders for the next open" in str(subject) or "order for the next open" in str(subject)
    assert "<" not in str(body)
    assert len(str(body).splitlines()) <= 12


def test_what_failed_on_the_way_stands_in_the_mail(desk: SmallDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    from nightdesk.session import settle

    take = settle.settle

    def failing(context: Any) -> Any:
        raise Refused("the account holds 12 XLE")

    at(desk, 0)
    monkeypatch.setattr(settle, "settle", failing)
    with pytest.raises(Refused):
        desk.run(0)
    with desk.at(0) as context:
        by_hand = mail_now(context, "daily")
    assert by_hand.subject == f"small {session(0)}: not decided"
    assert "settle failed, so the session is not decided." in by_hand.body
    monkeypatch.setattr(settle, "settle", take)
    desk.run(0)
    (body,) = desk.rows("SELECT body FROM nightdesk.mails")[0]
    assert "- settle: came through after 1 failed try: Refused: the account holds 12 XLE" in str(body)


def test_a_mail_by_hand_of_a_past_session_is_that_session(desk_after: Any, tmp_path: Path) -> None:
    desk = desk_after(4)
    with desk.at(2) as context:
        made = mail_now(context, "daily")
        week = mail_now(context, "weekly")
    assert made.subject.startswith(f"small {session(2)}: ")
    nav = desk.rows("SELECT nav FROM nightdesk.portfolio WHERE session = %s", session(2))[0][0]
    assert f"${nav:,.2f}" in made.html
    assert "Not complete: 1 session" in week.body
    assert week.session == session(2)


def test_mails_are_listed_as_alerts_and_are_nothing_that_is_open(desk: SmallDesk) -> None:
    from nightdesk.store.message_rows import alerts_of

    run(desk, 0)
    with desk.connection() as conn:
        assert [row["alert_key"] for row in alerts_of(conn)].count(f"mail daily small {session(0)}") == 1
        assert not [row for row in alerts_of(conn, mails=False) if row["alert_key"].startswith("mail ")]
