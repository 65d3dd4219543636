"""Positions in dispute: nothing is opened on words that contradict each other, nor sold what is not held."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes.alpaca import FakeAlpaca
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca, trade_by_hand
from tests.session.small_desk import INCEPTION, SmallDesk, instant, session

from nightdesk import engine
from nightdesk.accounting import reconciliation
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.operations.adopt import adopt
from nightdesk.operations.collect import collect
from nightdesk.operations.kill_switch import release
from nightdesk.operations.resend import resend
from nightdesk.operations.verify import verify
from nightdesk.session import reconcile
from nightdesk.store.ledger_rows import disputed_positions
from nightdesk.store.message_rows import report_html

#: All that Alpaca says of an account beside the orders that are asked for by their ids.
LISTS = ("positions", "account", "fills", "movements", "orders")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    with FakeAlpaca(get_calendar().open_at(INCEPTION), shorting=True) as server:
        yield server


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca) -> AlpacaDesk:
    return at_alpaca(make_desk(), fake)


@pytest.fixture
def closing(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the third session on the book wants to hold nothing."""
    plan = engine.plan_all
    monkeypatch.setattr(
        engine,
        "plan_all",
        lambda desk, state, day, quantity, *rest: plan(
            desk, state, day, 0 * quantity if day.session >= session(2) else quantity, *rest
        ),
    )


def days(desk: AlpacaDesk, *numbers: int) -> None:
    """Live through sessions and decide each in its evening."""
    for number in numbers:
        if number:
            desk.live_through(number)
        desk.decide(number)


def told(desk: AlpacaDesk, words: str) -> list[str]:
    """The level of every alert whose subject has these words."""
    rows = desk.rows("SELECT level FROM nightdesk.alerts WHERE strpos(subject, %s) > 0", words)
    return [str(level) for (level,) in rows]


def held_back(desk: AlpacaDesk, number: int) -> dict[str, str]:
    """Side and symbol of the orders of a session that were suppressed, and why."""
    rows = desk.rows(
        "SELECT side || ' ' || symbol, cause FROM nightdesk.orders "
        "JOIN nightdesk.order_events e USING (client_order_id, status) WHERE orders.session = %s "
        "AND status = 'suppressed'",
        session(number),
    )
    return {str(order): str(cause) for order, cause in rows}


def disputed(desk: AlpacaDesk, number: int) -> set[str]:
    with desk.at(number) as context:
        return set(disputed_positions(context.conn, "small", instant(number)))


def holdings(fake: FakeAlpaca) -> dict[str, Decimal]:
    return {name: one.quantity for name, one in fake.exchange.state.holdings.items() if one.quantity}


def in_the_morning(fake: FakeAlpaca) -> set[str]:
    """The symbols of which orders waited for the open."""
    return {one["symbol"] for one in fake.orders if one["asset_class"] == "us_equity"}


def agrees(desk: AlpacaDesk, number: int) -> None:
    """The ledger is the account, and verify finds nothing."""
    rows = desk.rows(
        "SELECT replace(symbol, '-', '/'), sum(quantity) FROM nightdesk.positions WHERE session = %s "
        "GROUP BY 1 HAVING sum(quantity) <> 0",
        session(number),
    )
    assert {str(symbol): quantity for symbol, quantity in rows} == holdings(desk.fake)
    with desk.at(number) as context:
        assert verify(context.conn, "small").differences == ()


