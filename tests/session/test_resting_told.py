"""What rests for positions is told in sentences, on the page of a session, by trace and in the diary."""

from collections.abc import Callable
from datetime import date
from html import unescape
from pathlib import Path

import pytest
import yaml
from tests.session.small_desk import SmallDesk, instant, session

from nightdesk.alerts.figures import price
from nightdesk.alerts.session_page import render
from nightdesk.cockpit.held_positions import held_positions
from nightdesk.cockpit.trade_reasons import why_it_was_wanted
from nightdesk.operations.trace import trace
from nightdesk.orders.resting import legs_words, protects
from nightdesk.session.protection_lines import order_words, protection_lines
from nightdesk.session.report import session_report
from nightdesk.store.cockpit_order_rows import CostModel, diary_page
from nightdesk.store.cockpit_symbol_rows import trades_in
from nightdesk.store.ledger_rows import read_mark
from nightdesk.store.order_rows import orders_of
from nightdesk.store.protection_rows import standing_protections
from nightdesk.store.rows import read_rows

SESSIONS = 6


@pytest.fixture
def resting(make_desk: Callable[[], SmallDesk]) -> SmallDesk:
    """A desk whose stops and targets are so near that some are executed within days."""
    desk = make_desk()
    tree = yaml.safe_load(Path(desk.book).read_text())
    tree["protective"] = {"stop": 0.006, "target": 0.008}
    Path(desk.book).write_text(yaml.safe_dump(tree, sort_keys=False))
    for number in range(SESSIONS):
        desk.run(number)
    return desk


def test_what_rests_and_what_it_executed_is_told_wherever_orders_are(resting: SmallDesk) -> None:
    newest = SESSIONS - 1
    with resting.at(newest) as context:
        conn, book, as_of = context.conn, context.book.name, context.as_of
        standing = [one for one in standing_protections(conn, book, as_of) if one.rests]
        assert standing, "some position is protected"
        one = standing[0]
        [line] = [
            each for each in protection_lines(conn, book, as_of) if each.startswith(f"{one.symbol} of ")
        ]
        assert f"stop {price(one.stop_price)}" in line
        assert "target" in line
        assert f"placed on {one.placed_session}" in line

        page = unescape(render(session_report(context)))
        assert "<h2>Orders that rest</h2>" in page
        assert line in page

        mark = read_mark(conn, book, as_of)
        assert mark is not None
        held = {(each.strategy, each.symbol): each for each in held_positions(context, mark.nav)}
        assert held[one.strategy, one.symbol].protected
        assert held[one.strategy, one.symbol].protection in line

        diary = diary_page(conn, book, CostModel(), rows=50, states=("submitted",), rests=True)
        assert one.client_order_id in {each.client_order_id for each in diary}
        assert all(each.purpose.startswith("protect ") for each in diary)
        waiting = diary_page(conn, book, CostModel(), rows=50, states=("submitted",), rests=False)
        assert not {each.client_order_id for each in diary} & {each.client_order_id for each in waiting}

        own = [each for each in orders_of(conn, book, as_of) if protects(each.order)]
        if own:
            told = trace(context, own[0].order.symbol)["orders"]
            assert any(each["stop_price"] is not None for each in told)


def test_an_executed_stop_or_target_is_the_reason_of_its_fill(resting: SmallDesk) -> None:
    filled = resting.rows(
        "SELECT f.symbol, f.session, f.as_of FROM nightdesk.fills f JOIN nightdesk.orders o "
        "USING (client_order_id) WHERE o.purpose LIKE 'protect %%' ORDER BY f.as_of"
    )
    assert filled, "so near a stop or target is reached"
    symbol, day, _ = filled[-1]
    number = next(n for n in range(SESSIONS) if session(n) == day)
    with resting.at(number) as context:
        reasons = [one.reason for one in session_report(context).fills if one.symbol == symbol]
        assert any("the order that rested at" in one for one in reasons), reasons
        parts = trades_in(context.conn, str(symbol), [context.book.name], date(2000, 1, 1))
        assert any("the order that rested at" in why_it_was_wanted(one) for one in parts)


def test_what_rests_is_no_sale_among_the_orders_of_a_decision(resting: SmallDesk) -> None:
    with resting.connection() as conn:
        rows = read_rows(
            conn, "session_summaries", book="small", first=session(0), last=session(SESSIONS - 1)
        )
        placed = {
            row["as_of"]: [one.order for one in orders_of(conn, "small", row["as_of"]) if protects(one.order)]
            for row in rows
        }
        traded = {
            row["as_of"]: [one for one in orders_of(conn, "small", row["as_of"]) if not protects(one.order)]
            for row in rows
        }
    assert any(placed.values())
    for row in rows:
        assert len(row["orders"]) == len(traded[row["as_of"]])
        told = [
            f"{one.side} {one.quantity} {one.symbol} {legs_words(one.stop_price, one.target_price)}"
            for one in placed[row["as_of"]]
        ]
        assert sorted(row["resting"]) == sorted(one.replace(",", "") for one in told)
        words = order_words(row)
        assert all(one in words for one in (*row["orders"], *row["resting"]))
        assert ("to rest: " in words) == bool(told)


def test_a_position_whose_order_ended_is_told_first_and_as_without_protection(resting: SmallDesk) -> None:
    newest = instant(SESSIONS - 1)
    with resting.connection() as conn, conn.cursor() as cursor:
        rests = [one for one in standing_protections(conn, "small", newest) if one.rests]
        lost = rests[-1]
        cursor.execute(
            "UPDATE nightdesk.orders SET status = 'cancelled' WHERE client_order_id = %s",
            (lost.client_order_id,),
        )
        first, *others = protection_lines(conn, "small", newest)
    assert first.startswith(f"{lost.symbol} of {lost.strategy} is without protection: ")
    assert len(others) == len(rests) - 1
