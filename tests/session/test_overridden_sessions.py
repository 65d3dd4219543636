"""Overrides in the daily run: counted from the next decision on, and read as they were known by reruns."""

import threading
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from tests.conftest import open_connection
from tests.hourly import HOURLY
from tests.session.hourly_desk import HourlyDesk, at
from tests.session.kept_desk import DeskAfter
from tests.session.small_desk import SmallDesk, session

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.operations.book_concerns import concerns_of
from nightdesk.operations.override import LONGEST, end_override, state_override
from nightdesk.operations.trace import trace
from nightdesk.session.report import session_report
from nightdesk.session.risk_state import session_overrides
from nightdesk.store.override_rows import standing_overrides, stated_overrides


def said(desk: SmallDesk, kind: str = "close-only", **changed: Any) -> str:
    fields: dict[str, Any] = {"until": session(9), "by": "ann", "reason": "drill", **changed}
    with desk.connection() as conn:
        return state_override(conn, load_book(desk.book), kind, **fields)


def ended(desk: SmallDesk, **changed: Any) -> str:
    fields: dict[str, Any] = {"by": "bob", "reason": "over", **changed}
    with desk.connection() as conn:
        return end_override(conn, load_book(desk.book), **fields)


def stored(desk: SmallDesk) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT symbol, kind, from_session, until_session, stated_by FROM nightdesk.overrides "
        "ORDER BY override_id"
    )


def orders(desk: SmallDesk, number: int) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT symbol, side, quantity FROM nightdesk.orders WHERE session = %s ORDER BY symbol",
        session(number),
    )


def verdicts(desk: SmallDesk, number: int) -> list[str]:
    with desk.at(number) as context:
        return [line.words for line in session_report(context).verdicts]


def limited_from_the_first(make_desk: Callable[[], SmallDesk], **changed: Any) -> SmallDesk:
    """A book that was started, and of which nothing may be bought."""
    desk = make_desk()
    desk.run_steps(0, "ingest", "ingest")
    said(desk, **changed)
    return desk


def test_a_book_that_may_not_buy_buys_nothing_and_page_trace_and_status_say_who_said_so(
    make_desk: Callable[[], SmallDesk], desk_after: DeskAfter
) -> None:
    assert {side for _, side, _ in orders(desk_after(1), 0)} == {"buy"}
    desk = limited_from_the_first(make_desk)
    desk.run(0)
    assert orders(desk, 0) == []
    words = f"close-only of the whole book by ann from {session(0)} until {session(9)} (drill)"
    assert any(f"by overrides: {words}" in line for line in verdicts(desk, 0))
    with desk.at(0) as context:
        report, story = session_report(context), trace(context, "GLD")
        found = concerns_of(context.conn, "small", context.schedule)
    assert [one.line for one in report.concerns if one.about == "by hand"] == [f"LIMITED by hand: {words}"]
    assert [one.line for one in found if one.about == "by hand"] == [f"LIMITED by hand: {words}"]
    assert "overrides" in {line.rule for line in report.verdicts}
    assert story["overrides"] == [words]
    ((html,),) = desk.rows("SELECT html FROM nightdesk.reports WHERE session = %s", session(0))
    assert "Limited by hand" in str(html)
    assert "close-only of the whole book by ann" in str(html)


def test_a_sealed_session_that_runs_again_reads_what_was_known_at_its_decision(
    make_desk: Callable[[], SmallDesk],
) -> None:
    desk = limited_from_the_first(make_desk)
    desk.run(0)
    ended(desk)
    desk.run(1)
    assert {side for _, side, _ in orders(desk, 1)} == {"buy"}
    before = desk.dump()
    told = said(desk, "max-size", size=0.0, reduce=True)
    assert f"counts from the decision of {session(2)} on" in told
    for number in (0, 1):
        assert {outcome["differs"] for outcome in desk.run(number).values()} == {0}
    after = desk.dump()
    assert {table for table in after if after[table] != before[table]} == {"overrides"}
    desk.run(2)
    assert {side for _, side, _ in orders(desk, 2)} == {"sell"}
    assert len(orders(desk, 2)) >= 2


