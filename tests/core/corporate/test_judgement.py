"""Which actions count: a table of what is given, and of what follows in prices, cash and questions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.core.corporate.histories import panel, true_prices

from nightdesk.core.corporate.findings import FindingOutcome, fold
from nightdesk.core.panel import Panel

CALM = true_prices(1, 120, volatility=0.006)


def outcomes(judged: Panel) -> list[str]:
    return [one.outcome.value for one in judged.findings]


def shifted(at: int, by: float) -> np.ndarray:
    """The calm prices, multiplied from a bar on."""
    close = CALM.copy()
    close[at:] *= by
    return close


def test_a_dividend_that_is_shown_is_booked_without_a_word() -> None:
    judged = panel(shifted(60, 0.99), {60: ("adjustment", 1 / 0.99)})
    assert judged.dividend[60, 0] == pytest.approx(CALM[59] * 0.01)
    assert judged.adjustment[60, 0] == 1 / 0.99
    assert judged.findings == ()


@pytest.mark.parametrize(
    ("ratio", "words"), [(1.5, "3:2"), (2.0, "2:1"), (20.0, "20:1"), (0.1, "1:10"), (1.25, "5:4")]
)
def test_an_adjustment_against_an_opposite_jump_of_the_price_is_a_split(ratio: float, words: str) -> None:
    judged = panel(shifted(60, 1 / ratio), {60: ("adjustment", ratio)})
    assert judged.split[60, 0] == ratio
    assert judged.dividend.sum() == 0
    assert_allclose(judged.returns[60, 0], CALM[60] / CALM[59] - 1)
    assert outcomes(judged) == ["inferred"]
    assert f"a split of {words}" in judged.findings[0].words


def test_what_is_left_above_a_split_is_a_dividend_on_the_new_shares() -> None:
    judged = panel(shifted(60, 0.99 / 2), {60: ("adjustment", 2 / 0.99)})
    assert judged.split[60, 0] == 2
    assert judged.dividend[60, 0] == pytest.approx(CALM[59] / 2 * 0.01)


@pytest.mark.parametrize("ratio", [1.2655, 1.4286])
def test_a_special_dividend_beyond_a_fifth_is_asked_though_the_price_fell(ratio: float) -> None:
    judged = panel(shifted(60, 1 / ratio), {60: ("adjustment", ratio)})
    assert judged.unexplained[60, 0] == ratio
    assert judged.dividend.sum() == 0
    assert (judged.split == 1).all()
    assert outcomes(judged) == ["asked"]
    assert "nightdesk action" in judged.findings[0].sentence("mine")
    assert "nightdesk accept mine AAA --session 2021-03-02" in judged.findings[0].sentence("mine")


def test_a_special_dividend_that_a_person_states_is_booked_and_settles_the_evidence() -> None:
    cash = CALM[59] * 0.21
    told = [(60, "adjustment", 1 / 0.79), (60, "dividend", cash)]
    judged = panel(shifted(60, 0.79), told)
    assert judged.dividend[60, 0] == cash
    assert judged.findings == ()
    assert np.isnan(judged.unexplained).all()


def test_a_rise_that_the_price_contradicts_is_asked_and_a_person_may_take_the_price_as_it_is() -> None:
    assert outcomes(panel(CALM, {60: ("adjustment", 1.15)})) == ["asked"]
    accepted = panel(CALM, [(60, "adjustment", 1.15), (60, "accept", 1.0)])
    assert accepted.findings == ()
    assert accepted.accepted[60, 0] == 1
    assert_array_equal(accepted.adjustment, 1.0)


def test_a_bar_whose_adjustment_dips_pays_nothing_and_is_told_as_a_slip() -> None:
    judged = panel(
        CALM, {60: ("adjustment", 0.8456), 61: ("adjustment", 1 / 0.8456), 80: ("adjustment", 1.007)}
    )
    assert_array_equal(np.flatnonzero(judged.dividend[:, 0]), [80])
    assert judged.adjustment[79, 0] == 1
    assert judged.adjustment[80, 0] == 1.007
    assert outcomes(judged) == ["slip", "taken back"]


def test_a_lower_level_that_lasts_is_the_level_and_dividends_above_it_are_paid_again() -> None:
    judged = panel(CALM, {40: ("adjustment", 0.95), 90: ("adjustment", 1.007)})
    assert outcomes(judged) == ["slip", "new level"]
    assert judged.dividend[90, 0] > 0
    early = panel(CALM, {40: ("adjustment", 0.95), 50: ("adjustment", 1.007)})
    assert early.dividend.sum() == 0  # below the highest level so far


def test_a_rise_that_falls_back_is_taken_back_with_its_cash() -> None:
    judged = panel(CALM, {60: ("adjustment", 1.01), 62: ("adjustment", 1 / 1.01)})
    assert judged.dividend[60, 0] > 0
    assert judged.dividend.sum() == pytest.approx(0)
    assert judged.adjustment[62, 0] == pytest.approx(1)
    assert outcomes(judged) == ["taken back"]


def test_a_question_that_the_source_takes_back_is_closed() -> None:
    judged = panel(CALM, {60: ("adjustment", 1.5), 75: ("adjustment", 1 / 1.5), 90: ("adjustment", 1.007)})
    assert outcomes(judged) == ["asked", "taken back"]
    assert judged.adjustment[-1, 0] == 1.007


@pytest.mark.parametrize("kind", ["dividend", "capital_gain", "return_of_capital"])
def test_a_payment_at_or_above_the_price_before_is_refused_everywhere(kind: str) -> None:
    judged = panel(CALM, {60: (kind, 574.0)})
    assert judged.dividend.sum() == 0
    assert_array_equal(judged.adjustment, 1.0)
    assert outcomes(judged) == ["refused"]
    assert not any(judged.events)


@pytest.mark.parametrize("kind", ["dividend", "capital_gain", "return_of_capital"])
def test_a_payment_of_more_than_a_fifth_counts_only_where_the_price_fell_or_was_accepted(kind: str) -> None:
    cash = float(CALM[59]) * 0.3
    assert outcomes(panel(CALM, {60: (kind, cash)})) == ["asked"]
    for judged in (
        panel(shifted(60, 0.7), {60: (kind, cash)}),
        panel(CALM, [(60, kind, cash), (60, "accept", 1.0)]),
    ):
        assert judged.findings == ()
        assert judged.adjustment[60, 0] == pytest.approx(1 / 0.7)
        assert judged.dividend[60, 0] == (cash if kind == "dividend" else 0)
        assert bool(judged.events[60]) == (kind != "dividend")


def test_a_split_whose_prices_hold_it_already_is_not_applied_twice() -> None:
    judged = panel(CALM, {60: ("split", 2.0)})
    assert (judged.split == 1).all()
    assert_array_equal(judged.adjustment, 1.0)
    assert outcomes(judged) == ["refused"]


def test_a_split_on_a_day_without_a_sound_bar_is_believed() -> None:
    close = shifted(60, 0.5)
    close[60] = -5.0
    judged = panel(close, {60: ("split", 2.0)})
    assert judged.split[60, 0] == 2
    assert judged.findings == ()


def test_evidence_of_a_bar_that_is_none_is_judged_at_the_next_one() -> None:
    close = CALM.copy()
    close[60] = -37.63
    judged = panel(close, {60: ("adjustment", 1.007)})
    assert_array_equal(np.flatnonzero(judged.dividend[:, 0]), [61])


def test_many_slips_of_a_symbol_are_told_as_one() -> None:
    rows = {t: ("adjustment", 0.9 if t % 2 == 0 else 1 / 0.9) for t in range(20, 40)}
    told = fold(panel(CALM, rows).findings)
    assert [(one.outcome, one.count) for one in told] == [
        (FindingOutcome.SLIP, 10),
        (FindingOutcome.TAKEN_BACK, 10),
    ]
    assert "10 alike until 2021-02-08" in told[0].words


@settings(max_examples=60, deadline=None)
@given(
    rows=st.dictionaries(
        st.integers(1, 119),
        st.tuples(
            st.sampled_from(["adjustment", "split", "dividend", "return_of_capital", "accept"]),
            st.sampled_from([0.1, 0.5, 0.85, 1 / 1.007, 1.0, 1.007, 1.05, 1.5, 2.0, 2.02, 20.0]),
        ),
        max_size=8,
    ),
    jumps=st.dictionaries(
        st.integers(1, 119), st.sampled_from([-1.0, 0.1, 0.5, 2 / 3, 0.8, 10.0]), max_size=4
    ),
    length=st.integers(2, 119),
)
def test_a_session_is_judged_the_same_whatever_comes_after_it(rows, jumps, length) -> None:
    close = CALM.copy()
    for at, by in jumps.items():
        if by < 0:
            close[at] = -close[at]
        else:
            close[at:] *= by
    rows = {at: (kind, 1.0 if kind == "accept" else value) for at, (kind, value) in rows.items()}
    whole, part = panel(close, rows).until(length), panel(close[:length], rows)
    for name in ("adjustment", "dividend", "split", "unexplained", "accepted"):
        assert_array_equal(getattr(part, name), getattr(whole, name))
    assert part.findings == whole.findings
    assert (part.adjustment > 0).all()
