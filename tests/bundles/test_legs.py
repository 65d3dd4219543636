"""Legs at their ratio: in quantities, in targets, behind the gate and in fills; and bundles that are none."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.bundles.random_bundles import EndingBundles
from tests.engine.desks import book, day, desk, state

from nightdesk.core.errors import Refused
from nightdesk.core.exit_plan import ExitDistance, ExitPlan
from nightdesk.engine import Carried, Day, Desk, State, gate, plan_all, targets
from nightdesk.engine.entry_conditions import EntryConditions
from nightdesk.engine.exits import Cause
from nightdesk.orders import Intent, Order
from nightdesk.orders.legs_filled import Possible, filled_together
from nightdesk.orders.order import bundle_id
from nightdesk.portfolio import Bundles, Units, brought_even
from nightdesk.risk import words
from nightdesk.strategies import Direction, Signals, View
from nightdesk.strategies.bundle_signals import check_bundles

BUY, SELL, HOLD = Direction.STRONG_BUY, Direction.STRONG_SELL, Direction.HOLD


@pytest.mark.parametrize(
    ("size", "ratio", "units", "even"),
    [
        ([3, 7, 4], [1, 2, 1], [1, 1, 1], [3, 6, 3]),
        ([0, 7, 4], [1, 2, 1], [1, 1, 1], [0, 0, 0]),
        ([100, 137], [1, 1.37], [1, 1], [100, 137]),
        ([99, 137], [1, 1.37], [1, 1], [99, 136]),
        ([150, 1], [1, 0.01], [1, 1], [150, 1]),
        ([1, 1], [2, 1], [1, 1], [0, 0]),
        ([0.5, 30], [0.1, 5], ["0.1", 5], [0.5, 25]),
    ],
)
def test_the_worst_leg_decides_and_a_leg_of_nothing_leaves_nothing(
    size: list[float], ratio: list[float], units: list[Any], even: list[float]
) -> None:
    of = Units.of([Decimal(str(one)) for one in units])
    found = brought_even(np.array(size, dtype=float), np.array(ratio, dtype=float), of)
    assert found.tolist() == even
    assert brought_even(found, np.array(ratio, dtype=float), of).tolist() == even


def pair(**limits: Any) -> Desk:
    """GLD against SPY on margin; the strategy ends its positions at 2 % from its entry."""
    made = desk(
        limits={"max_weight": {}, "gross_leverage": {"limit": 2.0}, **limits},
        margin={"kind": "reg_t"},
        financing={"debit_rate": 0.06, "borrow_rate": 0.005},
    )
    ((name, one),) = made.strategies.items()

    class Pair(EndingBundles):
        exit_plan = ExitPlan(stop=ExitDistance(share=0.02))

    return replace(made, strategies={name: Pair(one.params)})


def says(*direction: Direction, ratio: tuple[float, float] = (2.0, 1.0), **changed: Any) -> Day:
    """GLD long and SPY short, legs of bundle 1."""
    made = day(list(direction), **changed)
    return replace(
        made,
        side=np.array([[1, -1]], dtype=np.int8),
        bundle=np.array([[1, 1]], dtype=np.int16),
        ratio=np.array([list(ratio)]),
    )


def holds(made: Desk, gld: int, spy: int, uneven: int = 0) -> State:
    """Both legs, of which there are two of GLD for one of SPY."""
    (name,) = made.strategies
    shape = (1, 2)
    bundles = Bundles(
        np.ones(shape, dtype=np.int16), np.array([[2.0, 1.0]]), np.full(shape, uneven, dtype=np.int16)
    )
    positions = [(name, symbol, units) for symbol, units in (("GLD", gld), ("SPY", spy)) if units]
    return replace(state(*positions), carried=replace(Carried.nothing(shape), bundles=bundles))


def test_an_entry_is_brought_to_its_ratio_by_the_worst_leg() -> None:
    made = pair()
    wanted = targets(made, state(), says(BUY, SELL))
    gld, spy = wanted.quantity[0].tolist()
    assert gld == -2 * spy > 0
    assert wanted.bundles is not None
    assert wanted.bundles.code.tolist() == [[1, 1]]


def test_a_leg_that_is_not_wanted_leaves_none_of_the_bundle_and_that_is_said() -> None:
    wanted = targets(pair(), state(), says(BUY, HOLD))
    assert wanted.quantity.tolist() == [[0.0, 0.0]]
    [dropped] = wanted.dropped
    assert (dropped.symbol, dropped.filter, dropped.other) == (0, "bundle", 1)


def test_a_leg_that_a_condition_forbids_leaves_none_of_the_bundle_and_ends_none_that_is_held() -> None:
    terms = {"portfolio": {"entry_condition": "close < 150"}}
    made, bar = pair(), np.array([[100.0, 200.0]])
    conditions = EntryConditions.of(book(**terms))
    view = View(
        made.symbols, np.array(["2020-03-16"], dtype="datetime64[D]"), bar, bar, bar, bar, bar, bar[0, :1], {}
    )
    name = next(iter(conditions.of_strategy))
    forbidden = replace(says(BUY, SELL), barred=conditions.barred(view, [name]).row(0))
    made = replace(
        made, entry_conditions=EntryConditions({next(iter(made.strategies)): conditions.of_strategy[name]})
    )
    wanted = targets(made, state(), forbidden)
    assert wanted.quantity.tolist() == [[0.0, 0.0]]
    assert wanted.cause.tolist() == [[Cause.BUNDLE, Cause.CONDITION]]
    assert {(one.symbol, one.filter) for one in wanted.dropped} == {(0, "bundle"), (1, "condition")}
    held = holds(made, 100, -50)
    kept = targets(made, held, replace(says(HOLD, HOLD), barred=forbidden.barred))
    assert kept.quantity.tolist() == [[100.0, -50.0]]


def test_the_stop_of_one_leg_closes_both_and_quarantine_of_one_keeps_both() -> None:
    made = pair()
    before = holds(made, 100, -50)
    fallen = says(HOLD, HOLD, price=np.array([97.0, 200.0]))
    wanted = targets(made, before, fallen)
    assert wanted.quantity.tolist() == [[0.0, 0.0]]
    assert wanted.cause.tolist() == [[Cause.STOP, Cause.BUNDLE]]
    stuck = replace(fallen, quarantined=np.array([False, True]))
    kept = targets(made, before, stuck)
    assert kept.quantity.tolist() == [[100.0, -50.0]]
    assert kept.cause.tolist() == [[Cause.KEPT, Cause.KEPT]]


def test_an_uneven_bundle_is_repaired_twice_and_then_ended() -> None:
    made = pair()
    for counted, expected in ((0, [40.0, -20.0]), (1, [40.0, -20.0]), (2, [0.0, 0.0])):
        wanted = targets(made, holds(made, 100, -20, counted), says(HOLD, HOLD))
        assert wanted.quantity[0].tolist() == expected
        assert wanted.bundles is not None
        assert wanted.bundles.uneven.tolist() == [[counted + 1, counted + 1]]
        assert Cause.UNEVEN in wanted.cause


def test_the_gate_brings_the_other_leg_down_and_says_which_leg_and_which_rule() -> None:
    made = replace(pair(), max_weight=np.array([0.5, 0.05]))
    today = says(BUY, SELL)
    wanted = targets(replace(made, max_weight=np.array([0.5, 0.4])), state(), today)
    gated = gate(made, state(), today, wanted)
    assert gated.quantity[0].tolist() == [50.0, -25.0]
    [cut] = [one for one in gated.verdicts(made.symbols) if one.rule.startswith("bundle")]
    assert (cut.symbol, cut.rule) == ("GLD", "bundle.SPY by max_weight")
    assert "since of its leg SPY no more is left: max_weight decided" in words(cut)
    orders, _ = plan_all(made, state(), today, gated.quantity, wanted.bundles)
    assert {order.bundles for order in orders} == {orders[0].bundles}
    assert [order.bundle_units for order in orders] == [25, 25]


def test_legs_that_move_together_are_no_pair_for_the_rule_on_correlation() -> None:
    made = pair(correlation={"limit": 0.5, "joint_cap": 0.0})
    returns = np.repeat(np.random.default_rng(3).standard_normal((60, 1)) * 0.001, 2, axis=1)
    today = says(BUY, SELL, returns=returns)
    wanted = targets(made, state(), today)
    assert gate(made, state(), today, wanted).quantity.tolist() == wanted.quantity.tolist()
    free = replace(wanted, carried=replace(wanted.carried, bundles=None))
    assert not gate(made, state(), today, free).quantity.any()


AS_OF = datetime(2022, 3, 1, 21, tzinfo=UTC)


def order(symbol: str, quantity: int, units: int, code: int = 1, *, opens: bool = True) -> Order:
    name = bundle_id("b", AS_OF, "s", code, opens=opens)
    intent = Intent("s", symbol, Decimal(quantity), name, units)
    return Order(
        f"id-{symbol}", "b", date(2022, 3, 1), AS_OF, symbol, "buy" if quantity > 0 else "sell",
        Decimal(abs(quantity)), "rebalance", Decimal(100), (intent,),
    )  # fmt: skip


def filled(*possible: Possible) -> dict[str, int]:
    found = filled_together(possible, lambda _: Decimal(1))
    return {one.order.symbol: int(one.quantity) for one in found}


def test_orders_that_open_a_bundle_fill_to_the_share_of_the_worst() -> None:
    legs = [("A", 30, 13), ("B", -60, 60), ("C", 30, 30)]
    whole = [Possible(order(one, size, 30), Decimal(most), "thin") for one, size, most in legs]
    assert filled(*whole) == {"A": 13, "B": 26, "C": 13}
    by_tens = [Possible(order(one, size, 3), Decimal(most), "thin") for one, size, most in legs]
    assert filled(*by_tens) == {"A": 10, "B": 20, "C": 10}
    loose = [Possible(order("A", 100, 0), Decimal(50)), Possible(order("B", -137, 0), Decimal(137))]
    assert filled(*loose) == {"A": 50, "B": 68}
    none = [Possible(order("A", 3, 0), Decimal(3)), Possible(order("B", -1, 0), Decimal(0), "no bar")]
    assert filled(*none) == {"A": 0, "B": 0}


def test_orders_that_close_a_bundle_fill_each_by_itself() -> None:
    legs = [
        Possible(order("A", -30, 0, opens=False), Decimal(13)),
        Possible(order("B", 60, 0, opens=False), Decimal(60)),
    ]
    assert filled(*legs) == {"A": 13, "B": 60}


def test_bundles_that_share_an_order_are_one_group() -> None:
    shared = replace(
        order("A", 20, 1),
        intents=(
            Intent("s", "A", Decimal(10), bundle_id("b", AS_OF, "s", 1, opens=True), 10),
            Intent("t", "A", Decimal(10), bundle_id("b", AS_OF, "t", 1, opens=True), 10),
        ),
    )
    other = replace(
        order("B", -10, 10),
        intents=(Intent("t", "B", Decimal(-10), bundle_id("b", AS_OF, "t", 1, opens=True), 10),),
    )
    legs = [
        Possible(order("C", -10, 10), Decimal(5), "thin"),
        Possible(shared, Decimal(20)),
        Possible(other, Decimal(10)),
    ]
    assert filled(*legs) == {"C": 5, "A": 10, "B": 5}


SYMBOLS, SESSIONS = ("GLD", "SPY", "TLT"), np.array(["2022-03-01"], dtype="datetime64[D]")


def said(bundle: list[int] | None, ratio: list[float] | None, dtype: type = np.int16) -> Signals:
    zeros = np.zeros((1, 3))
    return Signals(
        zeros.astype(np.int8), zeros, zeros, zeros.astype(np.int8),
        bundle=None if bundle is None else np.array([bundle], dtype=dtype),
        ratio=None if ratio is None else np.array([ratio]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("signals", "why"),
    [
        (said([1, 0, 0], [1.0, 0.0, 0.0]), r"2022-03-01, GLD: bundle 1 has this one leg"),
        (said([1, 1, 0], [1.0, 0.0, 0.0]), r"SPY: found bundle 1 with the ratio 0; a leg has"),
        (said([1, 1, 0], [1.0, np.nan, 0.0]), r"SPY: found bundle 1 with the ratio nan"),
        (said([1, 1, 0], [1.0, np.inf, 0.0]), r"SPY: found bundle 1 with the ratio inf"),
        (said([-1, -1, 0], [1.0, 1.0, 0.0]), r"GLD: found bundle -1 with"),
        (said([1, 1, 0], [1.0, 1.0, 2.0]), r"TLT: found bundle 0 with the ratio 2"),
        (said([1, 1, 0], None), r"bundles without ratios, or ratios alone"),
        (said([1, 1, 0], [1.0, 1.0, 0.0], np.int64), r"bundle is of int64; it is int16"),
    ],
)  # fmt: skip
def test_a_bundle_that_is_none_is_refused_with_what_and_where(signals: Signals, why: str) -> None:
    with pytest.raises(Refused, match=why):
        check_bundles(EndingBundles(EndingBundles.Params()), signals, SYMBOLS, SESSIONS)


def test_bundles_that_are_not_declared_are_refused() -> None:
    class Quiet(EndingBundles):
        bundles = False

    with pytest.raises(Refused, match="it says bundles and does not declare"):
        check_bundles(Quiet(Quiet.Params()), said([1, 1, 0], [1.0, 1.0, 0.0]), SYMBOLS, SESSIONS)


def test_a_book_may_not_name_the_rule_of_bundles() -> None:
    with pytest.raises(Refused, match=r"limits.bundle: it is in the gate of every book that it concerns"):
        desk(limits={"bundle": {}})


def test_ratios_follow_splits_and_a_successor_takes_the_place_of_its_symbol() -> None:
    before = Bundles(
        np.array([[1, 1, 0]], dtype=np.int16),
        np.array([[2.0, 1.0, 0.0]]),
        np.array([[1, 1, 0]], dtype=np.int16),
    )
    after = before.restated(("A", "B", "C"), {"A": 2.0}, {"B": ("C", 3.0)})
    assert after.code.tolist() == [[1, 0, 1]]
    assert after.ratio.tolist() == [[4.0, 0.0, 3.0]]
    assert after.uneven.tolist() == [[1, 0, 1]]
