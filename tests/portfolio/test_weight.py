"""Weight sizing, as a table of one symbol's situation and what is wanted of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nightdesk.core.errors import Refused
from nightdesk.portfolio import Ask, make
from nightdesk.portfolio.sizing import entered, left
from nightdesk.strategies import Direction, SignalSide

SIZING = make("weight", path="strategies.trend.sizing")
STRONG_BUY, BUY, HOLD = Direction.STRONG_BUY, Direction.BUY, Direction.HOLD
SELL, STRONG_SELL = Direction.SELL, Direction.STRONG_SELL


def said(
    direction: Direction, previous: Direction, held: float, side: SignalSide, *, one_sided: bool
) -> dict[str, Any]:
    """What a strategy asks for that speaks of this side, now and in the session before."""
    now, before, about = (np.array([one], dtype=np.int8) for one in (direction, previous, side))
    units = np.array([held])
    return {
        "enters": entered(now, about),
        "leaves": left(now, about, units, one_sided),
        "left_before": left(before, about, units, one_sided),
    }


def ask(
    direction: Direction,
    held: float = 0.0,
    previous: Direction = HOLD,
    confidence: float = 0.8,
    owed: float = 0.0,
) -> Ask:
    """A symbol at 100 dollars, cap 50 %, target 10 %, volatility 20 %, in a book of 100,000 dollars."""
    return Ask(
        held=np.array([held]),
        direction=np.array([direction], dtype=np.int8),
        previous_direction=np.array([previous], dtype=np.int8),
        **said(direction, previous, held, SignalSide.LONG, one_sided=True),
        confidence=np.array([confidence]),
        strength=np.array([0.5]),
        factors={"volatility_60": np.array([0.20])},
        price=np.array([100.0]),
        capital=100_000.0,
        max_weight=np.array([0.50]),
        volatility_target=np.array([0.10]),
        buy_fraction=0.6,
        entry_factor=1.0,
        returns=np.zeros((60, 1)),
        costs=np.array([0.0015]),
        allocation=np.zeros(1),
        reduce_to=np.array([owed]),
        opens_month=True,
    )


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (ask(STRONG_BUY), 200.0),
        (ask(STRONG_BUY, confidence=1.0), 250.0),
        (ask(BUY), 120.0),
        (ask(BUY, held=150.0), 120.0),
        (ask(HOLD, held=77.0), 77.0),
        (ask(HOLD), 0.0),
        (ask(SELL, held=77.0), 38.5),
        (ask(SELL, held=77.0, previous=STRONG_SELL), 38.5),
        (ask(SELL, held=77.0, previous=SELL), 77.0),
        (ask(SELL, held=77.0, previous=SELL, owed=38.5), 38.5),
        (ask(SELL, held=-77.0, previous=SELL, owed=38.5), -38.5),
        (ask(HOLD, held=77.0, previous=SELL, owed=38.5), 77.0),
        (ask(STRONG_SELL, held=77.0, previous=SELL, owed=38.5), 0.0),
        (ask(BUY, held=77.0, previous=SELL, owed=38.5), 120.0),
        (ask(STRONG_SELL, held=77.0), 0.0),
    ],
)
def test_directions_become_quantities(asked: Ask, wanted: float) -> None:
    decided = replace(asked, reduce_to=SIZING.reduce_to(asked))
    assert SIZING.quantities(decided)[0] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        (ask(SELL, held=77.0), 38.5),  # it turns: half of what is held
        (ask(SELL), 0.0),  # of nothing there is no half
        (ask(SELL, held=77.0, previous=SELL), 0.0),  # it was done before
        (ask(SELL, held=77.0, previous=SELL, owed=38.5), 38.5),  # nothing was let through
        (ask(SELL, held=50.0, previous=SELL, owed=38.5), 38.5),  # a part was
        (ask(SELL, held=38.0, previous=SELL, owed=38.5), 0.0),  # it is done
        (ask(SELL, held=38.0, previous=SELL, owed=38.0 * (1 - 1e-15)), 0.0),  # but for rounding
        (ask(SELL, held=60.0, previous=HOLD, owed=38.5), 30.0),  # it turns anew: half of what is held now
        (ask(HOLD, held=77.0, previous=SELL, owed=38.5), 38.5),  # it asks for nothing, and forgets nothing
        (ask(BUY, held=77.0, previous=SELL, owed=38.5), 0.0),
        (ask(STRONG_BUY, held=77.0, previous=SELL, owed=38.5), 0.0),
        (ask(STRONG_SELL, held=77.0, previous=SELL, owed=38.5), 0.0),
        (ask(SELL, held=0.0, previous=SELL, owed=38.5), 0.0),  # a stop has sold it all
    ],
)
def test_a_sell_is_carried_on_until_it_is_done_or_the_signal_turns(asked: Ask, left: float) -> None:
    assert SIZING.reduce_to(asked).tolist() == [left]


def test_a_calm_symbol_is_not_levered_above_its_cap() -> None:
    calm = replace(ask(STRONG_BUY, confidence=1.0), factors={"volatility_60": np.array([0.01])})
    assert SIZING.quantities(calm)[0] == pytest.approx(500.0)


def test_a_price_that_never_moved_is_not_a_division_by_zero() -> None:
    still = replace(ask(STRONG_BUY, confidence=1.0), factors={"volatility_60": np.array([0.0])})
    assert SIZING.quantities(still)[0] == pytest.approx(500.0)


@pytest.mark.parametrize(
    ("held", "factor", "wanted"),
    [
        (0.0, 0.5, 100.0),  # an entry is made smaller
        (60.0, 0.5, 100.0),  # so is an addition
        (150.0, 0.5, 150.0),  # an addition that would become a sale is left out
        (250.0, 0.5, 200.0),  # a reduction is not touched
        (60.0, 0.0, 60.0),  # no entries at all
    ],
)
def test_the_regime_makes_entries_smaller_and_turns_nothing_held_into_a_sale(
    held: float, factor: float, wanted: float
) -> None:
    asked = replace(ask(STRONG_BUY, held=held), entry_factor=factor)
    assert SIZING.quantities(asked)[0] == pytest.approx(wanted)


@pytest.mark.parametrize("missing", ["volatility", "price"])
def test_what_cannot_be_sized_is_kept(missing: str) -> None:
    asked = ask(STRONG_BUY, held=33.0)
    if missing == "price":
        asked = replace(asked, price=np.array([np.nan]))
    else:
        asked = replace(asked, factors={"volatility_60": np.array([np.nan])})
    assert SIZING.quantities(asked)[0] == 33.0


def test_it_carries_no_allocation_on() -> None:
    assert SIZING.allocate(ask(STRONG_BUY, held=33.0)).tolist() == [0.0]


def test_a_parameter_is_refused_since_it_has_none() -> None:
    with pytest.raises(
        Refused,
        match=r"strategies\.trend\.sizing_params\.window: unknown key; weight knows no parameters",
    ):
        make("weight", {"window": 60}, path="strategies.trend.sizing")


def test_an_unknown_method_is_refused_with_its_path() -> None:
    with pytest.raises(
        Refused, match=r"strategies\.trend\.sizing: there is no sizing method 'wieght'; did you mean weight"
    ):
        make("wieght", path="strategies.trend.sizing")


def both_ways(direction: Direction, side: SignalSide, held: float = 0.0, previous: Direction = HOLD) -> Ask:
    """What a strategy that trades both sides says; the session before it spoke of the same side."""
    return replace(ask(direction, held, previous), **said(direction, previous, held, side, one_sided=False))


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (both_ways(STRONG_SELL, SignalSide.SHORT), -200.0),
        (both_ways(SELL, SignalSide.SHORT), -120.0),
        (both_ways(SELL, SignalSide.SHORT, held=-150.0), -120.0),
        (both_ways(STRONG_SELL, SignalSide.SHORT, held=70.0), -200.0),
        (both_ways(HOLD, SignalSide.SHORT, held=-77.0), -77.0),
        (both_ways(BUY, SignalSide.SHORT, held=-77.0), -38.5),
        (both_ways(BUY, SignalSide.SHORT, held=-77.0, previous=BUY), -77.0),
        (both_ways(STRONG_BUY, SignalSide.SHORT, held=-77.0), 0.0),
        (both_ways(STRONG_BUY, SignalSide.SHORT, held=77.0), 77.0),
        (both_ways(STRONG_SELL, SignalSide.LONG, held=-77.0), -77.0),
        (both_ways(STRONG_SELL, SignalSide.EITHER, held=-77.0), 0.0),
        (both_ways(STRONG_SELL, SignalSide.EITHER, held=77.0), 0.0),
        (both_ways(STRONG_SELL, SignalSide.EITHER), 0.0),
        (replace(both_ways(STRONG_SELL, SignalSide.SHORT, held=70.0), entry_factor=0.0), 0.0),
    ],
)
def test_a_short_is_the_mirror_image_and_a_signal_leaves_only_its_own_side(asked: Ask, wanted: float) -> None:
    decided = replace(asked, reduce_to=SIZING.reduce_to(asked))
    assert SIZING.quantities(decided).tolist() == [pytest.approx(wanted)]
