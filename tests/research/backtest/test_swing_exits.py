"""How a swing position ends, on hand-made bars: by its signal, its stop, its age; and what that frees.

A buy of row 1 is filled at the open of row 2, and what is left in a row is gone in the next.
"""

from typing import Any

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
    profit,
)

from nightdesk.engine.exits import Cause

NAN = float("nan")
BOUGHT: Say = (1, CROSS, AAA, BUY, 0.8)


def closes(*from_row_3: float, length: int = 12) -> dict[str, list[float]]:
    """100 dollars up to row 2, then these, the last of which stays."""
    path = [100.0, 100.0, 100.0, *from_row_3]
    return {AAA: path + path[-1:] * (length - len(path))}


def test_a_signal_to_leave_ends_the_position_at_the_next_open_and_another_buy_adds_nothing() -> None:
    played = play(closes(101.0), [BOUGHT, (4, CROSS, AAA, BUY, 0.9), (6, CROSS, AAA, SELL, 1.0)])
    assert played.held(CROSS) == [0, 0, 100, 100, 100, 100, 100, 0, 0, 0, 0, 0]
    assert played.causes(CROSS) == {1: Cause.OPENS, 6: Cause.SIGNAL}


def test_a_strategy_leaves_its_own_position_alone() -> None:
    played = play(closes(101.0), [BOUGHT, (1, RSI, AAA, BUY, 0.8), (6, CROSS, AAA, SELL, 1.0)])
    assert played.held(CROSS)[7:] == [0] * 5
    assert played.held(RSI)[7:] == [100] * 5


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ((95.01,), None),
        ((95.0,), 3),
        ((94.99,), 3),
        ((99.0, 98.0, 97.0, 96.0, 95.0), 7),
        ((130.0, 125.0), None),
        ((130.0, 95.0), 4),
        ((80.0,), 3),
    ],
    ids=["above", "at", "under", "slowly", "below its peak", "through", "gap"],
)
def test_a_stop_of_two_and_a_half_atr_under_the_average_entry(
    path: tuple[float, ...], left: int | None
) -> None:
    played = play(closes(*path), [BOUGHT])
    assert played.leaves(CROSS) == ([] if left is None else [(left, Cause.STOP)])
    assert played.held(CROSS)[-1] == (100 if left is None else 0)


def test_a_gap_through_the_stop_is_sold_at_the_open_that_there_is() -> None:
    played = play(closes(90.0), [BOUGHT], opens={(AAA, 4): 70.0})
    assert played.leaves(CROSS) == [(3, Cause.STOP)]
    assert profit(played) == -100 * 30


def test_the_stop_is_of_the_atr_of_the_entry_and_of_the_price_that_was_paid() -> None:
    """It opens three dollars higher than it closed: 5 dollars under 103 are 98."""
    assert play(closes(98.01), [BOUGHT], opens={(AAA, 2): 103.0}).leaves(CROSS) == []
    assert play(closes(98.0), [BOUGHT], opens={(AAA, 2): 103.0}).leaves(CROSS) == [(3, Cause.STOP)]
    strategies = {CROSS: {"sizing": "atr_risk", "params": {"stop_atr": 3.0}}}
    far = book(strategies=strategies, regime=[{"name": "ANY"}])
    assert play(closes(94.01), [BOUGHT], made=far).leaves(CROSS) == []
    assert play(closes(94.0), [BOUGHT], made=far).leaves(CROSS) == [(3, Cause.STOP)]


@pytest.mark.parametrize(
    ("row", "path", "left"),
    [
        (4, (100.0, 47.51), None),
        (4, (100.0, 47.5), 4),
        (2, (47.51,), None),
        (2, (47.5,), 3),
    ],
    ids=["above", "at", "before the fill, above", "before the fill, at"],
)
def test_a_split_restates_the_stop(row: int, path: tuple[float, ...], left: int | None) -> None:
    bars = closes(*path)
    if row == 2:
        bars[AAA][2] = 50.0
    played = play(bars, [BOUGHT], actions=[(AAA, row, "split", 2.0)])
    assert max(played.held(CROSS)) == 200
    assert played.leaves(CROSS) == ([] if left is None else [(left, Cause.STOP)])


