"""The dated facts about a book's risk that decisions read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class RiskEvent:
    """A dated fact about a book's risk: it counts from the decision of `session` on.

    "kill" and "release" turn the kill switch, "review", "confirm" and "reject" answer for a book that waits,
    "ask" says that a person was asked, "level" sets the drawdown level `level`, which is 0 of other kinds.
    Where its session holds several decisions, those up to the instant `after` (UTC) do not read it; None: all
    of them do.
    """

    session: date
    kind: Literal["kill", "release", "review", "confirm", "reject", "ask", "level"]
    reason: str
    who: str = ""
    level: int = 0
    after: datetime | None = None

    def counts_in(self, session: date, as_of: datetime | None) -> bool:
        """Whether the decision at an instant of a session reads it; None: the last one of the session."""
        known = self.after is None or as_of is None or self.after < as_of
        return self.session <= session and known
