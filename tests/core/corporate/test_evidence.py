"""What the columns of a history show: changes of the factor beyond its decimals, splits in raw prices."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from tests.core.corporate.histories import history, true_prices

from nightdesk.core.corporate.evidence import History, factor_changes, raw_splits
from nightdesk.feeds import make


def cut(whole: History, length: int) -> History:
    return History(*(getattr(whole, one.name)[:length] for one in fields(History)))


def paid(length: int, every: int, share: float) -> tuple[np.ndarray, list[int]]:
    """A factor that grows by a dividend of a share of the price every so many bars, and at which bars."""
    at = list(range(every, length, every))
    growth = np.ones(length)
    growth[at] = 1 / (1 - share)
    return np.cumprod(growth) / np.prod(growth), at


@pytest.mark.parametrize("decimals", [None, 6, 4, 2])
def test_each_dividend_is_one_change_and_noise_of_the_decimals_is_none(decimals: int | None) -> None:
    close = true_prices(1, 1500, start=50)
    factor, at = paid(1500, 63, 0.0075)
    changes = factor_changes(history(close, factor, decimals=decimals))
    assert [one.at for one in changes] == at
    assert_allclose([one.ratio - 1 for one in changes], 0.0075 / 0.9925, rtol=0.1 if decimals == 2 else 0.01)


def test_the_dividends_of_a_file_of_two_decimals_add_up() -> None:
    close = true_prices(2, 750, start=50)
    factor, at = paid(750, 63, 0.0075)
    changes = factor_changes(history(close, factor, decimals=2))
    cash = sum(close[one.at - 1] * (1 - 1 / one.ratio) for one in changes)
    assert cash == pytest.approx(sum(close[t - 1] * 0.0075 for t in at), rel=0.02)


def test_cents_that_are_exact_hide_no_small_dividend() -> None:
    # a price of 8 dollars in cents, with an adjusted close of six decimals computed from it
    close = np.round(true_prices(3, 500, start=8), 2)
    factor, at = paid(500, 63, 0.00125)
    exact = history(close, factor)
    exact = History(*(np.round(getattr(exact, one.name), 6) for one in fields(History)))
    assert [one.at for one in factor_changes(exact)] == at


@pytest.mark.parametrize("decimals", [6, 2])
def test_a_level_that_comes_back_comes_back_exactly(decimals: int) -> None:
    close = true_prices(4, 300, start=50)
    factor = np.full(300, 0.9)
    factor[200] = 0.76
    down, up = factor_changes(history(close, factor, decimals=decimals))
    assert (down.at, up.at) == (200, 201)
    assert down.ratio * up.ratio == pytest.approx(1, abs=2e-5)


def test_a_bar_that_is_none_begins_and_ends_no_ratio() -> None:
    close = true_prices(5, 100)
    whole = history(close, 0.9)
    whole.close[50], whole.low[50] = -37.63, -40.0
    whole.adjusted[50] = -37.63
    assert factor_changes(whole) == []
    whole.close[60] = whole.high[60] + 5  # outside its own range
    assert factor_changes(whole) == []


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    start=st.floats(2, 500),
    decimals=st.sampled_from([None, 6, 4, 3, 2]),
    share=st.floats(0.0, 0.02),
)
def test_whatever_the_decimals_the_changes_lead_to_the_true_factor_and_no_fall_is_made_up(
    seed: int, start: float, decimals: int | None, share: float
) -> None:
    close = true_prices(seed, 400, start=start)
    factor, _ = paid(400, 63, share)
    changes = factor_changes(history(close, factor, decimals=decimals))
    unit = 0.0 if decimals is None else 10.0**-decimals
    room = 1e-4 + 8 * unit / (close.min() * factor[0])
    product = np.prod([one.ratio for one in changes])
    assert product == pytest.approx(factor[-1] / factor[0], rel=7 * room)
    assert all(one.ratio > 1 - room for one in changes)


@pytest.mark.parametrize("decimals", [None, 2])
def test_what_is_shown_up_to_a_bar_does_not_depend_on_later_ones(decimals: int | None) -> None:
    close = true_prices(6, 400, start=50)
    factor, _ = paid(400, 63, 0.0075)
    factor[150] *= 0.8
    close[300:] /= 2
    factor[300:] *= 2
    whole = history(close, factor, decimals=decimals)
    raw = history(close, None, decimals=decimals)
    for length in range(60, 400, 17):
        assert factor_changes(cut(whole, length)) == [one for one in factor_changes(whole) if one.at < length]
        assert raw_splits(cut(raw, length)) == [one for one in raw_splits(raw) if one.at < length]


@pytest.mark.parametrize(
    ("ratio", "words"), [(1.5, "3:2"), (2.0, "2:1"), (4.0, "4:1"), (20.0, "20:1"), (0.1, "1:10")]
)
def test_a_split_in_raw_prices_is_found_with_its_ratio(ratio: float, words: str) -> None:
    close = true_prices(7, 200)
    volume = np.full(200, 1e6)
    close[:120] *= ratio
    volume[:120] /= ratio
    (found,) = raw_splits(history(close, volume=volume))
    assert (found.at, str(found.split)) == (120, words)
    assert found.note.startswith("inferred from raw prices: open ")


@pytest.mark.parametrize("fall", [0.45, 0.31, 0.52])
def test_a_crash_or_a_fall_by_no_split_is_none(fall: float) -> None:
    close = true_prices(8, 200)
    close[120:] *= 1 - fall
    volume = np.full(200, 1e6)
    volume[120] = 3e6  # a fall of no split is none on any volume
    assert raw_splits(history(close, volume=volume)) == []


def test_a_price_that_halves_on_ten_times_the_usual_dollars_is_a_crash() -> None:
    close = true_prices(9, 200)
    close[120:] *= 0.5
    volume = np.full(200, 1e6)
    volume[120] = 2e7
    assert raw_splits(history(close, volume=volume)) == []


@pytest.mark.parametrize("factor", [0.01, 0.1, 10.0, 100.0])
def test_a_decimal_point_that_slipped_for_a_day_is_no_split_and_none_back(factor: float) -> None:
    close = true_prices(11, 200)
    close[120] *= factor
    assert raw_splits(history(close, volume=np.full(200, 1e6))) == []


def test_a_price_that_halved_for_a_day_comes_back_by_the_split_that_it_was_taken_for() -> None:
    close = true_prices(11, 200)
    close[120] *= 0.5
    assert [str(one.split) for one in raw_splits(history(close, volume=np.full(200, 1e6)))] == ["2:1", "1:2"]


def test_without_volume_open_and_close_must_both_show_the_split() -> None:
    close = true_prices(10, 200, volatility=0.005)
    close[120:] /= 2
    assert len(raw_splits(history(close, volume=np.nan))) == 1
    assert raw_splits(history(close, gap=0.06, volume=np.nan)) == []


def test_real_bars_show_no_split_and_no_fall_of_the_adjustment(market) -> None:
    symbols = pd.read_csv(market / "equities_daily.csv.gz", usecols=["symbol"])["symbol"].unique()[::6]
    feed = make(f"files:{market}")
    fetched = feed.fetch(
        [*symbols, "SPY", "^VIX"], pd.Timestamp("2005-01-03").date(), pd.Timestamp("2022-12-30").date()
    )
    assert (fetched.actions["kind"] == "adjustment").all()
    assert (fetched.actions["value"] > 1).all()
    for _, rows in fetched.bars.groupby("symbol"):
        names = ("open", "high", "low", "close", "volume")
        raw = History(*(rows[name].to_numpy() for name in names), adjusted=np.full(len(rows), np.nan))
        assert raw_splits(raw) == [] or rows["symbol"].iloc[0] == "^VIX"
