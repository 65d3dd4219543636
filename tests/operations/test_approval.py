"""What people say of a book's drawdown level, and what its next decisions make of it."""

from collections.abc import Iterator
from datetime import date

import pytest
import yaml
from tests.clock import set_clock
from tests.conftest import open_connection
from tests.session.small_desk import SmallDesk, session

from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.operations.approval import AlreadyAnswered, Episode, answer, question_of, what_waits
from nightdesk.operations.kill_switch import kill
from nightdesk.operations.resume import resume
from nightdesk.operations.set_level import set_level
from nightdesk.store.db import Connection, book_lock
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.risk_state_rows import level_changes, newest_risk_state, read_risk_events

BOOK = "small"
YES = {"approved": True, "reason": "looked at it", "who": "ann"}
NO = {"approved": False, "reason": "too early", "who": "bob"}


@pytest.fixture
def conn(desk: SmallDesk) -> Iterator[Connection]:
    """A connection to the desk's database, whose book comes back as quickly as a book may."""
    tree = yaml.safe_load(desk.book.read_text())
    tree["levels"] |= {"calm_sessions": 1, "low_sessions": 1, "confirm_after_sessions": 1}
    # What the market of this desk wants is never calm enough for the usual target.
    tree["portfolio"]["volatility_target"] = 0.9
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    with open_connection(desk.url) as connection:
        yield connection


def decide(desk: SmallDesk, number: int) -> None:
    """Decide a session in its own evening, at which a person can see it."""
    set_clock(desk.url, get_calendar().known_from(session(number)))
    desk.run(number)


def sent_to(desk: SmallDesk, conn: Connection, level: int) -> None:
    """Decide the first session, and the second at a level that a person has set."""
    decide(desk, 0)
    fact = set_level(conn, load_book(desk.book), level, reason="a drill", who="ann")
    assert fact.session == session(1)
    decide(desk, 1)


def level_of(conn: Connection) -> int:
    found = newest_risk_state(conn, BOOK)
    assert found is not None
    return found.state.level


def kinds(conn: Connection) -> list[tuple[str, date]]:
    return [(one.kind, one.session) for one in read_risk_events(conn, BOOK, date.max)]


def test_a_book_waits_until_a_person_confirms_and_comes_back_by_its_next_decision(
    desk: SmallDesk, conn: Connection
) -> None:
    sent_to(desk, conn, 4)
    waiting = what_waits(conn, BOOK)
    assert waiting is not None
    assert (waiting.episode, waiting.wanted) == (Episode(4, session(1)), "confirm")
    assert (waiting.session, waiting.asked, waiting.rejected) == (session(1), session(1), None)
    assert waiting.nav is not None
    assert waiting.drawdown == 1 - waiting.nav / waiting.peak
    # All else would let it come back here, the simulated person included: a real one was asked.
    decide(desk, 2)
    decide(desk, 3)
    assert level_of(conn) == 4
    assert answer(conn, BOOK, **YES).kind == "confirm"
    assert what_waits(conn, BOOK) is None
    decide(desk, 4)
    [entered, back] = level_changes(conn, BOOK)
    assert (entered.before, entered.after, entered.cause, entered.who) == (0, 4, "person", "ann")
    assert (back.before, back.after, back.cause, back.who) == (4, 0, "way back", "ann")
    assert back.session == session(4)


def test_a_rejection_keeps_the_book_where_it_is_until_somebody_says_yes(
    desk: SmallDesk, conn: Connection
) -> None:
    sent_to(desk, conn, 4)
    assert answer(conn, BOOK, **NO).session == session(2)
    decide(desk, 2)
    decide(desk, 3)
    assert level_of(conn) == 4
    assert desk.rows("SELECT count(*) FROM nightdesk.orders WHERE session = %s", session(3)) == [(0,)]
    waiting = what_waits(conn, BOOK)
    assert waiting is not None
    assert waiting.rejected is not None
    assert (waiting.rejected.who, waiting.rejected.reason) == ("bob", "too early")
    answer(conn, BOOK, **YES)
    decide(desk, 4)
    assert level_of(conn) == 0
    assert kinds(conn)[-2:] == [("reject", session(2)), ("confirm", session(4))]


