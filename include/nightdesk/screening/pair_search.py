"""The search for pairs: two stocks whose prices move together and whose spread comes back.

Correlation comes first, as matrix products; what passes is tested for cointegration in both directions, and
the better one is kept. How many tests that were goes with the answer, for a limit on p alone lets as many
false ones through as it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats, Panel
from nightdesk.core.screen_terms import PairSearchTerms
from nightdesk.screening.columnwise import Columns, mean, take, total
from nightdesk.screening.engle_granger import PAIRS_AT_A_TIME, engle_granger, fit_spreads
from nightdesk.screening.mackinnon import benjamini_hochberg, false_share, small_sample_p
from nightdesk.screening.pool_facts import PoolFacts

#: In the ranking a pair of one sector counts as if its p were so many times smaller.
SECTOR_BONUS = 10.0
#: p-values under it rank alike: they are rounding.
LEAST_P = 1e-16
#: Rows of the correlations that are held at a time.
ROWS_AT_A_TIME = 256
#: By how much a matrix product may miss a correlation.
ROUNDING = 1e-9


@dataclass(frozen=True)
class FoundPair:
    """Two stocks that correlate and whose test is under the limit of p.

    Attributes
    ----------
    a, b : str
        log A = alpha + beta log B: A is the dependent leg.
    correlation : float
        Of daily log returns over the window.
    t, p, q : float
        Of the Engle-Granger test of A on B; q is `small_sample_p` corrected for all tests of the search.
    lags : int
        Lagged changes that the test took, 0 or 1.
    alpha, beta : float
        Of closes in the raw dollars of the newest session.
    half_life : float
        Sessions; inf where the spread does not come back.
    spread_volatility : float
        Deviation of the log spread over its last 60 sessions.
    same_sector : bool
        Whether both sectors are known and the same.
    market_cap_a, market_cap_b : float
        Dollars; NaN where not known.
    rank : int
        From 1: those without a fault first, then by p, see `find_pairs`.
    admitted : bool
    why_not : str
        Empty where it is admitted.
    """

    a: str
    b: str
    correlation: float
    t: float
    p: float
    q: float
    lags: int
    alpha: float
    beta: float
    half_life: float
    spread_volatility: float
    same_sector: bool
    market_cap_a: float
    market_cap_b: float
    rank: int = 0
    admitted: bool = False
    why_not: str = ""


@dataclass(frozen=True)
class PairSearch:
    """What a search has found, and what it did.

    Attributes
    ----------
    pairs : tuple of FoundPair
        By rank.
    searched : int
        Stocks that were searched.
    unsearched : mapping of str to str
        Stocks that might have been, and why they were not.
    tests : int
        Tests that were done: two a pair that correlates, one a direction.
    expected_false : float
        tests × `false_share` of the limit of p: about as many of the pairs under the limit are false, were
        none of the tested ones a pair.
    """

    pairs: tuple[FoundPair, ...] = ()
    searched: int = 0
    unsearched: Mapping[str, str] = field(default_factory=dict)
    tests: int = 0
    expected_false: float = 0.0


def find_pairs(facts: PoolFacts, terms: PairSearchTerms, candidates: Columns) -> PairSearch:
    """Search some stocks of a pool for pairs.

    Of a stock that lacks a close within the window, and of one that does not move in it, nothing is tested.
    Pairs rank by p, of one sector (where that is preferred) by p / `SECTOR_BONUS`; of equals the larger
    correlation comes first, then the name. q is Benjamini and Hochberg's over the p-values for small samples
    of all tests, both directions counted.

    Parameters
    ----------
    facts : PoolFacts
    terms : PairSearchTerms
    candidates : ndarray of shape (n_candidates,), int
        Columns of the pool, best first: the first `terms.among` of those that can be tested are searched.

    Returns
    -------
    PairSearch
        A stock may be in several pairs.
    """
    window = _Window.of(facts, terms, candidates)
    first, second = _correlating(window.returns, terms.correlation)
    there, back = (engle_granger(window.log_prices, *one) for one in ((first, second), (second, first)))
    q_there, q_back = np.split(_discovery_rates(np.concatenate([there.t, back.t]), terms.window), 2)
    turned = back.p < there.p
    p = np.where(turned, back.p, there.p)
    kept = np.flatnonzero((p < terms.p_value) | np.isnan(p))
    turned, first, second = turned[kept], first[kept], second[kept]
    a, b = np.where(turned, second, first), np.where(turned, first, second)
    figures = {
        "correlation": correlations(window.returns, a, b),
        "t": np.where(turned, back.t[kept], there.t[kept]),
        "p": p[kept],
        "q": np.where(turned, q_back[kept], q_there[kept]),
        "lags": np.where(turned, back.lags[kept], there.lags[kept]),
        **vars(fit_spreads(window.log_prices, a, b)),
    }
    tests = int(np.count_nonzero(~np.isnan(there.p)) + np.count_nonzero(~np.isnan(back.p)))
    found = _named(facts, window.columns[a], window.columns[b], figures)
    return PairSearch(
        pairs=_ranked(found, terms),
        searched=len(window.columns),
        unsearched=window.unsearched,
        tests=tests,
        expected_false=tests * false_share(terms.p_value, terms.window - 2),
    )


def correlations(returns: Floats, first: Columns, second: Columns) -> Floats:
    """Correlations of pairs of columns, each a function of its two columns alone.

    Parameters
    ----------
    returns : ndarray of shape (n_rows, n_columns)
    first, second : ndarray of shape (n_pairs,), int

    Returns
    -------
    ndarray of shape (n_pairs,)
        0 where a column does not vary.
    """
    unit = _unit(returns)
    out = np.empty(len(first))
    for begin in range(0, len(first), PAIRS_AT_A_TIME):
        part = slice(begin, begin + PAIRS_AT_A_TIME)
        out[part] = total(take(unit, first[part]) * take(unit, second[part]))
    return out


@dataclass(frozen=True)
class _Window:
    """What is searched: log closes and their changes by column, by the names of the stocks."""

    columns: Columns
    log_prices: Floats
    returns: Floats
    unsearched: dict[str, str]

    @classmethod
    def of(cls, facts: PoolFacts, terms: PairSearchTerms, candidates: Columns) -> Self:
        """The window of those candidates that can be searched."""
        log_closes = _log_closes(facts.panel.newest(terms.window + 1), candidates)
        told = np.array([_why_unsearched(one, terms.window) for one in log_closes.T], dtype=object)
        ready = np.flatnonzero(told == "")
        if terms.among is not None:
            told[ready[terms.among :]] = f"not among the {terms.among:,} of largest dollar volume"
        names = np.array(facts.symbols)[candidates]
        ready = np.array(sorted(ready[: terms.among].tolist(), key=lambda at: names[at]), dtype=np.intp)
        chosen = take(log_closes, ready)
        unsearched = {str(name): str(why) for name, why in zip(names, told, strict=True) if why}
        return cls(candidates[ready], chosen[1:], np.diff(chosen, axis=0), unsearched)


def _log_closes(panel: Panel, columns: Columns) -> Floats:
    """Logarithms of closes, restated in the raw dollars of the newest session."""
    close, adjustment = take(panel.close, columns), take(panel.adjustment, columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        closes: Floats = np.log(close * (adjustment / adjustment[-1]))
    return closes


def _why_unsearched(log_closes: Floats, window: int) -> str:
    missing = window + 1 - int(np.count_nonzero(np.isfinite(log_closes)))
    if missing:
        return f"{missing:,} of the {window + 1:,} closes of the window are missing"
    return "" if np.ptp(log_closes[1:]) > 0.0 else "its close does not move within the window"


def _correlating(returns: Floats, limit: float) -> tuple[Columns, Columns]:
    """The pairs of columns, the smaller first, whose correlation is above a limit."""
    unit = _unit(returns)
    near: list[tuple[Columns, Columns]] = []
    for begin in range(0, unit.shape[1], ROWS_AT_A_TIME):
        product = unit[:, begin : begin + ROWS_AT_A_TIME].T @ unit[:, begin:]
        row, column = np.nonzero(np.triu(product > limit - ROUNDING, 1))
        near.append((row + begin, column + begin))
    first, second = (np.concatenate([one[at] for one in near] or [np.empty(0, np.intp)]) for at in (0, 1))
    above = correlations(returns, first, second) > limit
    return first[above], second[above]


def _unit(returns: Floats) -> Floats:
    """Columns without their mean and of length 1; 0 where one does not vary."""
    apart = returns - mean(returns)
    length = np.sqrt(total(apart * apart))
    unit: Floats = np.divide(apart, length, out=np.zeros_like(apart), where=length > 1e-12)
    return unit


def _discovery_rates(t: Floats, window: int) -> Floats:
    """The q of each test: of p far below its limit, where the asymptotic one is too small."""
    return benjamini_hochberg(small_sample_p(t, window - 2))


def _named(
    facts: PoolFacts, a: Columns, b: Columns, figures: Mapping[str, NDArray[Any]]
) -> Iterator[FoundPair]:
    """Pairs of columns of the pool with what was found of them, not ranked yet."""
    of_pairs = zip(*(one.tolist() for one in figures.values()), strict=True)
    for one, other, values in zip(a.tolist(), b.tolist(), of_pairs, strict=True):
        yield FoundPair(
            a=facts.symbols[one],
            b=facts.symbols[other],
            **dict(zip(figures, values, strict=True)),
            same_sector=facts.sector[one] != "" and facts.sector[one] == facts.sector[other],
            market_cap_a=float(facts.market_cap[one]),
            market_cap_b=float(facts.market_cap[other]),
        )


def _ranked(found: Iterable[FoundPair], terms: PairSearchTerms) -> tuple[FoundPair, ...]:
    """Those without a fault first; by the terms' size the last of them are not admitted."""
    told = [(one, "; ".join(_faults(one, terms))) for one in found]
    told.sort(key=lambda pair: (pair[1] != "", *_order(pair[0], terms)))
    out = []
    for rank, (one, why_not) in enumerate(told, start=1):
        if not why_not and terms.size is not None and rank > terms.size:
            why_not = f"rank {rank:,}: the best {terms.size:,} are admitted"
        out.append(replace(one, rank=rank, admitted=not why_not, why_not=why_not))
    return tuple(out)