def test_a_decision_under_way_reads_it_only_when_it_begins_anew(make_desk: Callable[[], SmallDesk]) -> None:
    desk = make_desk()
    desk.run_steps(0, "ingest", "quality")
    told = said(desk)
    assert "under way with what was known by" in told
    assert "clear its ingest task" in told
    desk.run_steps(0, "factors", "gate")
    assert not any("by overrides" in line for line in _gate_words(desk, 0))
    desk.run_steps(0, "ingest", "gate")
    assert any("by overrides" in line for line in _gate_words(desk, 0))
    known = desk.rows("SELECT known_by FROM nightdesk.runs WHERE session = %s", session(0))
    desk.run_steps(0, "ingest", "gate")
    assert desk.rows("SELECT known_by FROM nightdesk.runs WHERE session = %s", session(0)) == known


def _gate_words(desk: SmallDesk, number: int) -> list[str]:
    with desk.at(number) as context:
        return [
            line["words"] for symbol in context.book.symbols for line in trace(context, symbol)["verdicts"]
        ]


@pytest.mark.parametrize(
    ("kind", "changed", "words"),
    [
        ("close-only", {"until": session(0)}, "would end before it counts, in the decision of"),
        ("close-only", {"until": date(1, 1, 1)}, "would end before it counts"),
        ("close-only", {"until": session(1) + LONGEST + timedelta(days=1)}, "longer than two years"),
        ("close-only", {"until": date.max}, "longer than two years"),
        ("close-only", {"symbol": "MSFT"}, "'MSFT' is not a symbol that book small trades: they are SPY,"),
        ("close-only", {"symbol": "<b>\nGLD" + "x" * 10_000}, "is not a symbol that book small trades"),
        ("close-only", {"symbol": ""}, "'' is not a symbol"),
        ("close-only", {"reason": " \n "}, "wants a reason and a person"),
        ("close-only", {"by": "\x00"}, "wants a reason and a person"),
        ("close-only", {"reason": "x" * 10_000}, "a reason of 10,000 characters stands in every verdict"),
        ("close-only", {"by": "x" * 101}, "a person's name of 101 characters"),
        ("close-only", {"size": 0.1}, "close-only takes no size"),
        ("no-new-entries", {"reduce": True}, "no-new-entries takes no size"),
        ("max-size", {}, "max-size wants a share of NAV"),
        ("max-size", {"size": 5.0}, "expected 0 to 1, such as 0.05 for 5 %; 5 % is 0.05"),
        ("max-size", {"size": -0.1}, "is no share of NAV"),
        ("max-size", {"size": float("nan")}, "is no share of NAV"),
        ("sell all", {}, "'sell all' is no override: expected one of close-only, no-new-entries, max-size"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_words_and_nothing_is_stored(
    desk_after: DeskAfter, kind: str, changed: dict[str, Any], words: str
) -> None:
    desk = desk_after(1)
    with pytest.raises(Refused) as refused:
        said(desk, kind, **changed)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 400
    assert "\n" not in str(refused.value)
    assert stored(desk) == []


def test_a_book_that_was_never_started_cannot_be_limited(make_desk: Callable[[], SmallDesk]) -> None:
    with pytest.raises(Refused, match="was never started"):
        said(make_desk())


def test_said_twice_alike_it_is_stored_once_and_said_otherwise_it_is_refused(desk_after: DeskAfter) -> None:
    desk = desk_after(1)
    said(desk, symbol="GLD")
    assert "was said already" in said(desk, symbol="GLD")
    assert len(stored(desk)) == 1
    with pytest.raises(
        Refused, match=r"stands already. End it first: `nightdesk override small GLD close-only --end"
    ):
        said(desk, symbol="GLD", by="bob")
    said(desk, "no-new-entries", symbol="GLD")
    said(desk)
    assert len(stored(desk)) == 3


def test_of_two_people_at_once_one_is_stored_and_the_other_refused(desk_after: DeskAfter) -> None:
    desk, ends = desk_after(1), []

    def say(who: str) -> None:
        try:
            ends.append(said(desk, symbol="GLD", by=who))
        except Refused as error:
            ends.append(f"refused: {error}")

    _at_once(*(lambda who=who: say(who) for who in ("ann", "bob", "cyd")))
    assert len(stored(desk)) == 1
    assert sum(one.startswith("refused: ") and "stands already" in one for one in ends) == 2


def test_an_end_counts_once_and_who_comes_second_hears_so(desk_after: DeskAfter) -> None:
    desk = desk_after(1)
    said(desk, symbol="GLD")
    said(desk, "max-size", symbol="GLD", size=0.05)
    said(desk)
    told = ended(desk, symbol="GLD", kind="max-size")
    assert f"small: ended from the decision of {session(1)} on: GLD: max-size of 5.00% by ann" in told
    ended(desk, symbol="GLD")
    with pytest.raises(
        Refused, match=r"nobody limits GLD now.*limited by hand: close-only of the whole book"
    ):
        ended(desk, symbol="GLD")
    with desk.connection() as conn:
        assert [one.symbol for one in standing_overrides(conn, "small", session(1))] == [None]
        ends = [(one.ended_by, one.ended_reason) for one in stated_overrides(conn, "small")]
    assert ends == [("", ""), ("bob", "over"), ("bob", "over")]
    assert [one.book for one in _page(desk, newest=2)] == ["small", "small"]
    assert [one.override.kind for one in _page(desk, newest=2, before=3)] == ["max_size", "close_only"]


def _page(desk: SmallDesk, **asked: int) -> tuple[Any, ...]:
    with desk.connection() as conn:
        return stated_overrides(conn, "small", **asked)


def test_one_that_is_over_stands_no_more_and_lets_the_book_buy_again(
    make_desk: Callable[[], SmallDesk],
) -> None:
    desk = limited_from_the_first(make_desk, until=session(0))
    desk.run(0)
    with desk.connection() as conn:
        assert standing_overrides(conn, "small", session(1)) == ()
    desk.run(1)
    assert {side for _, side, _ in orders(desk, 1)} == {"buy"}


def test_one_that_is_said_while_the_orders_are_out_counts_from_the_decision_after(
    make_desk: Callable[[], SmallDesk],
) -> None:
    desk = make_desk()
    desk.run_steps(0, "ingest", "submit")
    told = said(desk)
    assert f"counts from the decision of {session(1)} on" in told
    assert "under way" not in told
    assert stored(desk)[0][2] == session(1)


def test_within_a_session_it_counts_from_the_next_hour_on(hourly_desk: HourlyDesk) -> None:
    book, by = load_book(hourly_desk.book), {"by": "ann", "reason": "drill"}
    hourly_desk.run(0)
    with open_connection(hourly_desk.url) as conn:
        told = state_override(conn, book, "close-only", until=HOURLY.session_of(at(0)), **by)
        assert f"counts from the decision of {HOURLY.name_of(at(1))} on" in told
        hourly_desk.run(1)
        (fact,) = standing_overrides(conn, book.name, HOURLY.session_of(at(0)))
        assert fact.begins == at(1)
        assert fact.since == HOURLY.session_of(at(0))
        with hourly_desk.at(0) as earlier, hourly_desk.at(1) as later:
            assert session_overrides(earlier) == ()
            assert session_overrides(later) == (fact,)
        end_override(conn, book, **by)
        with hourly_desk.at(1) as later:
            assert [one.number for one in session_overrides(later)] == [fact.number]
    hourly_desk.run(2)
    with hourly_desk.at(2) as after:
        assert session_overrides(after) == ()


def test_a_secret_in_a_reason_is_hidden_and_lines_are_joined(
    desk_after: DeskAfter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_ACCOUNT_SMALL_SECRET", "hush-hush-hush")
    desk = desk_after(1)
    told = said(desk, reason="the key is hush-hush-hush\nand <b>bold</b>")
    assert "hush" not in told
    assert desk.rows("SELECT reason FROM nightdesk.overrides") == [("the key is *** and <b>bold</b>",)]
    desk.run(1)
    ((html,),) = desk.rows("SELECT html FROM nightdesk.reports WHERE session = %s", session(1))
    assert "<b>bold</b>" not in str(html)
    assert "&lt;b&gt;bold" in str(html)


def _at_once(*works: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
