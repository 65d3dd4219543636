"""A whole screen is a function of what is known of a pool, in whatever order that stands."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.screening.pools import market_walks, plant, pool_of, walk_panel

from nightdesk.core.panel import Panel
from nightdesk.core.screen_terms import ScreenTerms
from nightdesk.screening import PoolFacts, Screened, screen, screening_sessions

TERMS = ScreenTerms.model_validate({"size": 4, "pairs": {"correlation": 0.4}})
COUNT = 9


def pool(seed: int = 1, rows: int | None = None) -> PoolFacts:
    rng = np.random.default_rng(seed)
    walks = market_walks(rng, rows or screening_sessions(TERMS), COUNT)
    plant(rng, walks, 2, 5, beta=1.2, half_life=1.5)
    panel = walk_panel(walks)
    volume = panel.volume * (1.0 + np.arange(COUNT))
    return pool_of(replace(panel, volume=volume))


def ordered(facts: PoolFacts, order: list[int]) -> PoolFacts:
    """The same pool with its columns in another order."""
    panel = facts.panel
    arrays = {
        one.name: getattr(panel, one.name)[:, order]
        for one in fields(Panel)
        if isinstance(getattr(panel, one.name), np.ndarray) and getattr(panel, one.name).ndim == 2
    }
    words = {
        name: tuple(getattr(facts, name)[at] for at in order) for name in ("exchange", "security", "sector")
    }
    numbers = {name: getattr(facts, name)[order] for name in ("market_cap", "delisted_on", "quarantined")}
    quotes = {name: getattr(facts, name)[:, order] for name in ("bid", "ask")}
    moved = replace(panel, symbols=tuple(panel.symbols[at] for at in order), **arrays)
    return replace(facts, panel=moved, **words, **numbers, **quotes)


def told(found: Screened) -> dict[str, Any]:
    """What a screen says, by symbol."""
    return {
        symbol: [(one.name, one.value(at), one.limit, one.outcome(at)) for one in found.criteria]
        for at, symbol in enumerate(found.symbols)
    }


def test_members_pass_everything_and_the_largest_come_first() -> None:
    facts = pool()
    found = screen(facts, ScreenTerms.model_validate({"criteria": {"adx": None}, "size": None}))
    passing = {
        symbol for at, symbol in enumerate(found.symbols) if all(one.passed[at] for one in found.criteria)
    }
    assert len(passing) >= 5
    volume = (facts.panel.close * facts.panel.volume)[-20:].mean(axis=0)
    traded = dict(zip(found.symbols, volume.tolist(), strict=True))
    assert found.members == tuple(sorted(passing, key=lambda one: -traded[one]))
    some = screen(facts, ScreenTerms.model_validate({"criteria": {"adx": None}, "size": 2}))
    assert some.members == found.members[:2]
    assert found.pairs == ()


def test_legs_of_a_pair_need_not_pass_what_mean_reversion_asks() -> None:
    terms = ScreenTerms.model_validate(
        {"criteria": {"atr_share": [0.9, 0.95]}, "pairs": {"correlation": 0.4}}
    )
    found = screen(pool(), terms)
    assert found.members == ()
    assert {"S002", "S005"} <= set(found.legs)


def test_a_stock_that_fails_a_universal_criterion_is_in_no_pair() -> None:
    facts = pool()
    failing = replace(facts, quarantined=np.arange(COUNT) == 2)
    found = screen(failing, TERMS)
    assert "S002" not in found.legs
    assert "S002" not in found.members
    assert found.search.searched == COUNT - 1


@settings(max_examples=12, deadline=None)
@given(order=st.permutations(range(COUNT)), seed=st.integers(0, 50))
def test_the_order_of_the_pool_changes_nothing(order: list[int], seed: int) -> None:
    facts = pool(seed)
    plain, moved = screen(facts, TERMS), screen(ordered(facts, order), TERMS)
    assert (moved.members, moved.search) == (plain.members, plain.search)
    assert told(moved) == told(plain)


def test_what_lies_before_the_sessions_that_it_looks_at_changes_nothing() -> None:
    long = pool(rows=screening_sessions(TERMS) + 150)
    short = replace(long, panel=long.panel.newest(screening_sessions(TERMS)))
    assert screen(long, TERMS).search == screen(short, TERMS).search
    assert told(screen(long, TERMS)) == told(screen(short, TERMS))


def test_a_pool_of_nothing_is_screened() -> None:
    empty = pool_of(walk_panel(np.zeros((5, 0)), symbols=()))
    found = screen(empty, TERMS)
    assert (found.members, found.pairs, found.search.tests) == ((), (), 0)


def test_a_pool_with_one_session_has_no_members_and_no_pairs() -> None:
    terms = TERMS.model_copy(
        update={"criteria": TERMS.criteria.model_copy(update={"history": 1, "dollar_volume": None})}
    )
    facts = pool(rows=1)
    found = screen(facts, terms)
    assert (found.members, found.pairs) == ((), ())
    assert set(found.search.unsearched.values()) == {"126 of the 127 closes of the window are missing"}
    assert found.session == facts.panel.sessions[-1].item()
