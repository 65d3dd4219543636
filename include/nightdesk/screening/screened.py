"""A whole screen: criteria, members and pairs, as one function of what is known of a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from nightdesk.core.members import Flags
from nightdesk.core.panel import Floats
from nightdesk.core.screen_terms import ScreenTerms
from nightdesk.screening.columnwise import Columns
from nightdesk.screening.criteria import (
    DOLLAR_VOLUME,
    REVERSION,
    UNIVERSAL,
    check,
    newest_factors,
    screening_sessions,
)
from nightdesk.screening.criterion import CriterionResult
from nightdesk.screening.pair_search import FoundPair, PairSearch, find_pairs
from nightdesk.screening.pool_facts import PoolFacts


@dataclass(frozen=True)
class Screened:
    """The outcome of a screen.

    Attributes
    ----------
    session : date
        The newest session that it knows.
    symbols : tuple of str
        The pool.
    criteria : tuple of CriterionResult
        Each over the pool, in its order.
    members : tuple of str
        What passed every criterion, largest mean dollar volume first, the first `size` of them.
    search : PairSearch
        Over what passed the universal criteria; empty where no pairs are asked for.
    """

    session: date
    symbols: tuple[str, ...]
    criteria: tuple[CriterionResult, ...]
    members: tuple[str, ...]
    search: PairSearch

    @property
    def pairs(self) -> tuple[FoundPair, ...]:
        """All that was found, by rank; see `FoundPair.admitted`."""
        return self.search.pairs

    @property
    def legs(self) -> tuple[str, ...]:
        """The stocks of the admitted pairs, sorted; they need not be members."""
        admitted = (one for one in self.pairs if one.admitted)
        return tuple(sorted({leg for one in admitted for leg in (one.a, one.b)}))


def screen(facts: PoolFacts, terms: ScreenTerms) -> Screened:
    """Screen a pool.

    Parameters
    ----------
    facts : PoolFacts
        With `screening_sessions` rows at least, for dependable figures; of more only these are looked at.
    terms : ScreenTerms

    Returns
    -------
    Screened
        The order of the pool changes nothing but the order in which criteria are told.
    """
    facts = replace(facts, panel=facts.panel.newest(screening_sessions(terms)))
    criteria = check(facts, terms.criteria)
    volume = newest_factors(facts, [DOLLAR_VOLUME])[DOLLAR_VOLUME]
    largest = _by_size(volume, facts.symbols)
    universal = passing(criteria, UNIVERSAL, len(facts.symbols))
    both = universal & passing(criteria, REVERSION, len(facts.symbols))
    search = (
        PairSearch() if terms.pairs is None else find_pairs(facts, terms.pairs, largest[universal[largest]])
    )
    members = tuple(facts.symbols[one] for one in largest[both[largest]][: terms.size].tolist())
    return Screened(facts.session, facts.symbols, criteria, members, search)


def passing(criteria: Sequence[CriterionResult], names: Sequence[str], count: int) -> Flags:
    """Which of `count` stocks pass all criteria of these names; one that was not asked for is passed."""
    asked = [one.passed for one in criteria if one.name in names]
    found: Flags = np.logical_and.reduce(asked) if asked else np.ones(count, dtype=np.bool_)
    return found


def _by_size(volume: Floats, symbols: Sequence[str]) -> Columns:
    """Columns by dollar volume, the largest first and those without one last; of equals by name."""
    ranked = np.where(np.isnan(volume), -np.inf, volume)
    largest: Columns = np.lexsort((np.array(symbols), -ranked))
    return largest
