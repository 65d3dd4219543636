"""A book of pairs through the store: what people read of it, a leg that is rejected, a list of members."""

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import open_connection
from tests.pair_market import INCEPTION, PAIRS, SYMBOLS, pair_market, session
from tests.session.quick_checks import check_quickly

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.operations.trace import trace
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.member_books import with_listed
from nightdesk.research.backtest.run import backtest
from nightdesk.session.context import Context
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session, signals, targets
from nightdesk.store.db import Connection, transaction
from nightdesk.store.ledger_rows import read_ledger, read_marks
from nightdesk.store.order_rows import move_order, orders_of
from nightdesk.store.pair_rows import pair_states_of

PARAMS = {"enter": 0.9, "stop": 2.6, "sessions": 6, "volatility_window": 5, "volatility_mean": 20}


def at(conn: Connection, book: Path, number: int) -> Any:
    return open_context(book, session(number), conn=conn, turn_seconds=0)


def states(context: Context) -> dict[str, Any]:
    found = pair_states_of(context.conn, context.book.name, context.as_of)
    return {one.name: one for one in found.get("pairs", ())}


def test_a_rejected_leg_lets_none_be_sent_and_the_pair_may_be_entered_again(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    book = pair_market(tmp_path / "couples", (), PARAMS).book
    with open_connection(database) as conn:
        number = 0
        while True:
            with at(conn, book, number) as context:
                run_session(context, last="orders")
                planned = orders_of(conn, context.book.name, context.as_of)
                if planned:
                    break
                run_session(context, first="submit")
            number += 1
            assert number < 12, "no pair was entered"
        with at(conn, book, number) as context:
            opened = next(one for one in states(context).values() if one.phase == "open")
            told = signals(context, "pairs")
            assert told["heard"] == "in turn"
            assert targets(context)["written"] == 0, "a rerun gives what was there"
            gone = next(one.order for one in planned if one.order.symbol == opened.a)
            with transaction(conn):
                move_order(conn, gone.client_order_id, *context.moment, "rejected", "by the test")
            run_session(context, first="submit")
            story = trace(context, opened.b)
            [words] = [one["words"] for one in story["signals"]]
            assert words == f"{opened.name}: {opened.reason}"
            with conn.cursor() as cursor:
                cursor.execute("SELECT html FROM nightdesk.reports WHERE as_of = %s", (context.as_of,))
                [(page,)] = cursor.fetchall()
            assert f"{opened.name}: " in page
        with at(conn, book, number + 1) as context:
            run_session(context)
            then = states(context)[opened.name]
            assert "its entry came to nothing" in then.reason
            assert (then.phase, then.sessions) in {("candidate", 0), ("open", 0)}


def test_a_pair_that_is_taken_out_of_the_list_while_it_is_open_is_left_whole(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    book = pair_market(tmp_path / "couples", (), PARAMS).book
    with open_connection(database) as conn:
        for number in range(13):
            with at(conn, book, number) as context:
                run_session(context)
                now = states(context)
            held = [one for one in now.values() if one.phase == "open" and one.sessions]
            if held and not held[0].leaving:
                break
        else:
            pytest.fail("no pair was held")
        pair = held[0]
        tree = yaml.safe_load(book.read_text())
        left = [one for one in tree["strategies"]["pairs"]["params"]["pairs"] if tuple(one) != pair.legs]
        tree["strategies"]["pairs"]["params"]["pairs"] = left
        book.write_text(yaml.safe_dump(tree, sort_keys=False))
        with at(conn, book, number + 1) as context:
            run_session(context)
            then = states(context)[pair.name]
            assert (then.phase, then.leaving) == ("open", "unlisted")
            assert "no list names it any more" in then.reason
        with at(conn, book, number + 2) as context:
            run_session(context)
            ledger = read_ledger(conn, context.book.name, context.as_of)
            assert ledger is not None
            assert not {one.symbol for one in ledger.held()} & {*pair.legs}
            assert states(context)[pair.name].phase == "cooling"


def test_targets_without_the_factors_step_are_refused_with_what_to_run(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    book = pair_market(tmp_path / "couples", (), PARAMS).book
    with open_connection(database) as conn, at(conn, book, 0) as context:
        run_session(context, last="quality")
        with pytest.raises(Refused, match="run this session's factors step first"):
            signals(context, "pairs")


@pytest.mark.timeout(600)
def test_in_a_list_of_members_states_go_on_where_nothing_else_is_said(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    always = sorted({"SPY", *SYMBOLS} - {"BBB", "HHH"})
    listed = tmp_path / "members.csv"
    with listed.open("w", newline="") as file:
        rows = [["BBB", session(-300), session(12)], ["HHH", session(-300), ""]]
        csv.writer(file).writerows([["symbol", "from", "until"], *rows])
    each = {"asset_class": "equity", "group": "stocks", "max_weight": 0.2}
    universe = {"members": f"files:{listed}", "each": each, "always": always}
    named = {"pairs": [list(one) for one in PAIRS if not {"BBB", "HHH"} & {*one}]}
    market = pair_market(tmp_path / "couples", (), {**PARAMS, **named, "sessions": 1}, universe=universe)
    stated = load_book(market.book)
    assert stated.origin is not None
    last = session(24)
    book = with_listed(stated, stated.origin, INCEPTION, last)
    result = backtest(book, read_market(book, stated.origin, last).panel, INCEPTION, last)
    with open_connection(database) as conn:
        for number in range(25):
            with at(conn, market.book, number) as context:
                run_session(context)
        for one in result.decided:
            mine = sorted(one.spoken["pairs"].states, key=lambda state: state.legs)
            kept = pair_states_of(conn, book.name, result.market.closes[one.t]).get("pairs", ())
            assert repr(tuple(kept)) == repr(tuple(mine))
        assert read_marks(conn, book.name) == tuple(one.state.mark for one in result.decided)
    assert sum(len(one.fills) for one in result.decided) >= 6
    assert any(one.phase == "cooling" for day in result.decided for one in day.spoken["pairs"].states)
