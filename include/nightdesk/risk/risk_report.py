"""The risk report of a session: what a book holds at the mark, and what that may cost it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.portfolio.volatility import volatility_contributions
from nightdesk.risk.concentration import Concentration, concentration
from nightdesk.risk.correlation import known_pairs
from nightdesk.risk.distances import Distance, RiskMeasures, distances
from nightdesk.risk.rule import Rule
from nightdesk.risk.tail import TailRisk, tail_risk


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one position adds to the portfolio's volatility.

    Attributes
    ----------
    symbol : str
    weight : float
        Signed share of NAV.
    contribution : float
        Annualised; those of all positions add up to the portfolio's volatility. Negative where the position
        makes the portfolio calmer, NaN where not known.
    gaps : bool
        Whether returns are missing in the window, so that it is counted as moving in step with all others.
    """

    symbol: str
    weight: float
    contribution: float
    gaps: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Two held symbols and the correlation of their returns."""

    first: str
    second: str
    correlation: float


@dataclass(frozen=True, slots=True)
class Picture:
    """How the held symbols move together.

    Attributes
    ----------
    symbols : tuple of str, length n_held
    matrix : ndarray of shape (n_held, n_held)
        Correlations of returns; NaN where not known.
    average : float
        Over the known pairs; NaN without one.
    highest, lowest : Pair or None
        None without a known pair.
    """

    symbols: tuple[str, ...]
    matrix: Floats = field(compare=False)
    average: float
    highest: Pair | None
    lowest: Pair | None


@dataclass(frozen=True, slots=True)
class RiskReport:
    """The risk of a book as it is held at the mark of a session.

    Attributes
    ----------
    nav : float
        Dollars at the mark; a share of it times this is in dollars.
    volatility : float
        Annualised, of the held weights over the book's volatility window; NaN where not known.
    tail : TailRisk
        Losses of one session, over the book's window of value at risk.
    concentration : Concentration
    contributions : tuple of Contribution
        In the order of the book.
    picture : Picture
    distances : tuple of Distance
    """

    nav: float
    volatility: float
    tail: TailRisk
    concentration: Concentration
    contributions: tuple[Contribution, ...]
    picture: Picture
    distances: tuple[Distance, ...]


def risk_report(
    rules: Iterable[Rule],
    measured: RiskMeasures,
    nav: float,
    groups: Sequence[str],
    returns: Floats,
    history: Floats,
) -> RiskReport:
    """The risk report of a session.

    Parameters
    ----------
    rules : iterable of Rule
        The book's, in the order of the gate.
    measured : RiskMeasures
    nav : float
        Dollars.
    groups : sequence of str, length n_symbols
        What each symbol is counted with.
    returns : ndarray of shape (n_sessions, n_symbols)
        Simple returns of the volatility window; NaN where missing.
    history : ndarray of shape (n_earlier_sessions, n_symbols)
        Those of the window of value at risk.
    """
    weights = measured.weights
    added = volatility_contributions(weights, returns)
    held = np.flatnonzero(weights)
    gaps = set(np.flatnonzero(np.isnan(returns).any(axis=0)).tolist())
    return RiskReport(
        nav=nav,
        volatility=measured.volatility,
        tail=tail_risk(weights, history, measured.past),
        concentration=concentration(weights, measured.symbols, groups),
        contributions=tuple(
            Contribution(measured.symbols[n], float(weights[n]), float(added[n]), n in gaps)
            for n in held.tolist()
        ),
        picture=picture_of(
            [measured.symbols[n] for n in held.tolist()],
            measured.standing.correlations.among(held),
        ),
        distances=distances(rules, measured),
    )


def picture_of(symbols: Sequence[str], matrix: Floats) -> Picture:
    """The picture that a matrix of correlations gives; of equal pairs, the first counts.

    Parameters
    ----------
    symbols : sequence of str, length n_held
    matrix : ndarray of shape (n_held, n_held)
        NaN where not known.
    """
    names = tuple(symbols)
    first, second, values = known_pairs(np.arange(len(names)), matrix)
    if not len(values):
        return Picture(names, matrix, float("nan"), None, None)

    def pair(at: int) -> Pair:
        return Pair(names[first[at]], names[second[at]], float(values[at]))

    return Picture(
        names,
        matrix,
        float(values.mean()),
        pair(int(np.argmax(values))),
        pair(int(np.argmin(values))),
    )
