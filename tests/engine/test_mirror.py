"""A book of shorts is the mirror image of a book of longs: the same decisions with the opposite sign."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.random_books import SESSION, Ending, desks, random_day, random_state

from nightdesk.accounting import Entry, capital, fold, mark
from nightdesk.core.money import ZERO, exact, to_cents, to_price
from nightdesk.engine import Day, Desk, Facts, State, gate, plan, targets
from nightdesk.portfolio import make
from nightdesk.portfolio.sizing import BOTH_SIDES
from nightdesk.strategies.time_series_momentum import TimeSeriesMomentum

#: Rules that know longs and shorts apart: an account without margin, two laws, falls as shares of an entry,
#: and the maintenance of Regulation T.
ONE_SIDED = ("cash", "wash_sale", "pattern_day_trader", "stop_loss", "maintenance_margin")


class BothWays(TimeSeriesMomentum):
    """A strategy that opens on both sides."""

    sides = BOTH_SIDES


class BothWaysEnding(Ending):
    """One that also ends its positions by age, stop and target."""

    sides = BOTH_SIDES


@st.composite
def two_sided_desks(draw: st.DrawFn) -> Desk:
    """Any book whose strategies and sizing go both ways, without the rules that do not."""
    desk = draw(desks())
    ends = desk.ends_positions
    return replace(
        desk,
        strategies={
            name: (BothWaysEnding if ends else BothWays)(one.params) for name, one in desk.strategies.items()
        },
        sizing={
            name: one if one.sides == BOTH_SIDES else make("weight", {}, path=name)
            for name, one in desk.sizing.items()
        },
        rules=tuple(rule for rule in desk.rules if rule.name not in ONE_SIDED),
        stops={},
    )


def both_sides(day: Day, dice: np.random.Generator) -> Day:
    """The day with signals about longs, shorts and either."""
    shape = day.direction.shape
    sides = [dice.integers(-1, 2, shape).astype(np.int8) for _ in range(2)]
    return replace(day, side=sides[0], previous_side=sides[1])


def mirrored_day(day: Day) -> Day:
    """Prices of the session as they are; every return and every signal turned round."""
    return replace(
        day,
        returns=-day.returns,
        history=-day.history,
        direction=-day.direction,
        previous_direction=-day.previous_direction,
        side=-day.side,
        previous_side=-day.previous_side,
    )


def mirrored_state(desk: Desk, day: Day, state: State) -> State:
    """The same NAV, in positions of the other side that gained and lost as much a unit."""
    prices = dict(zip(desk.symbols, day.price.tolist(), strict=True))
    entries, worth = [], ZERO
    for number, held in enumerate(state.ledger.held()):
        price = exact(prices[held.symbol])
        paid = to_price(2 * price - held.cost / held.quantity)
        cash = to_cents(held.quantity * paid)
        key = (SESSION - timedelta(days=10), "fill", held.strategy, held.symbol)
        entries.append(Entry(*key, -held.quantity, paid, cash, ZERO, str(number)))  # type: ignore[arg-type]
        worth += cash - to_cents(held.quantity * price)
    ledger = fold([capital(SESSION, to_cents(state.mark.nav - worth)), *entries])
    again = mark(ledger, SESSION, prices)
    again = replace(again, peak_nav=state.mark.peak_nav, day_return=state.mark.day_return)
    return replace(state, ledger=ledger, mark=again)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(two_sided_desks(), st.integers(0, 2**32 - 1))
def test_what_is_wanted_and_let_through_on_one_side_is_so_on_the_other(desk: Desk, seed: int) -> None:
    is_mirrored(desk, seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=2_000, deadline=None)
@given(two_sided_desks(), st.integers(0, 2**32 - 1))
def test_a_book_of_any_kind_is_mirrored(desk: Desk, seed: int) -> None:
    is_mirrored(desk, seed)


def is_mirrored(desk: Desk, seed: int) -> None:
    """Targets are the same with the opposite sign, and so are orders; strategies differ by a unit at most."""
    dice = np.random.default_rng(seed)
    day = both_sides(random_day(desk, dice), dice)
    state = random_state(desk, day, dice, facts=Facts(), short=True)
    state = replace(state, risk=None if state.risk is None else replace(state.risk, stop_caps={}))
    other_day, other = mirrored_day(day), mirrored_state(desk, day, state)
    wanted, mirrored = targets(desk, state, day), targets(desk, other, other_day)
    np.testing.assert_array_equal(mirrored.held, -wanted.held)
    np.testing.assert_array_equal(mirrored.quantity, -wanted.quantity)
    np.testing.assert_array_equal(mirrored.confidence, wanted.confidence)
    np.testing.assert_array_equal(mirrored.cause, wanted.cause)
    np.testing.assert_array_equal(mirrored.carried.reduce_to, wanted.carried.reduce_to)
    np.testing.assert_array_equal(mirrored.carried.stop_distance, wanted.carried.stop_distance)
    np.testing.assert_array_equal(mirrored.carried.target_distance, wanted.carried.target_distance)
    let, let_other = gate(desk, state, day, wanted), gate(desk, other, other_day, mirrored)
    np.testing.assert_array_equal(let_other.passage.quantity, -let.passage.quantity)
    units = np.array([float(one) for one in desk.unit_of.values()])
    assert (np.abs(let_other.quantity + let.quantity) <= units * (1 + 1e-9)).all()
    orders, others = plan(desk, state, day, let.quantity), plan(desk, other, other_day, let_other.quantity)
    assert {one.symbol: one.signed_quantity for one in others} == {
        one.symbol: -one.signed_quantity for one in orders
    }
