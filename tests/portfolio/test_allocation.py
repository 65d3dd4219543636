"""Risk parity sizing: when new weights are taken, how far a month goes towards them, what is wanted then."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.core.errors import Refused
from nightdesk.portfolio import Ask, make, risk_parity, sample_covariance
from nightdesk.strategies import Direction

SIZING = make("risk_parity", path="strategies.rotation.sizing")
YES, NO, UNKNOWN = Direction.STRONG_BUY, Direction.STRONG_SELL, Direction.HOLD

#: Four alike and unrelated symbols, exactly: their returns take turns, so that k of them weigh 1 / k each.
TURNS = np.kron(np.eye(4), np.array([[0.01], [-0.01]]))
RETURNS = np.tile(TURNS, (8, 1))


def ask(
    *says: Direction, old: tuple[float, ...] = (0, 0, 0, 0), opens_month: bool = True, costs: float = 0.0015
) -> Ask:
    """Symbols at 100, 50, 25 and 10 dollars and 30,000 dollars of capital."""
    return Ask(
        held=np.zeros(4),
        direction=np.array(says, dtype=np.int8),
        previous_direction=np.zeros(4, dtype=np.int8),
        enters=(np.array(says) > 0).astype(np.int8),
        leaves=np.zeros(4, dtype=bool),
        left_before=np.zeros(4, dtype=bool),
        confidence=np.ones(4),
        strength=np.ones(4),
        factors={},
        price=np.array([100.0, 50.0, 25.0, 10.0]),
        capital=30_000.0,
        max_weight=np.full(4, 0.1),
        volatility_target=np.full(4, 0.15),
        buy_fraction=0.6,
        entry_factor=1.0,
        returns=RETURNS,
        costs=np.full(4, costs),
        allocation=np.array(old, dtype=float),
        reduce_to=np.zeros(4),
        opens_month=opens_month,
    )


def allocated(asked: Ask, **params: float) -> list[float]:
    sizing = make("risk_parity", params, path="strategies.rotation.sizing")
    return sizing.allocate(asked).round(6).tolist()


HALF, THIRD = 0.5, round(1 / 3, 6)

MONTHS = [
    # what is said, the old weights, -> the new ones
    ("the first allocation is exempt", (YES, YES, NO, NO), (0, 0, 0, 0), [HALF, HALF, 0, 0]),
    ("nothing changes", (YES, YES, NO, NO), (0.5, 0.5, 0, 0), [HALF, HALF, 0, 0]),
    ("one of three joins, a third is turned over", (YES, YES, YES, NO), (0.5, 0.5, 0, 0), [THIRD] * 3 + [0]),
    ("one of three leaves", (YES, YES, NO, NO), (1 / 3, 1 / 3, 1 / 3, 0), [HALF, HALF, 0, 0]),
    (
        "what is left goes first, and is bought as far as the limit",
        (YES, NO, YES, NO),
        (0.5, 0.5, 0, 0),
        [HALF, 0, 0.3, 0],
    ),
    ("more is to be left than the limit", (NO, NO, YES, YES), (0.5, 0.5, 0, 0), [0.1, 0.1, 0, 0]),
    ("all is to be sold", (NO, NO, NO, NO), (0.5, 0.5, 0, 0), [0.1, 0.1, 0, 0]),
    ("the rest is bought a month later", (NO, NO, YES, YES), (0.1, 0.1, 0, 0), [0, 0, 0.3, 0.3]),
    ("there was nothing to buy and is not", (NO, NO, NO, NO), (0, 0, 0, 0), [0, 0, 0, 0]),
    ("an unknown one keeps its weight", (YES, UNKNOWN, YES, NO), (0.5, 0.2, 0.3, 0), [0.4, 0.2, 0.4, 0]),
    ("an unknown one is not bought", (YES, UNKNOWN, YES, NO), (0.5, 0, 0.5, 0), [HALF, 0, HALF, 0]),
    ("a strategy that did not speak keeps all", (UNKNOWN,) * 4, (0.5, 0.2, 0.3, 0), [0.5, 0.2, 0.3, 0]),
]


@pytest.mark.parametrize(("says", "old", "new"), [row[1:] for row in MONTHS], ids=[row[0] for row in MONTHS])
def test_on_the_first_session_of_a_month_weights_are_made_anew(
    says: tuple[Direction, ...], old: tuple[float, ...], new: list[float]
) -> None:
    assert allocated(ask(*says, old=old)) == new


@pytest.mark.parametrize(("says", "old"), [row[1:3] for row in MONTHS], ids=[row[0] for row in MONTHS])
def test_on_every_other_session_the_old_weights_stay(
    says: tuple[Direction, ...], old: tuple[float, ...]
) -> None:
    assert allocated(ask(*says, old=old, opens_month=False)) == np.round(old, 6).tolist()


def test_where_the_turnover_is_too_much_a_part_of_the_way_is_gone() -> None:
    # from a half and a half to a third each: one way 1/3
    change = ask(YES, YES, YES, NO, old=(0.5, 0.5, 0.0, 0.0))
    assert allocated(change, max_turnover=0.34) == [THIRD] * 3 + [0]
    assert allocated(change, max_turnover=0.33) == [0.335, 0.335, 0.33, 0]
    assert allocated(change, max_turnover=0.1) == [0.45, 0.45, 0.1, 0]


def turnover(asked: Ask, new: np.ndarray) -> float:
    return float(np.abs(new - asked.allocation).sum() / 2)


def test_a_turnover_stays_under_its_limit() -> None:
    # from a half and a half to a quarter each: exactly a half, in numbers without rounding
    wide = ask(YES, YES, YES, YES, old=(0.5, 0.5, 0.0, 0.0))
    half = make("risk_parity", {"max_turnover": 0.5}, path="strategies.rotation.sizing")
    more = make("risk_parity", {"max_turnover": 0.500001}, path="strategies.rotation.sizing")
    assert 0.499999 < turnover(wide, half.allocate(wide)) < 0.5
    assert turnover(wide, more.allocate(wide)) == 0.5


def test_weights_that_stay_wanted_are_reached_within_a_few_months() -> None:
    old, months = (0.5, 0.5, 0.0, 0.0), []
    for _ in range(4):
        old = tuple(SIZING.allocate(ask(NO, NO, YES, YES, old=old)).tolist())
        months.append(np.round(old, 6).tolist())
    assert months == [[0.1, 0.1, 0, 0], [0, 0, 0.3, 0.3], [0, 0, HALF, HALF], [0, 0, HALF, HALF]]


@given(
    old=st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4),
    says=st.lists(st.sampled_from([YES, NO, UNKNOWN]), min_size=4, max_size=4),
    costs=st.lists(st.sampled_from([0.0, 0.0015, 0.0025, 0.05]), min_size=4, max_size=4),
    most=st.sampled_from([0.05, 0.40, 1.0]),
)
def test_whatever_is_asked_both_limits_are_kept_and_nothing_moves_away(
    old: list[float], says: list[Direction], costs: list[float], most: float
) -> None:
    """And what is no longer selected goes first: while any of it is left, nothing else has changed."""
    held = np.array(old) / max(1.0, sum(old))
    asked = replace(ask(*says, old=tuple(held)), costs=np.array(costs))
    sizing = make("risk_parity", {"max_turnover": most}, path="strategies.rotation.sizing")
    free = make("risk_parity", {"max_turnover": 1.0, "max_cost": 1.0}, path="strategies.rotation.sizing")
    goal, new = free.allocate(asked), sizing.allocate(asked)
    if not held.any():
        assert new.tolist() == goal.tolist()
        return
    assert turnover(asked, new) < most
    assert float((np.abs(new - held) * asked.costs).sum()) < 0.002 or not asked.costs.any()
    assert (new >= np.minimum(held, goal) - 1e-12).all()
    assert (new <= np.maximum(held, goal) + 1e-12).all()
    leaves = (goal == 0.0) & (held > 0.0)
    if (new[leaves] > 1e-6).any():
        assert new[~leaves] == pytest.approx(held[~leaves], abs=1e-12)


def test_where_a_change_costs_too_much_a_part_of_the_way_is_gone() -> None:
    # two thirds of the capital are traded: 0.2 % are reached at 0.3 % a trade
    said, old = (YES, YES, YES, NO), (0.5, 0.5, 0.0, 0.0)
    assert allocated(ask(*said, old=old, costs=0.0029)) == [THIRD] * 3 + [0]
    assert allocated(ask(*said, old=old, costs=0.0031)) == [0.33871, 0.33871, 0.322581, 0]
    assert allocated(ask(*said, old=old, costs=0.0031), max_cost=0.0021) == [THIRD] * 3 + [0]
    assert allocated(ask(*said, costs=0.5)) == [THIRD] * 3 + [0]


def test_each_symbol_has_its_own_costs() -> None:
    change = ask(YES, YES, YES, NO, old=(0.5, 0.5, 0.0, 0.0), costs=0.0)
    dear = replace(change, costs=np.array([0.0, 0.0, 0.0061, 0.0]))
    assert allocated(dear) == [0.336066, 0.336066, 0.327869, 0]
    assert allocated(replace(change, costs=np.array([0.0, 0.0, 0.0059, 1.0]))) == [THIRD] * 3 + [0]


def test_the_weights_are_those_of_risk_parity_over_the_candidates() -> None:
    returns = np.random.default_rng(3).standard_normal((60, 4)) * np.array([0.01, 0.02, 0.03, 0.01])
    found = SIZING.allocate(replace(ask(YES, NO, YES, YES), returns=returns))
    expected = risk_parity(sample_covariance(returns[:, [0, 2, 3]]))
    assert found[[0, 2, 3]].tolist() == expected.tolist()
    assert found[1] == 0.0


@pytest.mark.parametrize("spoilt", ["a return is missing", "the price stood still", "no return at all"])
def test_a_candidate_whose_risk_is_not_known_is_not_bought_and_keeps_the_weight_it_has(spoilt: str) -> None:
    returns = RETURNS.copy()
    if spoilt == "a return is missing":
        returns[30, 1] = np.nan
    else:
        returns[:, 1] = 0.0 if spoilt == "the price stood still" else np.nan
    first = replace(ask(YES, YES, YES, NO), returns=returns)
    assert allocated(first) == [HALF, 0, HALF, 0]
    later = replace(ask(YES, YES, YES, NO, old=(0.5, 0.3, 0.2, 0)), returns=returns)
    assert allocated(later) == [0.35, 0.3, 0.35, 0]


def test_when_nothing_can_be_measured_all_stays() -> None:
    blind = replace(ask(YES, YES, NO, NO, old=(0.6, 0.4, 0, 0)), returns=np.full((60, 4), np.nan))
    assert allocated(blind) == [0.6, 0.4, 0, 0]


def test_what_is_wanted_is_the_allocation_at_the_price_of_the_session() -> None:
    wanted = SIZING.quantities(ask(NO, NO, NO, NO, old=(0.5, 0.3, 0.0, 0.2), opens_month=False))
    assert wanted.tolist() == pytest.approx([150.0, 180.0, 0.0, 600.0])


def test_what_has_no_weight_is_sold_and_what_has_no_price_is_kept() -> None:
    held = replace(ask(YES, YES, YES, YES, old=(0.5, 0.0, 0.5, 0.0)), held=np.array([7.0, 8.0, 9.0, 0.0]))
    gone = replace(held, price=np.array([np.nan, 50.0, np.nan, np.nan]))
    assert SIZING.quantities(gone).tolist() == [7.0, 0.0, 9.0, 0.0]


def test_a_halted_symbol_keeps_its_weight_and_what_is_held_of_it() -> None:
    halted = replace(
        ask(UNKNOWN, YES, YES, NO, old=(0.4, 0.3, 0.3, 0)), held=np.array([120.0, 180.0, 360.0, 0.0])
    )
    after = SIZING.allocate(halted)
    assert after.round(6).tolist() == [0.4, 0.3, 0.3, 0]
    assert SIZING.quantities(replace(halted, allocation=after)).tolist() == pytest.approx([120, 180, 360, 0])


@pytest.mark.parametrize(
    ("held", "factor", "wanted"),
    [
        (0.0, 0.5, 75.0),  # an entry is made smaller
        (60.0, 0.5, 75.0),  # so is an addition
        (100.0, 0.5, 100.0),  # an addition that would become a sale is left out
        (200.0, 0.5, 150.0),  # a reduction is not touched
        (60.0, 0.0, 60.0),  # a strategy that is off adds nothing
        (200.0, 0.0, 150.0),  # and still reduces
    ],
)
def test_the_regime_makes_additions_smaller_and_leaves_reductions(
    held: float, factor: float, wanted: float
) -> None:
    asked = replace(
        ask(YES, NO, NO, NO, old=(0.5, 0, 0, 0)), held=np.array([held, 0, 0, 0]), entry_factor=factor
    )
    assert SIZING.quantities(asked)[0] == pytest.approx(wanted)


def test_the_defaults_are_40_per_cent_of_turnover_and_a_fifth_of_a_per_cent_of_cost() -> None:
    assert SIZING.params.model_dump() == {"max_turnover": 0.40, "max_cost": 0.002}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"max_turnover": 0},
            r"strategies\.rotation\.sizing_params\.max_turnover: found 0; input should be greater",
        ),
        ({"max_cost": -1}, r"sizing_params\.max_cost: found -1"),
        (
            {"turnover": 0.4},
            r"sizing_params\.turnover: unknown key; risk_parity knows max_turnover, max_cost",
        ),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_path(params: dict[str, float], message: str) -> None:
    with pytest.raises(Refused, match=message):
        make("risk_parity", params, path="strategies.rotation.sizing")
