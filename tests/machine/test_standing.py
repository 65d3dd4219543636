"""What `health` asks the database, and what `up` ends with."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.conftest import PROJECT

from nightdesk.core.calendar import get_calendar
from nightdesk.machine.home import Home
from nightdesk.machine.standing import commands, decided, newest_page, undelivered, waiting
from nightdesk.store.book_rows import BookRecord, start_book
from nightdesk.store.db import Connection, cursor, now
from nightdesk.store.delivery_rows import begin_delivery, end_delivery, plan_delivery
from nightdesk.store.kill_switch_rows import set_kill_switch
from nightdesk.store.message_rows import alerts_of, raise_alert
from nightdesk.store.run_rows import StoredRun, begin_step, close_run

MAIL = {"NIGHTDESK_ALERT_MAIL": "mailtos://desk:password@mail.example.com/ops@example.com"}
CALENDAR = get_calendar()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A project with one book."""
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "swing.yaml").write_text(yaml.safe_dump(tree | {"name": "swing"}))
    return Home(root=tmp_path, state=tmp_path / "state")


@pytest.fixture
def started(conn: Connection) -> Connection:
    """The book was started long ago."""
    origin = date(2023, 1, 3)
    start_book(
        conn, BookRecord("swing", date(2025, 1, 3), origin, Decimal("100000.00"), "paper", "paper-swing")
    )
    with cursor(conn) as cur:
        cur.execute("UPDATE nightdesk.books SET created_at = created_at - interval '1 year'")
    return conn


def close(conn: Connection, session: date) -> None:
    as_of = CALENDAR.close_at(session)
    begin_step(conn, StoredRun("swing", session, as_of, None, "open", "0.1.0", "abc"), "ingest", None)
    close_run(conn, "swing", as_of)


def newest(conn: Connection) -> date:
    return CALENDAR.latest_completed(now(conn) - timedelta(hours=2))


def test_a_book_whose_newest_session_is_closed_is_well(started: Connection, home: Home) -> None:
    close(started, newest(started))
    [part] = decided(started, home.root)
    assert (part.name, part.state) == ("book swing", "well")
    assert part.words == f"{newest(started)} is its newest closed session"


def test_a_book_that_lacks_a_session_is_not_well(started: Connection, home: Home) -> None:
    session = newest(started)
    close(started, CALENDAR.shift(session, -1))
    [part] = decided(started, home.root)
    assert part.state == "unwell"
    assert f"{session} should be closed by now" in part.words


def test_a_started_book_whose_file_is_gone_is_not_well(started: Connection, home: Home) -> None:
    (home.root / "books" / "swing.yaml").unlink()
    [part] = decided(started, home.root)
    assert part.state == "unwell"
    assert part.words.startswith("no session is closed; its file is gone or wrong: ")


def raised(conn: Connection, minutes: int, level: str = "WARNING") -> int:
    """The number of an alert that was raised so many minutes ago."""
    raise_alert(conn, f"one {minutes} {level}", level, f"raised {minutes} minutes ago", "words")  # type: ignore[arg-type]
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.alerts SET created_at = created_at - %s WHERE alert_key = %s",
            (timedelta(minutes=minutes), f"one {minutes} {level}"),
        )
    return int(alerts_of(conn)[0]["alert_id"])


def test_an_alert_that_a_server_does_not_take_is_told_with_its_words(conn: Connection, home: Home) -> None:
    number = raised(conn, 20)
    plan_delivery(conn, number, "mail", "ops@example.com")
    begin_delivery(conn, number, "mail", "ops@example.com")
    end_delivery(conn, number, "mail", "ops@example.com", "Connection refused")
    part = undelivered(conn, home.root, {})
    assert part.state == "unwell"
    assert part.words.startswith("1 wait to be sent, the first since ")
    assert part.words.endswith("Connection refused")
    end_delivery(conn, number, "mail", "ops@example.com", None)
    assert undelivered(conn, home.root, {}).state == "well"


def test_an_alert_that_nobody_has_tried_to_send_is_told_where_somebody_is_to_have_it(
    conn: Connection, home: Home
) -> None:
    raised(conn, 5)
    assert undelivered(conn, home.root, MAIL).state == "well", "it is on its way"
    raised(conn, 20)
    assert undelivered(conn, home.root, {}).state == "well", "nobody is to have it"
    assert undelivered(conn, home.root, MAIL).state == "unwell"


def test_up_ends_with_what_is_stopped_and_the_gravest_that_nobody_has_acknowledged(
    started: Connection, home: Home
) -> None:
    assert list(waiting(started, home.root)) == []
    session = newest(started)
    set_kill_switch(started, "swing", on=True, reason="prices look wrong", who="kim", session=session)
    for minutes in range(1, 7):
        raised(started, minutes)
    raised(started, 9, "INFO")
    raised(started, 8, "EMERGENCY")
    lines = list(waiting(started, home.root))
    assert lines[0] == f"swing: STOPPED since {session} by kim: prices look wrong"
    assert lines[1] == "alert 8 EMERGENCY, not acknowledged: raised 8 minutes ago"
    assert len(lines) == 7
    assert lines[-1] == "and 2 more alerts (`nightdesk alerts`)"


def test_the_page_and_the_commands_name_what_is_there(started: Connection, home: Home) -> None:
    assert newest_page(started, home, "swing") is None
    assert commands(started, home, ["swing"]) == ["nightdesk status", "nightdesk health"]
    session = newest(started)
    close(started, session)
    path = home.reports / "swing" / f"{session}.html"
    path.parent.mkdir(parents=True)
    path.touch()
    assert newest_page(started, home, "swing") == path
