"""Which entries of a decision bring their exits with them, where those rest, and what is said of others."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.desks import book, day, desk, state, two_strategies

from nightdesk.core.errors import Refused
from nightdesk.engine import Bracketed, Carried, Desk, bracketed, plan_all, plan_protection
from nightdesk.orders.order import entry_id, exits_id
from nightdesk.orders.resting import Resting
from nightdesk.strategies import Direction

HOLD = Direction.HOLD
TREND = "time_series_momentum"
BRACKET = {"stop": 0.02, "bracket": True}
NOTHING = Carried.nothing((1, 2))


def sent(
    where: Desk, wanted: Mapping[str, int], held: Mapping[str, int] | None = None, carried: Carried = NOTHING
) -> Bracketed:
    """What a book sends to come from what its one strategy holds of gold and shares to what it wants."""
    before = state(*((TREND, symbol, units) for symbol, units in (held or {}).items() if units))
    quantity = np.array([[float(wanted.get(symbol, 0)) for symbol in ("GLD", "SPY")]])
    orders, _ = plan_all(where, before, day([HOLD, HOLD]), quantity)
    return bracketed(where, before, orders, carried)


@pytest.mark.parametrize(
    ("terms", "wanted", "kind", "side", "stop", "target"),
    [
        ({}, 50, "stop", "sell", "98", None),
        ({}, -50, "stop", "buy", "102", None),
        ({"target": 0.10}, 50, "oco", "sell", "98", "110"),
        ({"target": 0.10}, -50, "oco", "buy", "102", "90"),
        ({"stop": 0.020001}, 50, "stop", "sell", "98", None),  # no more is lost than is said
    ],
)
def test_an_entry_brings_its_exits_measured_from_the_price_of_the_decision(
    terms: dict[str, Any], wanted: int, kind: str, side: str, stop: str, target: str | None
) -> None:
    done = sent(desk(protective={**BRACKET, **terms}), {"GLD": wanted})
    [entry], [said] = done.orders, done.protected
    exits = said.order
    at = (Decimal(stop), None if target is None else Decimal(target))
    assert (entry.order_type, entry.time_in_force, entry.stop_price, entry.target_price) == (
        "bracket", "day", *at,
    )  # fmt: skip
    assert exits is not None
    assert exits.client_order_id == exits_id(entry.client_order_id)
    assert (exits.order_type, exits.side, exits.time_in_force) == (kind, side, "gtc")
    assert (exits.stop_price, exits.target_price, exits.quantity) == (*at, 50)
    assert [(one.strategy, one.quantity) for one in exits.intents] == [(TREND, -wanted)]
    assert exits.purpose == f"protect {TREND}"
    assert (said.action, said.held, said.wanted) == ("place", 0, wanted)
    assert said.words.endswith("together with the order that opens it")


def test_exits_are_where_the_strategy_sets_them() -> None:
    exits = {"stop": {"atr": 2}, "target": {"share": 0.3}}
    terms = {"stop": "strategy", "target": "strategy", "bracket": True}
    where = desk(strategies={TREND: {"exits": exits, "protective": terms}})
    distances = replace(
        NOTHING, stop_distance=np.array([[6.5, 0.0]]), target_distance=np.array([[30.0, 0.0]])
    )
    [entry] = sent(where, {"GLD": 50}, carried=distances).orders
    assert (entry.stop_price, entry.target_price) == (Decimal("93.5"), Decimal(130))
    none = sent(where, {"GLD": 50})
    assert [one.order_type for one in none.orders] == ["market"]
    assert [(one.action, one.words) for one in none.protected] == [
        ("none", "its strategy has set no stop for it")
    ]


@pytest.mark.parametrize(("held", "wanted"), [(50, 60), (50, 20), (50, 0), (50, -10), (-50, 10), (-50, -60)])
def test_what_is_held_is_changed_by_a_plain_order(held: int, wanted: int) -> None:
    done = sent(desk(protective=BRACKET), {"GLD": wanted}, {"GLD": held})
    assert [one.order_type for one in done.orders] == ["market"]
    assert done.protected == ()


def test_without_the_key_every_order_is_as_it_was() -> None:
    plain = desk(protective={"stop": 0.02})
    done = sent(plain, {"GLD": 50})
    assert [one.order_type for one in done.orders] == ["market"]
    assert done.protected == ()
    said = plain.book.configuration
    assert "bracket" not in said
    assert book(protective={"stop": 0.02, "bracket": False}).config_hash == plain.book.config_hash
    assert book(protective=BRACKET).config_hash != plain.book.config_hash


def test_where_strategies_enter_together_the_order_is_plain_and_the_words_say_so() -> None:
    where = two_strategies(desk(protective=BRACKET))
    quantity = np.array([[30.0, 10.0], [20.0, 0.0]])
    orders, _ = plan_all(where, state(), day([HOLD] * 2, [HOLD] * 2), quantity)
    done = bracketed(where, state(), orders, Carried.nothing((2, 2)))
    assert {one.symbol: one.order_type for one in done.orders} == {"GLD": "market", "SPY": "bracket"}
    assert [(one.strategy, one.symbol, one.action) for one in done.protected] == [
        ("carry", "GLD", "none"),
        ("trend", "GLD", "none"),
        ("trend", "SPY", "place"),
    ]
    assert done.protected[0].words.endswith("it is protected from the next decision on")


def test_an_entry_into_what_another_strategy_holds_is_plain() -> None:
    where = two_strategies(desk(protective=BRACKET))
    held = state(("carry", "GLD", 40))
    orders, _ = plan_all(where, held, day([HOLD] * 2, [HOLD] * 2), np.array([[30.0, 0.0], [40.0, 0.0]]))
    done = bracketed(where, held, orders, Carried.nothing((2, 2)))
    assert [one.order_type for one in done.orders] == ["market"]
    assert [(one.strategy, one.action) for one in done.protected] == [("trend", "none")]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"protective": {"bracket": True}}, "bracket: found without a stop"),
        (
            {"protective": BRACKET, "orders": {"type": "limit", "limit_offset_bps": 10}},
            r"protective\.bracket: found true, and orders\.type is limit",
        ),
        (
            {
                "strategies": {TREND: {"protective": BRACKET}},
                "universe": {"GLD": {"max_weight": 0.5, "volatility_target": 0.1, "unit": "0.001"}},
            },
            rf"strategies\.{TREND}\.protective\.bracket: found true, and parts of a unit are traded of GLD",
        ),
    ],
)
def test_terms_that_no_broker_takes_together_are_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        desk(**changed)


units = st.integers(-60, 60)


@given(st.lists(st.tuples(units, units), min_size=4, max_size=4), st.booleans())
def test_whatever_is_held_and_wanted_a_position_has_one_order_that_rests_at_most(
    positions: list[tuple[int, int]], target: bool
) -> None:
    terms = {**BRACKET, **({"target": 0.1} if target else {})}
    where = two_strategies(desk(protective=terms))
    places = [(name, symbol) for name in ("trend", "carry") for symbol in ("GLD", "SPY")]
    held = state(*((*place, now) for place, (now, _) in zip(places, positions, strict=True) if now))
    quantity = np.array([float(after) for _, after in positions]).reshape(2, 2)
    today, carried = day([HOLD] * 2, [HOLD] * 2), Carried.nothing((2, 2))
    orders, _ = plan_all(where, held, today, quantity)
    protected = plan_protection(where, held, today, quantity, carried, ())
    done = bracketed(where, held, orders, carried)
    spoken = [(one.strategy, one.symbol) for one in (*protected, *done.protected)]
    assert len(spoken) == len(set(spoken))
    # Nothing but the type and the prices of an order differs from what was decided.
    assert [
        replace(one, order_type="market", stop_price=None, target_price=None) for one in done.orders
    ] == list(orders)
    exits = {one.order.client_order_id: one.order for one in done.protected if one.order is not None}
    brackets = {one.client_order_id: one for one in done.orders if one.order_type == "bracket"}
    assert {entry_id(name) for name in exits} == set(brackets)
    net = {symbol: sum(int(one.quantity) for one in held.ledger.held() if one.symbol == symbol)
           for symbol in ("GLD", "SPY")}  # fmt: skip
    for name, order in exits.items():
        entry = brackets[entry_id(name) or ""]
        assert net[order.symbol] == 0
        assert (order.side, order.quantity) == (entry.exit_side, entry.quantity)
        assert order.signed_quantity == sum(one.quantity for one in order.intents) == -entry.signed_quantity
        # Executed at the decision's price, the next decision finds what it wants and keeps it.
        after = state((order.intents[0].strategy, order.symbol, int(entry.signed_quantity)))
        kept = np.zeros((2, 2))
        kept[where.strategy_row[order.intents[0].strategy], where.column[order.symbol]] = float(
            entry.signed_quantity
        )
        [following] = plan_protection(where, after, today, kept, carried, (Resting(order),))
        assert (following.action, following.resting) == ("keep", name)
