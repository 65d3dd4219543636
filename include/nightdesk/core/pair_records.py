"""A pair of two symbols as decisions keep it: what a session measured, and where it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Literal

Phase = Literal["candidate", "open", "cooling"]

#: Why a pair is left; empty while it is not.
Leaving = Literal["", "reached", "stop", "age", "sign", "uneven", "unlisted"]


@dataclass(frozen=True, slots=True)
class PairFigure:
    """What a session measured of a pair, see `nightdesk.factors.pair_spreads`; NaN where it is not known.

    `listed` is whether the list in force has it, so that it may be entered; `fit_month` the fit's session.
    """

    a: str
    b: str
    listed: bool
    fit_month: date | None = None
    alpha: float = math.nan
    beta: float = math.nan
    spread: float = math.nan
    z: float = math.nan
    sigma: float = math.nan
    volatility: float = math.nan
    volatility_mean: float = math.nan
    gap_a: float = math.nan
    gap_b: float = math.nan
    var_a: float = math.nan
    var_b: float = math.nan
    covariance: float = math.nan


@dataclass(frozen=True, slots=True)
class PairState:
    """Where a pair stands after a decision; see the columns of the table `pair_states`.

    `side` is 1 where A was bought and B sold, -1 the other way, 0 while it is not open. `beta` and `alpha`
    are those of the entry, NaN while it is not open, and `bundle` is the code of its legs, 0 then.
    """

    a: str
    b: str
    phase: Phase
    since: date
    sessions: int = 0
    side: int = 0
    alpha: float = math.nan
    beta: float = math.nan
    z: float = math.nan
    bundle: int = 0
    leaving: Leaving = ""
    reason: str = ""

    @property
    def legs(self) -> tuple[str, str]:
        """Its two symbols."""
        return self.a, self.b

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.a}/{self.b}"
