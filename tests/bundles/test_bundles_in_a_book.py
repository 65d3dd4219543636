"""A book of a pair through the store: what people see of a bundle that is uneven, and of a leg not sent."""

from datetime import timedelta

import pytest
import yaml
from tests.bundles.spreads import GoldAgainstBonds, PairDollars
from tests.clock import set_clock
from tests.session.small_desk import SmallDesk, session
from typer.testing import CliRunner

from nightdesk.cli import app
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.operations.trace import trace
from nightdesk.session.books import read_book
from nightdesk.store.connection import DATABASE_VARIABLE
from nightdesk.store.db import transaction
from nightdesk.store.order_rows import move_order, orders_of


def as_pair(desk: SmallDesk, **changed: object) -> None:
    """The book with GLD against TLT, of which a bar lets a part be filled."""
    tree = yaml.safe_load(desk.book.read_text())
    tree |= {
        "strategies": {GoldAgainstBonds.name: {"share": 1.0, "sizing": PairDollars.name}},
        "universe": {one: {"max_weight": 0.5} for one in ("SPY", "GLD", "TLT")},
        "levels": None,
        "limits": {"max_weight": {}, "gross_leverage": {"limit": 1.4}},
        "margin": {"kind": "reg_t"},
        "financing": {"debit_rate": 0.06, "borrow_rate": 0.005},
        "portfolio": {"volatility_target": None},
        "broker": {"kind": "paper", "account": "paper-small", "max_volume_share": 0.000005},
        "quality": {"failed_share": 0.9},
        **changed,
    }
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))


def run(desk: SmallDesk, number: int) -> None:
    set_clock(desk.url, get_calendar().known_from(session(number)) + timedelta(hours=1))
    desk.run(number)


def told(desk: SmallDesk) -> list[str]:
    rows = desk.rows(
        "SELECT subject FROM nightdesk.alerts WHERE subject LIKE '%%of_a_test%%' ORDER BY alert_id"
    )
    return [str(subject) for (subject,) in rows]


def test_an_uneven_bundle_is_told_once_shown_and_repaired(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_pair(desk)
    monkeypatch.setenv(DATABASE_VARIABLE, desk.url)
    number, uneven = 0, None
    while number < 25:
        run(desk, number)
        found = desk.rows("SELECT max(uneven) FROM nightdesk.targets WHERE session = %s", session(number))
        if found[0][0]:
            uneven = number
            break
        number += 1
    assert uneven is not None, "no bundle was ever uneven"
    [subject] = told(desk)
    assert f"a bundle is uneven: {GoldAgainstBonds.name} 1" in subject
    status = CliRunner().invoke(app, ["status"], prog_name="nightdesk").stdout
    [(page,)] = desk.rows("SELECT html FROM nightdesk.reports WHERE session = %s", session(uneven))
    assert "UNEVEN BUNDLE" in status
    assert f"bundle {GoldAgainstBonds.name} 1 is uneven" in status
    assert f"{GoldAgainstBonds.name} 1 is uneven" in str(page)
    for later in range(uneven + 1, uneven + 5):
        run(desk, later)
    rows = desk.rows("SELECT max(uneven) FROM nightdesk.targets WHERE session = %s", session(uneven + 4))
    assert not rows[0][0], "it was not repaired"
    assert any(f"over: {GoldAgainstBonds.name} 1" in one for one in told(desk))


def first_orders(desk: SmallDesk) -> int:
    """The first session that opens the pair, its orders planned and not sent."""
    for number in range(25):
        desk.run_steps(number, "ingest", "orders")
        if desk.rows("SELECT 1 FROM nightdesk.orders WHERE session = %s", session(number)):
            return number
        desk.run_steps(number, "submit", "close")
    raise AssertionError("the pair was never opened")


def test_orders_and_signals_name_their_bundle_and_a_leg_is_not_sent_alone(desk: SmallDesk) -> None:
    as_pair(desk)
    number = first_orders(desk)
    with desk.at(number) as context:
        first, second = orders_of(context.conn, context.book.name, context.as_of)
        assert first.order.bundles == second.order.bundles
        [name] = first.order.bundles
        assert name == f"small:{context.as_of:%Y%m%dT%H%M}:{GoldAgainstBonds.name}:1:open"
        story = trace(context, "TLT")
        assert [one["bundles"] for one in story["orders"]] == [[name]]
        assert [(one["bundle"], one["ratio"] > 0) for one in story["signals"]] == [(1, True)]
        gone = first.order
        with transaction(context.conn):
            move_order(context.conn, gone.client_order_id, *context.moment, "rejected", "by the test")
    desk.run_steps(number, "submit", "close")
    rows = desk.rows(
        "SELECT o.symbol, o.status, e.cause FROM nightdesk.orders o JOIN nightdesk.order_events e "
        "USING (client_order_id) WHERE o.session = %s AND e.status = o.status ORDER BY o.symbol",
        session(number),
    )
    assert rows[0][:2] == (gone.symbol, "rejected")
    assert rows[1][1] == "suppressed"
    assert f"leg {gone.symbol} of its bundle is not in the market (it is rejected): none is" in str(
        rows[1][2]
    )


def test_a_leg_outside_the_universe_and_a_broker_without_shorts_are_refused(desk: SmallDesk) -> None:
    as_pair(desk, universe={one: {"max_weight": 0.5} for one in ("SPY", "GLD")})
    with pytest.raises(Refused, match=r"pair_of_a_test.legs: found the legs TLT, which are not in the book"):
        read_book(desk.book)
    as_pair(desk, broker={"kind": "alpaca", "account": "alpaca-small"})
    with pytest.raises(Refused, match=r"it sells short, which the desk does at no broker of kind alpaca"):
        read_book(desk.book)
