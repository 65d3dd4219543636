"""A validation as plain values, and in words that a person who trades understands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from nightdesk.core.schedule import SESSIONS_A_YEAR
from nightdesk.research.sweep.trials import Trial
from nightdesk.research.validation.candidate_sets import CandidateSets
from nightdesk.research.validation.deflated import deflated_sharpe
from nightdesk.research.validation.luck_verdict import LuckCheck, LuckVerdict
from nightdesk.research.validation.monte_carlo import DrawnBands
from nightdesk.research.validation.walk_forward import WalkedWindow


def validation_document(sets: CandidateSets, found: LuckVerdict) -> dict[str, Any]:
    """All of a validation but its courses; a number that is not finite stays so."""
    judged = sets.trials[sets.judged]
    return {
        "passed": found.passed,
        "checks": [
            {**asdict(one), "passed": one.passed, "words": words_of(one, found)} for one in found.checks
        ],
        "plan": asdict(found.plan),
        "trials": asdict(found.tried),
        "judged": {**_set(judged), "is_own": sets.own is not None},
        "best": {**_set(sets.trials[sets.best]), "deflated_sharpe": _deflated_best(sets, found)},
        "sharpe": _sharpe(found),
        "overfitting": {
            name: getattr(found.overfitting, name)
            for name in ("probability", "splits", "in_sample", "out_of_sample", "loss")
        },
        "purged_folds": _folds(sets, found),
        "walk_forward": {
            **{name: getattr(found.plan, name) for name in ("walk", "train", "test")},
            "windows": len(found.walk.windows),
            "efficiency": found.walk.efficiency,
            **_told(found.walked_figures),
        },
        "superior_ability": {
            "cash": {**asdict(found.beside_cash), "settings": sets.trials[found.beside_cash.best].settings},
            "benchmark": {
                **asdict(found.beside_benchmark),
                "settings": sets.trials[found.beside_benchmark.best].settings,
            },
        },
        "monte_carlo": {
            "returns": _bands(found.of_returns),
            "trades": None if found.of_trades is None else _bands(found.of_trades),
        },
    }


def window_row(sets: CandidateSets, one: WalkedWindow) -> dict[str, Any]:
    """A window of the walk by the names of the columns of ``walk_forward.csv``."""
    inside = sets.returns[one.stop : one.end, one.chosen]
    return {
        "train_first": sets.sessions[one.first],
        "train_last": sets.sessions[one.stop - 1],
        "test_first": sets.sessions[one.stop],
        "test_last": sets.sessions[one.end - 1],
        **sets.trials[one.chosen].settings,
        "train": one.train,
        "test": one.test,
        "test_return": float(np.prod(1.0 + inside)) - 1.0,
    }


#: What each check is called, and what it asks.
TITLES = {
    "minimum_length": "length",
    "probabilistic_sharpe": "Sharpe ratio alone",
    "deflated_sharpe": "deflated Sharpe ratio",
    "overfitting": "overfitting",
    "worst_path_sharpe": "purged folds",
    "walk_forward_efficiency": "walk-forward",
    "beats_cash": "beats cash",
    "beats_benchmark": "beats the benchmark",
    "growth_band": "Monte Carlo, growth",
}


def words_of(check: LuckCheck, found: LuckVerdict) -> str:
    """What a check says, in a sentence."""
    sharpe, tried = found.deflated, f"{found.tried.count:,}"
    match check.name:
        case "minimum_length":
            return (
                f"so high a Sharpe ratio is expected of the best of {tried} trials without skill "
                f"within {_count(check.limit)} sessions"
            )
        case "probabilistic_sharpe":
            return (
                f"how sure it is that a Sharpe ratio of {_year(sharpe.sharpe)} a year is above 0, had it "
                "been the only try"
            )
        case "deflated_sharpe":
            return (
                f"the same beside the {_year(sharpe.luck)} a year that luck gives the best of {tried} trials"
            )
        case "overfitting":
            return "how often the best of half the sessions lies below the median in the rest; 50 % is chance"
        case "worst_path_sharpe":
            return (
                f"Sharpe ratio a year of the worst of {len(found.folds.paths)} paths, by sets chosen in "
                "other sessions"
            )
        case "walk_forward_efficiency":
            return (
                f"growth in the {len(found.walk.windows)} windows after the choice over that in those of the "
                "choice"
            )
        case "beats_cash":
            return "p-value: how often the best set would beat cash by as much by luck"
        case "beats_benchmark":
            return "p-value: how often the best set would beat the benchmark's return by as much by luck"
        case _:
            return "growth a year that is reached at least with 95 % of the draws of its own months"


def check_cells(check: LuckCheck) -> tuple[str, str, str]:
    """What a check is called, its value, and its limit, as people read them."""
    sign = "<=" if check.most else ">="
    return (
        TITLES[check.name],
        _written(check.name, check.value),
        f"{sign} {_written(check.name, check.limit)}",
    )


def _written(name: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    if name == "minimum_length":
        return f"{_count(value)} sessions"
    return f"{value:.2f}" if name in ("worst_path_sharpe",) else f"{value:.1%}"


def _count(value: float) -> str:
    return f"{math.ceil(value):,}" if math.isfinite(value) else "endless"


def _year(sharpe: float) -> str:
    return f"{sharpe * math.sqrt(SESSIONS_A_YEAR):.2f}"


def _set(one: Trial) -> dict[str, Any]:
    return {
        "settings": dict(one.settings),
        "config_hash": one.config_hash,
        "rules_hash": one.rules_hash,
        "code_version": one.code_version,
        "figures": dict(one.figures),
    }


def _deflated_best(sets: CandidateSets, found: LuckVerdict) -> float:
    """Of the best set, beside the same trials."""
    if sets.best == sets.judged:
        return found.deflated.deflated
    return deflated_sharpe(sets.returns[:, sets.best], found.tried.count, found.spread).deflated


def _sharpe(found: LuckVerdict) -> dict[str, Any]:
    one, root = found.deflated, math.sqrt(SESSIONS_A_YEAR)
    return {
        "annual": one.sharpe * root,
        "annual_by_luck": one.luck * root,
        "probabilistic": one.probabilistic,
        "deflated": one.deflated,
        "minimum_sessions": one.minimum_sessions,
    }


def _folds(sets: CandidateSets, found: LuckVerdict) -> dict[str, Any]:
    folds = found.folds
    return {
        **{name: getattr(folds, name) for name in ("folds", "test_folds", "purge", "embargo")},
        "splits": [
            {**asdict(one), "settings": dict(sets.trials[one.chosen].settings)} for one in folds.splits
        ],
        "paths": [_told(one) for one in found.path_figures],
    }


def _told(figures: Any) -> dict[str, float]:
    names = ("total_return", "annual_return", "annual_volatility", "sharpe", "max_drawdown")
    return {name: getattr(figures, name) for name in names}


def _bands(found: DrawnBands) -> dict[str, Any]:
    return {name: value for name, value in asdict(found).items() if name != "course"}


def told_lines(sets: CandidateSets, document: Mapping[str, Any]) -> Iterator[str]:
    """What has no limit: what was judged, the spread of the paths, drawdowns to be ready for."""
    at = ", ".join(f"{key}={value}" for key, value in document["judged"]["settings"].items())
    whose = (
        "the book's own set"
        if document["judged"]["is_own"]
        else "the best set (the book's own is not in the grid)"
    )
    yield f"Judged: {whose}, {at}."
    if sets.own is not None and sets.own != sets.best:
        best = ", ".join(f"{key}={value}" for key, value in document["best"]["settings"].items())
        deflated = document["best"]["deflated_sharpe"]
        yield f"The best set is {best}, with a deflated Sharpe ratio of {deflated:.1%}."
    paths = sorted(one["sharpe"] for one in document["purged_folds"]["paths"])
    yield (
        f"Sharpe ratios a year of the {len(paths)} paths: {paths[0]:.2f} to {paths[-1]:.2f}, "
        f"half of them below {float(np.median(paths)):.2f}; of the walk "
        f"{document['walk_forward']['sharpe']:.2f}."
    )
    for what, name in (("returns", "returns"), ("closed trades", "trades")):
        band = document["monte_carlo"][name]
        if band is not None:
            deepest = band["drawdown"]
            yield (
                f"Drawn again from its own {what}: half of the courses have a drawdown of "
                f"{deepest['middle']:.1%} or more, one in twenty {deepest['high']:.1%} or more."
            )
