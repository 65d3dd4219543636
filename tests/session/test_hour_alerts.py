"""What the checks of hours find is a row of its decision, and is told once a spell and healed once."""

from datetime import date

import pytest
from tests.session.hourly_desk import ORIGIN, SESSION, HourlyDesk, at, broken, gone, scaled
from tests.session.test_data_alerts import DATA

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.operations.accept import accept
from nightdesk.operations.book_concerns import concerns_of
from nightdesk.research.backtest.accepted_prices import read_accepting
from nightdesk.store.health_rows import quarantine_spells


def told(desk: HourlyDesk) -> list[tuple[str, str, str]]:
    """Level, subject and body of the alerts about data, in their order."""
    rows = desk.rows(
        "SELECT split_part(alert_key, ' ', 1), level, subject, body FROM nightdesk.alerts ORDER BY alert_id"
    )
    return [row[1:] for row in rows if row[0] in DATA]


def run(desk: HourlyDesk, *numbers: int) -> None:
    for number in numbers:
        desk.watch(number)
        desk.run(number)


def findings(desk: HourlyDesk, number: int) -> list[tuple[str, str, str]]:
    return desk.rows(
        "SELECT check_name, symbol, outcome FROM nightdesk.quality_runs "
        "WHERE as_of = %s AND check_name LIKE 'h:%%' ORDER BY 1, 2",
        at(number),
    )


def test_a_jump_of_an_hour_is_a_row_of_its_decisions_told_once_and_healed_once(
    hourly_desk: HourlyDesk,
) -> None:
    hourly_desk.change("AAPL", scaled(1.2), 1, 2)
    run(hourly_desk, 0, 1)
    ((level, subject, body),) = told(hourly_desk)
    assert (level, subject) == ("WARNING", "hours_of_tests 2019-12-02: in quarantine: AAPL")
    assert "AAPL is in quarantine since 2019-12-02 11:00: the hourly close of" in body
    assert "away from the last accepted price" in body
    assert "of 2019-12-02 10:00, beyond the limit of 15.0%" in body
    assert 'nightdesk accept hours_of_tests AAPL --session 2019-12-02 --reason "..."' in body
    hourly_desk.run(1)
    run(hourly_desk, 2)
    assert len(told(hourly_desk)) == 1
    run(hourly_desk, 3, 4)
    (_, (level, subject, body)) = told(hourly_desk)
    assert (level, subject) == ("INFO", "hours_of_tests 2019-12-02: over: AAPL")
    assert "AAPL passes its checks again in decision 2019-12-02 13:00" in body
    assert [findings(hourly_desk, number) for number in range(4)] == [
        [],
        *[[("h:price_jump", "AAPL", "quarantined")]] * 2,
        [],
    ]


def test_a_jump_of_an_hour_waits_until_a_person_accepts_the_hours_of_its_session(
    hourly_desk: HourlyDesk,
) -> None:
    """A real move of a fifth is within the limit of days: nothing else would ever end it."""
    hourly_desk.change("AAPL", scaled(1.2), *range(1, 30))
    run(hourly_desk, 0, 1, 2)
    with hourly_desk.at(2) as context:
        says = {"reason": "a licence was sold", "who": "ann", "environ": {}}
        with pytest.raises(Refused, match="nothing of BAC waits for an answer in the hours of 2019-12-02"):
            accept(context.conn, hourly_desk.book, "BAC", SESSION, **says)
        with pytest.raises(Refused, match="2019-12-03 is not over"):
            accept(context.conn, hourly_desk.book, "AAPL", date(2019, 12, 3), **says)
        done = accept(context.conn, hourly_desk.book, "AAPL", SESSION, **says)
        assert (done.again, done.price) == (False, hourly_desk.hours["AAPL", at(2)][3])
        assert accept(context.conn, hourly_desk.book, "AAPL", SESSION, **says).again
    run(hourly_desk, *range(3, 9))
    assert [findings(hourly_desk, number) for number in (2, 3, 8)] == [
        [("h:price_jump", "AAPL", "quarantined")],
        [],
        [],
    ]
    assert [subject.partition(": ")[2] for _, subject, _ in told(hourly_desk)] == [
        "in quarantine: AAPL",
        "over: AAPL",
    ]
    market = read_accepting(load_book(hourly_desk.book), ORIGIN, SESSION, None, [("AAPL", SESSION)])
    assert market.panel.accepted[-7:, 1].all()


