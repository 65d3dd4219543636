"""The one exit for orders: what is sent, what never is, and what a broker's bad answers do."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
import yaml
from tests.conftest import open_connection
from tests.session.small_desk import SmallDesk, session

from nightdesk.brokers import BrokerOrder, DuplicateOrder, OrderState, RejectedOrder
from nightdesk.brokers.paper import PaperBroker
from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.operations.kill_switch import Turned, kill
from nightdesk.operations.replay import rewind
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Order
from nightdesk.session import broker_session, steps
from nightdesk.store.db import Connection, book_lock
from nightdesk.store.kill_switch_rows import kill_switch, set_kill_switch

Make = Callable[[Book, Connection], PaperBroker]


def statuses(desk: SmallDesk, number: int) -> dict[str, str]:
    """Side of each order of a session, and where it stands."""
    return dict(
        desk.rows(
            "SELECT side || ' ' || symbol, status FROM nightdesk.orders WHERE session = %s", session(number)
        )
    )


def causes(desk: SmallDesk, number: int) -> str:
    rows = desk.rows(
        "SELECT cause FROM nightdesk.order_events JOIN nightdesk.orders o USING (client_order_id) "
        "WHERE o.session = %s",
        session(number),
    )
    return "; ".join(str(cause) for (cause,) in rows)


@pytest.fixture
def planned(desk: SmallDesk) -> SmallDesk:
    """A first session that is decided up to its orders."""
    desk.run_steps(0, "ingest", "orders")
    assert set(statuses(desk, 0).values()) == {"planned"}
    return desk


def submit(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch, make: Make, **options: object
) -> dict[str, int | str]:
    trade_with(monkeypatch, make)
    with desk.at(0, **options) as context:
        return steps.submit(context)


def trade_with(monkeypatch: pytest.MonkeyPatch, make: Make) -> None:
    """Let the desk's account be at a broker of this test."""
    monkeypatch.setattr(broker_session, "make", lambda book, conn, environ: make(book, conn))


class RealBroker(PaperBroker):
    """A broker of which the desk must believe that it trades for real."""

    simulated = False

    def clock(self) -> datetime:
        return datetime.now(UTC)


class LaterBroker(PaperBroker):
    """A broker whose clock shows that the market has opened again."""

    def clock(self) -> datetime:
        return super().clock() + timedelta(days=1)


class LostAnswer(PaperBroker):
    """The first order arrives; its answer does not."""

    calls = 0

    def submit(self, order: Order) -> BrokerOrder:
        answer = super().submit(order)
        type(self).calls += 1
        if type(self).calls == 1:
            raise Transient("the connection was dropped")
        return answer


class LostOrder(PaperBroker):
    """The first order is lost on its way."""

    calls = 0

    def submit(self, order: Order) -> BrokerOrder:
        type(self).calls += 1
        if type(self).calls == 1:
            raise Transient("the request timed out")
        return super().submit(order)


class SaysDuplicate(PaperBroker):
    """Takes every order, and calls it a duplicate."""

    def submit(self, order: Order) -> BrokerOrder:
        super().submit(order)
        raise DuplicateOrder("client order id must be unique")


class Refuses(PaperBroker):
    """Takes nothing."""

    def submit(self, order: Order) -> BrokerOrder:
        raise RejectedOrder("insufficient buying power", {"code": 40310000})


def kill_small(desk: SmallDesk, conn: Connection, **said: Any) -> Turned:
    """Stop the desk's book as a person does."""
    return kill(conn, "small", who="a person", file=desk.book, **said)


def at_broker(desk: SmallDesk) -> int:
    return desk.rows("SELECT count(*) FROM nightdesk.paper_orders")[0][0]  # type: ignore[return-value]


