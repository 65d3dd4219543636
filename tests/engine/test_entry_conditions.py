"""Conditions on entries: what they take away, what they leave, what they say, and that none looks ahead."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.conftest import PROJECT
from tests.engine.desks import book, day, desk, state
from tests.research.backtest.swing import AAA, BBB, BUY, CROSS, RSI, SELL, Say, play
from tests.research.backtest.swing import book as swing_book

from nightdesk import factors
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.engine import Day, Desk, resolve, targets
from nightdesk.engine.entry_conditions import EntryConditions
from nightdesk.engine.exits import Cause, other_of
from nightdesk.session.books import read_book
from nightdesk.strategies import Direction, View
from nightdesk.testing.random_panels import members, random_panel

NAN = float("nan")
NAME = "time_series_momentum"
STRONG_BUY, STRONG_SELL = Direction.STRONG_BUY, Direction.STRONG_SELL


def conditioned(*texts: str, own: tuple[str, ...] = (), **changed: Any) -> Desk:
    """Two symbols, one strategy, and these conditions of the book and of the strategy."""
    strategies = {NAME: {"entry_condition": list(own)}} if own else {NAME: {}}
    return desk(portfolio={"entry_condition": list(texts)}, strategies=strategies, **changed)


def seen(made: Desk, vix: float = 15.0, close: tuple[float, float] = (100.0, 200.0), **said: Any) -> View:
    """One session of GLD and SPY; factors by name with an underscore for what stands in a name, else NaN."""
    values = {name: np.array([said.get(name, (NAN, NAN))]) for name in made.factor_names}
    bar = np.array([close])
    return View(
        symbols=("GLD", "SPY"),
        sessions=np.array(["2020-03-16"], dtype="datetime64[D]"),
        close=bar,
        open=bar,
        high=bar,
        low=bar,
        volume=np.full_like(bar, 1_000.0),
        vix=np.array([vix]),
        factors=values,
    )


def today(made: Desk, direction: list[Direction], view: View, **changed: Any) -> Day:
    """A day whose conditions look at this view."""
    barred = made.entry_conditions.barred(view, tuple(made.strategies)).row(0)
    return day(direction, barred=barred, **changed)


def wanted(made: Desk, view: View, direction: list[Direction], *held: tuple[str, str, int]) -> Floats:
    found: Floats = targets(made, state(*held), today(made, direction, view)).quantity[0]
    return found


def test_what_does_not_hold_takes_the_entry_of_its_symbol_away_and_says_so_with_its_values() -> None:
    made = conditioned("close > sma_200 and volume > 0")
    view = seen(made, sma_200=(101.5, 190.0))
    found = targets(made, state(), today(made, [STRONG_BUY, STRONG_BUY], view))
    free = targets(made, state(), day([STRONG_BUY, STRONG_BUY]))
    assert free.quantity[0, 0] > 0
    assert found.quantity.tolist() == [[0.0, free.quantity[0, 1]]]
    (dropped,) = found.dropped
    assert dropped.words == (
        "entry_condition close > sma_200 and volume > 0 does not hold (close 100, sma_200 101.5, volume 1000)"
    )
    assert (dropped.symbol, other_of(made, dropped)) == (0, "close > sma_200 and volume > 0")
    assert found.cause.tolist() == [[Cause.CONDITION, Cause.OPENS]]


def test_a_held_position_is_not_added_to_and_neither_sold() -> None:
    made = conditioned("rsi_14 < 70")
    hot = seen(made, rsi_14=(80.0, 60.0))
    free = targets(made, state(), day([STRONG_BUY, STRONG_BUY])).quantity[0]
    few = (NAME, "GLD", int(free[0]) - 50)
    assert wanted(made, hot, [STRONG_BUY, STRONG_BUY], few).tolist() == [free[0] - 50, free[1]]
    more = (NAME, "GLD", int(free[0]) + 50)
    alone = targets(made, state(more), day([STRONG_BUY, STRONG_BUY]))
    assert alone.quantity[0, 0] < more[2]
    assert wanted(made, hot, [STRONG_BUY, STRONG_BUY], more).tolist() == alone.quantity[0].tolist()


def test_exits_are_never_held_back() -> None:
    made = conditioned("rsi_14 < 0")
    held = ((NAME, "GLD", 100), (NAME, "SPY", 100))
    view = seen(made, rsi_14=(50.0, 50.0))
    free = targets(made, state(*held), day([STRONG_SELL, STRONG_SELL]))
    assert (free.quantity < 100).all()
    found = targets(made, state(*held), today(made, [STRONG_SELL, STRONG_SELL], view))
    assert found.quantity.tolist() == free.quantity.tolist()
    assert found.cause.tolist() == free.cause.tolist()
    assert found.dropped == ()


def test_what_turns_round_is_left_and_not_opened_on_the_other_side() -> None:
    terms: dict[str, Any] = {
        "margin": {"kind": "reg_t"},
        "financing": {"debit_rate": 0.06, "borrow_rate": 0.005},
        "limits": {"max_weight": {}, "gross_leverage": {"limit": 2.0}},
    }
    made = conditioned("rsi_14 > 60", **terms)
    short = np.array([[-1, -1]], dtype=np.int8)
    held = state((NAME, "GLD", 100))
    turned = replace(today(made, [STRONG_SELL, STRONG_SELL], seen(made, rsi_14=(50.0, 50.0))), side=short)
    free = targets(made, held, replace(turned, barred=None))
    assert (free.quantity < 0).all()
    assert targets(made, held, turned).quantity.tolist() == [[0.0, 0.0]]


def test_what_is_not_known_and_what_divides_by_zero_forbid_and_say_which() -> None:
    made = conditioned("rsi_14 / momentum_5 > 0", "not sma_20 > sma_50")
    view = seen(made, rsi_14=(50.0, 50.0), momentum_5=(0.0, 0.1), sma_20=(NAN, NAN), sma_50=(1.0, 1.0))
    found = targets(made, state(), today(made, [STRONG_BUY, STRONG_BUY], view))
    assert [one.words for one in found.dropped] == [
        "entry_condition rsi_14 / momentum_5 > 0 is not defined, as it divides by zero "
        "(rsi_14 50, momentum_5 0)",
        "entry_condition not sma_20 > sma_50 is not known: sma_20 missing",
    ]
    assert found.quantity.tolist() == [[0.0, 0.0]]


def test_the_book_s_conditions_come_before_the_strategy_s_own_and_both_must_hold() -> None:
    made = conditioned("vix < 20", own=("rsi_14 < 70",))
    told = {
        (vix, rsi): targets(
            made, state(), today(made, [STRONG_BUY, STRONG_BUY], seen(made, vix, rsi_14=(rsi, rsi)))
        ).dropped
        for vix in (15.0, 25.0)
        for rsi in (60.0, 80.0)
    }
    assert {key: len(dropped) for key, dropped in told.items()} == {
        (15.0, 60.0): 0, (15.0, 80.0): 2, (25.0, 60.0): 2, (25.0, 80.0): 2,
    }  # fmt: skip
    assert other_of(made, told[25.0, 80.0][0]) == "vix < 20"
    assert other_of(made, told[15.0, 80.0][0]) == "rsi_14 < 70"


def test_one_strategy_s_condition_is_none_of_another_and_its_entry_supersedes_nothing() -> None:
    terms = {"capital": "shared", "volatility_target": None, "one_entry_per_symbol": True}
    sized = {"share": 1.0, "sizing": "atr_risk"}
    made = swing_book(
        portfolio=terms,
        regime=[{"name": "ANY"}],
        strategies={RSI: sized | {"entry_condition": "vix < 10"}, CROSS: sized},
    )
    says: list[Say] = [(1, RSI, AAA, BUY, 0.9), (1, CROSS, AAA, BUY, 0.6), (1, RSI, BBB, BUY, 0.9)]
    played = play({AAA: [100.0] * 6}, says, made=made)
    assert (played.held(RSI)[2], played.held(CROSS)[2]) == (0, 100)
    assert played.causes(RSI)[1] == played.causes(RSI, BBB)[1] == Cause.CONDITION


def test_a_position_is_left_at_its_stop_and_by_its_signal_whatever_the_condition_says() -> None:
    made = swing_book(
        portfolio={"volatility_target": None, "capital": "shared", "entry_condition": "close > 99"}
    )
    fallen = play({AAA: [100.0] * 3 + [94.0] * 3}, [(1, CROSS, AAA, BUY, 0.8)], made=made)
    assert fallen.held(CROSS)[2] > 0
    assert fallen.leaves(CROSS) == [(3, Cause.STOP)]
    sold = play(
        {AAA: [100.0] * 3 + [98.0] * 3}, [(1, CROSS, AAA, BUY, 0.8), (4, CROSS, AAA, SELL, 1.0)], made=made
    )
    assert sold.leaves(CROSS) == [(4, Cause.SIGNAL)]


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_looks_ahead_and_one_session_alone_is_judged_as_among_all(seed: int) -> None:
    panel = random_panel(seed)
    usual = float(np.nanmedian(panel.close[:, panel.column("^VIX")]))
    texts = [
        f"vix < {usual:.2f} and close > sma_50",
        "crosses_above(rsi_14, 50) or ta.mfi(14) < 60",
        "momentum_5 / (close - low) > -0.001",
    ]
    read = EntryConditions.of(book(portfolio={"entry_condition": texts}))

    def codes(length: int) -> tuple[View, np.ndarray]:
        cut = panel.until(length)
        found = factors.compute(cut, read.factors, benchmark="SPY", universe=members(cut))
        view = View.of(cut, found, cut.symbols[:-1], "^VIX")
        return view, read.barred(view, [NAME]).code

    view, whole = codes(420)
    assert set(np.unique((whole[whole > 0] - 1) // 3)) == {0, 1, 2}, "each condition forbids something"
    assert (whole == 0).any()
    for length in (1, 61, 200, 253, 398, 419):
        np.testing.assert_array_equal(codes(length)[1][-1], whole[length - 1])
        alone = read.barred(view.rows(length - 1, length), [NAME]).code
        np.testing.assert_array_equal(alone[0], whole[length - 1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rsi_14 <", "'rsi_14 <' cannot be read: something is missing at its end"),
        ("rsy_14 < 30", "there is no factor 'rsy_14'"),
        ("close@-1 > 3", "close@-1 looks into tomorrow"),
        ("rsi_14", "'rsi_14' is a number, and a condition is wanted"),
        ("vix < 1 / 0", "'1 / 0' divides by zero"),
        ("", "it is empty"),
    ],
)
@pytest.mark.parametrize("key", ["portfolio.entry_condition", f"strategies.{NAME}.entry_condition"])
def test_a_condition_that_cannot_be_read_is_refused_with_the_book(
    text: str, words: str, key: str, tmp_path: Path
) -> None:
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    node, *path = tree, *key.split(".")
    for part in path[:-1]:
        node[part] = dict(node.get(part) or {})
        node = node[part]
    node[path[-1]] = text
    file = tmp_path / "multi_asset.yaml"
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    with pytest.raises(Refused) as refused:
        read_book(file)
    assert f"{key}: {words}" in str(refused.value)


def test_a_factor_over_hours_is_refused_in_a_daily_book() -> None:
    with pytest.raises(Refused, match="schedule: found daily, and factors over hours are asked for"):
        resolve(book(portfolio={"entry_condition": "h:rsi_14 < 30"}))


def test_a_book_without_a_condition_keeps_its_configuration() -> None:
    assert "entry_condition" not in book().configuration
    assert book(portfolio={"entry_condition": []}).config_hash == book(portfolio={}).config_hash
    hashes = {book(portfolio={"entry_condition": text}).config_hash for text in ("vix < 20", "vix < 21")}
    assert len(hashes | {book().config_hash}) == 3