def test_a_halted_symbol_is_judged_by_its_next_bar() -> None:
    played = play(closes(99.0, NAN, NAN, 90.0), [BOUGHT])
    assert played.leaves(CROSS) == [(6, Cause.STOP)]


def test_a_stop_that_finds_no_market_is_tried_again_while_it_holds_and_kept_when_it_does_not() -> None:
    """The order of row 3 expires in row 4, which has no bar. The stop stands on, 5 dollars under 100."""
    again = play(closes(94.0, NAN, 94.5), [BOUGHT])
    assert again.leaves(CROSS) == [(3, Cause.STOP), (5, Cause.STOP)]
    assert again.held(CROSS) == [0, 0, 100, 100, 100, 100, 0, 0, 0, 0, 0, 0]
    recovered = play(closes(94.0, NAN, 97.0, 96.0, 95.0), [BOUGHT])
    assert recovered.leaves(CROSS) == [(3, Cause.STOP), (7, Cause.STOP)]


def test_a_price_in_quarantine_ends_nothing() -> None:
    played = play(closes(60.0, 99.0, 94.0), [BOUGHT], quarantined=[(AAA, 3)])
    assert played.leaves(CROSS) == [(5, Cause.STOP)]
    old = play(closes(100.0), [(1, ML, AAA, BUY, 0.8)], quarantined=[(AAA, 6)])
    assert old.leaves(ML) == [(7, Cause.AGE)]


@pytest.mark.parametrize(("strategy", "sessions"), [(ML, 5), (BREAKOUT, 10), (RSI, 20)])
def test_a_position_is_left_after_its_sessions_the_first_one_counted(strategy: str, sessions: int) -> None:
    """Opened in row 2, which is session one. The tenth row comes after a holiday and a weekend."""
    played = play(closes(100.0, length=25), [(1, strategy, AAA, BUY, 0.8)])
    assert played.leaves(strategy) == [(2 + sessions - 1, Cause.AGE)]
    assert [quantity > 0 for quantity in played.held(strategy)].count(True) == sessions


def test_a_crossover_has_no_age() -> None:
    assert play(closes(100.0, length=60), [BOUGHT]).leaves(CROSS) == []


def test_an_entry_that_expired_does_not_count() -> None:
    """The order of row 1 meets no bar in row 2; that of row 3 is filled in row 4."""
    bars = closes(100.0)
    bars[AAA][2] = NAN
    played = play(bars, [(1, ML, AAA, BUY, 0.8), (3, ML, AAA, BUY, 0.8)])
    assert played.held(ML) == [0, 0, 0, 0, 100, 100, 100, 100, 100, 0, 0, 0]
    assert played.leaves(ML) == [(8, Cause.AGE)]


def test_a_position_that_is_opened_anew_is_young_and_has_a_new_stop() -> None:
    says: list[Say] = [(1, ML, AAA, BUY, 0.8), (3, ML, AAA, SELL, 1.0), (4, ML, AAA, BUY, 0.8)]
    played = play(closes(100.0, 80.0, 80.0, 80.0), says)
    assert played.leaves(ML) == [(3, Cause.SIGNAL), (9, Cause.AGE)]


