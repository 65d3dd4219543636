"""Verdicts: what a rule of the gate said of a trade, with the numbers that it said it by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["approve", "cut", "reject"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's word on one symbol.

    Attributes
    ----------
    step : int
        Place in the sequence of the gate's work, unique with `symbol` within a decision.
    rule, symbol : str
        Which rule, on which symbol.
    action : str
        "approve": the trade passed as it was; "cut": the trade, or the position, was made smaller; "reject":
        nothing of the trade was left.
    value, limit : float
        What the rule measured and what it compares with, in the rule's own unit; NaN where there is none.
    held, before, after : float
        Net quantity of the book now, wanted when the rule was asked, and left by it, in units.
    """

    step: int
    rule: str
    symbol: str
    action: Action
    value: float
    limit: float
    held: float
    before: float
    after: float
