"""What a book holds, with the stop that closes it and what lies where."""

from decimal import Decimal

import pytest

from nightdesk.cockpit.held_positions import HeldPosition, exposures, stop_price, symbol_averages
from nightdesk.core.exit_plan import ExitDistance, ExitPlan, Stop


def held(
    symbol: str, strategy: str, weight: float, group: str = "", kind: str = "etf", account: str = "main"
) -> HeldPosition:
    nothing = Decimal(0)
    return HeldPosition(
        symbol, strategy, Decimal(1), nothing, nothing, nothing, nothing, weight, None, None, None, group,
        kind, account,
    )  # fmt: skip


def test_the_nearest_stop_is_shown_below_a_long_and_above_a_short() -> None:
    plan, rule = ExitPlan(stop=ExitDistance(share=0.1)), Stop(halve=0.1, leave=0.2)
    fixed = {"stop_distance": 7.0}
    for target, planned, of_rule, distance in (
        (fixed, plan, rule, 7.0),
        (None, plan, rule, 10.0),
        (None, None, rule, 20.0),
        ({"stop_distance": 0.0}, ExitPlan(stop=ExitDistance(atr=2.0)), rule, 20.0),
    ):
        long = stop_price(100.0, True, target, planned, of_rule)
        short = stop_price(100.0, False, target, planned, of_rule)
        assert long is not None
        assert short is not None
        assert (long.price, short.price) == pytest.approx((100.0 - distance, 100.0 + distance))


def test_a_position_that_nothing_stops_has_no_stop() -> None:
    assert stop_price(100.0, True, {"stop_distance": 0.0}, ExitPlan(sessions=5), None) is None


def test_strategies_are_netted_in_a_symbol_before_exposure_is_counted() -> None:
    group, kind, account = exposures(
        [held("A", "x", 0.3, "tech"), held("A", "y", -0.1, "tech"), held("B", "x", -0.05, kind="crypto")],
        accounts=True,
    )
    assert [(one.name, one.gross, one.net, one.positions) for one in group.lines] == [
        ("tech", pytest.approx(0.2), pytest.approx(0.2), 1),
        ("crypto", pytest.approx(0.05), pytest.approx(-0.05), 1),
    ]
    assert [one.name for one in kind.lines] == ["etf", "crypto"]
    assert account.lines[0].gross == pytest.approx(0.25)


def test_a_book_without_positions_has_no_exposure() -> None:
    assert exposures([], accounts=True) == ()


def test_the_stop_of_the_rule_goes_by_the_average_over_all_strategies() -> None:
    rows = [
        {"symbol": "A", "quantity": Decimal(10), "multiplier": Decimal(2), "cost": Decimal(2000)},
        {"symbol": "A", "quantity": Decimal(30), "multiplier": Decimal(2), "cost": Decimal(8400)},
        {"symbol": "B", "quantity": Decimal(5), "multiplier": Decimal(1), "cost": Decimal(500)},
        {"symbol": "B", "quantity": Decimal(-5), "multiplier": Decimal(1), "cost": Decimal(-480)},
    ]
    averages = symbol_averages(rows)
    assert averages == {"A": 130.0}
    rule = Stop(halve=0.1, leave=0.2)
    found = stop_price(100.0, True, None, None, rule, averages["A"])
    assert found is not None
    assert found.price == pytest.approx(104.0)
    fixed = stop_price(140.0, True, {"stop_distance": 7.0}, None, rule, averages["A"])
    assert fixed is not None
    assert fixed.price == pytest.approx(133.0), "the nearer one of its strategy"


@pytest.mark.parametrize("distance", [None, 0.0, float("inf")])
def test_a_distance_that_is_none_is_no_stop(distance: float | None) -> None:
    assert stop_price(100.0, True, {"stop_distance": distance}, None, None) is None
