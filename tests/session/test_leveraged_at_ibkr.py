"""A session of `leveraged_five` at IBKR, hour by hour: what IBKR refuses, corrects and tells late."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.conftest import Databases
from tests.fakes.ibkr import Fault, IbkrGateway
from tests.fakes.ibkr_account import MarginRates
from tests.hourly import HOURLY
from tests.session.leveraged_desk import BOOK, CASH, SESSION, LeveragedDesk, at, lay_out_leveraged
from tests.session.quick_checks import check_quickly

from nightdesk.feeds.sample import SampleFeed
from nightdesk.operations.verify import verify
from nightdesk.session import reconcile

#: What is decided when: no shares to borrow; no margin; all well, with commissions that come late; then a
#: correction, the rest of the session, and the first decision of the next one.
UNBORROWED, BEYOND_MARGIN, LATE, CORRECTED, LAST, MORNING = 0, 1, 2, 3, 6, 7
SHORT = "MSFT"


@dataclass
class Told:
    """The desk after the session, and how it stood on the way."""

    desk: LeveragedDesk
    orders: dict[int, list[dict[str, Any]]]
    unsent: dict[int, int]
    pending: int


@pytest.fixture(scope="module")
def told(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("five")
    begins = HOURLY.calendar.open_at(SESSION) - timedelta(hours=1)
    with pytest.MonkeyPatch.context() as patch, IbkrGateway(begins, CASH) as gateway:
        check_quickly(patch)
        patch.setenv("NIGHTDESK_HOME", str(folder / "home"))
        patch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
        clock = property(lambda feed: lambda: gateway.now, lambda feed, now: None)
        patch.setattr(SampleFeed, "now", clock, raising=False)
        gateway.runs = True
        url = databases.new()
        yield live(LeveragedDesk(url, lay_out_leveraged(folder), gateway))
        databases.drop(url)


def live(desk: LeveragedDesk) -> Told:
    """Let the session pass, with all that happens in it."""
    gateway, unsent = desk.gateway, {}
    gateway.shortable[SHORT] = Decimal(0)
    desk.decide(UNBORROWED)
    unsent[UNBORROWED] = unsent_alerts(desk)
    del gateway.shortable[SHORT]
    usual, gateway.rates = gateway.rates, MarginRates(Decimal(20), Decimal(20))
    desk.decide(BEYOND_MARGIN)
    unsent[BEYOND_MARGIN] = unsent_alerts(desk)
    gateway.rates = usual
    desk.plan(LATE)
    gateway.always("placeOrder", Fault.COMMISSION_LATE)
    desk.send(LATE)
    gateway.heal()
    desk.decide(CORRECTED)
    [(pending,)] = desk.rows("SELECT count(*) FROM nightdesk.fills WHERE commission_pending")
    gateway.release_commissions()
    first = gateway.executions[0]
    gateway.correct(first.exec_id, price=float(first.price) + 0.25)
    for number in range(CORRECTED + 1, LAST + 1):
        desk.decide(number)
    desk.go_to(at(LAST) + timedelta(minutes=35))
    desk.collected()
    desk.decide(MORNING)
    return Told(desk, {number: desk.orders_of(number) for number in range(MORNING + 1)}, unsent, int(pending))


def unsent_alerts(desk: LeveragedDesk) -> int:
    [(told,)] = desk.rows("SELECT count(*) FROM nightdesk.alerts WHERE alert_key LIKE %s", f"unsent {BOOK} %")
    return int(told)


def in_short(told: Told, number: int) -> dict[str, Any]:
    """The order of a decision in the symbol that it sells short."""
    [order] = [one for one in told.orders[number] if one["symbol"] == SHORT]
    return order


def causes(told: Told, name: str) -> str:
    rows = told.desk.rows("SELECT cause FROM nightdesk.order_events WHERE client_order_id = %s", name)
    return "; ".join(str(cause) for (cause,) in rows)


def test_a_short_that_nobody_lends_is_rejected_and_told_and_the_other_orders_go(told: Told) -> None:
    order = in_short(told, UNBORROWED)
    assert (order["side"], order["status"], order["filled_quantity"]) == ("sell", "rejected", 0)
    assert "IBKR has 0 shares to lend" in causes(told, order["client_order_id"])
    assert told.unsent[UNBORROWED] == 1
    others = [one for one in told.orders[UNBORROWED] if one["symbol"] != SHORT]
    assert others
    assert {one["status"] for one in others} == {"filled"}


def test_what_the_margin_does_not_bear_is_rejected_and_told(told: Told) -> None:
    order = in_short(told, BEYOND_MARGIN)
    assert (order["status"], order["filled_quantity"]) == ("rejected", 0)
    assert "beyond the equity" in causes(told, order["client_order_id"])
    assert told.unsent[BEYOND_MARGIN] == 2


def test_the_decision_after_it_sends_an_order_of_its_own_that_fills(told: Told) -> None:
    order = in_short(told, LATE)
    assert order["status"] == "filled"
    ids = {in_short(told, number)["client_order_id"] for number in (UNBORROWED, BEYOND_MARGIN, LATE)}
    assert len(ids) == 3
    true = [one for one in told.desk.account.orders() if one.symbol == SHORT]
    assert order["client_order_id"] in {one.client_order_id for one in true}


def test_a_commission_that_comes_late_is_completed_and_a_correction_booked(told: Told) -> None:
    assert told.pending == sum(one["status"] == "filled" for one in told.orders[LATE]) > 0
    late = told.desk.rows(
        "SELECT sum(commission) > 0, count(DISTINCT as_of) FROM nightdesk.ledger_entries "
        "WHERE reference LIKE %s",
        "% commission",
    )
    assert late == [(True, 1)]
    [(name, corrects, as_of)] = told.desk.rows(
        "SELECT execution_id, corrects, as_of FROM nightdesk.fills WHERE corrects <> ''"
    )
    assert (name[-2:], corrects[-2:], as_of) == ("02", "01", at(CORRECTED + 1))
    [(level, body)] = told.desk.rows(
        "SELECT level, body FROM nightdesk.alerts WHERE subject LIKE %s", "%has corrected an execution"
    )
    assert level == "WARNING"
    assert "the difference is booked" in body


def test_each_decision_has_one_order_a_symbol_at_the_broker_and_the_ledger_agrees_with_it(told: Told) -> None:
    desk = told.desk
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []
    assert desk.rows("SELECT * FROM nightdesk.risk_events WHERE kind = 'kill'") == []
    sent = [one for orders in told.orders.values() for one in orders if one["status"] != "rejected"]
    true = desk.account.orders()
    assert sorted(one.client_order_id for one in true) == sorted(one["client_order_id"] for one in sent)
    held = dict(
        desk.rows(
            "SELECT symbol, sum(quantity) FROM nightdesk.positions WHERE as_of = %s "
            "GROUP BY symbol HAVING sum(quantity) <> 0",
            at(MORNING),
        )
    )
    later = [
        one for one in true if one.client_order_id in {o["client_order_id"] for o in told.orders[MORNING]}
    ]
    for one in later:
        signed = one.filled if one.side == "buy" else -one.filled
        held[one.symbol] = held.get(one.symbol, Decimal(0)) + signed
    assert {name: units for name, units in held.items() if units} == {
        name: units for name, units in desk.account.holdings().items() if units
    }
    with desk.at(MORNING) as context:
        assert verify(context.conn, BOOK).differences == ()


def test_shorts_are_held_and_every_decision_of_the_session_is_closed(told: Told) -> None:
    rows = told.desk.rows("SELECT as_of FROM nightdesk.runs WHERE status = 'closed' ORDER BY as_of")
    assert [as_of for (as_of,) in rows] == [at(number) for number in range(MORNING + 1)]
    assert told.desk.account.holdings()[SHORT] < 0
