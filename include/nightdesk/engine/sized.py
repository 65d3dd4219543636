"""What the strategies want before anything ends or is filtered: each sized by its method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.engine.carried import Carried
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Day
from nightdesk.portfolio import Ask
from nightdesk.portfolio.sizing import entered, left


@dataclass(frozen=True, slots=True)
class Sized:
    """Arrays of shape (n_strategies, n_symbols).

    Attributes
    ----------
    quantity : ndarray
        Units wanted, not yet rounded.
    confidence : ndarray
        Of entries, after the regime's factor; 0 where the signal is none to enter by.
    allocation, reduce_to : ndarray
        What the methods carry on; see `Carried`.
    """

    quantity: Floats
    confidence: Floats
    allocation: Floats
    reduce_to: Floats


def sized(desk: Desk, day: Day, held: Floats, nav: float, before: Carried) -> Sized:
    """What every strategy wants by its signals.

    Parameters
    ----------
    desk, day
    held : ndarray of shape (n_strategies, n_symbols)
        Units.
    nav : float
        Dollars.
    before : Carried
        Restated for the session's actions.
    """
    terms = desk.band_terms[day.band] if day.band >= 0 else desk.no_band
    enters = entered(day.direction, day.side)
    leaves = left(day.direction, day.side, held, desk.one_sided)
    left_before = leaves  # what nobody leaves now, it does not matter whether somebody left
    if np.count_nonzero(leaves):
        left_before = left(day.previous_direction, day.previous_side, held, desk.one_sided)
    of_each: dict[str, NDArray[Any]] = {
        "held": held,
        "direction": day.direction,
        "previous_direction": day.previous_direction,
        "enters": enters,
        "leaves": leaves,
        "left_before": left_before,
        "confidence": day.confidence,
    }
    numbers = {"capital": nav * desk.shares * terms.capital, "entry_factor": terms.entry_factor}
    of_all = {
        "factors": day.factors,
        "price": day.price,
        "max_weight": desk.max_weight,
        "volatility_target": desk.volatility_target,
        "buy_fraction": desk.book.portfolio.buy_fraction,
        "returns": day.returns,
        "costs": desk.costs_at(day.price),
        "opens_month": day.opens_month,
    }
    wanted, allocation, reduce_to = np.empty_like(held), np.empty_like(held), np.empty_like(held)
    for group in desk.sized_together:
        method, rows = group.method, group.rows
        asked: dict[str, Any] = of_all | {name: values[rows] for name, values in of_each.items()}
        for name, values in numbers.items():
            asked[name] = float(values[rows, 0]) if isinstance(rows, int) else values[rows]
        ask = Ask(**asked, allocation=before.allocation[rows], reduce_to=before.reduce_to[rows])
        allocation[rows], reduce_to[rows] = method.allocate(ask), method.reduce_to(ask)
        ask = Ask(**asked, allocation=allocation[rows], reduce_to=reduce_to[rows])
        wanted[rows] = method.quantities(ask)
    confidence = np.where(enters != 0, day.confidence * terms.entry_factor, 0.0)
    return Sized(wanted, confidence, allocation, reduce_to)
