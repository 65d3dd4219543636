"""Orders whose id stands for another order at the broker: no state of theirs is without a way out."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.alpaca import FakeAlpaca, Fault
from tests.fakes.alpaca_orders import receive
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca
from tests.session.small_desk import SmallDesk, session

from nightdesk.brokers import Unreadable
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.operations.adopt import adopt
from nightdesk.operations.collect import collect
from nightdesk.operations.recover import recover
from nightdesk.operations.resend import resend
from nightdesk.operations.resolve import resolve
from nightdesk.operations.verify import verify
from nightdesk.session import reconcile

SYMBOL = "SPY"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca) -> AlpacaDesk:
    """A desk whose first orders are planned."""
    desk = at_alpaca(make_desk(), fake)
    desk.plan_first()
    return desk


def planned(desk: AlpacaDesk) -> tuple[str, str, Decimal]:
    """Id, symbol and quantity of the first planned purchase of shares."""
    rows = desk.rows(
        "SELECT client_order_id, symbol, quantity FROM nightdesk.orders "
        "WHERE side = 'buy' AND symbol <> 'BTC-USD' ORDER BY 1"
    )
    name, symbol, quantity = rows[0]
    assert isinstance(quantity, Decimal)
    return str(name), str(symbol), quantity


def take_id(desk: AlpacaDesk, name: str, symbol: str, quantity: Decimal | int, side: str = "buy") -> None:
    """Let the account have an order under an id of ours before ours is sent."""
    receive(
        desk.fake.exchange,
        {
            "client_order_id": name,
            "symbol": symbol,
            "qty": str(quantity),
            "side": side,
            "type": "market",
            "time_in_force": "day",
        },
    )


def order(desk: AlpacaDesk, name: str) -> tuple[Any, ...]:
    """Status, quantity, what is filled and how often sending was begun."""
    [row] = desk.rows(
        "SELECT status, quantity, filled_quantity, attempts FROM nightdesk.orders WHERE client_order_id = %s",
        name,
    )
    return row


def differences(desk: AlpacaDesk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT item, ledger_value, broker_value FROM nightdesk.reconciliations")


def go_on(desk: AlpacaDesk, number: int = 1) -> None:
    """End the session before, live through the next one and run it."""
    desk.run_steps(number - 1, "submit", "close")
    desk.live_through(number)
    desk.decide(number)


def verified(desk: AlpacaDesk) -> bool:
    with desk.standing() as context:
        return verify(context.conn, "small").differences == ()


@pytest.mark.parametrize("more", [-3, 2])
def test_an_order_that_the_broker_has_in_another_quantity_counts_as_that(desk: AlpacaDesk, more: int) -> None:
    name, symbol, quantity = planned(desk)
    take_id(desk, name, symbol, quantity + more)
    go_on(desk)
    assert order(desk, name) == ("filled", quantity + more, quantity + more, 1)
    assert differences(desk) == []
    assert verified(desk)
    assert desk.rows("SELECT sum(quantity) FROM nightdesk.ledger_entries WHERE reference = %s", name) == [
        (quantity + more,)
    ]
    [(level, body)] = desk.rows("SELECT level, body FROM nightdesk.alerts WHERE alert_key LIKE 'other %%'")
    assert level == "CRITICAL"
    assert f"nightdesk resolve small {name} --disown" in str(body)
    causes = desk.rows("SELECT cause FROM nightdesk.order_events WHERE client_order_id = %s", name)
    assert any(f"decided were {quantity}" in str(cause) for (cause,) in causes)


def test_an_id_that_another_symbols_order_has_leads_to_no_execution_of_ours(desk: AlpacaDesk) -> None:
    name, symbol, quantity = planned(desk)
    take_id(desk, name, "KO", 7)
    desk.fake.exchange.price("KO", 60)
    desk.run_steps(0, "submit", "close")
    assert order(desk, name) == ("rejected", quantity, 0, 0)
    with desk.at(0) as context:
        sent = resend(context, name, reason="the id was taken", who="ann")
    assert (sent.status, sent.order.quantity, sent.order.symbol) == ("submitted", quantity, symbol)
    prices = desk.prices(1) | {"KO": 60.0}
    desk.fake.exchange.open_market(prices, at=get_calendar().open_at(session(1)))
    desk.fake.exchange.close_market(desk.prices(1, 5))
    desk.decide(1)
    assert {item for item, *_ in differences(desk)} == {"KO", "cash"}
    assert order(desk, sent.order.client_order_id)[0] == "filled"
    assert verified(desk)


def test_an_id_that_the_other_side_has_ends_with_a_difference_that_is_adopted(desk: AlpacaDesk) -> None:
    name, symbol, quantity = planned(desk)
    desk.fake.exchange.hold(symbol, 5, desk.prices(0, 5)[symbol])
    take_id(desk, name, symbol, 5, "sell")
    go_on(desk)
    status, *rest = order(desk, name)
    assert status in ("rejected", "suppressed")  # or held back, since the account has more than the ledger
    assert rest == [quantity, 0, 0]
    assert {item for item, *_ in differences(desk)} == {"cash"}
    with desk.standing() as context:
        adopt(context, reason="sold by hand", who="ann")
    desk.live_through(2)
    desk.decide(2)
    assert len(differences(desk)) == 1
    assert verified(desk)


def test_an_answer_that_the_list_of_orders_does_not_give_as_well_is_not_believed(desk: AlpacaDesk) -> None:
    name, _, quantity = planned(desk)
    desk.fake.fail("submit", Fault.GATEWAY_TIMEOUT, 9)
    with pytest.raises(Transient):
        desk.run_steps(0, "submit", "submit")
    desk.fake.heal()
    desk.fake.fail_always("query", Fault.WRONG_SYMBOL)
    with pytest.raises(Transient, match="list of orders does not have"):
        desk.run_steps(0, "submit", "submit")
    assert order(desk, name)[:2] == ("planned", quantity)
    desk.fake.heal()
    desk.run_steps(0, "submit", "submit")
    assert order(desk, name)[:2] == ("submitted", quantity)


def test_an_order_of_which_nothing_can_be_read_is_disowned_by_a_person(desk: AlpacaDesk) -> None:
    name, _, quantity = planned(desk)
    desk.fake.fail("submit", Fault.GATEWAY_TIMEOUT, 9)
    with pytest.raises(Transient):
        desk.run_steps(0, "submit", "submit")
    desk.fake.heal()
    desk.fake.fail_always("query", Fault.WRONG_SYMBOL)
    with desk.standing() as context:
        with pytest.raises(Unreadable):
            recover(context)
        with pytest.raises(Unreadable):
            collect(context)
        with pytest.raises(Refused, match="wants a reason"):
            resolve(context, name, reason=" ", who="ann", disowned=True)
        names = desk.rows("SELECT client_order_id FROM nightdesk.orders WHERE status = 'planned'")
        for (one,) in names:
            done = resolve(context, str(one), reason="the broker's support says so", who="ann", disowned=True)
            assert (done.status, done.attempts) == ("rejected", 0)
        assert recover(context).to_run == (get_calendar().close_at(session(0)),)
    desk.run_steps(0, "submit", "close")
    assert order(desk, name) == ("rejected", quantity, 0, 0)


def test_a_person_takes_over_what_was_given_up_and_is_at_the_broker(desk: AlpacaDesk) -> None:
    name, symbol, quantity = planned(desk)
    with desk.standing() as context:
        resolve(context, name, reason="sent by hand", who="ann", disowned=True)
        take_id(desk, name, symbol, quantity - 1)
        done = resolve(context, name, reason="it was ours", who="ann")
        assert (done.status, done.order.quantity, done.attempts) == ("submitted", quantity - 1, 1)
        with pytest.raises(Refused, match="has no order nobody"):
            resolve(context, "nobody", reason="x", who="ann")
    go_on(desk)
    assert order(desk, name)[:3] == ("filled", quantity - 1, quantity - 1)
    assert differences(desk) == []
    with desk.standing() as context, pytest.raises(Refused, match="units executed"):
        resolve(context, name, reason="no", who="ann", disowned=True)


def test_nothing_is_taken_over_that_the_broker_does_not_have(desk: AlpacaDesk) -> None:
    name, _, _ = planned(desk)
    with desk.standing() as context:
        with pytest.raises(Refused, match="the broker has no order"):
            resolve(context, name, reason="x", who="ann")
        take_id(desk, name, "KO", 7)
        with pytest.raises(Refused, match="cannot be taken over"):
            resolve(context, name, reason="x", who="ann")


@pytest.mark.parametrize("when", ["in the evening", "after the open", "a session later"])
def test_an_order_that_was_sent_before_the_database_was_restored_is_found(
    desk: AlpacaDesk, when: str
) -> None:
    sent = desk.rows("SELECT client_order_id, symbol, quantity FROM nightdesk.orders WHERE side = 'buy'")
    for name, symbol, quantity in sent:
        if symbol != "BTC-USD":
            take_id(desk, str(name), str(symbol), Decimal(str(quantity)))
    if when != "in the evening":
        desk.open_market(1)
    if when == "a session later":
        desk.fake.exchange.close_market(desk.prices(1, 5))
        desk.evening(1)
    desk.run_steps(0, "submit", "close")
    shares = {str(name) for name, symbol, _ in sent if symbol != "BTC-USD"}
    assert {order(desk, name)[0] for name in shares} == {"submitted"}
    if when == "in the evening":
        desk.open_market(1)
    if when != "a session later":
        desk.fake.exchange.close_market(desk.prices(1, 5))
    desk.decide(1)
    assert differences(desk) == []
    assert {order(desk, name)[0] for name in shares} == {"filled"}
    assert verified(desk)
