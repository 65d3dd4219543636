"""Drawdown levels on real bars: no book stays frozen; a fall of everything ends in liquidation and back."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from nightdesk.core.book import load_book
from nightdesk.core.panel import Panel
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.risk import LevelChange
from nightdesk.risk.levels import SIMULATED

BOOK = load_book(Path(__file__).parents[3] / "books" / "multi_asset.yaml")
LAST = date(2022, 12, 30)
FALL_FIRST, FALL_LAST = date(2016, 6, 1), date(2017, 12, 29)


def panel_from(first: date, last: date, market: Path) -> Panel:
    return read_market(BOOK, origin_of(BOOK, first), last, [f"files:{market}"]).panel


def moves(result: Result) -> list[LevelChange]:
    changes = (one.gated.judged.change for one in result.decided)
    return [change for change in changes if change is not None]


def stays(result: Result) -> list[tuple[int, list[bool]]]:
    """Every stay at levels 2 to 4 that ended: its sessions, and in which of them the way back was open."""
    levels = BOOK.levels
    assert levels is not None
    out: list[tuple[int, list[bool]]] = []
    stay: list[bool] = []
    for one in result.decided:
        risk = one.gated.judged.risk
        if risk.level >= 2:
            answered = risk.level == 2 or bool(risk.answered_by)
            stay.append(
                answered and risk.calm >= levels.calm_sessions and risk.since_low >= levels.low_sessions
            )
        elif stay:
            out.append((len(stay), stay))
            stay = []
    assert not stay, "the book is away at the end: choose another one"
    return out


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(date(2007, 1, 3), marks=pytest.mark.slow),
        pytest.param(date(2007, 6, 1), marks=pytest.mark.slow),
        pytest.param(date(2010, 1, 4), marks=pytest.mark.slow),
        pytest.param(date(2015, 1, 2), marks=pytest.mark.slow),
        date(2019, 6, 3),
        date(2021, 6, 1),
    ],
    ids=str,
)
def test_no_book_stays_frozen(first: date, market: Path) -> None:
    result = backtest(BOOK, panel_from(first, LAST, market), first, LAST)
    found = stays(result)
    assert found
    for sessions, way_open in found:
        assert not any(way_open), "a book that may come back does so in that session"
        assert sessions <= 126
    assert any(one.gated.judged.risk.recovery is not None for one in result.decided)


@pytest.fixture(scope="module")
def fallen(market: Path) -> Panel:
    """In a quiet market everything that can be bought loses a quarter within four sessions."""
    panel = panel_from(FALL_FIRST, FALL_LAST, market)
    at = int(np.searchsorted(panel.sessions, np.datetime64("2017-03-01")))
    path = np.ones((len(panel), len(panel.symbols)))
    own = [panel.column(symbol) for symbol in BOOK.symbols]
    path[at:, own] = 0.75 ** np.minimum(np.arange(1, len(panel) - at + 1) / 4.0, 1.0)[:, None]
    names = {"open", "high", "low", "close", "fill_open", "fill_low", "fill_high"}
    names &= set(panel.__dataclass_fields__)
    return replace(panel, **{name: getattr(panel, name) * path for name in names})


@pytest.fixture(scope="module")
def fall(fallen: Panel) -> Result:
    return backtest(BOOK, fallen, FALL_FIRST, FALL_LAST)


def test_a_fall_of_everything_ends_in_liquidation(fall: Result) -> None:
    deepest = max(moves(fall), key=lambda change: change.after)
    assert (deepest.after, deepest.cause) == (4, "drawdown")
    entered = next(n for n, one in enumerate(fall.decided) if one.gated.judged.change == deepest)
    assert not fall.decided[entered].gated.quantity.any()
    assert fall.decided[entered + 1].state.ledger.net() == {}


def test_the_way_back_wants_an_answer_calm_and_no_new_low_and_then_the_ramp(fall: Result) -> None:
    levels = BOOK.levels
    assert levels is not None
    back = next(change for change in moves(fall) if change.before == 4)
    assert (back.cause, back.who) == ("way back", SIMULATED)
    assert back.after == 1, "what fell together counts as moving together for 60 sessions"
    assert back.sessions >= max(levels.calm_sessions, levels.low_sessions, levels.confirm_after_sessions)
    after = [one for one in fall.decided if one.state.mark.session >= back.session]
    sizes = [one.gated.judged.risk.size(levels) for one in after[:16]]
    assert sizes == [0.25] * 5 + [0.5] * 5 + [0.75] * 5 + [1.0]
    for one, size in zip(after[:16], sizes, strict=True):
        asked, left = one.targets.quantity.sum(axis=0), one.gated.passage.quantity
        held = one.gated.passage.held
        assert (left <= np.maximum(held, asked * size)).all()
        assert one.state.mark.gross <= 1.0
    assert any(one.orders for one in after[:6]), "it trades again once half of the size is worth a trade"


def test_both_peaks_are_kept(fall: Result) -> None:
    back = next(change for change in moves(fall) if change.before == 4)
    risk = next(one.gated.judged.risk for one in fall.decided if one.state.mark.session == back.session)
    assert risk.peak == back.nav < risk.highest == back.peak


def test_the_levels_miss_a_part_of_the_fall(fall: Result, fallen: Panel) -> None:
    plain = backtest(BOOK.model_copy(update={"levels": None}), fallen, FALL_FIRST, FALL_LAST)
    assert 0.15 <= deepest(fall) < deepest(plain)


def deepest(result: Result) -> float:
    return max(one.state.mark.drawdown for one in result.decided)
