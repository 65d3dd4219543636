"""Cross-sectional momentum: ranks, the defence, every boundary, and what is missing."""

from pathlib import Path

import numpy as np
import pytest
from tests.engine.desks import book
from tests.strategies.swing_bars import flat_bars

from nightdesk import strategies
from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.engine import resolve
from nightdesk.strategies import Direction, View
from nightdesk.testing.strategy_contract import AcrossSymbolsContract

NAN = np.nan
NAME = "cross_sectional_momentum"
BOOKS = Path(__file__).resolve().parents[2] / "books"
STRONG_SELL, _, HOLD, _, STRONG_BUY = Direction


class TestCrossSectionalMomentum(AcrossSymbolsContract):
    """With the spec's numbers; none of its havens is in the panel, so the defence sells everything."""

    name = NAME


class TestWithAHaven(AcrossSymbolsContract):
    """With a haven among the symbols, a wider top group and a nervous defence."""

    name = NAME
    params = {"long_above": 0.4, "avoid_below": 0.3, "defence_above": 0.2, "havens": ["SPY"]}  # noqa: RUF012


#: Symbol: rank, price, SMA200.
Row = tuple[float, float, float]


def session(**symbols: Row) -> View:
    """One session of some symbols."""
    rank, price, average = np.array(list(symbols.values()), dtype=float).T
    return View(
        symbols=tuple(symbols),
        sessions=np.array(["2020-03-16"], dtype="datetime64[D]"),
        **flat_bars(price[None, :]),
        vix=np.array([20.0]),
        factors={"rank_momentum_12_1": rank[None, :], "sma_200": average[None, :]},
    )


def said(view: View, **params: object) -> dict[str, tuple[Direction, float]]:
    found = strategies.make(NAME, params).signals(view)
    return {
        symbol: (Direction(found.direction[0, n]), round(float(found.confidence[0, n]), 12))
        for n, symbol in enumerate(view.symbols)
    }


def words(view: View, symbol: str) -> str:
    strategy = strategies.make(NAME)
    return strategy.explain(view, strategy.signals(view), 0, view.symbols.index(symbol))


#: A leader that rises, so that there is no defence.
LEADER = {"QQQ": (1.0, 110, 100)}

SCENARIOS = [
    # rank, price, SMA200 -> direction, confidence, words
    (
        0.8,
        110,
        100,
        STRONG_BUY,
        0.8,
        "rank_momentum_12_1 0.80 is above 0.7 and the close 110.00 above sma_200",
    ),
    (0.71, 100.01, 100, STRONG_BUY, 0.71, "above sma_200 100.00"),
    (0.7, 110, 100, HOLD, 0.0, "0.70 is neither above 0.7 nor below 0.3"),
    (0.8, 100, 100, HOLD, 0.0, "0.80 is above 0.7, but the close 100.00 is not above sma_200 100.00"),
    (0.8, 90, 100, HOLD, 0.0, "but the close 90.00 is not above sma_200 100.00"),
    (0.5, 90, 100, HOLD, 0.0, "is neither above"),
    (0.3, 110, 100, HOLD, 0.0, "is neither above"),
    (0.29, 110, 100, STRONG_SELL, 0.71, "rank_momentum_12_1 0.29 is below 0.3"),
    (0.1, 90, 100, STRONG_SELL, 0.9, "0.10 is below 0.3"),
    # what is missing says nothing, whatever the rest says
    (NAN, 110, 100, HOLD, 0.0, "rank_momentum_12_1 not known"),
    (0.8, NAN, 100, HOLD, 0.0, "the close not known"),
    (0.8, 110, NAN, HOLD, 0.0, "sma_200 not known"),
    (0.1, NAN, NAN, HOLD, 0.0, "sma_200, the close not known"),
]


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: f"{row[0]} {row[1]} {row[2]}")
def test_the_rank_decides_and_the_average_confirms(row: tuple) -> None:
    *numbers, direction, confidence, reason = row
    view = session(SPY=tuple(numbers), **LEADER)
    assert said(view)["SPY"] == (direction, pytest.approx(confidence))
    assert reason in words(view, "SPY")


RISES, FALLS, HAVENS = (0.9, 110, 100), (0.9, 90, 100), {"GLD": (0.5, 100, 90), "TLT": (0.2, 80, 90)}