def test_whoever_says_no_takes_an_earlier_yes_back(desk: SmallDesk, conn: Connection) -> None:
    sent_to(desk, conn, 4)
    answer(conn, BOOK, **YES)
    answer(conn, BOOK, **NO)
    assert what_waits(conn, BOOK) is not None
    decide(desk, 2)
    decide(desk, 3)
    assert level_of(conn) == 4


def test_the_same_word_of_the_same_person_is_stored_once_and_of_another_is_refused(
    desk: SmallDesk, conn: Connection
) -> None:
    sent_to(desk, conn, 3)
    first = answer(conn, BOOK, **YES)
    assert first.kind == "review"
    assert answer(conn, BOOK, **YES) == first
    with pytest.raises(AlreadyAnswered, match=f"entered on {session(1)}, was reviewed by ann, from the dec"):
        answer(conn, BOOK, **YES | {"who": "bob"})
    answer(conn, BOOK, **NO)
    with pytest.raises(AlreadyAnswered, match="was rejected by bob"):
        answer(conn, BOOK, **NO | {"who": "ann"})
    assert [kind for kind, _ in kinds(conn)] == ["level", "ask", "review", "reject"]


def test_an_answer_about_another_stay_at_a_level_is_refused(desk: SmallDesk, conn: Connection) -> None:
    sent_to(desk, conn, 3)
    shown = Episode(3, session(1))
    set_level(conn, load_book(desk.book), 4, reason="worse", who="ann")
    decide(desk, 2)
    with pytest.raises(Refused, match=f"level 3 since {session(1)}: it stands at drawdown level 4 since"):
        answer(conn, BOOK, **YES, about=shown)
    assert what_waits(conn, BOOK).wanted == "confirm"  # type: ignore[union-attr]


def test_a_review_that_comes_as_the_book_falls_on_serves_no_confirmation(
    desk: SmallDesk, conn: Connection
) -> None:
    sent_to(desk, conn, 3)
    set_level(conn, load_book(desk.book), 4, reason="worse", who="ann")
    assert answer(conn, BOOK, **YES).session == session(2)
    decide(desk, 2)
    assert what_waits(conn, BOOK).episode == Episode(4, session(2))  # type: ignore[union-attr]
    assert answer(conn, BOOK, **NO).kind == "reject"


def test_an_answer_acknowledges_the_alert_that_asked(desk: SmallDesk, conn: Connection) -> None:
    sent_to(desk, conn, 4)
    answer(conn, BOOK, **YES)
    [asked] = [one for one in alerts_of(conn, BOOK) if one["alert_key"].startswith("waits ")]
    assert asked["level"] == "EMERGENCY"
    assert asked["acknowledged_by"] == "ann"


@pytest.mark.parametrize("word", [YES, NO])
def test_an_answer_acknowledges_what_was_asked_of_earlier_levels_too(
    desk: SmallDesk, conn: Connection, word: dict[str, object]
) -> None:
    sent_to(desk, conn, 3)
    set_level(conn, load_book(desk.book), 4, reason="worse", who="ann")
    decide(desk, 2)
    answer(conn, BOOK, **word)
    asked = [one["acknowledged_by"] for one in alerts_of(conn, BOOK) if one["level"] == "EMERGENCY"]
    assert asked == [word["who"]] * 2


@pytest.mark.parametrize("word", [{"reason": " "}, {"who": ""}])
def test_an_answer_without_a_reason_or_a_person_is_refused(
    desk: SmallDesk, conn: Connection, word: dict[str, str]
) -> None:
    sent_to(desk, conn, 4)
    with pytest.raises(Refused, match="wants a reason and a person"):
        answer(conn, BOOK, **YES | word)
    assert what_waits(conn, BOOK) is not None


def test_a_book_that_waits_for_nobody_is_not_answered(desk: SmallDesk, conn: Connection) -> None:
    with pytest.raises(Refused, match="book small was never started"):
        answer(conn, BOOK, **YES)
    assert what_waits(conn, BOOK) is None
    decide(desk, 0)
    with pytest.raises(Refused, match="waits for nobody: it stands at drawdown level 0"):
        answer(conn, BOOK, **YES)


