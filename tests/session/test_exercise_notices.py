"""Notices of exercise and assignment in a book: the same in both drivers, and what is refused."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.conftest import open_connection
from tests.session.contract_desk import CALL, EXPIRY, LAST, PUT, book_of, injected
from tests.session.small_desk import ORIGIN, STRATEGY, SmallDesk, session
from typer.testing import CliRunner

from nightdesk.accounting.exercise_notices import ExerciseNotice
from nightdesk.accounting.ledger import Entry
from nightdesk.cli import app
from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.engine.injection import read_injections
from nightdesk.operations.give_notice import give_notices
from nightdesk.operations.replay import rewind
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.session.contract_notices import early_ends
from nightdesk.session.entry import open_standing
from nightdesk.store.ledger_rows import read_entries, read_marks

ONE, TWO = Decimal(1), Decimal(2)
ASSIGNED = ExerciseNotice(session(2), PUT, "assignment", TWO, "broker notice", "me")
EXERCISED = ExerciseNotice(session(3), CALL, "exercise", ONE, "for the dividend", "me")


def give(desk: SmallDesk, *notices: ExerciseNotice, sealed: bool = False) -> tuple[ExerciseNotice, ...]:
    with open_connection(desk.url) as conn, open_standing(desk.book, conn=conn, feed=desk.feed) as context:
        return give_notices(context, notices, reason="told", who="me", sealed=sealed)


def in_memory(desk: SmallDesk, last: int, *notices: ExerciseNotice) -> Result:
    book = load_book(desk.book)
    panel = read_market(book, ORIGIN, session(last), [desk.feed]).panel
    begun = book.model_copy(update={"inception": session(0), "origin": ORIGIN})
    signals = [one for n in range(last + 1) for one in read_injections(injected(desk, n), book)]
    return backtest(begun, panel, session(0), session(last), injected=signals, notices=notices)


def page(desk: SmallDesk, number: int) -> str:
    (html,) = desk.rows("SELECT html FROM nightdesk.reports WHERE session = %s", session(number))[0]
    return str(html)


def early(entries: tuple[Entry, ...]) -> list[tuple[str, str, Decimal]]:
    found = (one for one in entries if one.reference.startswith("early-"))
    return sorted((one.kind, one.symbol, one.quantity) for one in found)


@pytest.mark.timeout(300)
def test_notices_count_the_same_in_both_drivers(desk: SmallDesk) -> None:
    book_of(desk)
    for number in range(LAST + 1):
        if number == 2:
            once = replace(ASSIGNED, quantity=ONE)
            assert give(desk, once) == (once,)
            assert give(desk, ASSIGNED) == (ASSIGNED,)  # in its place
            assert give(desk, ASSIGNED) == ()  # stated again it is the same fact
        if number == 3:
            assert give(desk, EXERCISED) == (EXERCISED,)
        desk.run(number, inject=injected(desk, number))
    result = in_memory(desk, LAST, EXERCISED, ASSIGNED)
    with open_connection(desk.url) as conn:
        book = load_book(desk.book).name
        assert read_marks(conn, book) == tuple(one.state.mark for one in result.decided)
        entries = read_entries(conn, book)
        assert sorted(entries, key=repr) == sorted(result.entries, key=repr)
        assert verify(conn, book).differences == ()
    assert early(entries) == [
        ("assignment", "SPY", Decimal(200)),
        ("assignment", PUT, TWO),
        ("exercise", "SPY", Decimal(100)),
        ("exercise", CALL, -ONE),
    ]
    # what is left of the put ends at the expiry
    last = result.decided[-1].state.ledger
    assert last.positions[STRATEGY, CALL].quantity == last.positions[STRATEGY, PUT].quantity == 0
    (rest,) = (one for one in entries if one.kind == "expiry")
    assert (rest.session, rest.symbol) == (EXPIRY, PUT)
    told = desk.rows("SELECT subject FROM nightdesk.alerts WHERE alert_key LIKE 'notice %%' ORDER BY 1")
    assert told == [(f"small: {ASSIGNED}",), (f"small: {EXERCISED}",)]


def test_what_cannot_be_booked_is_refused_and_a_sealed_session_is_decided_anew(desk: SmallDesk) -> None:
    book_of(desk)
    for number in range(3):
        desk.run(number, inject=injected(desk, number))
    with pytest.raises(
        Refused, match=rf"the session {session(2)} was begun.*next session, {session(3)}.*--sealed"
    ):
        give(desk, ASSIGNED)
    with pytest.raises(Refused, match=r"is short 0 of it after its newest settling.*`exercise` is for"):
        give(desk, replace(EXERCISED, kind="assignment"))
    with pytest.raises(Refused, match="is no option of book small: its universe names"):
        give(desk, EXERCISED, replace(EXERCISED, symbol="SPY"))
    assert desk.rows("SELECT count(*) FROM nightdesk.exercise_notices") == [(0,)]
    give(desk, ASSIGNED, sealed=True)
    count = "SELECT count(*) FROM nightdesk.ledger_entries WHERE kind = 'assignment'"
    with desk.at(2) as context:
        (late,) = early_ends(context)
    assert late == f"Not booked, as it came after the decision had begun: {ASSIGNED} (me: broker notice)."
    desk.run(2, inject=injected(desk, 2))  # a sealed session is compared by what it knew
    assert desk.rows(count) == [(0,)]
    with desk.at(2) as context:
        rewind(context)
    desk.run(2, inject=injected(desk, 2))
    result = in_memory(desk, 2, ASSIGNED)
    with open_connection(desk.url) as conn:
        entries = read_entries(conn, "small")
    assert sorted(entries, key=repr) == sorted(result.entries, key=repr)
    assert early(entries) == [("assignment", "SPY", Decimal(200)), ("assignment", PUT, TWO)]


def test_a_backtest_refuses_a_notice_that_no_session_would_book(desk: SmallDesk) -> None:
    book_of(desk)
    with pytest.raises(Refused, match=r"is of no session that is decided \(2022-03-01 to 2022-03-02\)"):
        in_memory(desk, 1, ASSIGNED)
    with pytest.raises(Refused, match=r"assignment of 9000 .* is short \d+ of them before the open"):
        in_memory(desk, 2, replace(ASSIGNED, quantity=Decimal(9000)))


def test_a_person_states_and_lists_notices(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    book_of(desk)
    for number in range(2):
        desk.run(number, inject=injected(desk, number))
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", desk.url)
    book, day = str(desk.book), str(session(2))

    def said(*words: str, status: int = 0) -> str:
        result = CliRunner().invoke(app, [*words])
        assert result.exit_code == status, result.output
        return result.output

    assert "nothing was stated" in said("notices", book)
    options = ("--session", day, "--reason", "broker notice")
    assert said("assign", book, PUT, "2", *options).startswith(f"small: assignment of 2 {PUT} in {day} (")
    assert "it was stated already" in said("assign", book, PUT, "2", *options)
    assert "is short 133 of it" in said("assign", book, PUT, "200", *options, status=1)
    assert "holds 0 of it" in said("exercise", book, PUT, "1", *options, status=1)
    assert "is no number of contracts" in said("assign", book, PUT, "two", *options, status=2)
    (listed,) = json.loads(said("notices", book, "--json"))["notices"]
    assert (listed["contract"], listed["state"]) == (PUT, f"counts before the open of {day}")
    waits = f"  notice of {day}: assignment of 2 {PUT}: counts before the open of {day}\n"
    assert waits in said("status", "small")
    assert "is withdrawn" in said("assign", book, PUT, "0", *options)
    file = tmp_path / "notices.csv"
    file.write_text(f"session,contract,kind,quantity\n{day},{PUT},assignment,3\n")
    assert f"stated: assignment of 3 {PUT} in {day}" in said("notices", book, "--file", str(file))
    desk.run(2, inject=injected(desk, 2))
    (listed,) = json.loads(said("notices", book, "--json"))["notices"]
    assert (listed["quantity"], listed["state"], listed["reason"]) == (
        3,
        "booked",
        "stated in notices.csv",
    )
    assert f"  notice of {day}: assignment of 3 {PUT}: booked\n" in said("status", "small")
    words = re.escape(f"Assignment of 3 {PUT} before the open of {day}: +300 SPY for -")
    assert re.search(rf"<p>{words}[\d,.]+ dollars \(\S+: stated in notices\.csv\)\.</p>", page(desk, 2))
    assert "Exercised and assigned" not in page(desk, 1)
