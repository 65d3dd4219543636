"""Which swing entries are taken, on hand-made bars: duplicates, what moves alike, heat, breaker, regime."""

from typing import Any

import numpy as np
import pytest
from tests.research.backtest.swing import (
    AAA,
    BBB,
    BREAKOUT,
    BUY,
    CCC,
    CROSS,
    ML,
    RSI,
    SELL,
    Say,
    book,
    play,
)

from nightdesk.engine.exits import Cause

NAN = float("nan")
#: Fewer common returns than twenty say nothing of a pair, so these bars are more than a dozen.
LENGTH = 30
FILTERS: dict[str, Any] = {"capital": "shared", "volatility_target": None, "volatility_window": 60}


def flat(length: int = 12) -> dict[str, list[float]]:
    return {symbol: [100.0] * length for symbol in (AAA, BBB, CCC)}


def moving(seed: int = 3) -> dict[str, list[float]]:
    """AAA and BBB move together, CCC by itself."""
    dice = np.random.default_rng(seed)
    common, own = dice.standard_normal(LENGTH) * 0.01, dice.standard_normal((LENGTH, 3)) * 0.002
    own[:, 2] = dice.standard_normal(LENGTH) * 0.01 - common
    paths = 100.0 * np.exp(np.cumsum(common[:, None] * [1, 1, 1] + own, axis=0))
    return {symbol: paths[:, n].round(2).tolist() for n, symbol in enumerate((AAA, BBB, CCC))}


@pytest.mark.parametrize(
    ("confidence", "winner"),
    [((0.6, 0.9, 0.8), CROSS), ((0.9, 0.6, 0.8), RSI), ((0.7, 0.7, 0.7), RSI), ((0.7, 0.7, 0.8), ML)],
)
def test_one_entry_a_symbol_the_most_confident_and_of_equals_the_first_of_the_book(
    confidence: tuple[float, float, float], winner: str
) -> None:
    says: list[Say] = [
        (1, name, AAA, BUY, sure) for name, sure in zip((RSI, CROSS, ML), confidence, strict=True)
    ]
    played = play(flat(), says, made=book(portfolio=FILTERS | {"one_entry_per_symbol": True}))
    assert {name for name in (RSI, CROSS, ML) if played.held(name)[2]} == {winner}
    desk, dropped = played.result.desk, played.result.decided[1].targets.dropped
    assert {tuple(desk.strategies)[one.other] for one in dropped} == {winner}
    assert len(dropped) == 2
    for name in {RSI, CROSS, ML} - {winner}:
        assert played.causes(name)[1] == Cause.SUPERSEDED


def test_without_the_switch_both_enter_and_a_later_entry_is_no_duplicate() -> None:
    says: list[Say] = [(1, RSI, AAA, BUY, 0.6), (1, CROSS, AAA, BUY, 0.9)]
    both = play(flat(), says)
    assert (both.held(RSI)[2], both.held(CROSS)[2]) == (100, 100)
    later: list[Say] = [says[0], (3, CROSS, AAA, BUY, 0.9)]
    one_a_day = play(flat(), later, made=book(portfolio=FILTERS | {"one_entry_per_symbol": True}))
    assert (one_a_day.held(RSI)[4], one_a_day.held(CROSS)[4]) == (100, 100)


def test_an_entry_of_less_than_a_unit_stands_in_no_way() -> None:
    """The book is too small for the first strategy's half share of a symbol at 30,000 dollars."""
    made = book(
        portfolio=FILTERS | {"one_entry_per_symbol": True},
        strategies={
            RSI: {"share": 1.0, "sizing": "atr_risk", "sizing_params": {"max_share": 0.10}},
            CROSS: {"share": 1.0, "sizing": "atr_risk", "sizing_params": {"max_share": 0.40}},
        },
        regime=[{"name": "ANY"}],
    )
    dear = {AAA: [30_000.0] * 12}
    played = play(dear, [(1, RSI, AAA, BUY, 0.9), (1, CROSS, AAA, BUY, 0.6)], made=made)
    assert (played.held(RSI)[2], played.held(CROSS)[2]) == (0, 1)
    assert played.result.decided[1].targets.dropped == ()


ALIKE = FILTERS | {"entry_correlation": 0.70}
ROW = LENGTH - 5


def test_an_entry_beside_what_moves_like_it_is_dropped_and_both_are_named() -> None:
    says: list[Say] = [(1, CROSS, AAA, BUY, 0.8), (ROW, CROSS, BBB, BUY, 0.8), (ROW, CROSS, CCC, BUY, 0.7)]
    played = play(moving(), says, made=book(portfolio=ALIKE))
    (gone,) = played.result.decided[ROW].targets.dropped
    desk = played.result.desk
    assert (desk.symbols[gone.symbol], desk.symbols[gone.other], gone.filter) == (BBB, AAA, "correlated")
    assert gone.limit == 0.70 < gone.value < 1.0
    assert played.causes(CROSS, BBB) == {ROW: Cause.CORRELATED}
    assert played.held(CROSS, BBB)[-1] == 0
    assert played.held(CROSS, CCC)[-1] > 0


