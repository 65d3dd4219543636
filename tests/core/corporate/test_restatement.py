"""Histories that come back multiplied, told from corrections, other bases and what nobody can explain."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.core.corporate.histories import true_prices

from nightdesk.core.corporate.restatement import Versions, read_restatement

DAYS = np.datetime64("2021-06-01") + np.arange(60)


def raw(
    seed: int = 1, splits: Mapping[int, float] | None = None, length: int = 60, decimals: int = 2
) -> np.ndarray:
    """Open, high, low, close of each day in the prices of that day."""
    close = true_prices(seed, length, start=80)
    for at, ratio in (splits or {}).items():
        close[:at] *= ratio
    return np.round(np.column_stack([close * 1.002, close * 1.01, close * 0.99, close]), decimals)


def restated(prices: np.ndarray, splits: Mapping[int, float], decimals: int = 2) -> np.ndarray:
    """As a vendor publishes them who takes those splits out."""
    out = prices.copy()
    for at, ratio in splits.items():
        out[:at] /= ratio
    return np.round(out, decimals)


def versions(
    incoming: np.ndarray,
    stored: np.ndarray,
    stored_until: int,
    known: Mapping[int, float] | None = None,
    first: int = 0,
) -> Versions:
    """What came from day `first` on, beside what was stored before day `stored_until`."""
    held = stored.copy()
    held[stored_until:] = np.nan
    volume = np.full(60, 1e6)
    ratio = held[:, 3] / incoming[:, 3]
    return Versions(
        day=DAYS[first:],
        incoming=incoming[first:],
        stored=held[first:],
        incoming_volume=(volume * np.where(np.isfinite(ratio), ratio, 1))[first:],
        stored_volume=np.where(np.isfinite(held[:, 3]), volume, np.nan)[first:],
        splits={DAYS[at]: value for at, value in (known or {}).items()},
    )


def test_bars_as_stored_are_no_restatement_nor_is_a_correction() -> None:
    prices = raw()
    assert read_restatement(versions(prices, prices, 50)) is None
    changed = prices.copy()
    changed[20] *= 0.97
    changed[30, 3] += 1
    assert read_restatement(versions(changed, prices, 50)) is None


@pytest.mark.parametrize(
    ("ratio", "words"), [(1.5, "3:2"), (2.0, "2:1"), (4.0, "4:1"), (20.0, "20:1"), (0.1, "1:10")]
)
@pytest.mark.parametrize("first", [0, 40])
def test_a_history_multiplied_before_its_newest_bar_implies_the_split_and_stays_as_stored(
    ratio: float, words: str, first: int
) -> None:
    prices = raw(splits={50: ratio})
    found = read_restatement(versions(restated(prices, {50: ratio}), prices, 50, first=first))
    assert found is not None
    (action,) = found.implied
    assert (action.kind, action.value, action.day) == ("split", ratio, DAYS[50])
    assert f"a split of {words}" in action.note
    assert_array_equal(found.prices[: 50 - first], prices[first:50])
    assert_array_equal(found.prices[50 - first :], prices[50:])
    assert_array_equal(found.volume, 1e6)
    assert found.count == 50 - first


def test_a_known_split_is_turned_back_and_implied_no_more_even_of_a_single_bar() -> None:
    prices = raw(splits={50: 2.0})
    for first in (0, 49):
        found = read_restatement(versions(restated(prices, {50: 2.0}), prices, 60, {50: 2.0}, first=first))
        assert found is not None
        assert found.implied == ()
        assert_array_equal(found.prices, prices[first:])


def test_several_splits_one_after_another_are_told_apart() -> None:
    splits = {20: 3.0, 50: 4.0}
    prices = raw(splits=splits)
    found = read_restatement(versions(restated(prices, splits), prices, 50, {20: 3.0}))
    assert found is not None
    assert [(one.day, one.value) for one in found.implied] == [(DAYS[50], 4.0)]
    assert_array_equal(found.prices, prices)
    both = read_restatement(versions(restated(prices, splits), prices, 50))
    assert both is not None
    assert sorted((one.day, one.value) for one in both.implied) == [(DAYS[20], 3.0), (DAYS[50], 4.0)]


def test_a_restatement_ahead_of_its_ex_date_books_nothing_yet() -> None:
    prices = raw()[:50]
    ahead = Versions(DAYS[:50], np.round(prices / 2, 2), prices, np.full(50, 2e6), np.full(50, 1e6), {})
    found = read_restatement(ahead)
    assert found is not None
    assert found.implied == ()
    assert_array_equal(found.prices, prices)
    assert "no bar came after them yet" in found.words[0]


def test_a_history_multiplied_by_no_split_is_asked_and_stays() -> None:
    prices = raw(splits={50: 1 / 0.93})
    found = read_restatement(versions(restated(prices, {50: 1 / 0.93}), prices, 50))
    assert found is not None
    (action,) = found.implied
    assert (action.kind, action.note.startswith("asked")) == ("adjustment", True)
    assert action.value == pytest.approx(1 / 0.93, rel=1e-4)
    assert_allclose(found.prices, prices, rtol=2e-4)


def test_a_wrong_restatement_whose_own_prices_jump_books_nothing() -> None:
    prices = raw()  # there was no split, and the vendor halved what was before
    found = read_restatement(versions(restated(prices, {50: 2.0}), prices, 50))
    assert found is not None
    assert found.implied == ()
    assert_array_equal(found.prices, prices)
    assert "its prices jump on" in found.words[0]


def test_a_second_source_of_raw_prices_is_brought_to_the_stored_basis() -> None:
    # stored from a source that restates, so that nothing jumps there; the other gives raw prices
    prices = raw(splits={30: 2.0})
    stored = restated(prices, {30: 2.0})
    found = read_restatement(versions(prices, stored, 50))
    assert found is not None
    assert found.implied == ()
    assert_array_equal(found.prices[:50], stored[:50])


def test_a_vendor_who_takes_the_restatement_back_is_as_stored_again() -> None:
    prices = raw(splits={50: 2.0})
    assert read_restatement(versions(prices, prices, 58, {50: 2.0})) is None


def test_volumes_that_were_not_restated_stay() -> None:
    prices = raw(splits={50: 2.0})
    one = versions(restated(prices, {50: 2.0}), prices, 50)
    plain = Versions(one.day, one.incoming, one.stored, np.full(60, 1e6), one.stored_volume, one.splits)
    found = read_restatement(plain)
    assert found is not None
    assert_array_equal(found.volume, 1e6)


def test_a_correction_within_a_restated_history_is_a_correction_in_raw_prices() -> None:
    prices = raw(splits={50: 2.0})
    came = restated(prices, {50: 2.0})
    came[20] = np.round(came[20] * 1.03, 2)
    found = read_restatement(versions(came, prices, 50))
    assert found is not None
    assert [one.value for one in found.implied] == [2.0]
    assert_allclose(found.prices[20], prices[20] * 1.03, rtol=1e-3)
    assert_array_equal(np.delete(found.prices, 20, axis=0), np.delete(prices, 20, axis=0))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 9_999),
    at=st.integers(8, 52),
    ratio=st.sampled_from([1.5, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 0.5, 0.1]),
    decimals=st.sampled_from([2, 4, 6]),
    first=st.integers(0, 5),
)
def test_turning_back_undoes_whatever_the_vendor_did(seed, at, ratio, decimals, first) -> None:
    prices = raw(seed, {at: ratio}, decimals=decimals)
    came = restated(prices, {at: ratio}, decimals)
    found = read_restatement(versions(came, prices, at, first=first))
    assert found is not None
    assert [(one.day, one.value) for one in found.implied] == [(DAYS[at], ratio)]
    assert_array_equal(found.prices, prices[first:])
