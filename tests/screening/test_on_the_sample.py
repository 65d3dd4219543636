"""On the sample market a search finds the pairs that were planted, and others no oftener than it says."""

from collections import Counter
from datetime import date
from typing import Any

import pytest
from tests.screening.sample_pool import FIRST, LAST, pool_on

from nightdesk.core.calendar import get_calendar
from nightdesk.core.screen_terms import ScreenTerms
from nightdesk.feeds.sample_pairs import PLANTED_PAIRS
from nightdesk.screening import Screened, screen

PLANTED = {frozenset((one.a, one.b)) for one in PLANTED_PAIRS if one.broken_on is None}


def screened(day: date, **pairs: Any) -> Screened:
    return screen(pool_on(day), ScreenTerms.model_validate({"pairs": pairs}))


#: A session in each quarter of three years.
DAYS = [one.item() for one in get_calendar().between(FIRST, LAST)[500::63]]


@pytest.mark.parametrize(("window", "at_least"), [(126, 0.33), (252, 0.5)])
def test_planted_pairs_are_found_as_often_as_the_window_can_and_others_no_oftener_than_is_said(
    window: int, at_least: float
) -> None:
    planted, others, expected, admitted = 0, 0, 0.0, Counter[bool]()
    for day in DAYS:
        found = screened(day, window=window)
        pairs = {frozenset((one.a, one.b)): one for one in found.pairs}
        planted += len(pairs.keys() & PLANTED)
        others += len(pairs.keys() - PLANTED)
        expected += found.search.expected_false
        admitted.update(pair in PLANTED for pair, one in pairs.items() if one.admitted)
    assert len(DAYS) >= 10
    assert planted >= at_least * len(PLANTED) * len(DAYS)
    assert 0 < others <= expected
    assert admitted[True] > 0.5 * admitted.total()


def test_what_a_planted_pair_is_found_with_is_what_it_was_made_with() -> None:
    made = {one.a: one for one in PLANTED_PAIRS} | {one.b: one for one in PLANTED_PAIRS}
    found = [one for one in screened(DAYS[0], window=252).pairs if frozenset((one.a, one.b)) in PLANTED]
    assert len(found) >= 10
    for one in found:
        pair = made[one.a]
        assert (one.beta if one.a == pair.a else 1.0 / one.beta) == pytest.approx(pair.beta, rel=0.25)
        assert 0.2 * pair.half_life < one.half_life < 2.0 * pair.half_life
        assert one.same_sector == (pair.sector_of_a in ("", pair.sector))


def test_the_stock_that_was_made_to_fail_a_criterion_fails_it() -> None:
    found = screened(DAYS[-1])
    made = {
        "PENOC": "price", "HODEC": "price", "TINUC": "dollar_volume", "WIDAC": "spread",
        "SMOLC": "market_cap", "NOCAC": "market_cap", "OTICS": "exchanges", "FUNDC": "securities",
        "QUIEC": "atr_share", "WILDC": "atr_share", "GONOT": "delisted", "GONUT": "delisted",
    }
    criteria = {one.name: one for one in found.criteria}
    for symbol, name in made.items():
        at = found.symbols.index(symbol)
        assert not criteria[name].passed[at], (symbol, name)
        assert symbol not in found.members
    at = found.symbols.index("NOBIC")
    assert (criteria["spread"].outcome(at), criteria["spread"].value(at)) == ("passed_unknown", None)
    assert len(found.members) == 100
    assert not {"FOSAT", "NEGIS"} <= set(found.legs)  # they broke in 2021
