"""The order diary: each order with its way, its cost and what became of it."""

import re
from collections.abc import Callable
from decimal import Decimal
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.cockpit.conftest import Door
from tests.cockpit.decided_desk import (
    BROKEN,
    SMALL,
    TWOFOLD,
    WAITING,
    DecidedDesk,
    as_project,
    instant,
    session,
)
from tests.cockpit.own_desk import OwnDesk
from tests.conftest import open_connection

from nightdesk.cockpit import orders_page
from nightdesk.core.book import load_book
from nightdesk.store.cockpit_order_rows import (
    CostModel,
    DiaryOrder,
    WayCost,
    diary_filled,
    diary_page,
    diary_sums,
    newest_span,
)

CENT = Decimal("0.01")


def rows_of(desk: DecidedDesk, statement: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
    with open_connection(desk.url) as conn, conn.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def model_of(desk: DecidedDesk, book: str) -> CostModel:
    return CostModel.of(load_book(desk.root / "books" / f"{book}.yaml"))


def diary(desk: DecidedDesk, book: str, **asked: object) -> tuple[DiaryOrder, ...]:
    with open_connection(desk.url) as conn:
        return diary_page(conn, book, model_of(desk, book), **{"rows": 100, **asked})  # type: ignore[arg-type]


@pytest.mark.parametrize("book", [SMALL, TWOFOLD])
def test_the_way_of_each_order_costs_what_its_fills_say(decided_desk: DecidedDesk, book: str) -> None:
    found = {one.client_order_id: one for one in diary(decided_desk, book)}
    fills = rows_of(
        decided_desk,
        "SELECT client_order_id, f.side, f.quantity, f.price, f.commission, f.reference_price, "
        "o.reference_price FROM nightdesk.fills f JOIN nightdesk.orders o USING (client_order_id) "
        "WHERE f.book = %s",
        book,
    )
    assert len(fills) >= 4
    for number, side, quantity, price, commission, opened, decided in fills:
        order, sign = found[number], 1 if side == "buy" else -1
        cost = order.cost
        assert cost is not None
        assert cost.notional == quantity * opened
        assert cost.delay == sign * quantity * (opened - decided)
        assert cost.slippage == sign * quantity * (price - opened) > 0
        assert cost.commission == commission
        assert cost.total == sign * quantity * (price - decided) + commission
        assert cost.expected_commission == quantity * price * Decimal("0.001")
        # The paper broker fills by the model, to the cent.
        assert abs(cost.beyond_model or 0) < CENT
        assert order.decision_price == decided
        assert order.fill_price == price
    assert set(found) >= {row[0] for row in fills}


def test_an_order_says_when_it_was_sent_and_what_became_of_it(decided_desk: DecidedDesk) -> None:
    newest, *_ = diary(decided_desk, SMALL)
    ((status, cause),) = rows_of(
        decided_desk,
        "SELECT status, cause FROM nightdesk.order_events WHERE client_order_id = %s ORDER BY number "
        "DESC LIMIT 1",
        newest.client_order_id,
    )
    assert (newest.status, newest.cause) == (status, cause)
    assert newest.planned_at is not None
    assert newest.sent_at is not None
    assert newest.planned_at <= newest.sent_at
    assert newest.sent_after == newest.sent_at - newest.as_of


@pytest.mark.parametrize("book", [SMALL, TWOFOLD])
def test_the_sums_by_strategy_and_month_are_those_of_the_orders(decided_desk: DecidedDesk, book: str) -> None:
    with open_connection(decided_desk.url) as conn:
        span = newest_span(conn, book, 250)
        assert span is not None
        months = diary_sums(conn, book, model_of(decided_desk, book), span)
    costs = [one.cost for one in diary(decided_desk, book) if one.cost is not None]
    assert {one.month for one in months} == {session(0).replace(day=1)}
    for part in ("notional", "delay", "expected_slippage", "slippage", "commission", "expected_commission"):
        added = sum(getattr(one.cost, part) for one in months)
        assert abs(added - sum(getattr(one, part) for one in costs)) < Decimal("1e-9")
    by_strategy = dict(
        rows_of(
            decided_desk,
            "SELECT strategy, sum(commission) FROM nightdesk.ledger_entries "
            "WHERE book = %s AND kind = 'fill' GROUP BY 1",
            book,
        )
    )
    assert {one.strategy: one.cost.commission for one in months} == by_strategy
    assert len(by_strategy) == (2 if book == TWOFOLD else 1)


def test_strategies_that_trade_against_each_other_share_what_their_order_cost(own_desk: OwnDesk) -> None:
    ((order, strategy, quantity),) = own_desk.run(
        "SELECT reference, strategy, quantity FROM nightdesk.ledger_entries WHERE book = %(book)s "
        "AND kind = 'fill' ORDER BY as_of, number LIMIT 1",
        book=SMALL,
    )
    own_desk.run(
        "UPDATE nightdesk.ledger_entries SET quantity = 3 * quantity WHERE reference = %(order)s "
        "AND kind = 'fill'",
        order=order,
    )
    own_desk.run(
        "INSERT INTO nightdesk.ledger_entries SELECT (jsonb_populate_record(e, jsonb_build_object("
        "'number', (SELECT max(number) + 1 FROM nightdesk.ledger_entries), "
        "'strategy', 'against', 'quantity', %(against)s, 'commission', 0))).* "
        "FROM nightdesk.ledger_entries e WHERE reference = %(order)s AND kind = 'fill'",
        order=order,
        against=-2 * quantity,
    )
    with open_connection(own_desk.desk.url) as conn:
        span = newest_span(conn, SMALL, 250)
        assert span is not None
        sums = diary_sums(conn, SMALL, model_of(own_desk.desk, SMALL), span)
        filled = diary_filled(conn, SMALL, span)
    orders = [one for one in diary(own_desk.desk, SMALL) if one.cost is not None]
    for part in ("notional", "delay", "expected_slippage", "slippage", "expected_commission"):
        added = sum(getattr(one.cost, part) for one in sums)
        assert abs(added - sum(getattr(one.cost, part) for one in orders)) < Decimal("1e-9"), part
    (crossed,) = (one for one in orders if one.client_order_id == order)
    (against,) = (one for one in sums if one.strategy == "against")
    assert crossed.cost is not None
    assert abs(against.cost.slippage + 2 * crossed.cost.slippage) < Decimal("1e-9"), "it gains what is paid"
    assert abs(against.cost.notional - crossed.cost.notional * 2 / 5) < Decimal("1e-9")
    assert filled == len(orders) < sum(one.orders for one in sums)
    assert strategy != "against"


def test_the_sums_are_of_the_sessions_that_are_asked_for(decided_desk: DecidedDesk) -> None:
    with open_connection(decided_desk.url) as conn:
        span = newest_span(conn, TWOFOLD, 2)
        assert span is not None
        assert (span.sessions, span.of) == (2, 8)
        assert (span.first_session, span.last_session) == (session(6), session(7))
        fewer = diary_sums(conn, TWOFOLD, CostModel(), span)
    ((fills,),) = rows_of(
        decided_desk,
        "SELECT count(*) FROM nightdesk.fills WHERE book = %s AND as_of >= %s",
        TWOFOLD,
        instant(6),
    )
    assert (fills > 0) == bool(fewer)


def test_a_split_before_the_fill_restates_the_decision_price(own_desk: OwnDesk) -> None:
    before = next(one for one in diary(own_desk.desk, SMALL) if one.cost is not None)
    own_desk.run(
        "INSERT INTO nightdesk.corporate_actions (symbol_id, session, kind, known_at, source, value, "
        "other, cash, note) "
        "SELECT symbol_id, %(session)s, 'split', now(), 'files', 4, '', 0, '' FROM nightdesk.symbols "
        "WHERE symbol = %(symbol)s",
        session=before.first_filled,
        symbol=before.symbol,
    )
    after = next(one for one in diary(own_desk.desk, SMALL) if one.client_order_id == before.client_order_id)
    assert before.decision_price is not None
    assert after.decision_price is not None
    assert after.cost is not None
    assert after.decision_price == before.decision_price / 4
    assert after.open_price is not None
    units = after.filled_quantity if after.side == "buy" else -after.filled_quantity
    assert after.cost.delay == units * (after.open_price - before.decision_price / 4)


def test_pages_show_every_order_once_the_newest_decision_first(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch, decided_desk: DecidedDesk
) -> None:
    monkeypatch.setattr(orders_page, "ROWS_A_PAGE", 3)
    path, seen, pages = f"/books/{SMALL}/orders", [], 0
    while path:
        page = browser.get(path).text
        seen += re.findall(
            rf'<th scope="row"><a class="figure" href="/cockpit/books/{SMALL}/trace/([^"]+)"', page
        )
        older = re.search(r'<a href="([^"]+)">Older</a>', page)
        path, pages = unescape(older[1]).removeprefix("/cockpit") if older else "", pages + 1
    ((orders,),) = rows_of(decided_desk, "SELECT count(*) FROM nightdesk.orders WHERE book = %s", SMALL)
    assert len(seen) == len(set(seen)) == orders
    assert pages == -(-orders // 3) > 1
    instants = [one.partition("as_of=")[2] for one in seen]
    assert instants == sorted(instants, reverse=True)


def test_the_list_is_narrowed_by_symbol_and_state(browser: TestClient) -> None:
    traced = rf"books/{TWOFOLD}/trace/([^?]+)\?"
    every = re.findall(traced, browser.get(f"/books/{TWOFOLD}/orders").text)
    asked = browser.get(f"/books/{TWOFOLD}/orders", params={"symbol": "GLD"}).text
    assert set(re.findall(traced, asked)) == {"GLD"} < set(every)
    waiting = browser.get(f"/books/{TWOFOLD}/orders", params={"state": "open"}).text
    assert "No order of the book is like that" in waiting or "submitted" in waiting
    hidden = browser.get(f"/books/{TWOFOLD}/orders", params={"symbol": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in hidden


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"state": "sold"}, "expected one of open, resting, filled, nothing"),
        ({"before": "no-such-order"}, "has no order no-such-order"),
        ({"sessions": "-1"}, "expected `all`, or a number"),
        ({"sessions": "1e9"}, "expected `all`, or a number"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words(
    browser: TestClient, asked: dict[str, str], words: str
) -> None:
    answer = browser.get(f"/books/{SMALL}/orders", params=asked)
    assert answer.status_code == 409
    assert words in unescape(answer.text)


def test_an_order_of_another_book_begins_no_page(browser: TestClient, decided_desk: DecidedDesk) -> None:
    other = diary(decided_desk, TWOFOLD)[0].client_order_id
    assert browser.get(f"/books/{SMALL}/orders", params={"before": other}).status_code == 409


def test_books_that_cannot_be_shown(browser: TestClient, door: Door) -> None:
    assert "was never started" in browser.get(f"/books/{WAITING}/orders").text
    assert "was never started" in browser.get(f"/books/{BROKEN}/orders").text
    assert browser.get("/books/nobody/orders").status_code == 404
    door.hidden.add(SMALL)
    assert browser.get(f"/books/{SMALL}/orders").status_code == 403


def test_a_book_without_its_file_is_compared_with_the_costs_that_it_last_used(
    decided_desk: DecidedDesk, tmp_path: Path, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> None:
    gone = cockpit_of(DecidedDesk(decided_desk.url, as_project(tmp_path / "gone"), tmp_path))
    page = gone.get(f"/books/{SMALL}/orders").text
    assert "What the way cost" in page
    assert "cannot be read" not in page


def test_costs_add_up_and_stay_unknown_where_one_is() -> None:
    one = WayCost(Decimal(1000), Decimal(3), Decimal(1), Decimal(2), Decimal(4), Decimal(4))
    assert (one.total, one.model, one.beyond_model) == (9, 5, 1)
    assert one.bps(one.total) == 90
    assert (one + one).total == 18
    unknown = WayCost(Decimal(10), commission=Decimal(1), expected_commission=None)
    assert unknown.beyond_model is None
    assert (one + unknown).expected_commission is None
    assert WayCost().bps(Decimal(1)) is None
