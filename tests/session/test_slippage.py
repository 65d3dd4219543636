"""What fills were expected to cost and did cost is kept with them, on paper and at a real broker."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.conftest import open_connection
from tests.fakes.alpaca import FakeAlpaca
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca
from tests.session.small_desk import SmallDesk, instant, session

from nightdesk.operations.trace import trace
from nightdesk.orders import Fill, slippage_of
from nightdesk.orders.slippage import total
from nightdesk.store.order_rows import fills_between, slippage_rows

LIMIT_ORDERS = {"type": "limit", "limit_offset_bps": 2}


def with_limits(desk: SmallDesk) -> SmallDesk:
    path = Path(desk.book)
    tree = yaml.safe_load(path.read_text()) | {"orders": LIMIT_ORDERS}
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    return desk


def fills_with_expectations(desk: SmallDesk) -> list[tuple[Fill, Decimal]]:
    with open_connection(desk.url) as conn:
        fills = fills_between(conn, "small")
    expected = dict(desk.rows("SELECT execution_id, expected_price FROM nightdesk.fills"))
    return [(fill, expected[fill.execution_id]) for fill in fills]  # type: ignore[index,misc]


def test_the_view_of_the_store_tells_what_the_function_makes_of_a_fill(desk: SmallDesk) -> None:
    for number in range(3):
        desk.run(number)
    kept = fills_with_expectations(desk)
    rows = desk.rows(
        "SELECT execution_id, notional, expected_cost, realised_cost, expected_bps, realised_bps "
        "FROM nightdesk.slippage"
    )
    told = {row[0]: row[1:] for row in rows}
    assert len(told) == len(kept) >= 3
    for fill, expected in kept:
        made = slippage_of(fill, expected)
        *costs, expected_bps, realised_bps = told[fill.execution_id]
        assert costs == [made.notional, made.expected, made.realised]
        assert (expected_bps, realised_bps) == pytest.approx((made.expected_bps, made.realised_bps))
        assert made.realised > 0


def test_on_paper_the_expected_slippage_is_the_realised_one(desk: SmallDesk) -> None:
    with_limits(desk)
    for number in range(6):
        desk.run(number)
    kept = fills_with_expectations(desk)
    assert kept
    assert all(abs(fill.price - expected) <= Decimal("0.000001") for fill, expected in kept)
    ends = dict(desk.rows("SELECT status, count(*) FROM nightdesk.orders GROUP BY 1"))
    assert {"filled", "expired"} <= ends.keys()
    reasons = desk.rows(
        "SELECT e.answer ->> 'reason' FROM nightdesk.order_events e WHERE e.status = 'expired'"
    )
    missed = [reason for (reason,) in reasons if "was not reached: the bar opened at" in str(reason)]
    assert missed, reasons


def test_at_a_broker_that_fills_at_the_open_less_is_realised_than_was_expected(
    make_desk: Callable[[], SmallDesk], fake: FakeAlpaca
) -> None:
    desk = at_alpaca(make_desk(), fake)
    decide(desk, 2)
    kept = fills_with_expectations(desk)
    assert kept
    for fill, expected in kept:
        modelled = Decimal("0.0015") if fill.symbol == "BTC-USD" else Decimal("0.0005")
        assert fill.reference_price is not None
        moved = fill.reference_price * (1 + modelled if fill.side == "buy" else 1 - modelled)
        assert abs(expected - moved) <= Decimal("0.000001")
    with open_connection(desk.url) as conn:
        day = total(slippage_rows(conn, "small", instant(1)))
    assert day.expected_bps >= 5
    assert abs(day.realised_bps) < 0.5
    with desk.at(1) as context:
        page = (context.reports / "small" / f"{session(1)}.html").read_text()
    assert f"expected +${day.expected:.2f} ({day.expected_bps:.2f} bp)" in " ".join(page.split())
    assert f"realised +${day.realised:.2f} ({day.realised_bps:.2f} bp)" in " ".join(page.split())
    symbol = next(fill.symbol for fill, _ in kept if fill.symbol != "BTC-USD")
    with desk.at(0) as context:
        (told,) = trace(context, symbol)["fills"]
    assert told["realised_bps"] == pytest.approx(0.0, abs=0.01)
    assert told["expected_bps"] == pytest.approx(5.0, abs=0.01)


def test_limit_orders_go_to_the_broker_with_their_limit_and_none_is_expected_beyond_it(
    make_desk: Callable[[], SmallDesk], fake: FakeAlpaca
) -> None:
    desk = with_limits(at_alpaca(make_desk(), fake))
    assert isinstance(desk, AlpacaDesk)
    decide(desk, 4)
    sent = {one["client_order_id"]: one for one in fake.orders}
    ours = desk.rows(
        "SELECT client_order_id, side, limit_price FROM nightdesk.orders WHERE status <> 'suppressed'"
    )
    assert ours
    for name, _, limit in ours:
        assert (sent[str(name)]["type"], Decimal(sent[str(name)]["limit_price"])) == ("limit", limit)
    limits = {name: (side, limit) for name, side, limit in ours}
    kept = fills_with_expectations(desk)
    assert kept
    for fill, expected in kept:
        side, limit = limits[fill.client_order_id]
        assert expected <= limit if side == "buy" else expected >= limit  # type: ignore[operator]
    assert desk.rows("SELECT count(*) FROM nightdesk.reconciliations") == [(0,)]


def decide(desk: AlpacaDesk, last: int) -> None:
    """Decide the sessions up to `last`, each in its evening."""
    for number in range(last + 1):
        if number:
            desk.live_through(number)
        desk.decide(number)
