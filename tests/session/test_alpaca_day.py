"""Days of a book at Alpaca: sent in the evening, filled in the morning, settled in the evening after."""

import csv
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import yaml
from tests.conftest import open_connection
from tests.fakes.alpaca import FakeAlpaca
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca
from tests.session.promoted import promoted
from tests.session.small_desk import STRATEGY, SmallDesk, die, in_child, session

from nightdesk.brokers import Unreachable
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Action
from nightdesk.core.stages import Stage
from nightdesk.operations.adopt import adopt
from nightdesk.operations.collect import collect
from nightdesk.operations.kill_switch import kill, release
from nightdesk.operations.recover import recover
from nightdesk.operations.resend import resend
from nightdesk.operations.verify import verify
from nightdesk.session import reconcile, steps, submit
from nightdesk.session.context import Context
from nightdesk.session.steps import run_session
from nightdesk.store.action_rows import state_action
from nightdesk.store.kill_switch_rows import kill_switch

#: The parent's threads (of its numerical libraries) idle while it forks.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca) -> AlpacaDesk:
    return at_alpaca(make_desk(), fake)


def differences(desk: AlpacaDesk) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT session, item, ledger_value, broker_value, outcome FROM nightdesk.reconciliations"
    )


def test_a_week_at_alpaca_ends_with_a_ledger_that_agrees_with_it(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    for number in range(5):
        if number:
            desk.live_through(number)
        desk.decide(number)
    assert differences(desk) == []
    sent = desk.rows("SELECT client_order_id FROM nightdesk.orders WHERE status <> 'suppressed'")
    assert sorted(one["client_order_id"] for one in fake.orders) == sorted(str(name) for (name,) in sent)
    assert len(sent) >= 3
    with desk.at(4) as context:
        assert verify(context.conn, "small").differences == ()
    held = {
        str(symbol): quantity
        for symbol, quantity in desk.rows(
            "SELECT symbol, sum(quantity) FROM nightdesk.positions WHERE session = %s "
            "GROUP BY symbol HAVING sum(quantity) <> 0",
            session(4),
        )
    }
    theirs = {name: one.quantity for name, one in fake.exchange.state.holdings.items() if one.quantity}
    assert {name.replace("-", "/"): quantity for name, quantity in held.items()} == theirs
    [(cash,)] = desk.rows("SELECT cash FROM nightdesk.portfolio WHERE session = %s", session(4))
    assert cash == fake.exchange.state.cash.quantize(Decimal("0.01"))


def week(desk: AlpacaDesk, last: int) -> None:
    """Decide the sessions up to `last`, each in its evening."""
    for number in range(last + 1):
        if number:
            desk.live_through(number)
        desk.decide(number)


def alerts(desk: AlpacaDesk) -> list[tuple[object, object]]:
    return [(level, subject) for level, subject in desk.rows("SELECT level, subject FROM nightdesk.alerts")]


def test_a_session_that_is_past_reaches_no_real_broker(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.evening(1)
    desk.price_coins(1)
    desk.run(0)
    assert set(statuses(desk, 0).values()) == {"suppressed"}
    assert fake.asked("submit") == []


def test_a_dividend_is_owed_from_its_ex_date_until_the_broker_pays(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    week(desk, 1)
    symbol = held(desk, 1)
    pay_dividend(desk, symbol, 2, 0.5)
    desk.live_through(2)
    desk.decide(2)
    assert desk.rows("SELECT count(*) > 0 FROM nightdesk.ledger_entries WHERE kind = 'dividend'") == [(True,)]
    assert differences(desk) == []
    fake.exchange.pay_dividend(symbol, 0.5)
    desk.live_through(3)
    desk.decide(3)
    assert differences(desk) == []
    assert desk.rows("SELECT kind FROM nightdesk.movements") == [("dividend",)]


def test_the_cash_in_lieu_of_an_odd_lot_is_owed_until_it_is_paid_at_the_brokers_own_price(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    week(desk, 1)
    symbol = held(desk, 1)
    price = split(desk, symbol, 2, 1.03)
    state(desk, 2, symbol, "split", 1.03)
    rest = fake.exchange.split(symbol, 1.03, price)
    assert rest, "an odd lot"
    desk.live_through(2)
    desk.decide(2)
    assert differences(desk) == []
    paid = (rest * Decimal(str(price)) * Decimal("0.98")).quantize(Decimal("0.01"))
    fake.exchange.pay_in_lieu(symbol, paid)
    desk.live_through(3)
    desk.decide(3)
    assert differences(desk) == []
    assert desk.rows("SELECT count(*) FROM nightdesk.risk_events WHERE kind = 'kill'") == [(0,)]
    [(booked,)] = desk.rows(
        "SELECT sum(cash) FROM nightdesk.ledger_entries WHERE kind = 'adjustment' AND symbol = %s", symbol
    )
    assert booked == paid
    assert all(counts["differs"] == 0 for counts in desk.run(3).values())


def test_a_merger_for_cash_is_applied_before_the_comparison_and_adopting_shows_no_loss(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    week(desk, 1)
    symbol = held(desk, 1)
    state(desk, 2, symbol, "merger", 0.0, 31.5)
    fake.exchange.merge_for_cash(symbol, 31.5)
    desk.live_through(2)
    desk.decide(2)
    assert differences(desk) == []
    assert desk.rows("SELECT count(*) FROM nightdesk.ledger_entries WHERE kind = 'redemption'") == [(1,)]


def test_who_adopts_units_that_went_for_cash_sells_them_at_that_price(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    week(desk, 1)
    symbol = held(desk, 1)
    fake.exchange.merge_for_cash(symbol, 31.5)
    desk.live_through(2)
    desk.decide(2)
    [(units, cost)] = desk.rows(
        "SELECT quantity, cost FROM nightdesk.positions WHERE symbol = %s AND session = %s",
        symbol,
        session(2),
    )
    with desk.standing() as context:
        adopt(context, reason="taken private", who="a person")
    desk.live_through(3)
    desk.decide(3)
    [(quantity, realised)] = desk.rows(
        "SELECT quantity, realised FROM nightdesk.positions WHERE symbol = %s AND session = %s",
        symbol,
        session(3),
    )
    assert (quantity, realised) == (0, units * Decimal("31.5") - cost)  # type: ignore[operator]
    newest = "SELECT count(*) FROM nightdesk.reconciliations WHERE session = %s"
    assert desk.rows(newest, session(3)) == [(0,)]


def test_fees_are_booked_in_dollars_and_in_coins(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    fake.exchange.crypto_fee = Decimal("0.0025")
    week(desk, 1)
    fake.exchange.post("FEE", "-0.37", description="regulatory fee")
    for number in (2, 3):
        desk.live_through(number)
        desk.decide(number)
    assert differences(desk) == []
    assert (
        "fee",
        "",
        Decimal("-0.37"),
    ) in desk.rows("SELECT kind, symbol, cash FROM nightdesk.ledger_entries WHERE kind = 'fee'")
    with desk.at(3) as context:
        assert verify(context.conn, "small").differences == ()


def test_what_the_broker_takes_for_loans_is_booked_and_told_beside_the_books_rates(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    rates = {"debit_rate": 0.08, "credit_rate": 0.036, "borrow_rate": 0.05}
    desk.book.write_text(yaml.safe_dump(tree | {"financing": rates}, sort_keys=False))
    week(desk, 2)
    assert desk.rows("SELECT 1 FROM nightdesk.ledger_entries WHERE kind IN ('interest', 'borrow')") == []
    fake.exchange.post("INT", "100.00")
    fake.exchange.post("FEE", "-0.61", description="Stock borrow fee")
    for number in (3, 4):
        desk.live_through(number)
        desk.decide(number)
    booked = "SELECT session, kind, cash FROM nightdesk.ledger_entries WHERE kind IN ('interest', 'borrow')"
    assert sorted(desk.rows(booked)) == [
        (session(3), "borrow", Decimal("-0.61")),
        (session(3), "interest", Decimal("100.00")),
    ]
    balances = desk.rows("SELECT session, cash FROM nightdesk.portfolio ORDER BY session")[:3]
    ends = (session(1), session(2), session(3))
    modelled = sum(
        (cash * Decimal("0.036") * (end - begin).days / 360).quantize(Decimal("0.01"))
        for (begin, cash), end in zip(balances, ends, strict=True)
    )
    told = dict(
        desk.rows("SELECT level, body FROM nightdesk.alerts WHERE alert_key LIKE 'financing small %%'")
    )
    assert f"booked 100.00 dollars of interest at {session(3)}" in told["WARNING"]
    assert f"it is {modelled} since {session(0)}: a difference of {100 - modelled}." in told["WARNING"]
    assert "booked -0.61 dollars of fees for borrowed units" in told["INFO"]
    kept = "SELECT session, borrow, interest, other FROM nightdesk.performance WHERE interest <> 0"
    assert desk.rows(kept) == [(session(3), Decimal("0.61"), Decimal(100), 0)]
    assert differences(desk) == []
    with desk.at(4) as context:
        assert verify(context.conn, "small").differences == ()


def test_a_difference_stops_entries_until_a_person_takes_it_over_and_releases_the_book(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    week(desk, 1)
    fake.exchange.post("CSW", "-250.00")
    desk.live_through(2)
    desk.decide(2)
    assert [(item, theirs - ours) for _, item, ours, theirs, _ in differences(desk)] == [  # type: ignore[operator]
        ("cash", Decimal("-250.00"))
    ]
    assert ("CRITICAL", "small: ledger and broker differ") in alerts(desk)
    assert not [one for one in statuses(desk, 2) if one.startswith("buy")]
    with desk.standing() as context:
        done = adopt(context, reason="a withdrawal", who="ann")
        assert (done.session, done.amounts) == (session(3), {"cash": Decimal("-250.00")})
        with pytest.raises(Refused, match="taken over already"):
            adopt(context, reason="again", who="ann")
        release(context.conn, "small", reason="looked at", who="ann")
    for number in (3, 4):
        desk.live_through(number)
        desk.decide(number)
    assert len(differences(desk)) == 1
    with desk.at(4) as context:
        assert verify(context.conn, "small").differences == ()
    with desk.standing() as context, pytest.raises(Refused, match="found no difference"):
        adopt(context, reason="again", who="ann")


def test_a_difference_within_the_tolerance_is_booked_and_marked(
    make_desk: Callable[[], SmallDesk], fake: FakeAlpaca
) -> None:
    desk = at_alpaca(make_desk(), fake, tolerance={"cash": 0.05})
    week(desk, 0)
    fake.exchange.post("JNLC", "-0.03")
    for number in (1, 2):
        desk.live_through(number)
        desk.decide(number)
    assert [(item, outcome) for _, item, _, _, outcome in differences(desk)] == [("cash", "tolerated")]
    assert ("WARNING", "small: small differences to the broker were booked") in alerts(desk)
    assert desk.rows("SELECT count(*) FROM nightdesk.risk_events") == [(0,)]
    once = desk.dump()
    with desk.at(1) as context:
        assert run_session(context)["settle"]["differs"] == 0
    assert desk.dump() == once


def test_what_the_morning_brings_is_collected_before_it_is_booked(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    week(desk, 0)
    desk.open_market(1)
    with desk.standing() as context:
        found = collect(context)
        assert set(found.moved.values()) == {"filled"}
        assert collect(context).moved == {}
    assert set(statuses(desk, 0).values()) == {"filled"}
    assert desk.rows("SELECT count(*) FROM nightdesk.fills") == [(0,)]
    assert desk.rows("SELECT count(*) FROM nightdesk.executions")[0][0] == len(fake.orders)
    fake.exchange.close_market(desk.prices(1, 5))
    desk.decide(1)
    assert desk.rows("SELECT count(*) FROM nightdesk.fills")[0][0] == len(statuses(desk, 0))
    assert differences(desk) == []


def test_an_order_that_the_venue_refuses_in_the_morning_is_told(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    week(desk, 0)
    name = stocks(fake)[0]["client_order_id"]
    fake.exchange.reject(name)
    desk.open_market(1)
    with desk.standing() as context:
        assert collect(context).moved[name] == "rejected"
    assert [level for level, subject in alerts(desk) if "the broker rejected" in str(subject)] == ["CRITICAL"]


def test_a_kill_cancels_at_the_broker_and_everything_stops_reductions_too(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    week(desk, 2)
    waiting = [one for one, status in statuses(desk, 2).items() if status == "submitted"]
    with desk.standing() as context:
        turned = kill(
            context.conn,
            "small",
            reason="drill",
            who="ann",
            everything=True,
            file=desk.book,
            environ=desk.environ,
        )
    assert len(turned.cancelled) == len([one for one in waiting if "BTC" not in one])
    desk.live_through(3)
    before = len(fake.asked("submit"))
    desk.decide(3)
    assert len(fake.asked("submit")) == before
    assert set(statuses(desk, 3).values()) <= {"suppressed"}


def test_an_ended_order_is_tried_again_as_a_generation_of_its_own(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.evening(0)
    desk.price_coins(0)
    desk.run(0)
    first = stocks(fake)[0]
    fake.exchange.cancel(first["id"])
    with desk.at(0) as context:
        name = first["client_order_id"]
        with pytest.raises(Refused, match="is submitted"):
            resend(context, name, reason="cancelled by mistake", who="ann")
        collect(context)
        again = resend(context, name, reason="cancelled by mistake", who="ann")
        assert (again.status, again.order.generation) == ("submitted", 1)
        with pytest.raises(Refused, match="tried again already"):
            resend(context, name, reason="once more", who="ann")
    assert fake.exchange.by_client_id(again.order.client_order_id) is not None
    desk.live_through(1)
    desk.decide(1)
    assert differences(desk) == []
    assert desk.rows(
        "SELECT cause FROM nightdesk.order_events WHERE client_order_id = %s AND number = 0",
        again.order.client_order_id,
    ) == [("tried again by ann: cancelled by mistake",)]


def test_a_limit_of_capital_lets_no_order_lead_beyond_it(
    make_desk: Callable[[], SmallDesk], fake: FakeAlpaca
) -> None:
    desk = at_alpaca(make_desk(), fake, capital_limit=20_000)
    week(desk, 0)
    assert set(statuses(desk, 0).values()) <= {"submitted", "suppressed"}
    assert "suppressed" in statuses(desk, 0).values()
    sent = desk.rows("SELECT quantity * reference_price FROM nightdesk.orders WHERE attempts > 0")
    assert sum(Decimal(str(value)) for (value,) in sent) <= 20_000
    assert desk.rows(
        "SELECT count(*) FROM nightdesk.order_events WHERE cause LIKE '%%is limited to 20000%%'"
    ) != [(0,)]


def test_real_money_wants_its_account_named_in_the_environment(
    make_desk: Callable[[], SmallDesk], fake: FakeAlpaca
) -> None:
    desk = at_alpaca(make_desk(), fake, live=True, capital_limit=50_000)
    desk.evening(0)
    with pytest.raises(
        Refused, match=r"holds real money \(broker.live\), and NIGHTDESK_LIVE does not name it"
    ):
        desk.run(0)
    assert fake.requests == []
    desk.price_coins(0)
    promoted(desk, Stage.FULL)
    desk.run(0, environ=desk.environ | {"NIGHTDESK_LIVE": "other, alpaca-small"})
    assert fake.asked("submit")


def test_a_broker_that_is_silent_for_five_minutes_while_orders_are_due_stops_the_book(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.evening(0)
    desk.price_coins(0)
    with desk.at(0) as context:
        run_until_submit(context)
        with fake.away():
            with pytest.raises(Unreachable):
                steps.submit(context)
            assert not kill_switch(context.conn, "small", session(0)).on
            desk.go_to(get_calendar().known_from(session(0)) + timedelta(minutes=7))
    with desk.at(0) as context:
        with fake.away(), pytest.raises(Unreachable):
            steps.submit(context)
        switch = kill_switch(context.conn, "small", session(0))
        assert (switch.on, switch.who) == (True, "rule broker unreachable")
        assert ("EMERGENCY", "small is stopped: broker unreachable") in alerts(desk)
        steps.submit(context)
    assert set(statuses(desk, 0).values()) == {"suppressed"}


def test_a_crash_in_the_middle_of_the_day_is_recovered_and_the_run_goes_on(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.evening(0)
    desk.price_coins(0)

    def crash() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(submit, "record_known", die)
            desk.run(0)

    assert in_child(crash) == -9
    began = time.monotonic()
    with desk.standing() as context:
        found = recover(context)
    assert [step for _, step in found.cut_off] == ["submit"]
    assert "submitted" in found.collected.moved.values() or found.collected.executions
    assert found.to_run == (get_calendar().close_at(session(0)),)
    desk.run(0)
    seconds = time.monotonic() - began
    assert seconds < 60
    print(f"from the crash to the session's end: {seconds:.1f} s")
    assert len(fake.orders) == len(statuses(desk, 0)) == len({one["client_order_id"] for one in fake.orders})
    with desk.standing() as context:
        assert recover(context).cut_off == ()
    assert desk.rows("SELECT count(*) FROM nightdesk.recoveries") == [(2,)]
    desk.live_through(1)
    desk.decide(1)
    assert differences(desk) == []


def statuses(desk: AlpacaDesk, number: int) -> dict[str, str]:
    """Side and symbol of each order of a session, and where it stands."""
    return {
        str(name): str(status)
        for name, status in desk.rows(
            "SELECT side || ' ' || symbol, status FROM nightdesk.orders WHERE session = %s", session(number)
        )
    }


def stocks(fake: FakeAlpaca) -> list[dict[str, Any]]:
    """The orders that wait for the morning."""
    return [one for one in fake.orders if one["asset_class"] == "us_equity"]


def held(desk: AlpacaDesk, number: int) -> str:
    """A symbol of the exchange that is held at the end of a session."""
    rows = desk.rows(
        "SELECT symbol FROM nightdesk.positions WHERE session = %s AND quantity > 0 AND symbol <> 'BTC-USD'",
        session(number),
    )
    return str(rows[0][0])


def pay_dividend(desk: AlpacaDesk, symbol: str, number: int, cash: float) -> None:
    """Let the vendor's file tell of a dividend: what it adjusts by drops at its ex-date."""
    rows = list(csv.reader(desk.bars.open()))
    day = str(session(number))
    before = [row for row in rows if row[1] == symbol and row[0] < day][-1]
    factor = 1 - cash / float(before[5])
    out = [[*rows[0], "adj_close"]]
    for row in rows[1:]:
        adjusted = float(row[5]) * (factor if row[1] == symbol and row[0] < day else 1.0)
        out.append([*row, f"{adjusted:.10f}"])
    with desk.bars.open("w", newline="") as file:
        csv.writer(file).writerows(out)


def split(desk: AlpacaDesk, symbol: str, number: int, ratio: float) -> float:
    """Let the vendor's file have raw prices of after a split from a session on; the last price before it."""
    rows = list(csv.reader(desk.bars.open()))
    day = str(session(number))
    last = [row for row in rows if row[1] == symbol and row[0] < day][-1]
    for row in rows[1:]:
        if row[1] == symbol and row[0] >= day:
            row[2:6] = [f"{float(price) / ratio:.4f}" for price in row[2:6]]
    with desk.bars.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return float(last[5]) / ratio


def state(desk: AlpacaDesk, number: int, symbol: str, kind: str, value: float, cash: float = 0.0) -> None:
    """Let a person state an action."""
    day = np.datetime64(session(number))
    with open_connection(desk.url) as conn:
        state_action(conn, Action(symbol, day, kind, value, cash=cash, note="a person: test"))  # type: ignore[arg-type]


def run_until_submit(context: Context) -> None:
    for name in steps.STEPS[: steps.STEPS.index("submit")]:
        if name == "signals":
            steps.signals(context, STRATEGY)
        else:
            getattr(steps, name)(context)