def test_a_past_session_never_reaches_a_real_broker(
    planned: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(planned, monkeypatch, RealBroker)
    assert set(statuses(planned, 0).values()) == {"suppressed"}
    assert "is past (the newest is" in causes(planned, 0)
    assert at_broker(planned) == 0


def test_an_order_whose_open_has_passed_expires(planned: SmallDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    submit(planned, monkeypatch, LaterBroker)
    assert set(statuses(planned, 0).values()) == {"expired"}
    assert "has passed at the broker" in causes(planned, 0)
    assert at_broker(planned) == 0


def test_a_lost_answer_is_unknown_and_the_broker_is_asked_before_a_second_try(
    planned: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = len(statuses(planned, 0))
    with pytest.raises(Transient, match=r"not known whether these orders arrived.*connection was dropped"):
        submit(planned, monkeypatch, LostAnswer)
    assert sorted(statuses(planned, 0).values()).count("planned") == 1
    submit(planned, monkeypatch, LostAnswer)
    assert set(statuses(planned, 0).values()) == {"submitted"}
    assert "found at the broker after an earlier attempt" in causes(planned, 0)
    assert at_broker(planned) == orders
    assert LostAnswer.calls == orders


def test_an_order_that_was_lost_on_its_way_is_sent_again(
    planned: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = len(statuses(planned, 0))
    with pytest.raises(Transient, match="timed out"):
        submit(planned, monkeypatch, LostOrder)
    submit(planned, monkeypatch, LostOrder)
    assert set(statuses(planned, 0).values()) == {"submitted"}
    assert at_broker(planned) == orders


def test_a_duplicate_was_sent_and_is_read_back(planned: SmallDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    submit(planned, monkeypatch, SaysDuplicate)
    assert set(statuses(planned, 0).values()) == {"submitted"}


def test_a_rejected_order_keeps_the_broker_s_answer(
    planned: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(planned, monkeypatch, Refuses)
    assert set(statuses(planned, 0).values()) == {"rejected"}
    assert planned.rows("SELECT DISTINCT answer FROM nightdesk.order_events WHERE answer IS NOT NULL") == [
        ({"code": 40310000},)
    ]


def test_a_kill_between_orders_and_submit_stops_purchases(planned: SmallDesk) -> None:
    with open_connection(planned.url) as conn:
        set_kill_switch(conn, "small", on=True, reason="drill", who="a person", session=session(0))
    planned.run_steps(0, "submit", "submit")
    assert set(statuses(planned, 0).values()) == {"suppressed"}
    assert "kill switch set by a person: drill" in causes(planned, 0)


def test_a_killed_book_buys_nothing_until_it_is_released(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "ingest")
    with open_connection(desk.url) as conn:
        set_kill_switch(conn, "small", on=True, reason="drill", who="a person", session=session(0))
    for number in range(2):
        desk.run(number)
        assert statuses(desk, number) == {}
    rejected = (
        "SELECT DISTINCT session FROM nightdesk.verdicts WHERE rule = 'kill_switch' AND action = 'reject'"
    )
    assert len(desk.rows(rejected)) == 2
    with open_connection(desk.url) as conn:
        set_kill_switch(conn, "small", on=False, reason="drill over", who="a person", session=session(2))
    desk.run(2)
    assert [one for one in statuses(desk, 2) if one.startswith("buy")]


def test_a_difference_to_the_broker_is_told_and_stops_entries(desk: SmallDesk) -> None:
    desk.run(0)
    desk.rows("UPDATE nightdesk.paper_accounts SET cash = cash - 5 RETURNING account")
    counts = desk.run(1)["settle"]
    assert counts["differences_to_broker"] == 1
    [(item, ours, theirs)] = desk.rows(
        "SELECT item, ledger_value, broker_value FROM nightdesk.reconciliations"
    )
    assert (item, ours - theirs) == ("cash", Decimal(5))  # type: ignore[operator]
    assert not [one for one in statuses(desk, 1) if one.startswith("buy")]
    [(level, body)] = desk.rows("SELECT level, body FROM nightdesk.alerts")
    assert level == "CRITICAL"
    assert "until a person has looked" in str(body)


def test_a_fill_that_fits_no_order_changes_no_position_and_is_told(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Confused(PaperBroker):
        def fills_since(self, since: datetime) -> list[Fill]:
            stray = Fill(
                "stray",
                "not-ours",
                "SPY",
                "buy",
                Decimal(7),
                Decimal(100),
                Decimal(0),
                session(1),
                Decimal(100),
            )
            return [*super().fills_since(since), stray]

    desk.run(0)
    trade_with(monkeypatch, Confused)
    assert desk.run(1)["settle"]["differences_to_broker"] == 0
    assert desk.rows("SELECT count(*) FROM nightdesk.fills WHERE execution_id = 'stray'") == [(0,)]
    assert desk.rows("SELECT subject FROM nightdesk.alerts") == [
        ("small: the broker reports a fill that cannot be ours",)
    ]


class StillWorking(PaperBroker):
    """Orders that were not filled stay at work after their session, until they are cancelled."""

    cancelled: ClassVar[set[str]] = set()

    def order_by_client_id(self, client_order_id: str) -> BrokerOrder | None:
        known = super().order_by_client_id(client_order_id)
        if known is None:
            return None
        ended = client_order_id in self.cancelled
        return replace(known, state=OrderState.CANCELLED if ended else OrderState.ACCEPTED)

    def cancel(self, client_order_id: str) -> BrokerOrder:
        self.cancelled.add(client_order_id)
        known = self.order_by_client_id(client_order_id)
        assert known is not None
        return known


def test_what_still_works_after_its_time_is_cancelled_but_not_by_a_dry_run(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    tree["broker"]["max_volume_share"] = 0.0
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    desk.run(0)
    trade_with(monkeypatch, StillWorking)
    desk.run(1, dry_run=True)
    assert not StillWorking.cancelled
    desk.run(1)
    assert len(StillWorking.cancelled) == len(statuses(desk, 0))
    assert set(statuses(desk, 0).values()) == {"cancelled"}


def test_a_kill_cancels_the_entries_that_wait_at_the_broker(desk: SmallDesk) -> None:
    desk.run(0)
    waiting = statuses(desk, 0)
    assert waiting
    assert set(waiting.values()) == {"submitted"}
    with open_connection(desk.url) as conn:
        turned = kill_small(desk, conn, reason="drill")
        assert turned.session == session(1)
        assert len(turned.cancelled) == len(waiting)
        with pytest.raises(Refused, match=f"is stopped since {session(1)} by a person: drill"):
            kill_small(desk, conn, reason="again")
    desk.run(1)
    assert set(statuses(desk, 0).values()) == {"cancelled"}
    assert desk.rows("SELECT count(*) FROM nightdesk.fills") == [(0,)]
    assert desk.rows("SELECT count(*) FROM nightdesk.reconciliations") == [(0,)]
    once = desk.dump()
    with desk.at(1) as context:
        rewind(context)
    desk.run(1)
    assert desk.dump() == once


def test_a_kill_counts_at_once_though_another_run_keeps_the_book_s_lock(desk: SmallDesk) -> None:
    desk.run(0)
    with open_connection(desk.url) as conn, open_connection(desk.url) as other:
        with book_lock(other, "small"):
            turned = kill_small(desk, conn, reason="drill", wait_seconds=0.0)
        assert (bool(turned.cancelled), turned.interrupted) == (True, True)
        assert kill_switch(conn, "small", session(1)).on


def test_a_breaker_that_kills_stops_the_book_from_the_next_decision_on(desk: SmallDesk) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    tree["limits"]["daily_loss"] = {"limit": -0.000001, "kills": True}
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    numbers = range(6)
    for number in numbers:
        desk.run(number)
    losses = [
        day
        for day, change in desk.rows("SELECT session, day_return FROM nightdesk.portfolio ORDER BY session")
        if change < -0.000001  # type: ignore[operator]
    ]
    kills = desk.rows("SELECT session, who, reason FROM nightdesk.risk_events ORDER BY session")
    assert losses
    [(first, who, reason)] = kills
    assert first == get_calendar().shift(losses[0], 1)  # type: ignore[arg-type]
    assert who == "rule breaker"
    assert "entries stop below" in str(reason)
    [(level,)] = desk.rows("SELECT DISTINCT level FROM nightdesk.alerts WHERE subject LIKE '%%is stopped%%'")
    assert level == "EMERGENCY"
    once = desk.dump()
    with desk.at(2) as context:
        rewind(context)
    for number in numbers[2:]:
        desk.run(number)
    assert {name: rows for name, rows in desk.dump().items() if name != "alerts"} == {
        name: rows for name, rows in once.items() if name != "alerts"
    }
