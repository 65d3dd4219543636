"""What each criterion asks, at its limit and beside it, and what a missing value means."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.screening.pools import pool_of, walk_panel

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.core.screen_terms import CriteriaTerms, ScreenTerms
from nightdesk.factors import compute, look_back
from nightdesk.screening import CriterionResult, Outcome, PoolFacts, check, screening_sessions
from nightdesk.screening.criteria import FACTORS, median_spread
from nightdesk.testing.random_panels import panel_of, random_panel

PASSED, FAILED, UNKNOWN = Outcome.PASSED, Outcome.FAILED, Outcome.PASSED_UNKNOWN
NAN = np.nan


def of(name: str, facts: PoolFacts, **terms: Any) -> CriterionResult:
    (found,) = check(facts, CriteriaTerms(**terms), [name])
    return found


def outcomes(found: CriterionResult) -> list[Outcome]:
    return [found.outcome(at) for at in range(len(found.passed))]


def flat(count: int, price: float = 50.0, rows: int = 25) -> Floats:
    return np.full((rows, count), price)


def test_dollar_volume_is_above_its_limit_over_20_sessions() -> None:
    volume = np.full((25, 4), 20_000.0)
    volume[:5, 0] = 1e9  # long ago
    volume[-1, 1] += 1.0  # 50 $ more in one of 20 sessions
    close = flat(4)
    close[-3, 3] = volume[-3, 3] = NAN
    volume[-1, 2] = 1e6
    facts = pool_of(panel_of(close, volume=volume))
    found = of("dollar_volume", facts)
    assert found.limit == "above 1,000,000 $"
    assert outcomes(found) == [FAILED, PASSED, PASSED, FAILED]
    assert found.value(0) == pytest.approx(1e6)
    assert found.value(1) == pytest.approx(1e6 + 50.0 / 20)
    assert found.value(3) is None


def test_the_spread_is_the_median_of_the_quotes_that_are_quotes() -> None:
    bid = np.array(
        [
            [99.96, 99.96, NAN],
            [99.96, 99.9, NAN],
            [99.0, 99.9, 100.0],
            [99.96, 99.9, 0.0],
            [99.96, 99.9, 101.0],
        ]
    )
    ask = np.array(
        [
            [100.04, 100.04, NAN],
            [100.04, 100.1, 100.0],
            [101.0, 100.1, NAN],
            [100.04, 100.1, 1.0],
            [100.04, 100.1, 100.0],
        ]
    )
    np.testing.assert_allclose(median_spread(bid, ask), [0.0008, 0.002, NAN])
    facts = pool_of(panel_of(flat(3)), bid=bid, ask=ask)
    assert outcomes(of("spread", facts)) == [PASSED, FAILED, UNKNOWN]
    assert outcomes(of("spread", facts, spread_required=True)) == [PASSED, FAILED, FAILED]
    nothing = pool_of(panel_of(flat(2)), bid=np.zeros((0, 2)), ask=np.zeros((0, 2)))
    assert outcomes(of("spread", nothing)) == [UNKNOWN, UNKNOWN]
    at_the_limit = pool_of(panel_of(flat(1)), bid=np.array([[63.0]]), ask=np.array([[65.0]]))
    assert outcomes(of("spread", at_the_limit, spread=1 / 32)) == [FAILED]
    assert outcomes(of("spread", at_the_limit, spread=0.032)) == [PASSED]


def test_the_price_is_the_raw_close_of_the_newest_session_limits_included() -> None:
    close = flat(6)
    close[-1] = [4.99, 5.0, 500.0, 500.01, NAN, 100.0]
    panel = panel_of(close, adjustment=np.full(close.shape, 10.0))
    found = of("price", pool_of(panel))
    assert outcomes(found) == [FAILED, PASSED, PASSED, FAILED, FAILED, PASSED]
    assert found.limit == "5 to 500 $"


def test_an_unknown_market_cap_fails_or_where_a_book_says_so_passes_marked() -> None:
    facts = pool_of(panel_of(flat(3)), market_cap=np.array([1e8, 1.01e8, NAN]))
    assert outcomes(of("market_cap", facts)) == [FAILED, PASSED, FAILED]
    assert outcomes(of("market_cap", facts, market_cap_known_only=True)) == [FAILED, PASSED, UNKNOWN]


def test_exchange_and_kind_are_those_that_the_terms_name() -> None:
    exchange, security = ("NYSE", "NASDAQ", "NYSE ARCA", ""), ("common", "fund", "", "adrc")
    facts = pool_of(panel_of(flat(4)), exchange=exchange, security=security)
    found = of("exchanges", facts)
    assert outcomes(found) == [PASSED, PASSED, FAILED, FAILED]
    assert (found.limit, found.value(2), found.value(3)) == ("NYSE or NASDAQ", "NYSE ARCA", None)
    assert outcomes(of("securities", facts)) == [PASSED, FAILED, FAILED, FAILED]
    assert outcomes(of("securities", facts, securities=("common", "adrc"))) == [
        PASSED,
        FAILED,
        FAILED,
        PASSED,
    ]


def test_history_counts_bars_and_not_sessions() -> None:
    close = flat(3, rows=260)
    close[:8, 0] = NAN
    close[:9, 1] = NAN
    close[100, 2] = NAN
    found = of("history", pool_of(panel_of(close)))
    assert outcomes(found) == [PASSED, FAILED, PASSED]
    assert [found.value(at) for at in range(3)] == [252.0, 251.0, 259.0]


def test_quarantine_and_the_last_day_of_a_delisted_stock_always_fail() -> None:
    panel = panel_of(flat(4))
    newest = panel.sessions[-1]
    days = np.array([newest - 1, newest, newest + 1, np.datetime64("NaT")], dtype="datetime64[D]")
    facts = pool_of(panel, delisted_on=days, quarantined=np.array([False, False, True, False]))
    found = of("delisted", facts)
    assert outcomes(found) == [FAILED, FAILED, PASSED, PASSED]
    assert found.value(0) == f"last traded on {newest - 1}"
    assert outcomes(of("quarantine", facts)) == [PASSED, PASSED, FAILED, PASSED]
    off = CriteriaTerms.model_validate(
        dict.fromkeys(
            (
                "dollar_volume",
                "spread",
                "price",
                "market_cap",
                "exchanges",
                "securities",
                "history",
                "atr_share",
                "adx",
                "bb_width",
            )
        )
    )
    assert [one.name for one in check(facts, off)] == ["quarantine", "delisted"]


def swinging(rows: int, ranges: float, drift: float = 0.0) -> Floats:
    """A close that goes up and down by turns."""
    time = np.arange(rows)
    return 50.0 * np.exp(drift * time + ranges * np.where(time % 2 == 0, 0.5, -0.5))


def test_a_member_swings_enough_and_not_too_much_and_has_no_trend() -> None:
    rows = 430
    close = np.column_stack(
        [swinging(rows, 0.02), swinging(rows, 0.002), swinging(rows, 0.2), swinging(rows, 0.02, drift=0.03)]
    )
    facts = pool_of(panel_of(close))
    assert outcomes(of("atr_share", facts)) == [PASSED, FAILED, FAILED, PASSED]
    assert outcomes(of("bb_width", facts)) == [PASSED, FAILED, PASSED, PASSED]
    assert outcomes(of("adx", facts)) == [PASSED, PASSED, PASSED, FAILED]


def test_the_figures_of_bars_are_the_desks_own_factors() -> None:
    panel = random_panel(3, sessions=700)
    facts = pool_of(panel)
    found = {one.name: one for one in check(facts, CriteriaTerms())}
    factors = compute(panel, FACTORS.values(), benchmark="SPY", universe=0)
    assert set(FACTORS) == {"dollar_volume", "atr_share", "adx", "bb_width"}
    for name, factor in FACTORS.items():
        expected = factors[factor][-1] / (panel.close[-1] if name == "atr_share" else 1.0)
        np.testing.assert_array_equal(found[name].values, expected)
    assert np.isfinite(found["adx"].values).sum() >= 4


def test_as_many_sessions_are_looked_at_as_the_longest_look_back_has() -> None:
    assert screening_sessions(ScreenTerms()) == look_back(FACTORS.values())
    assert screening_sessions(ScreenTerms.model_validate({"pairs": {"window": 1000}})) == 1001
    assert screening_sessions(ScreenTerms.model_validate({"criteria": {"history": 700}})) == 700


def test_a_pool_whose_parts_do_not_fit_is_refused() -> None:
    facts = pool_of(walk_panel(np.zeros((3, 2))))
    with pytest.raises(Refused, match="pool of 2 symbols: found 1 of sector"):
        replace(facts, sector=("Energy",))
    with pytest.raises(Refused, match=r"expected \(quotes, 2\) of both"):
        replace(facts, bid=np.zeros((5, 3)))
    with pytest.raises(Refused, match="at least one"):
        replace(facts, panel=facts.panel.until(0))
