"""What is asked of each stock of a pool, criterion by criterion.

Figures of bars are the desk's own factors in the newest session, so a criterion and a strategy's condition
of the same name never differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from nightdesk.core.members import Flags
from nightdesk.core.panel import Floats
from nightdesk.core.screen_terms import CriteriaTerms, ScreenTerms
from nightdesk.factors import compute, look_back
from nightdesk.screening.criterion import CriterionResult
from nightdesk.screening.pool_facts import PoolFacts

#: Criteria of every member and of every leg of a pair, in the order in which they are told.
UNIVERSAL = (
    "quarantine",
    "delisted",
    "exchanges",
    "securities",
    "history",
    "price",
    "dollar_volume",
    "spread",
    "market_cap",
)
#: Criteria of members beside them: whether a stock swings enough, and has no trend.
REVERSION = ("atr_share", "adx", "bb_width")

#: The factors of criteria.
DOLLAR_VOLUME, ATR, ADX, BB_WIDTH = "dollar_volume_20", "atr_20", "adx_14", "bb_width_20_2"
FACTORS: Mapping[str, str] = {
    "dollar_volume": DOLLAR_VOLUME,
    "atr_share": ATR,
    "adx": ADX,
    "bb_width": BB_WIDTH,
}


def screening_sessions(terms: ScreenTerms) -> int:
    """Sessions of bars, the newest included, that a screen by these terms looks at."""
    pairs = 0 if terms.pairs is None else terms.pairs.window + 1
    return max(look_back(FACTORS.values()), terms.criteria.history or 0, pairs)


def check(
    facts: PoolFacts, terms: CriteriaTerms, names: Sequence[str] = (*UNIVERSAL, *REVERSION)
) -> tuple[CriterionResult, ...]:
    """What each criterion says of each stock of a pool.

    Parameters
    ----------
    facts : PoolFacts
        Recursive figures (ATR, ADX) depend on where its panel begins, by less than 1e-9 of themselves where
        it has `screening_sessions` rows.
    terms : CriteriaTerms
    names : sequence of str
        Which criteria; by default all.

    Returns
    -------
    tuple of CriterionResult
        In the order of `names`, without those that the terms switch off.
    """
    figures = newest_factors(facts, [FACTORS[one] for one in names if one in FACTORS])
    found = (_CRITERIA[name](facts, terms, figures) for name in names)
    return tuple(one for one in found if one is not None)


def newest_factors(facts: PoolFacts, names: Iterable[str]) -> Mapping[str, Floats]:
    """Factors of `nightdesk.factors` in the newest session, each of shape (n_symbols,)."""
    found = compute(facts.panel, names, benchmark="", universe=0)
    return {name: values[-1] for name, values in found.items()}


Figures = Mapping[str, Floats]
Criterion = Callable[[PoolFacts, CriteriaTerms, Figures], CriterionResult | None]


def _quarantine(facts: PoolFacts, terms: CriteriaTerms, figures: Figures) -> CriterionResult:
    sound = ~facts.quarantined
    said = tuple("in quarantine" if one else "sound" for one in facts.quarantined.tolist())
    return _by_word("quarantine", "sound", said, sound)


def _delisted(facts: PoolFacts, terms: CriteriaTerms, figures: Figures) -> CriterionResult:
    """A stock may be bought as long as its last day has not come; of the unknown its bars tell."""
    gone: Flags = facts.delisted_on <= np.datetime64(facts.session, "D")
    said = tuple("listed" if day is None else f"last traded on {day}" for day in facts.delisted_on.tolist())
    return _by_word("delisted", "listed", said, ~gone)


def _exchanges(facts: PoolFacts, terms: CriteriaTerms, figures: Figures) -> CriterionResult | None:
    return _one_of("exchanges", terms.exchanges, facts.exchange)


def _securities(facts: PoolFacts, terms: CriteriaTerms, figures: Figures) -> CriterionResult | None:
    return _one_of("securities", terms.securities, facts.security)


def _history(facts: PoolFacts, terms: CriteriaTerms, figures: Figures) -> CriterionResult | None:
    if terms.history is None:
        return None
    bars = np.isfinite(facts.panel.close).sum(axis=0).astype(np.float64)
    return _of_numbers("history", f"at least {terms.history:,} bars", bars, bars >= terms.history)


def _price(facts: PoolFacts, terms: CriteriaTerms, figures: Figures) -> CriterionResult | None:
    if terms.price is None:
        return None
    low, high = terms.price
    close = facts.panel.close[-1]
    return _of_numbers("price", f"{low:,g} to {high:,g} $", close, (close >= low) & (close <= high))


def _dollar_volume(facts: PoolFacts, terms: CriteriaTerms, figures: Figures) -> CriterionResult | None:
    if terms.dollar_volume is None:
        return None
    values = figures[DOLLAR_VOLUME]
    return _of_numbers(
        "dollar_volume", f"above {terms.dollar_volume:,.0f} $", values, values > terms.dollar_volume
    )


def _spread(facts: PoolFacts, terms: CriteriaTerms, figures: Figures) -> CriterionResult | None:
    if terms.spread is None:
        return None
    values = median_spread(facts.bid, facts.ask)
    passed = values < terms.spread
    limit = f"below {terms.spread:.4g}"
    return _of_numbers("spread", limit, values, passed, unknown_passes=not terms.spread_required)


def _market_cap(facts: PoolFacts, terms: CriteriaTerms, figures: Figures) -> CriterionResult | None:
    if terms.market_cap is None:
        return None
    values = facts.market_cap
    limit = f"above {terms.market_cap:,.0f} $"
    passes = terms.market_cap_known_only
    return _of_numbers("market_cap", limit, values, values > terms.market_cap, unknown_passes=passes)


def _atr_share(facts: PoolFacts, terms: CriteriaTerms, figures: Figures) -> CriterionResult | None:
    if terms.atr_share is None:
        return None
    low, high = terms.atr_share
    values = figures[ATR] / facts.panel.close[-1]
    return _of_numbers("atr_share", f"{low:.4g} to {high:.4g}", values, (values >= low) & (values <= high))


def _adx(facts: PoolFacts, terms: CriteriaTerms, figures: Figures) -> CriterionResult | None:
    if terms.adx is None:
        return None
    return _of_numbers("adx", f"below {terms.adx:.4g}", figures[ADX], figures[ADX] < terms.adx)


def _bb_width(facts: PoolFacts, terms: CriteriaTerms, figures: Figures) -> CriterionResult | None:
    if terms.bb_width is None:
        return None
    values = figures[BB_WIDTH]
    return _of_numbers("bb_width", f"above {terms.bb_width:.4g}", values, values > terms.bb_width)


_CRITERIA: Mapping[str, Criterion] = {
    "quarantine": _quarantine,
    "delisted": _delisted,
    "exchanges": _exchanges,
    "securities": _securities,
    "history": _history,
    "price": _price,
    "dollar_volume": _dollar_volume,
    "spread": _spread,
    "market_cap": _market_cap,
    "atr_share": _atr_share,
    "adx": _adx,
    "bb_width": _bb_width,
}


def median_spread(bid: Floats, ask: Floats) -> Floats:
    """Median of (ask - bid) / mid over quotes.

    Parameters
    ----------
    bid, ask : ndarray of shape (n_quotes, n_symbols)
        A quote counts where both are above 0 and the bid is not above the ask.

    Returns
    -------
    ndarray of shape (n_symbols,)
        A share of the mid; NaN without a quote that counts.
    """
    with np.errstate(invalid="ignore"):
        counts = (bid > 0) & (ask >= bid) & np.isfinite(ask)
    out = np.full(bid.shape[1], np.nan)
    some = counts.any(axis=0)
    spread = np.full(bid.shape, np.nan)
    spread[counts] = 2.0 * (ask[counts] - bid[counts]) / (ask[counts] + bid[counts])
    out[some] = np.nanmedian(spread[:, some], axis=0)
    return out


def _one_of(name: str, allowed: tuple[str, ...] | None, words: tuple[str, ...]) -> CriterionResult | None:
    if allowed is None:
        return None
    return _by_word(
        name, " or ".join(allowed), words, np.array([one in allowed for one in words], dtype=bool)
    )


def _by_word(name: str, limit: str, words: tuple[str, ...], passed: Flags) -> CriterionResult:
    known = np.array([bool(one) for one in words], dtype=np.bool_)
    return CriterionResult(name, limit, np.full(len(words), np.nan), words, known, passed)


def _of_numbers(
    name: str, limit: str, values: Floats, passed: Flags, *, unknown_passes: bool = False
) -> CriterionResult:
    """What is missing compares with nothing, so it has not passed unless the criterion says so."""
    known = np.isfinite(values)
    return CriterionResult(
        name, limit, np.where(known, values, np.nan), None, known, np.where(known, passed, unknown_passes)
    )