DEFENCES = [
    ("two of three fall", {"A": FALLS, "B": FALLS, "C": RISES}, True),
    ("half of them fall", {"A": FALLS, "B": RISES}, False),
    ("one of three falls", {"A": FALLS, "B": RISES, "C": RISES}, False),
    ("the only one falls", {"A": FALLS}, True),
    ("one stands at its average", {"A": (0.9, 100, 100)}, False),
    ("nothing leads", {"A": (0.7, 90, 100), "B": (0.5, 90, 100)}, False),
    ("a leader of unknown price does not count", {"A": FALLS, "B": (0.9, NAN, 100), "C": RISES}, False),
    ("nor does one of unknown average", {"A": FALLS, "B": (0.9, 90, NAN), "C": RISES}, False),
    ("unknown leaders hide no fall", {"A": FALLS, "B": (0.9, NAN, 100)}, True),
    ("a haven may lead and rise", {"A": FALLS, "GLD": RISES}, False),
    ("a haven may lead and fall", {"A": FALLS, "GLD": FALLS}, True),
]


@pytest.mark.parametrize(("leaders", "defends"), [row[1:] for row in DEFENCES], ids=[r[0] for r in DEFENCES])
def test_when_more_than_half_of_the_top_group_falls_the_havens_are_all_that_is_held(
    leaders: dict[str, Row], defends: bool
) -> None:
    view = session(**{"MID": (0.5, 100, 90), **HAVENS, **leaders})
    found = said(view)
    if defends:
        assert found["GLD"] == found["TLT"] == (STRONG_BUY, 1.0)
        others = [symbol for symbol in view.symbols if symbol not in ("GLD", "TLT")]
        for symbol in others:
            priced = np.isfinite(view.close[0, view.symbols.index(symbol)])
            assert found[symbol] == ((STRONG_SELL, 1.0) if priced else (HOLD, 0.0))
    else:
        assert found["TLT"] == (STRONG_SELL, 0.8)
        assert found["MID"] == (HOLD, 0.0)


def test_the_defence_needs_nothing_of_a_haven_but_its_price() -> None:
    found = said(session(A=FALLS, GLD=(NAN, 100, NAN), TLT=(NAN, NAN, NAN), B=(NAN, 50, NAN)))
    assert found["GLD"] == (STRONG_BUY, 1.0)
    assert found["TLT"] == (HOLD, 0.0)
    assert found["B"] == (STRONG_SELL, 1.0)


def test_the_defence_is_told_with_its_numbers() -> None:
    view = session(A=FALLS, B=FALLS, C=RISES, **HAVENS)
    counted = "2 of the 3 symbols with a rank above 0.7 are under their sma_200, more than 50%"
    assert words(view, "GLD") == f"{counted}: this is a haven"
    assert words(view, "C") == f"{counted}: only GLD, TLT are held"


def test_one_session_in_defence_does_not_change_the_next() -> None:
    fallen, well = session(A=FALLS, GLD=(0.5, 100, 90)), session(A=RISES, GLD=(0.5, 100, 90))
    both = View(
        symbols=fallen.symbols,
        sessions=np.array(["2020-03-16", "2020-03-17"], dtype="datetime64[D]"),
        **flat_bars(np.vstack([fallen.close, well.close])),
        vix=np.array([20.0, 20.0]),
        factors={name: np.vstack([fallen.factors[name], well.factors[name]]) for name in fallen.factors},
    )
    found = strategies.make(NAME).signals(both)
    assert found.direction.tolist() == [[STRONG_SELL, STRONG_BUY], [STRONG_BUY, HOLD]]
    assert found.strength.round(12).tolist() == [[-1.0, 1.0], [0.8, 0.0]]


def test_the_book_states_the_defaults() -> None:
    entry = load_book(BOOKS / "multi_asset.yaml").strategies[NAME]
    assert strategies.make(NAME, entry.params).params == strategies.make(NAME).params


def test_a_haven_that_the_book_does_not_trade_is_refused_with_its_path() -> None:
    with pytest.raises(
        Refused,
        match=rf"^strategies\.{NAME}\.params\.havens: TLT not in the book's universe: add what is missing",
    ):
        resolve(book(strategies={NAME: {}}))
    resolve(book(strategies={NAME: {"params": {"havens": ["GLD"]}}}))


WRONG = [
    ({"havens": []}, "params.havens: found []; tuple should have at least 1 item"),
    ({"havens": ["GLD", "GLD"]}, "params: havens: each symbol is named once; found GLD, GLD"),
    ({"havens": ["gold!"]}, "params.havens.0: found 'gold!'"),
    ({"long_above": 1.2}, "params.long_above: found 1.2"),
    ({"defence_above": 1}, "params.defence_above: found 1"),
    (
        {"avoid_below": 0.8},
        "params: avoid_below 0.8 lies above long_above 0.7: a symbol cannot lead and trail",
    ),
    ({"avoid_bellow": 0.2}, "params.avoid_bellow: unknown key; cross_sectional_momentum knows long_above"),
]


@pytest.mark.parametrize(("params", "message"), WRONG)
def test_a_wrong_parameter_is_refused_with_its_path(params: dict, message: str) -> None:
    with pytest.raises(Refused) as refusal:
        strategies.make(NAME, params)
    assert f"strategies.{NAME}.{message}" in str(refusal.value)