def test_the_same_symbol_and_a_symbol_that_is_left_stand_in_no_way() -> None:
    first: Say = (1, CROSS, AAA, BUY, 0.8)
    same = play(moving(), [first, (ROW, RSI, AAA, BUY, 0.8)], made=book(portfolio=ALIKE))
    assert same.held(RSI, AAA)[-1] > 0
    leaving: list[Say] = [first, (ROW, CROSS, AAA, SELL, 1.0), (ROW, CROSS, BBB, BUY, 0.8)]
    freed = play(moving(), leaving, made=book(portfolio=ALIKE))
    assert freed.held(CROSS, BBB)[-1] > 0


@pytest.mark.parametrize(("sure_of_a", "taken"), [(0.9, AAA), (0.6, BBB), (0.8, AAA)])
def test_of_two_that_move_alike_the_more_confident_is_accepted(sure_of_a: float, taken: str) -> None:
    says: list[Say] = [(ROW, CROSS, AAA, BUY, sure_of_a), (ROW, RSI, BBB, BUY, 0.8)]
    played = play(moving(), says, made=book(portfolio=ALIKE))
    assert {AAA: played.held(CROSS, AAA)[-1] > 0, BBB: played.held(RSI, BBB)[-1] > 0} == {
        AAA: taken == AAA,
        BBB: taken == BBB,
    }


def test_a_superseded_entry_is_not_accepted_in_place_of_its_winner() -> None:
    says: list[Say] = [
        (1, CROSS, AAA, BUY, 0.8),
        (ROW, RSI, BBB, BUY, 0.9),
        (ROW, CROSS, BBB, BUY, 0.6),
    ]
    played = play(moving(), says, made=book(portfolio=ALIKE | {"one_entry_per_symbol": True}))
    assert played.causes(RSI, BBB) == {ROW: Cause.CORRELATED}
    assert played.causes(CROSS, BBB) == {ROW: Cause.SUPERSEDED}


@pytest.mark.parametrize(
    ("vix", "units"), [(12.0, [100, 100, 100]), (20.0, [100, 100, 100]), (30.0, [100, 100, 0])]
)
def test_heat_goes_by_the_regime(vix: float, units: list[int]) -> None:
    """LOW, NORMAL and HIGH allow 40, 30 and 20 % of NAV; every entry is 10 %."""
    says: list[Say] = [(1, RSI, one, BUY, sure) for one, sure in ((AAA, 0.9), (BBB, 0.8), (CCC, 0.7))]
    played = play(flat(), says, made=book(limits={"heat": {}}), vix=vix)
    assert [played.held(RSI, one)[2] for one in (AAA, BBB, CCC)] == units


def test_the_entry_that_crosses_the_heat_is_cut_to_what_is_left() -> None:
    made = book(limits={"heat": {}}, regime=[{"name": "ANY", "heat": 0.1234}])
    played = play(flat(), [(1, RSI, AAA, BUY, 0.9), (1, RSI, BBB, BUY, 0.8)], made=made)
    assert [played.held(RSI, one)[2] for one in (AAA, BBB)] == [100, 23]


@pytest.mark.parametrize(("vix", "opens"), [(24.9, True), (25.0, False)])
@pytest.mark.parametrize("strategy", [CROSS, BREAKOUT])
def test_in_high_two_strategies_open_nothing_but_leave(strategy: str, vix: float, opens: bool) -> None:
    played = play(flat(), [(1, strategy, AAA, BUY, 0.9), (1, RSI, BBB, BUY, 0.9)], vix=vix)
    assert (played.held(strategy)[2] > 0, played.held(RSI, BBB)[2]) == (opens, 100)
    fallen = {AAA: [100.0] * 3 + [94.0] * 9}
    if opens:
        assert play(fallen, [(1, strategy, AAA, BUY, 0.9)], vix=vix).leaves(strategy) == [(3, Cause.STOP)]


@pytest.mark.parametrize(("close", "opens"), [(96.01, True), (96.0, True), (95.99, False)])
def test_the_breaker_trips_under_two_percent_and_lifts_by_itself(close: float, opens: bool) -> None:
    """500 units that lose 4 dollars lose 2 % of the book."""
    made = book(
        strategies={RSI: {"sizing": "atr_risk", "sizing_params": {"risk": 0.25, "max_share": 0.50}}},
        regime=[{"name": "ANY"}],
        limits={"daily_loss": {"limit": -0.02}},
    )
    bars = flat() | {AAA: [100.0] * 3 + [close] * 9}
    says: list[Say] = [(1, RSI, AAA, BUY, 0.9), (3, RSI, BBB, BUY, 0.9), (4, RSI, CCC, BUY, 0.9)]
    played = play(bars, says, made=made)
    assert played.held(RSI, AAA)[2] == 500
    assert (played.held(RSI, BBB)[4] > 0) == opens
    assert played.held(RSI, CCC)[5] > 0


def test_a_halted_symbol_and_one_in_quarantine_are_not_entered() -> None:
    bars = flat() | {AAA: [100.0, NAN] + [100.0] * 10}
    says: list[Say] = [(1, RSI, AAA, BUY, 0.9), (1, RSI, BBB, BUY, 0.9)]
    played = play(bars, says, quarantined=[(BBB, 1)])
    assert played.held(RSI, AAA)[2] == played.held(RSI, BBB)[2] == 0
