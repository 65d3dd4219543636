"""Bad data is told once a spell and its healing once, at the newest session alone, graver where held."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.clock import set_clock
from tests.conftest import open_connection
from tests.session.small_desk import SmallDesk, instant, session

from nightdesk.core.calendar import get_calendar
from nightdesk.feeds.breaker import SourceHealth
from nightdesk.session.data_alerts import tell_feeds
from nightdesk.store.db import Connection
from nightdesk.store.health_rows import Health, ingest_notes
from nightdesk.store.message_rows import alerts_of

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
DATA = ("quarantine", "no_bar", "reference", "over")


def watch(desk: SmallDesk, number: int) -> None:
    """Let the session be the newest one on the database's clock, so that people hear of it."""
    set_clock(desk.url, get_calendar().known_from(session(number)) + timedelta(hours=1))


def run(desk: SmallDesk, number: int) -> None:
    watch(desk, number)
    desk.run(number)


def told(desk: SmallDesk, *kinds: str) -> list[tuple[object, ...]]:
    """Level, subject and body of the alerts about data, in their order."""
    rows = desk.rows(
        "SELECT split_part(alert_key, ' ', 1), level, subject, body FROM nightdesk.alerts ORDER BY alert_id"
    )
    return [row[1:] for row in rows if row[0] in (kinds or DATA)]


def break_bar(desk: SmallDesk, symbol: str, number: int) -> str:
    """Let the high of a bar lie below its low; returns the file as it was."""
    sound, day = desk.bars.read_text(), str(session(number))
    lines = [line.split(",") for line in sound.splitlines()]
    for fields in lines:
        if fields[:2] == [day, symbol]:
            fields[3] = "1.00"
    desk.bars.write_text("\n".join(",".join(fields) for fields in lines) + "\n")
    return sound


def held(desk: SmallDesk, number: int) -> set[object]:
    rows = desk.rows(
        "SELECT symbol FROM nightdesk.positions WHERE session = %s AND quantity <> 0", session(number)
    )
    return {symbol for (symbol,) in rows}


def test_a_quarantine_is_told_once_with_what_to_do_and_its_end_once(desk: SmallDesk) -> None:
    break_bar(desk, "GLD", 0)
    break_bar(desk, "GLD", 1)
    run(desk, 0)
    ((level, subject, body),) = told(desk)
    assert (level, subject) == ("WARNING", f"small {session(0)}: in quarantine: GLD")
    assert f"GLD is in quarantine since {session(0)}: open or close outside low to high" in str(body)
    assert f'`nightdesk accept small SYMBOL --session {session(0)} --reason "..."`' in str(body)
    assert "`nightdesk action`" in str(body)
    desk.run(0)
    run(desk, 1)
    assert len(told(desk)) == 1
    run(desk, 2)
    desk.run(2)
    (_, (level, subject, body)) = told(desk)
    assert (level, subject) == ("INFO", f"small {session(2)}: over: GLD")
    assert f"GLD passes its checks again in session {session(2)}" in str(body)


def test_a_backfill_of_past_sessions_tells_only_what_still_holds_at_the_newest(desk: SmallDesk) -> None:
    """TLT was healed meanwhile, GLD is bad since session 1: one mail says all that there is to do."""
    for number in (1, 2, 3, 4):
        break_bar(desk, "GLD", number)
    break_bar(desk, "TLT", 0)
    watch(desk, 4)
    for number in range(4):
        desk.run(number)
    assert told(desk) == []
    desk.run(4)
    ((_, subject, body),) = told(desk)
    assert subject == f"small {session(4)}: in quarantine: GLD"
    assert f"since {session(1)}" in str(body)


def test_a_newest_session_that_is_checked_before_the_others_knows_since_when(desk: SmallDesk) -> None:
    for number in (1, 2, 3):
        break_bar(desk, "GLD", number)
    watch(desk, 3)
    for number in (3, 2, 1, 0):
        desk.run_steps(number, "ingest", "quality")
    ((_, _, body),) = told(desk)
    assert f"GLD is in quarantine since {session(1)}" in str(body)


def test_a_vendor_that_corrects_the_bar_before_the_rerun_ends_the_spell_and_a_flutter_tells_no_more(
    desk: SmallDesk,
) -> None:
    sound = break_bar(desk, "GLD", 0)
    bad = desk.bars.read_text()
    watch(desk, 0)
    for text in (bad, sound, bad, sound):
        desk.bars.write_text(text)
        desk.run_steps(0, "ingest", "quality")
    assert [subject for _, subject, _ in told(desk)] == [
        f"small {session(0)}: in quarantine: GLD",
        f"small {session(0)}: over: GLD",
    ]


