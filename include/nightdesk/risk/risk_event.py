"""The dated facts about a book's risk that decisions read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class RiskEvent:
    """A dated fact about a book's risk: it counts from the decision of `session` on.

    "kill" and "release" turn the kill switch, "review", "confirm" and "reject" answer for a book that waits,
    "ask" says that a person was asked, "level" sets the drawdown level `level`, which is 0 of other kinds.
    """

    session: date
    kind: Literal["kill", "release", "review", "confirm", "reject", "ask", "level"]
    reason: str
    who: str = ""
    level: int = 0