def test_the_spell_and_what_stands_against_the_book_say_its_decisions(hourly_desk: HourlyDesk) -> None:
    hourly_desk.change("AAPL", broken, 1)
    hourly_desk.run(0, 1)
    with hourly_desk.at(1) as context:
        session = context.session
        (spell,) = quarantine_spells(context.conn, context.book.name, session, session)
        assert (spell["reason"], spell["ongoing"]) == ("h:out_of_range", True)
        assert (spell["first_as_of"], spell["last_as_of"]) == (at(1), at(1))
        (concern,) = concerns_of(context.conn, context.book.name, context.schedule)
        assert "AAPL: open or close outside low to high" in concern.line
        assert "(the bar of this hour)" in concern.line
        assert concern.about == "since 2019-12-02 11:00"
        (unnamed,) = concerns_of(context.conn, context.book.name, None)
        assert unnamed.about == "since 2019-12-02"
    ((page,),) = hourly_desk.rows("SELECT html FROM nightdesk.reports WHERE as_of = %s", at(1))
    assert "AAPL since 2019-12-02 11:00" in page
    hourly_desk.run(2)
    with hourly_desk.at(2) as context:
        (spell,) = quarantine_spells(context.conn, context.book.name, session, session)
        assert (spell["ongoing"], spell["last_as_of"]) == (False, at(1))
        assert concerns_of(context.conn, context.book.name, context.schedule) == ()


def test_an_hour_that_failed_is_named_by_its_hour(hourly_desk: HourlyDesk) -> None:
    hourly_desk.run(0, 1)
    with hourly_desk.at(1) as context, context.conn.cursor() as cursor:
        cursor.execute(
            "UPDATE nightdesk.runs SET status = 'failed', closed_at = NULL WHERE as_of = %s", [at(1)]
        )
        (failed,) = concerns_of(context.conn, context.book.name, context.schedule)
        (unnamed,) = concerns_of(context.conn, context.book.name, None)
    assert (failed.about, unnamed.about) == ("in decision 2019-12-02 11:00", "in session 2019-12-02")


def test_an_hour_without_a_bar_is_told_once_and_its_end_once_and_stands_on_the_page(
    hourly_desk: HourlyDesk,
) -> None:
    hourly_desk.change("BAC", gone, 1, 2)
    run(hourly_desk, 0, 1, 2, 3, 4)
    (begun, ended) = told(hourly_desk)
    assert begun[:2] == ("WARNING", "hours_of_tests 2019-12-02: without a bar: BAC")
    assert "BAC: no bar of this hour, so no entry in this decision; hours since the last bar: 1" in begun[2]
    assert "(2019-12-02 11:00)" in begun[2]
    assert ended[:2] == ("INFO", "hours_of_tests 2019-12-02: over: BAC")
    assert "BAC has a bar again in decision 2019-12-02 13:00" in ended[2]
    assert findings(hourly_desk, 2) == [("h:no_bar", "BAC", "warned")]
    ((page,),) = hourly_desk.rows("SELECT html FROM nightdesk.reports WHERE as_of = %s", at(2))
    assert "hours since the last bar: 2" in page
    assert "files hours" in page


def test_what_the_last_close_held_is_told_by_the_hours_after_it_with_the_session_that_is_meant(
    hourly_desk: HourlyDesk,
) -> None:
    """The daily bar of the Friday lacks, so the hours of the Monday decide without one."""
    for key in [key for key in hourly_desk.made if key[0] == "BAC" and key[1].date() == date(2019, 11, 29)]:
        del hourly_desk.made[key]
    hourly_desk.days_follow = False
    run(hourly_desk, 0, 1)
    ((_, subject, body),) = told(hourly_desk)
    assert subject == "hours_of_tests 2019-12-02: without a bar: BAC"
    assert "BAC has no bar of 2019-11-29: its newest one is of 2019-11-27, 1 session old." in body


def test_a_symbol_without_any_hour_is_noted_by_the_ingest_and_told(hourly_desk: HourlyDesk) -> None:
    hourly_desk.hours = {key: bar for key, bar in hourly_desk.hours.items() if key[0] != "BAC"}
    hourly_desk.days_follow = False
    run(hourly_desk, 0)
    ((_, _, body),) = told(hourly_desk)
    assert "BAC: no hourly bar of it has ever come, so nothing is opened in it (2019-12-02 10:00)." in body
    notes = hourly_desk.rows("SELECT kind, subject FROM nightdesk.ingest_notes")
    assert notes == [("missing", "BAC (hours)")]
