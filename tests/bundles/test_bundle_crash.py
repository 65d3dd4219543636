"""A process that is killed between the legs of a bundle leaves both legs, once, when it has run again."""

from collections.abc import Callable

import pytest
from tests.bundles.test_bundles_in_a_book import as_pair, first_orders
from tests.session.small_desk import SmallDesk, die, in_child, session
from tests.session.two_accounts import with_two_accounts

from nightdesk.brokers import BrokerOrder
from nightdesk.brokers.paper import PaperBroker
from nightdesk.orders import Order


@pytest.mark.parametrize(("sent", "accounts"), [(0, 1), (1, 1), (1, 2)])
def test_a_process_killed_between_two_legs_sends_each_leg_once(
    make_desk: Callable[[], SmallDesk], sent: int, accounts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, whole = make_desk(), make_desk()
    for desk in (killed, whole):
        as_pair(desk)
        if accounts == 2:
            with_two_accounts(desk, "TLT")
    number = first_orders(killed)
    assert first_orders(whole) == number
    submit, calls = PaperBroker.submit, list[str]()

    def submit_and_die(self: PaperBroker, order: Order) -> BrokerOrder:
        calls.append(order.symbol)
        if len(calls) > sent:
            die()
        return submit(self, order)

    with monkeypatch.context() as patch:
        patch.setattr(PaperBroker, "submit", submit_and_die)
        assert in_child(lambda: killed.run_steps(number, "submit", "submit")) == -9
    for desk in (killed, whole):
        desk.run_steps(number, "submit", "close")
        desk.run(number + 1)
    assert killed.dump() == whole.dump()
    first = killed.rows(
        "SELECT count(*), count(DISTINCT symbol), count(DISTINCT account) FROM nightdesk.orders "
        "WHERE session = %s AND status <> 'planned'",
        session(number),
    )
    assert first == [(2, 2, accounts)]
    sent_ids = "SELECT count(*) FROM nightdesk.paper_orders JOIN nightdesk.orders USING (client_order_id) "
    assert killed.rows(sent_ids + "WHERE orders.session = %s", session(number)) == [(2,)]
