"""Pairs that are there are found, and noise is found no oftener than is said."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.screening.pools import market_walks, plant, pool_of, walk_panel

from nightdesk.core.panel import Floats
from nightdesk.core.screen_terms import PairSearchTerms
from nightdesk.screening import FoundPair, PairSearch, find_pairs
from nightdesk.screening.engle_granger import engle_granger
from nightdesk.screening.mackinnon import benjamini_hochberg, false_share, small_sample_p

WINDOW = 126


def searched(walks: Floats, terms: dict[str, Any] | None = None, **known: Any) -> PairSearch:
    facts = pool_of(walk_panel(walks), **known)
    return find_pairs(facts, PairSearchTerms(**(terms or {})), np.arange(walks.shape[1]))


def planted(seed: int = 1, count: int = 12) -> Floats:
    """Walks of which S002 follows S005 closely, with a hedge ratio of 1.2."""
    rng = np.random.default_rng(seed)
    walks = market_walks(rng, WINDOW + 1, count)
    plant(rng, walks, 2, 5, beta=1.2, half_life=1.5)
    return walks


def pair_of(found: PairSearch, *legs: str) -> FoundPair:
    (one,) = (one for one in found.pairs if {one.a, one.b} == set(legs))
    return one


def test_a_planted_pair_is_found_with_its_hedge_ratio_first_of_all() -> None:
    found = searched(planted(), {"correlation": 0.4})
    best = found.pairs[0]
    assert {best.a, best.b} == {"S002", "S005"}
    assert best.admitted
    assert best.rank == 1
    assert (best.beta if best.a == "S002" else 1.0 / best.beta) == pytest.approx(1.2, rel=0.2)
    assert best.p < 0.001
    assert best.p < best.q
    assert 0.5 < best.half_life < 4.0
    assert [one.rank for one in found.pairs] == list(range(1, len(found.pairs) + 1))


def test_the_better_direction_is_kept_and_both_are_counted() -> None:
    walks = planted()
    found = searched(walks, {"correlation": -1.0, "p_value": 1.0})
    count = walks.shape[1]
    assert (len(found.pairs), found.tests) == (count * (count - 1) // 2, count * (count - 1))
    assert found.expected_false == pytest.approx(found.tests * false_share(1.0, WINDOW - 2))
    log_prices = np.log(50.0 * np.exp(walks))[1:]
    i, j = np.triu_indices(count, 1)
    there, back = engle_granger(log_prices, i, j), engle_granger(log_prices, j, i)
    q = benjamini_hochberg(small_sample_p(np.concatenate([there.t, back.t]), WINDOW - 2))
    for n, (a, b) in enumerate(zip(i.tolist(), j.tolist(), strict=True)):
        one = pair_of(found, f"S{a:03}", f"S{b:03}")
        assert one.p == min(there.p[n], back.p[n])
        assert one.q == min(q[n], q[n + len(i)])
        assert (one.a == f"S{a:03}") == (there.p[n] <= back.p[n])


def test_correlation_is_of_daily_log_returns_over_the_window_and_is_asked_first() -> None:
    walks = planted()
    returns = np.diff(walks, axis=0)
    every = searched(walks, {"correlation": -1.0, "p_value": 1.0})
    for one in every.pairs:
        of_numpy = np.corrcoef(returns[:, int(one.a[1:])], returns[:, int(one.b[1:])])[0, 1]
        assert one.correlation == pytest.approx(of_numpy, abs=1e-12)
    some = searched(walks, {"p_value": 1.0})
    expected = {(one.a, one.b) for one in every.pairs if one.correlation > 0.7}
    assert {(one.a, one.b) for one in some.pairs} == expected
    assert 0 < some.tests == 2 * len(expected) < every.tests


def test_what_lies_before_the_window_changes_nothing() -> None:
    rng = np.random.default_rng(9)
    walks = planted()
    before = np.vstack([np.cumsum(rng.normal(0.0, 0.05, (200, walks.shape[1])), axis=0), walks])
    assert searched(before).pairs == searched(walks).pairs


def test_a_stock_that_lacks_a_close_or_does_not_move_is_not_searched_and_said() -> None:
    walks = planted()
    walks[60, 0] = np.nan
    walks[0, 1] = np.nan  # the close before the first return
    walks[:, 3] = 0.1
    found = searched(walks, {"correlation": -1.0, "p_value": 1.0})
    assert found.unsearched == {
        "S000": "1 of the 127 closes of the window are missing",
        "S001": "1 of the 127 closes of the window are missing",
        "S003": "its close does not move within the window",
    }
    assert found.searched == 9
    assert found.tests == 9 * 8
    assert not {"S000", "S001", "S003"} & {leg for one in found.pairs for leg in (one.a, one.b)}


def test_of_many_stocks_the_best_are_searched() -> None:
    found = searched(planted(), {"among": 4, "correlation": -1.0, "p_value": 1.0})
    assert found.searched == 4
    assert found.tests == 12
    assert found.unsearched["S004"] == "not among the 4 of largest dollar volume"


def test_two_that_are_one_series_are_told_and_not_admitted() -> None:
    walks = planted()
    walks[:, 7] = walks[:, 6] + 0.3
    found = searched(walks)
    twins = pair_of(found, "S006", "S007")
    assert np.isnan(twins.p)
    assert not twins.admitted
    assert twins.why_not == "nothing to test: the two prices are one series but for rounding"
    assert found.pairs[-1] == twins


@pytest.mark.parametrize(
    ("terms", "known", "words"),
    [
        ({"spread_volatility": 0.5}, {}, "spread volatility 0.0"),
        ({"hedge_ratio": [0.1, 0.2]}, {}, "is not within 0.1 to 0.2"),
        (
            {},
            {"market_cap": np.where(np.arange(12) == 5, 4.9e8, 1e9)},
            "market capitalisations are 51% apart",
        ),
        ({"same_sector": "require"}, {"sector": ("",) * 12}, "not known to be of one sector"),
        ({"same_sector": "require"}, {"sector": tuple(f"T{n}" for n in range(12))}, "not known to be of one"),
        ({"q_limit": 1e-12}, {}, "is above 1e-12"),
    ],
)
def test_what_a_pair_lacks_is_said(terms: dict[str, Any], known: dict[str, Any], words: str) -> None:
    wide: dict[str, Any] = {"correlation": 0.4}
    assert pair_of(searched(planted(), wide), "S002", "S005").why_not == ""
    one = pair_of(searched(planted(), wide | terms, **known), "S002", "S005")
    assert not one.admitted
    assert words in one.why_not
    off = dict.fromkeys(("spread_volatility", "hedge_ratio", "market_caps_within", "q_limit"))
    assert pair_of(
        searched(planted(), wide | terms | off | {"same_sector": "ignore"}, **known), "S002", "S005"
    ).admitted


def test_market_capitalisations_count_where_both_are_known_and_half_is_enough() -> None:
    for caps in (np.where(np.arange(12) == 5, 5e8, 1e9), np.where(np.arange(12) == 5, np.nan, 1e9)):
        assert pair_of(searched(planted(), {"correlation": 0.4}, market_cap=caps), "S002", "S005").admitted


def test_a_negative_hedge_ratio_is_refused_whatever_the_limits_are() -> None:
    walks = planted()
    walks[:, 2] = -walks[:, 2]
    terms = {"correlation": -1.0, "hedge_ratio": None, "spread_volatility": None}
    one = pair_of(searched(walks, terms), "S002", "S005")
    assert one.beta < 0.0
    assert not one.admitted
    assert "is negative: both legs would be on one side" in one.why_not


def test_a_pair_of_one_sector_ranks_as_if_its_p_were_ten_times_smaller() -> None:
    walks, terms = (
        market_walks(np.random.default_rng(2), WINDOW + 1, 10),
        {"p_value": 1.0, "hedge_ratio": None},
    )
    sectors = tuple("AB"[n % 2] for n in range(10))

    def order(one: FoundPair, bonus: float) -> tuple[float, float]:
        return (one.p / (bonus if one.same_sector else 1.0), -one.correlation)

    plain = searched(walks, terms | {"same_sector": "ignore"}, sector=sectors).pairs
    preferred = searched(walks, terms, sector=sectors).pairs
    sound, chosen = ([one for one in found if not one.why_not] for found in (plain, preferred))
    assert [order(one, 1.0) for one in sound] == sorted(order(one, 1.0) for one in sound)
    assert [order(one, 10.0) for one in chosen] == sorted(order(one, 10.0) for one in chosen)
    assert [one.a + one.b for one in sound] != [one.a + one.b for one in chosen]


def test_by_the_size_the_best_are_admitted() -> None:
    walks, terms = market_walks(np.random.default_rng(2), WINDOW + 1, 10), {"p_value": 1.0}
    every = [one for one in searched(walks, terms).pairs if one.admitted]
    found = searched(walks, terms | {"size": 2})
    assert [(one.a, one.b) for one in found.pairs if one.admitted] == [(one.a, one.b) for one in every[:2]]
    assert len(every) > 2
    assert found.pairs[2].why_not == "rank 3: the best 2 are admitted"


def test_a_stock_may_be_in_several_pairs() -> None:
    rng = np.random.default_rng(8)
    walks = market_walks(rng, WINDOW + 1, 3)
    plant(rng, walks, 0, 2, beta=1.0, half_life=1.0)
    plant(rng, walks, 1, 2, beta=1.0, half_life=1.0)
    found = searched(walks, {"correlation": 0.2})
    assert {frozenset((one.a, one.b)) for one in found.pairs if one.admitted} >= {
        frozenset(("S000", "S002")),
        frozenset(("S001", "S002")),
    }


def test_alpha_is_of_the_raw_dollars_of_the_newest_session() -> None:
    walks = planted()
    facts = pool_of(walk_panel(walks))
    plain = pair_of(find_pairs(facts, PairSearchTerms(correlation=0.4), np.arange(12)), "S002", "S005")
    # the first is split 2 for 1 within the window, the second paid dividends before it
    split = np.where(np.arange(WINDOW + 1) < 50, 2.0, 1.0)
    close, adjustment = facts.panel.close.copy(), np.ones_like(facts.panel.close)
    close[:, 2] *= split
    adjustment[:, 2] = 3.0 / split
    adjustment[:, 5] = 1.7
    restated = replace(facts, panel=replace(facts.panel, close=close, adjustment=adjustment))
    found = pair_of(find_pairs(restated, PairSearchTerms(correlation=0.4), np.arange(12)), "S002", "S005")
    assert (found.a, found.b) == (plain.a, plain.b)
    assert (found.alpha, found.beta) == (pytest.approx(plain.alpha), pytest.approx(plain.beta))
    assert found.p == pytest.approx(plain.p)


NOISE = 30


def test_of_noise_no_more_is_found_than_is_said_and_with_a_limit_on_q_nothing_in_99_of_100_seeds() -> None:
    """The walks correlate, so that every pair is tested, and none comes back to another."""
    found, expected, tests, seeds_with_any = 0, 0.0, 0, 0
    for seed in range(100):
        one = searched(market_walks(np.random.default_rng(seed), WINDOW + 1, NOISE))
        found, expected, tests = found + len(one.pairs), expected + one.expected_false, tests + one.tests
        seeds_with_any += any(pair.admitted and pair.q <= 0.05 for pair in one.pairs)
    assert tests > 100 * 800
    assert 0.3 * expected < found <= expected
    assert seeds_with_any <= 1


def test_of_walks_that_share_nothing_no_pair_correlates_and_were_all_tested_no_more_were_found() -> None:
    found, expected, seeds_with_any = 0, 0.0, 0
    for seed in range(100):
        alone = market_walks(np.random.default_rng(seed), WINDOW + 1, NOISE, common=0.0, own=0.01)
        assert searched(alone).tests == 0
        every = searched(alone, {"correlation": -1.0})
        assert every.tests == NOISE * (NOISE - 1)
        found, expected = found + len(every.pairs), expected + every.expected_false
        seeds_with_any += any(pair.admitted and pair.q <= 0.05 for pair in every.pairs)
    assert 0.3 * expected < found <= expected
    assert seeds_with_any <= 1