def test_a_level_that_is_set_is_deeper_than_what_stands_or_is_due(desk: SmallDesk, conn: Connection) -> None:
    book = load_book(desk.book)
    with pytest.raises(Refused, match="book small was never started"):
        set_level(conn, book, 2, reason="why not", who="ann")
    decide(desk, 0)
    for level in (0, 5):
        with pytest.raises(Refused, match=f"there is no drawdown level {level}"):
            set_level(conn, book, level, reason="why not", who="ann")
    set_level(conn, book, 2, reason="why not", who="ann")
    with pytest.raises(Refused, match=f"ann has set level 2 for the decision of {session(1)}"):
        set_level(conn, book, 1, reason="less", who="bob")
    decide(desk, 1)
    assert level_of(conn) == 2
    with pytest.raises(Refused, match=f"it stands at drawdown level 2 since {session(1)}. A level that is"):
        set_level(conn, book, 2, reason="again", who="bob")
    with pytest.raises(Refused, match="has no drawdown levels"):
        set_level(conn, book.model_copy(update={"levels": None}), 3, reason="why", who="bob")


def test_no_level_is_set_while_a_decision_is_made(desk: SmallDesk, conn: Connection) -> None:
    decide(desk, 0)
    with open_connection(desk.url) as other, book_lock(other, BOOK), pytest.raises(Transient):
        set_level(conn, load_book(desk.book), 2, reason="why", who="ann", wait_seconds=0.0)
    assert kinds(conn) == []


def test_resuming_does_what_is_needed_and_asks_what_is_meant_where_both_stop_the_book(
    desk: SmallDesk, conn: Connection
) -> None:
    sent_to(desk, conn, 4)
    kill(conn, BOOK, reason="a wrong price", who="bob", file=desk.book)
    why = {"reason": "it is right", "who": "ann"}
    with pytest.raises(Refused, match=r"two things.*bob: a wrong price.*level 4 waits to be confirmed since"):
        resume(conn, BOOK, **why)
    with pytest.raises(Refused, match="leave the kill switch out"):
        resume(conn, BOOK, **why, what="both", approved=False)
    rejected = resume(conn, BOOK, **why, approved=False)
    assert (rejected.released, rejected.answered.kind, rejected.stopped) == (None, "reject", True)  # type: ignore[union-attr]
    done = resume(conn, BOOK, **why, what="both")
    assert done.released is not None
    assert (done.answered.kind, done.stopped) == ("confirm", False)  # type: ignore[union-attr]
    with pytest.raises(AlreadyAnswered, match="was confirmed by ann"):
        resume(conn, BOOK, reason="again", who="bob")


def test_resuming_undoes_the_one_thing_that_stops_the_book(desk: SmallDesk, conn: Connection) -> None:
    why = {"reason": "it is right", "who": "ann"}
    decide(desk, 0)
    with pytest.raises(Refused, match="book small is not stopped"):
        resume(conn, BOOK, **why)
    kill(conn, BOOK, reason="a wrong price", who="bob", file=desk.book)
    assert resume(conn, BOOK, **why).answered is None


def test_a_person_is_shown_the_numbers_and_what_a_yes_means(desk: SmallDesk, conn: Connection) -> None:
    sent_to(desk, conn, 4)
    answer(conn, BOOK, **NO)
    waiting = what_waits(conn, BOOK)
    assert waiting is not None
    levels = load_book(desk.book).levels
    assert levels is not None
    [entered] = level_changes(conn, BOOK)
    question = question_of(waiting, levels, entered)
    assert question.subject == "Confirm drawdown level 4 of small: may it come back?"
    for said in (
        f"since **{session(1)}**",
        "a person has set it (ann)",
        "Everything is liquidated.",
        f"| NAV | {waiting.nav:,.2f} dollars |",
        f"| Drawdown | {waiting.drawdown:.2%} |",
        "bob has rejected it before: too early",
        "calm for 1 session running (now 0)",
        "**Reject**",
    ):
        assert said in question.body
