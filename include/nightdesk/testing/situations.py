"""Situations for the rules: three symbols at round prices in a calm book of 100,000 dollars."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from nightdesk.core.margin import Margin
from nightdesk.core.portfolio_terms import Band
from nightdesk.portfolio import Units
from nightdesk.risk import Entering, RiskMeasures, Situation, Standing

SYMBOLS = ("GLD", "SPY", "BTC-USD")
CALM = Band(name="NORMAL", below=20)


def situation(**changed: Any) -> Situation:
    """GLD at 100, SPY at 50 and BTC-USD at 10,000 dollars, with caps of 50, 40 and 15 %."""
    fields: dict[str, Any] = {
        "price": np.array([100.0, 50.0, 10_000.0]),
        "max_weight": np.array([0.50, 0.40, 0.15]),
        "units": Units.of([Decimal(1), Decimal(1), Decimal("0.0001")]),
        "rank": np.array([1, 2, 0]),
        "nav": 100_000.0,
        "day_return": 0.0,
        "age": np.zeros(3, dtype=np.int64),
        "quarantined": np.zeros(3, dtype=bool),
        "vix": 15.0,
        "band": CALM,
        "band_floor": 0.0,
        "entries_allowed": True,
        "kill_switch": False,
        "standing": Standing.calm(3),
        "entering": Entering.nothing(3),
    }
    return Situation(**{**fields, **changed})


def measured(*weights: float, **changed: Any) -> RiskMeasures:
    """What a report measures of such a book, given the weights that the three symbols have in it."""
    fields: dict[str, Any] = {
        "symbols": SYMBOLS,
        "weights": np.array(weights),
        "max_weight": np.ones(3),
        "traded": np.zeros(3),
        "day_return": 0.0,
        "volatility": 0.1,
        "volatility_target": None,
        "standing": Standing.calm(3),
        "drawdown": 0.0,
        "levels": None,
        "margin": Margin(kind="reg_t"),
    }
    return RiskMeasures(**{**fields, **changed})
