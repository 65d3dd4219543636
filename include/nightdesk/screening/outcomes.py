"""What follows from a screen: members and pairs, why nobody is one, what is kept; and who is off today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from nightdesk.core.screen_terms import CriteriaTerms
from nightdesk.core.screen_weeks import ScreenedWeek
from nightdesk.factors import look_back
from nightdesk.screening.criteria import DOLLAR_VOLUME, check
from nightdesk.screening.criterion import CriterionResult
from nightdesk.screening.pool_facts import PoolFacts
from nightdesk.screening.screened import Screened

#: The criteria that are looked at before each open. Whether bars are to be trusted the decision judges
#: itself, by those of its own session.
BEFORE_OPEN = ("delisted", "exchanges", "securities", "price", "dollar_volume", "spread")

#: So many criteria are named that keep everybody out.
_TOLD = 3


@dataclass(frozen=True)
class ScreenRows:
    """A screen as it is stored: the columns of `screens`, `screen_results` and `screen_pairs`."""

    header: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]
    pairs: Sequence[Mapping[str, Any]]


def week_of(facts: PoolFacts, found: Screened, first_session: date) -> ScreenedWeek:
    """The members and pairs of a screen, from a session on: what passed, and the legs of its pairs."""
    sector = dict(zip(facts.symbols, facts.sector, strict=True))
    legs = frozenset(found.legs) - frozenset(found.members)
    return ScreenedWeek(
        first_session,
        {symbol: sector[symbol] for symbol in sorted({*found.members, *legs})},
        tuple(
            (one.a, one.b, sector[one.a] if one.same_sector else "") for one in found.pairs if one.admitted
        ),
        legs,
    )


def why_nobody(found: Screened) -> str:
    """Why nobody is a member, as a clause; empty where somebody is."""
    if found.members or found.legs:
        return ""
    count = len(found.symbols)
    if not count:
        return "the pool is empty"
    worst = sorted(found.criteria, key=lambda one: int(np.sum(one.passed)))[:_TOLD]
    words = [_keeping_out(one, count) for one in worst if not one.passed.all()]
    return f"none of {count:,} stocks passes: {'; '.join(words)}"


def _keeping_out(one: CriterionResult, count: int) -> str:
    failing, unknown = count - int(np.sum(one.passed)), int(np.sum(~one.known & ~one.passed))
    rest = f", since it is not known of {unknown:,}" if unknown else ""
    return f"{one.name} ({one.limit}) keeps out {failing:,}{rest}"


def rows_of(facts: PoolFacts, found: Screened) -> ScreenRows:
    """A screen as rows."""
    reason, week = why_nobody(found), week_of(facts, found, found.session)
    passed = np.logical_and.reduce([one.passed for one in found.criteria]) if found.criteria else np.array([])
    members, legs = frozenset(found.members), frozenset(found.legs)
    header = {
        "outcome": "failed" if reason else "good",
        "reason": reason,
        "criteria": [one.name for one in found.criteria],
        "limits": [one.limit for one in found.criteria],
        "failures": [int(np.sum(~one.passed)) for one in found.criteria],
        "pool": len(found.symbols),
        "passed": int(np.sum(passed)) if found.criteria else len(found.symbols),
        "members": len(week.members),
        "tests": found.search.tests,
        "expected_false": found.search.expected_false,
        "pairs": len(found.pairs),
        "admitted": len(week.pairs),
    }
    results = [
        {
            "symbol": symbol,
            "sector": facts.sector[at],
            "passed": all(bool(one.passed[at]) for one in found.criteria),
            "member": symbol in members,
            "leg": symbol in legs,
            "measured": [float(one.values[at]) for one in found.criteria],
            "words": ["" if one.words is None else one.words[at] for one in found.criteria],
            "outcomes": [one.outcome(at).value for one in found.criteria],
        }
        for at, symbol in enumerate(found.symbols)
    ]
    sector = dict(zip(facts.symbols, facts.sector, strict=True))
    pairs = [
        {
            "a": one.a,
            "b": one.b,
            "place": one.rank,
            "correlation": one.correlation,
            "p": one.p,
            "q": one.q,
            "alpha": one.alpha,
            "beta": one.beta,
            "half_life": one.half_life,
            "spread_volatility": one.spread_volatility,
            "same_sector": one.same_sector,
            "sector": sector[one.a] if one.same_sector else "",
            "cap_a": one.market_cap_a,
            "cap_b": one.market_cap_b,
            "admitted": one.admitted,
            "reason": one.why_not,
        }
        for one in found.pairs
    ]
    return ScreenRows(header, results, pairs)


def open_check_sessions() -> int:
    """Sessions of bars that the check before an open looks at."""
    return look_back([DOLLAR_VOLUME])


def off_before_open(facts: PoolFacts, terms: CriteriaTerms) -> dict[str, str]:
    """The stocks that fail a criterion of `BEFORE_OPEN` on the last closes, with what they failed."""
    found = check(facts, terms, BEFORE_OPEN)
    failed = {
        symbol: "; ".join(_failure(one, at) for one in found if not one.passed[at])
        for at, symbol in enumerate(facts.symbols)
    }
    return {symbol: words for symbol, words in failed.items() if words}


def _failure(one: CriterionResult, at: int) -> str:
    value = one.value(at)
    if value is None:
        return f"{one.name} is not known, asked is {one.limit}"
    return f"{one.name} {value if isinstance(value, str) else f'{value:,.6g}'}, asked is {one.limit}"