def test_an_execution_that_only_its_order_tells_of_is_not_bought_again(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    days(desk, 0)
    orders = len(fake.orders)
    fake.lag(*LISTS)
    days(desk, 1, 2, 3)
    assert fake.exchange.state.cash > 0
    assert len(fake.orders) == orders
    assert disputed(desk, 3) == in_the_morning(fake)
    assert any("its executions add up to 0" in why for why in held_back(desk, 3).values())
    assert told(desk, "position in dispute") == ["CRITICAL"], "once for the three evenings"
    with desk.at(3) as context:
        assert "The position in GLD is in dispute" in str(report_html(context.conn, "small", instant(3)))
    fake.heal()
    days(desk, 4)
    agrees(desk, 4)
    assert told(desk, "over") == ["INFO"]
    assert held_back(desk, 4) == {}
    days(desk, 5)
    agrees(desk, 5)


def test_what_is_awaited_is_not_taken_over_and_booked_twice(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    days(desk, 0)
    fake.lag("fills")
    days(desk, 1)
    with desk.standing() as context, pytest.raises(Refused, match=r"are still awaited.*booked twice"):
        adopt(context, reason="the broker is right", who="ann")
    fake.heal()
    days(desk, 2)
    agrees(desk, 2)


def test_an_order_that_was_confirmed_and_is_not_known_any_more_is_not_sent_anew(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.plan_first()
    before = fake.exchange.state
    desk.run_steps(0, "submit", "close")
    fake.lag(*LISTS, "query", state=before)
    days(desk, 1, 2)
    assert set(Counter(one["symbol"] for one in fake.orders).values()) == {1}
    assert told(desk, "position in dispute") == ["CRITICAL"]
    fake.heal()
    days(desk, 3)
    agrees(desk, 3)


def test_an_order_whose_own_answer_is_old_is_in_dispute_for_one_evening(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    days(desk, 0)
    fake.lag("query")
    days(desk, 1)
    assert disputed(desk, 1) == in_the_morning(fake)
    days(desk, 2)
    assert disputed(desk, 2) == set()
    agrees(desk, 2)


def test_an_order_that_was_given_up_here_is_asked_about_while_its_position_is_in_dispute(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    days(desk, 0)
    name = next(one["client_order_id"] for one in fake.orders if one["symbol"] != "BTC/USD")
    given_up = "UPDATE nightdesk.orders SET status = 'suppressed' WHERE client_order_id = %s RETURNING symbol"
    with desk.at(0) as context, context.conn.cursor() as cursor:
        cursor.execute(given_up, (name,))
        [(symbol,)] = cursor.fetchall()
    fake.lag(*LISTS)
    days(desk, 1, 2)
    assert symbol in disputed(desk, 2)
    fake.heal()
    days(desk, 3)
    agrees(desk, 3)


def test_an_order_that_is_waited_for_no_longer_stops_the_book(
    desk: AlpacaDesk, fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "AWAITED", timedelta(days=1))
    days(desk, 0)
    fake.lag(*LISTS)
    days(desk, 1)
    assert told(desk, "never came") == []
    days(desk, 2, 3)
    assert set(told(desk, "never came")) == {"CRITICAL"}
    assert [who for (who,) in desk.rows("SELECT DISTINCT who FROM nightdesk.risk_events")] == ["settle"]
    assert len(fake.orders) == len({one["symbol"] for one in fake.orders}), "nothing was bought again"


@pytest.mark.parametrize("part", [1, 2])
@pytest.mark.usefixtures("closing")
def test_what_a_person_sold_before_the_settling_is_not_sold_once_more(
    desk: AlpacaDesk, fake: FakeAlpaca, part: int
) -> None:
    days(desk, 0, 1)
    desk.open_market(2)
    sold = holdings(fake)["GLD"] // part
    trade_by_hand(fake, "sell", "GLD", sold, 150)
    fake.exchange.close_market(desk.prices(2, 5))
    desk.decide(2)
    assert "GLD" in disputed(desk, 2)
    assert "is in dispute: ledger" in held_back(desk, 2)["sell GLD"]
    days(desk, 3)
    assert all(quantity > 0 for quantity in holdings(fake).values())
    with desk.standing() as context:
        adopt(context, reason="sold by hand", who="ann")
        release(context.conn, "small", reason="sold by hand", who="ann")
    days(desk, 4, 5)
    agrees(desk, 5)
    assert disputed(desk, 5) == set()


@pytest.mark.parametrize(("side", "part", "held"), [("sell", 1, "0"), ("sell", 2, "79"), ("buy", 2, "237")])
@pytest.mark.usefixtures("closing")
def test_what_a_person_traded_since_the_settling_is_found_before_anything_is_sent(
    desk: AlpacaDesk, fake: FakeAlpaca, side: str, part: int, held: str
) -> None:
    days(desk, 0, 1)
    desk.live_through(2)
    desk.evening(2)
    desk.price_coins(2)
    desk.run_steps(2, "ingest", "orders")
    owned = holdings(fake)["GLD"]
    trade_by_hand(fake, side, "GLD", -(-owned // part), 150)
    desk.run_steps(2, "submit", "close")
    assert list(held_back(desk, 2)) == ["sell GLD"]
    assert "by the ledger and the executions of our orders it is" in held_back(desk, 2)["sell GLD"]
    assert told(desk, "not in the market") == ["CRITICAL"]
    days(desk, 3)
    assert all(quantity >= 0 for quantity in holdings(fake).values())
    assert "GLD" in disputed(desk, 3)


def test_the_second_try_of_an_order_counts_what_the_first_one_executed(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    days(desk, 0)
    first = next(one for one in fake.orders if one["symbol"] == "GLD")
    name = first["client_order_id"]
    fake.exchange.execute(name, 5, 150)
    fake.exchange.cancel(first["id"])
    with desk.at(0) as context:
        collect(context)
        again = resend(context, name, reason="cancelled by mistake", who="ann")
    assert again.status == "submitted"
    days(desk, 1)
    assert disputed(desk, 1) == set()
    agrees(desk, 1)
