"""Sources of bars that are all away while a decision is due: the book is stopped, and not before its time."""

import os
from collections.abc import Mapping
from datetime import timedelta

import pytest
import yaml
from tests.clock import set_clock
from tests.fakes.polygon import FakePolygon
from tests.session.small_desk import SmallDesk, instant, session

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Transient
from nightdesk.session import steps
from nightdesk.store.kill_switch_rows import kill_switch

#: A source that sits behind a port of this machine at which nobody listens.
AWAY = "polygon"


@pytest.fixture
def environ() -> Mapping[str, str]:
    with FakePolygon() as fake:
        gone = fake.environ
    return {**os.environ, **gone}


def with_sources(desk: SmallDesk, *sources: str, minutes: int | None = 5) -> SmallDesk:
    """The desk with these sources of bars, and the minutes that all of them may be away."""
    tree = yaml.safe_load(desk.book.read_text()) | {"feeds": {"daily": list(sources)}}
    if minutes is not None:
        tree["kill_switch"] = {"feeds_unreachable_minutes": minutes}
    desk.book.write_text(yaml.safe_dump(tree))
    return desk


def at_minute(desk: SmallDesk, minute: float, number: int = 0) -> None:
    """Let the database's clock stand so long after the session's bars are known."""
    set_clock(desk.url, get_calendar().known_from(session(number)) + timedelta(minutes=minute))


def ask(desk: SmallDesk, environ: Mapping[str, str], number: int = 0) -> None:
    """One try of the ingest, in a process that remembers nothing."""
    with desk.at(number, feed=None, environ=environ) as context:
        steps.ingest(context)


def ask_in_vain(desk: SmallDesk, environ: Mapping[str, str], minute: float, number: int = 0) -> str:
    """A try that fails; which rule has stopped the book by then, empty while it goes on."""
    at_minute(desk, minute, number)
    with pytest.raises(Transient):
        ask(desk, environ, number)
    return stopped_by(desk)


def stopped_by(desk: SmallDesk) -> str:
    with desk.connection() as conn:
        switch = kill_switch(conn, "small", session(0))
    return switch.who if switch.on else ""


def test_a_book_is_stopped_once_when_all_its_sources_are_away_for_more_than_five_minutes(
    desk: SmallDesk, environ: Mapping[str, str]
) -> None:
    with_sources(desk, AWAY)
    assert ask_in_vain(desk, environ, 1) == ""
    assert ask_in_vain(desk, environ, 5.5) == ""
    assert ask_in_vain(desk, environ, 7) == "rule feeds unreachable"
    assert ask_in_vain(desk, environ, 9) == "rule feeds unreachable"
    told = desk.rows("SELECT level, subject, body FROM nightdesk.alerts WHERE level = 'EMERGENCY'")
    assert [row[:2] for row in told] == [("EMERGENCY", "small is stopped: feeds unreachable")]
    assert f"none of its sources of bars (polygon) has answered since {session(0)} 21:31 UTC" in str(
        told[0][2]
    )
    with_sources(desk, AWAY, desk.feed)
    at_minute(desk, 12)
    ask(desk, environ)
    desk.run_steps(0, "quality", "orders", feed=None, environ=environ)
    assert desk.rows("SELECT count(*) FROM nightdesk.orders") == [(0,)]


def test_a_source_that_answers_begins_the_minutes_anew(desk: SmallDesk, environ: Mapping[str, str]) -> None:
    with_sources(desk, AWAY)
    assert ask_in_vain(desk, environ, 1) == ""
    assert desk.rows("SELECT count(*) FROM nightdesk.feed_silences") == [(1,)]
    with_sources(desk, AWAY, desk.feed)
    at_minute(desk, 6.5)
    ask(desk, environ)
    assert stopped_by(desk) == ""
    assert desk.rows("SELECT count(*) FROM nightdesk.feed_silences") == [(0,)]


def test_the_minutes_of_one_decision_are_not_those_of_the_next(
    desk: SmallDesk, environ: Mapping[str, str]
) -> None:
    with_sources(desk, AWAY)
    assert ask_in_vain(desk, environ, 1) == ""
    assert ask_in_vain(desk, environ, 1, number=1) == ""
    assert ask_in_vain(desk, environ, 8, number=1) == "rule feeds unreachable"


def test_a_session_that_is_no_longer_the_newest_stops_nothing(
    desk: SmallDesk, environ: Mapping[str, str]
) -> None:
    with_sources(desk, AWAY)
    set_clock(desk.url, instant(1) + timedelta(hours=1))
    for minute in (0, 10):
        set_clock(desk.url, instant(1) + timedelta(hours=1, minutes=minute))
        with pytest.raises(Transient):
            ask(desk, environ)
    assert stopped_by(desk) == ""
    assert desk.rows("SELECT count(*) FROM nightdesk.feed_silences") == [(0,)]


def test_a_book_that_does_not_ask_for_it_is_never_stopped_by_it(
    desk: SmallDesk, environ: Mapping[str, str]
) -> None:
    with_sources(desk, AWAY, minutes=None)
    assert ask_in_vain(desk, environ, 1) == ""
    assert ask_in_vain(desk, environ, 60) == ""