@pytest.mark.parametrize(
    ("path", "says", "cause"),
    [
        ((100.0, 100.0, 100.0, 95.0), [], Cause.STOP),
        ((100.0, 100.0, 100.0, 100.0), [(6, ML, AAA, SELL, 1.0)], Cause.AGE),
        ((100.0, 100.0, 100.0, 95.0), [(6, ML, AAA, SELL, 1.0)], Cause.STOP),
        ((100.0, 100.0, 100.0, 100.0), [(6, ML, AAA, BUY, 0.9)], Cause.AGE),
    ],
)
def test_of_several_causes_the_stop_is_told_then_the_age(
    path: tuple[float, ...], says: list[Say], cause: Cause
) -> None:
    played = play(closes(*path), [(1, ML, AAA, BUY, 0.8), *says])
    assert played.leaves(ML) == [(6, cause)]


#: A book that AAA fills whole: one place, 10 % of heat, or 10,000 dollars of cash that may be spent.
FULL: dict[str, dict[str, Any]] = {
    "places": {"limits": {"position_count": {"limit": 1}}},
    "heat": {"limits": {"heat": {}}, "regime": [{"name": "ANY", "heat": 0.10}]},
    "cash": {"limits": {"cash": {"reserve": 0.90}}},
}


@pytest.mark.parametrize("full", FULL)
@pytest.mark.parametrize(
    ("says", "path", "leaves_at"),
    [
        ([(5, CROSS, AAA, SELL, 1.0)], (100.0,), 5),
        ([], (100.0, 100.0, 94.0), 5),
    ],
    ids=["by its signal", "by its stop"],
)
def test_what_is_left_makes_room_for_an_entry_of_the_same_session(
    full: str, says: list[Say], path: tuple[float, ...], leaves_at: int
) -> None:
    tries: list[Say] = [(4, RSI, BBB, BUY, 0.9), (5, RSI, BBB, BUY, 0.9)]
    played = play(closes(*path), [BOUGHT, *says, *tries], made=book(**FULL[full]))
    assert [rule for rule, _ in played.refused(4)] == [{"places": "position_count"}.get(full, full)]
    assert played.held(CROSS, AAA)[leaves_at : leaves_at + 2] == [100, 0]
    assert played.held(RSI, BBB)[leaves_at] == 0
    assert played.held(RSI, BBB)[leaves_at + 1] >= 99


def test_an_end_by_age_makes_room_too() -> None:
    played = play(
        closes(100.0),
        [(1, ML, AAA, BUY, 0.8), (6, RSI, CCC, BUY, 0.9)],
        made=book(limits={"position_count": {"limit": 1}}),
    )
    assert played.held(ML, AAA)[6:8] == [100, 0]
    assert played.held(RSI, CCC)[6:8] == [0, 100]


def test_an_exit_is_never_held_back_by_what_stops_entries() -> None:
    """The breaker trips in row 3, in which AAA falls through its stop and BBB is to be bought."""
    made = book(limits={"daily_loss": {"limit": -0.001}})
    played = play(closes(94.0), [BOUGHT, (3, RSI, BBB, BUY, 0.8)], made=made)
    assert played.refused(3) == {("daily_loss", BBB): 0.0}
    assert played.held(CROSS, AAA)[3:5] == [100, 0]
    assert played.held(RSI, BBB)[4] == 0


def test_an_exit_beside_a_larger_entry_in_the_same_symbol_stands_when_the_entry_is_cut() -> None:
    """At 94 dollars the entry wants 105 units beside the 100 that are left: the breaker lets it take
    over none of those either, though the book as a whole would only sell less.
    """
    bars = closes(94.0)
    breaker = book(limits={"daily_loss": {"limit": -0.001}})
    says: list[Say] = [BOUGHT, (3, RSI, AAA, BUY, 0.9)]
    played = play(bars, says, made=breaker)
    wanted = played.result.decided[3].targets.quantity
    assert wanted[:, 0].sum() > 100, "the entry is not larger than the exit"
    assert played.refused(3) == {("daily_loss", AAA): 0.0}
    assert played.held(CROSS, AAA)[4] == 0
    assert played.held(RSI, AAA)[4] == 0
    assert [(one.side, one.quantity) for one in played.result.decided[3].orders] == [("sell", 100)]
