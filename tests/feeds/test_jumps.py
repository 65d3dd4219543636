"""Jumps of the close: measured against the last accepted price, remembered, limited by the own volatility."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.feeds.test_quality import BOOK, LENGTH, book_of, panel_of, with_bars, without_bars

from nightdesk.core.panel import Panel
from nightdesk.core.withheld import usable
from nightdesk.feeds.quality import CheckConsequence, Quality, examine

PRICES = ("open", "high", "low", "close")
JUMP = 80


def scaled(panel: Panel, rows: slice | int, factor: float, column: int = 0) -> Panel:
    """All prices of some bars of one symbol, multiplied; what orders meet with them."""
    return with_bars(panel, (rows, column), **dict.fromkeys((*PRICES, "fill_open"), factor))


def accepted(panel: Panel, row: int, column: int = 0) -> Panel:
    given_at = panel.accepted.copy()
    given_at[row, column] = 1.0
    return replace(panel, accepted=given_at)


def held(quality: Quality, column: int = 0) -> list[int]:
    """Rows in which the symbol waits with a jump."""
    return np.flatnonzero(quality.failed["price_jump"][:, column]).tolist()


def test_a_jump_is_remembered_session_after_session_until_the_vendor_takes_it_back():
    back = scaled(panel_of(), slice(JUMP, JUMP + 4), 1.6)
    assert held(examine(back, BOOK)) == [JUMP, JUMP + 1, JUMP + 2, JUMP + 3]
    stays = examine(scaled(panel_of(), slice(JUMP, None), 1.6), BOOK)
    assert held(stays) == list(range(JUMP, LENGTH))


def test_an_action_that_comes_later_explains_every_session_of_it():
    split = scaled(panel_of(), slice(JUMP, None), 0.25)
    assert held(examine(split, BOOK)) == list(range(JUMP, LENGTH))
    known = split.split.copy()
    known[JUMP, 0] = 4.0
    adjusted = replace(split, split=known, adjustment=np.cumprod(known, axis=0))
    assert held(examine(adjusted, BOOK)) == []


def test_a_person_accepts_a_price_and_it_is_the_one_that_the_next_is_measured_against():
    panel = scaled(panel_of(), slice(JUMP, None), 1.6)
    assert held(examine(accepted(panel, JUMP), BOOK)) == []
    late = examine(accepted(panel, JUMP + 3), BOOK)
    assert held(late) == [JUMP, JUMP + 1, JUMP + 2]
    # the price from before the acceptance is now a jump itself
    back = examine(accepted(scaled(panel_of(), slice(JUMP, JUMP + 5), 1.6), JUMP), BOOK)
    assert held(back) == list(range(JUMP + 5, LENGTH))


def test_a_person_cannot_make_a_price_of_a_faulty_bar():
    panel = accepted(scaled(panel_of(), JUMP, -0.5), JUMP)
    quality = examine(panel, BOOK)
    assert quality.failed["not_positive"][JUMP, 0]
    assert quality.withheld.bars[JUMP, 0]
    assert held(quality) == [JUMP]
    assert not quality.quarantined[JUMP + 1, 0]


def test_the_bar_after_a_faulty_one_is_measured_against_the_good_one_before():
    panel = with_bars(panel_of(), (JUMP, 0), close=-0.3763)
    quality = examine(panel, BOOK)
    assert np.flatnonzero(quality.quarantined[:, 0]).tolist() == [JUMP]
    # measured against the negative price, the next bar would be a jump itself
    assert quality.values["price_jump"][JUMP + 1, 0] < 0.1


def test_half_the_way_back_is_not_taken_back():
    panel = scaled(panel_of(), JUMP, 1.6)
    assert held(examine(scaled(panel, slice(JUMP + 1, None), 1.15), BOOK)) == [JUMP]
    part = examine(scaled(panel_of(), slice(JUMP, JUMP + 1), 1.28), BOOK)
    assert held(part) == [JUMP]
    drifts = scaled(scaled(panel_of(), slice(JUMP, JUMP + 1), 1.28), slice(JUMP + 1, None), 1.22)
    assert held(examine(drifts, BOOK)) == list(range(JUMP, LENGTH))


def test_the_limit_follows_the_symbols_own_volatility_besides_the_fixed_one():
    panel = panel_of()  # 1 % a session
    limit = examine(panel, BOOK).jumps.limit[:, 0]
    assert (limit[:60] == 0.5).all()  # too little history: the fixed limit alone
    assert ((limit[61:] > 0.15) & (limit[61:] < 0.35)).all()
    assert held(examine(scaled(panel, JUMP, 1.49), BOOK)) == [JUMP]
    assert held(examine(scaled(panel, JUMP, 0.51), BOOK)) == [JUMP]
    assert held(examine(scaled(panel, 40, 1.40), BOOK)) == []
    assert held(examine(scaled(panel, JUMP, 1.49), book_of(price_jump_sigmas=1000))) == []


def test_a_calm_bond_has_the_floor_and_a_wild_coin_the_fixed_limit():
    panel = panel_of()
    calm, wild = panel.close.copy(), panel.close.copy()
    calm[:, 0] = 100 * (panel.close[:, 0] / 100) ** 0.1
    wild[:, 0] = 100 * (panel.close[:, 0] / 100) ** 5
    for close, expected in ((calm, 0.10), (wild, 0.50)):
        changed = replace(panel, **dict.fromkeys(PRICES, close))
        assert examine(changed, BOOK).jumps.limit[-1, 0] == expected


def test_a_price_that_mostly_stands_still_is_no_calm_one():
    panel = panel_of()
    close = panel.close.copy()
    close[:, 0] = np.repeat(close[::2, 0], 2)
    stands = replace(panel, **dict.fromkeys(PRICES, close))
    assert examine(stands, BOOK).jumps.limit[-1, 0] == 0.5  # 45 moves are too few to say anything


def test_a_session_without_a_bar_goes_on_waiting():
    panel = without_bars(scaled(panel_of(), slice(JUMP, None), 1.6), (JUMP + 2, 0))
    quality = examine(panel, BOOK)
    assert held(quality) == list(range(JUMP, LENGTH))
    assert quality.quarantined[JUMP:, 0].all()
    (spell,) = quality.spells()
    assert (spell.first, spell.sessions, spell.ongoing) == (
        panel.sessions[JUMP].astype(date),
        LENGTH - JUMP,
        True,
    )


def test_a_fall_that_only_a_doubtful_adjustment_explains_waits_at_the_price_before():
    panel = scaled(panel_of(), slice(JUMP, None), 0.79)
    assert held(examine(panel, BOOK)) == []  # within the limit of a stock like this
    asked = panel.unexplained.copy()
    asked[JUMP, 0] = 1 / 0.79
    doubtful = replace(panel, unexplained=asked)
    assert held(examine(doubtful, BOOK)) == list(range(JUMP, LENGTH))
    answered = accepted(panel, JUMP)
    assert held(examine(answered, BOOK)) == []
    # an adjustment against a quiet price says nothing against the price
    quiet = replace(panel_of(), unexplained=asked)
    assert held(examine(quiet, BOOK)) == []
    assert np.flatnonzero(examine(quiet, BOOK).quarantined[:, 0]).tolist() == [JUMP]


def test_the_words_say_since_when_and_against_which_price_and_what_answers():
    panel = scaled(panel_of(), slice(JUMP, None), 1.6)
    quality = examine(panel, BOOK)
    words = quality.reasons(JUMP + 2, CheckConsequence.QUARANTINE)["AAA"]
    before, begun = panel.sessions[JUMP - 1], panel.sessions[JUMP]
    assert f"{panel.close[JUMP + 2, 0]:g} is " in words
    assert f"the last accepted price {panel.close[JUMP - 1, 0]:g} of {before}" in words
    assert f"in quarantine since {begun}" in words
    assert f"nightdesk accept little AAA --session {begun}" in words


@pytest.mark.parametrize(
    ("factor", "ratio"),
    [(0.256, "4:1"), (1.93, "1:2"), (0.6, ""), (1.6, "")],
    ids=["4:1", "1:2", "fall", "rise"],
)
def test_a_jump_near_the_ratio_of_a_split_names_it_with_the_command_that_states_it(factor, ratio):
    """It is not inferred: an overnight move may be that large, and a wrong split changes positions."""
    panel = scaled(panel_of(), slice(JUMP, None), factor)
    words = examine(panel, BOOK).reasons(JUMP + 2, CheckConsequence.QUARANTINE)["AAA"]
    said = f"nightdesk action split AAA --session {panel.sessions[JUMP]} --ratio {ratio} --reason"
    assert (said in words) == bool(ratio), words


def test_an_open_beyond_the_limit_is_no_price_and_says_so():
    panel = scaled(panel_of(), JUMP, 1.6)
    quality = examine(panel, BOOK)
    (why,) = quality.withheld.opens.at(JUMP).values()
    assert why.startswith(f"the open of {panel.fill_open[JUMP, 0]:g} is ")
    assert (
        f"away from the last accepted price {panel.close[JUMP - 1, 0]:g} of {panel.sessions[JUMP - 1]}" in why
    )
    assert quality.withheld.opens.at(JUMP + 1) == {}
    # a close that jumps says nothing of the open before it
    closes = examine(with_bars(panel_of(), (JUMP, 0), close=1.6, high=1.6), BOOK)
    assert held(closes) == [JUMP]
    assert closes.withheld.opens.at(JUMP) == {}
    # a split restates the price that the open is measured against
    split = panel_of().split.copy()
    split[JUMP:, 0] = 1.0
    split[JUMP, 0] = 4.0
    cut = scaled(panel_of(), slice(JUMP, None), 0.25)
    known = replace(cut, split=split, adjustment=np.cumprod(split, axis=0))
    assert examine(known, BOOK).withheld.opens.at(JUMP) == {}


def test_a_split_while_a_jump_waits_restates_the_price_that_positions_are_marked_at():
    panel = scaled(panel_of(), slice(JUMP, None), 3.0)
    panel = scaled(panel, slice(JUMP + 2, None), 0.5)
    split = panel.split.copy()
    split[JUMP + 2, 0] = 2.0
    panel = replace(panel, split=split, adjustment=np.cumprod(split, axis=0))
    quality = examine(panel, BOOK)
    assert held(quality) == list(range(JUMP, LENGTH))
    mark = usable(panel, quality.withheld.prices).last_close[:, 0]
    accepted = panel.close[JUMP - 1, 0]
    np.testing.assert_allclose(mark[JUMP : JUMP + 2], accepted)
    np.testing.assert_allclose(mark[JUMP + 2 :], accepted / 2)
    assert (
        f"last accepted price {accepted / 2:g} of"
        in quality.reasons(LENGTH - 1, CheckConsequence.QUARANTINE)["AAA"]
    )


def test_what_the_checks_withhold_is_missing_for_whoever_computes():
    panel = scaled(panel_of(), slice(JUMP, None), 1.6)
    sound = usable(panel, examine(panel, BOOK).withheld.bars)
    assert np.isnan(sound.close[JUMP:, 0]).all()
    assert np.isfinite(sound.close[:JUMP, 0]).all()
    np.testing.assert_array_equal(sound.fill_open, panel.fill_open)
    np.testing.assert_array_equal(sound.close[:, 1:], panel.close[:, 1:])


@pytest.mark.parametrize(
    ("spoil", "bar", "price"),
    [
        (lambda p: with_bars(p, (JUMP, 0), high=0.5), True, True),
        (lambda p: with_bars(p, (JUMP, 0), open=np.nan), True, True),
        (lambda p: with_bars(p, (JUMP, 0), volume=-1.0), True, True),
        (lambda p: scaled(p, JUMP, 1.6), True, True),
        (lambda p: with_bars(p, (slice(JUMP, None), 0), adjustment=1.43), False, True),
        (lambda p: without_bars(p, (slice(JUMP - 51, JUMP, 10), 0)), False, False),
    ],
    ids=["range", "nulls", "volume", "jump", "adjustment", "missing share"],
)
def test_each_check_says_what_its_session_loses(spoil, bar, price):
    withheld = examine(spoil(panel_of()), BOOK).withheld
    assert withheld.quarantined[JUMP, 0]
    assert withheld.bars[JUMP, 0] == bar
    assert withheld.prices[JUMP, 0] == price


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, LENGTH))
def test_no_jump_limit_or_open_depends_on_later_rows(seed, length):
    panel = strewn(seed)
    whole, part = examine(panel, BOOK), examine(panel.until(length), BOOK)
    for name in ("size", "limit", "since"):
        np.testing.assert_array_equal(getattr(whole.jumps, name)[:length], getattr(part.jumps, name))
    for row in range(length):
        assert whole.withheld.opens.at(row) == part.withheld.opens.at(row)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_the_walk_from_spell_to_spell_is_that_of_one_bar_after_the_other(seed):
    """An independent, slow account: one accepted price is carried from bar to bar."""
    panel = strewn(seed)
    quality = examine(panel, BOOK)
    bar_checks = [quality.failed[name] for name in ("nulls", "not_positive", "out_of_range")]
    faulty = np.any(bar_checks, axis=0)
    raw, adjusted = panel.close * np.cumprod(panel.split, axis=0), panel.adjusted_close
    for n in range(7):
        last, tight = -1, np.inf
        for t in range(LENGTH):
            if not np.isfinite(panel.close[t, n]) or faulty[t, n]:
                continue
            if last < 0 or panel.accepted[t, n]:
                last, tight = t, np.inf
                continue
            size = min(abs(raw[t, n] / raw[last, n] - 1), abs(adjusted[t, n] / adjusted[last, n] - 1))
            assert quality.failed["price_jump"][t, n] == (size > min(quality.jumps.limit[t, n], tight))
            if not quality.failed["price_jump"][t, n]:
                last, tight = t, np.inf
            elif tight == np.inf:
                tight = max(0.10, size / 2)


def strewn(seed: int) -> Panel:
    """Jumps that stay or pass, faulty bars, gaps and acceptances, strewn over whole and quiet bars."""
    random = np.random.default_rng(seed)
    panel = panel_of(seed)
    for _ in range(12):
        n, start = int(random.integers(0, 6)), int(random.integers(1, LENGTH))
        stop = start + int(random.integers(1, 30))
        panel = scaled(panel, slice(start, stop), float(random.choice([0.4, 0.7, 1.2, 1.4, 3.0])), n)
    spots = random.random(panel.close.shape)
    panel = with_bars(panel, np.nonzero(spots < 0.01), high=0.5)
    panel = without_bars(panel, np.nonzero((spots > 0.01) & (spots < 0.03)))
    return replace(panel, accepted=(random.random(panel.close.shape) < 0.02).astype(float))