def test_a_held_symbol_without_a_bar_is_critical_and_told_with_its_age_and_what_is_held(
    desk: SmallDesk,
) -> None:
    for number in range(3):
        run(desk, number)
    symbol = str(sorted(held(desk, 2) - {"BTC-USD", "SPY"}, key=str)[0])
    desk.remove_bars(symbol, session(3))
    run(desk, 3)
    ((level, subject, body),) = told(desk)
    assert (level, subject) == ("CRITICAL", f"small {session(3)}: without a bar: {symbol}")
    assert f"{symbol} has no bar of {session(3)}: its newest one is of {session(2)}, 1 session old." in str(
        body
    )
    assert "It is held:" in str(body)
    assert "% of NAV" in str(body)
    run(desk, 4)  # the second session without a bar is the same spell, though it is a quarantine too
    assert len(told(desk)) == 1
    page = desk.rows("SELECT html FROM nightdesk.reports WHERE session = %s", session(4))[0][0]
    assert "last bar 2 sessions ago" in str(page)


def test_a_symbol_that_never_had_a_bar_is_told(desk: SmallDesk) -> None:
    desk.remove_bars("TLT", session(-400))
    watch(desk, 0)
    desk.run(0)
    ((level, subject, body),) = told(desk)
    assert (level, subject) == ("WARNING", f"small {session(0)}: without a bar: TLT")
    assert f"TLT has never had a bar up to session {session(0)}." in str(body)


@pytest.mark.parametrize(("reference", "what"), [("SPY", "benchmark"), ("^VIX", "volatility index")])
def test_a_missing_reference_is_told_once_and_its_return_once(
    desk: SmallDesk, reference: str, what: str
) -> None:
    run(desk, 0)
    sound = desk.bars.read_text()
    desk.remove_bars(reference, session(1))
    run(desk, 1)
    run(desk, 2)
    desk.bars.write_text(sound)
    run(desk, 3)
    (begun, over) = told(desk)
    assert begun[1] == f"small {session(1)}: a reference is missing: {reference}"
    assert f"{reference}, the {what}, has no bar of {session(1)}, for 1 session now" in str(begun[2])
    assert "The book opens nothing until it is there." in str(begun[2])
    assert over[:2] == ("INFO", f"small {session(3)}: over: {reference}")


def test_a_dry_run_tells_nothing(desk: SmallDesk) -> None:
    break_bar(desk, "GLD", 0)
    watch(desk, 0)
    desk.run(0, dry_run=True)
    assert told(desk) == []


def test_a_source_that_fails_is_told_once_its_circuit_once_more_and_its_answer_once(conn: Connection) -> None:
    store, health = Health(conn), SourceHealth(last_success=NOON)
    for number in range(1, 8):
        health = health.failed(NOON + timedelta(minutes=number), "HTTP 500")
        store.save("yahoo", health.as_row())
        tell_feeds(conn)
        tell_feeds(conn)
    store.save("yahoo", health.succeeded(NOON + timedelta(hours=1)).as_row())
    tell_feeds(conn)
    tell_feeds(conn)
    rows = list(reversed(alerts_of(conn)))
    assert [(row["level"], row["subject"]) for row in rows] == [
        ("WARNING", "the desk: a source of data fails: yahoo"),
        ("WARNING", "the desk: a source of data fails: yahoo (circuit)"),
        ("INFO", "the desk: over: yahoo"),
    ]
    assert (
        "yahoo is degraded: it has failed once, at last at 2026-11-19 12:01 UTC (HTTP 500)" in rows[0]["body"]
    )
    assert "its last answer: 2026-11-19 12:00 UTC" in rows[0]["body"]
    assert "The circuit of yahoo is open since 2026-11-19 12:05 UTC" in rows[1]["body"]
    assert rows[2]["body"] == "yahoo answers again, since 2026-11-19 13:00 UTC."
    store.save("yahoo", health.failed(NOON + timedelta(hours=2), "HTTP 401").as_row())
    assert tell_feeds(conn) == 1, "a new spell is news"


def test_what_an_ingest_left_out_is_kept_and_said_on_the_page(desk: SmallDesk) -> None:
    with desk.bars.open("a") as file:
        file.write("2022-02-26,GLD,100.00,101.00,99.00,100.00,5\n")  # a Saturday
    desk.remove_bars("TLT", session(-400))
    desk.run(0)
    with open_connection(desk.url) as conn:
        notes = ingest_notes(conn, "small", instant(0))
    assert [(one["kind"], one["subject"], one["rows"]) for one in notes] == [
        ("dropped", "on no session of the calendar", 1),
        ("missing", "TLT", None),
    ]
    page = str(desk.rows("SELECT html FROM nightdesk.reports")[0][0])
    assert "1 row left out: on no session of the calendar" in page
    assert "No bar of TLT" in page
