"""Brackets at real brokers: whatever answer is lost, an entry has its exits or is not there."""

from collections.abc import Callable, Iterator

import pytest
from tests.fakes.alpaca import Fault as AlpacaFault
from tests.fakes.ibkr import Fault as IbkrFault
from tests.session.small_desk import SmallDesk, instant, session
from tests.session.test_resting_at_brokers import (
    BEFORE_THE_FIRST,
    NIGHTS,
    SESSIONS,
    RestingDesk,
    resting_at,
)

from nightdesk.core.account_terms import MAIN
from nightdesk.core.errors import Refused
from nightdesk.operations.kill_switch import kill
from nightdesk.operations.rebuild import sent_by
from nightdesk.operations.resend import resend
from nightdesk.orders.order import entry_id
from nightdesk.session.broker_session import contact

TERMS = ("target", "stop")


@pytest.fixture(params=[(kind, term) for kind in ("alpaca", "ibkr") for term in TERMS], ids="-".join)
def brackets(
    request: pytest.FixtureRequest, make_desk: Callable[[], SmallDesk], monkeypatch: pytest.MonkeyPatch
) -> Iterator[RestingDesk]:
    kind, term = request.param
    terms = {"target": 0.02} if term == "target" else {}
    with resting_at(kind, make_desk(), monkeypatch, stop=0.012, bracket=True, **terms) as made:
        made.kind = kind  # type: ignore[attr-defined]
        yield made


def kind_of(desk: RestingDesk) -> str:
    return str(desk.kind)  # type: ignore[attr-defined]


def orders_of(desk: RestingDesk, number: int) -> dict[str, str]:
    """Where the orders of a session stand, by id."""
    rows = desk.desk.rows(
        "SELECT client_order_id, status FROM nightdesk.orders WHERE session = %s", session(number)
    )
    return {str(name): str(status) for name, status in rows}


@pytest.mark.timeout(300)
def test_whatever_answer_is_lost_a_position_is_protected_from_its_fill_on_and_sold_once(
    brackets: RestingDesk,
) -> None:
    brackets.evenings(4, NIGHTS[kind_of(brackets)])
    assert brackets.brought >= 1
    assert brackets.faults.spoiled >= 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_for_weeks_of_bad_answers_every_bracket_is_one_order_here_and_there(brackets: RestingDesk) -> None:
    actions = brackets.evenings(SESSIONS, NIGHTS[kind_of(brackets)])
    assert {"place", "replace"} <= actions
    assert brackets.brought >= 3


LOST = {
    "alpaca": (AlpacaFault.TIMEOUT_BEFORE, AlpacaFault.TIMEOUT_AFTER, AlpacaFault.GATEWAY_TIMEOUT),
    "ibkr": (IbkrFault.SILENT_AFTER, IbkrFault.DROP_BEFORE, IbkrFault.DROP_AFTER),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", range(3))
def test_an_entry_whose_answer_is_lost_is_there_with_its_exits_once(
    brackets: RestingDesk, place: int
) -> None:
    brackets.evening(0, ("submit", LOST[kind_of(brackets)][place]))
    states = orders_of(brackets, 0)
    entries = [name for name in states if f"{name}/exits" in states]
    assert entries
    assert set(states.values()) == {"submitted"}
    brackets.desk.live_through(1)
    held = {name: units for name, units in brackets.desk.account.holdings().items() if units}
    assert held
    assert brackets.selling() == held
    assert brackets.faults.spoiled == 1


@pytest.mark.timeout(300)
def test_an_entry_that_is_refused_is_not_opened_its_exits_neither_and_both_may_be_sent_again(
    brackets: RestingDesk,
) -> None:
    desk = brackets.desk
    desk.evening(0)
    desk.run_steps(0, "ingest", "orders")
    [(symbol, name), *_] = desk.rows(
        "SELECT symbol, client_order_id FROM nightdesk.orders WHERE order_type = 'bracket' ORDER BY 1"
    )
    desk.market.halted = {str(symbol)}
    desk.run_steps(0, "submit", "submit")
    states = orders_of(brackets, 0)
    assert (states[str(name)], states[f"{name}/exits"]) == ("rejected", "rejected")
    [(cause,)] = desk.rows(
        "SELECT cause FROM nightdesk.order_events WHERE client_order_id = %s AND status = 'rejected'",
        f"{name}/exits",
    )
    assert str(cause).startswith("with its entry: ")
    told = desk.rows("SELECT body FROM nightdesk.alerts WHERE alert_key LIKE 'unsent%%'")
    assert [str(body).count("is rejected") for (body,) in told] == [1]
    assert str(symbol) not in brackets.selling()
    desk.market.halted = set()
    with desk.at(0) as context:
        with pytest.raises(Refused, match="goes to the broker together with its entry"):
            resend(context, f"{name}/exits", reason="it was answered", who="somebody")
        again = resend(context, str(name), reason="it was answered", who="somebody")
    assert again.status == "submitted"
    assert orders_of(brackets, 0)[f"{again.order.client_order_id}/exits"] == "submitted"
    desk.run_steps(0, "report", "close")
    desk.live_through(1)
    held = {one: units for one, units in desk.account.holdings().items() if units}
    assert str(symbol) in held
    assert brackets.selling() == held


@pytest.mark.timeout(300)
def test_the_decision_behind_exits_at_the_broker_is_found_by_their_entry(brackets: RestingDesk) -> None:
    brackets.evening(0, None)
    with brackets.desk.standing() as context, contact(context, MAIN) as broker:
        behind = {one.client_order_id: sent_by(context, one) for one in broker.orders_since(BEFORE_THE_FIRST)}
    exits = [name for name in behind if entry_id(name) is not None]
    assert exits
    assert set(behind) == set(orders_of(brackets, 0))
    for name, found in behind.items():
        assert found is not None, name
        assert (found.as_of, found.generation) == (instant(0), 0)
        assert found.purpose == ("protect" if name in exits else "rebalance")


def stop(desk: RestingDesk) -> None:
    with desk.desk.connection() as conn:
        kill(conn, "small", reason="a test", who="somebody", file=desk.desk.book, environ=desk.desk.environ)


@pytest.mark.timeout(300)
def test_a_switch_that_stops_entries_cancels_brackets_that_wait(brackets: RestingDesk) -> None:
    brackets.evening(0, None)
    stop(brackets)
    brackets.desk.live_through(1)
    assert not any(brackets.desk.account.holdings().values())
    assert brackets.selling() == {}


@pytest.mark.timeout(300)
def test_a_switch_that_stops_entries_leaves_the_exits_of_what_a_bracket_has_opened(
    brackets: RestingDesk,
) -> None:
    brackets.evening(0, None)
    brackets.desk.live_through(1)
    held = {one: units for one, units in brackets.desk.account.holdings().items() if units}
    assert held
    stop(brackets)
    assert brackets.selling() == held