def _order(pair: FoundPair, terms: PairSearchTerms) -> tuple[float, float, str, str]:
    bonus = SECTOR_BONUS if terms.same_sector == "prefer" and pair.same_sector else 1.0
    p = np.inf if np.isnan(pair.p) else max(pair.p, LEAST_P)
    return p / bonus, -pair.correlation, pair.a, pair.b


def _faults(pair: FoundPair, terms: PairSearchTerms) -> Iterator[str]:
    if np.isnan(pair.p):
        yield "nothing to test: the two prices are one series but for rounding"
        return
    if terms.q_limit is not None and pair.q > terms.q_limit:
        yield f"q {pair.q:.4g} is above {terms.q_limit:g}"
    if terms.spread_volatility is not None and not pair.spread_volatility > terms.spread_volatility:
        yield f"spread volatility {pair.spread_volatility:.4g} is not above {terms.spread_volatility:g}"
    if pair.beta <= 0.0:
        yield f"hedge ratio {pair.beta:.4g} is negative: both legs would be on one side"
    elif terms.hedge_ratio is not None and not terms.hedge_ratio[0] <= pair.beta <= terms.hedge_ratio[1]:
        low, high = terms.hedge_ratio
        yield f"hedge ratio {pair.beta:.4g} is not within {low:g} to {high:g}"
    apart = 1.0 - min(pair.market_cap_a, pair.market_cap_b) / max(pair.market_cap_a, pair.market_cap_b)
    if terms.market_caps_within is not None and apart > terms.market_caps_within:
        yield f"market capitalisations are {apart:.0%} apart, more than {terms.market_caps_within:.0%}"
    if terms.same_sector == "require" and not pair.same_sector:
        yield "not known to be of one sector"
