"""The stages on a book's way to real money, and how much of its limit of capital each lets it use."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum


class Stage(StrEnum):
    """How far a book may go: each stage is reached from the one before it, by a person."""

    BACKTEST = "backtest"
    PAPER = "paper"
    SMALL = "small"
    QUARTER = "quarter"
    HALF = "half"
    FULL = "full"

    @property
    def place(self) -> int:
        """0 for the first."""
        return list(Stage).index(self)

    @property
    def next(self) -> Stage | None:
        """The stage that comes after it; None after the last."""
        later = list(Stage)[self.place + 1 :]
        return later[0] if later else None

    @property
    def share(self) -> Decimal:
        """Of each live account's limit of capital, what may be in positions; 0 before real money."""
        return _SHARES.get(self, Decimal(0))

    @property
    def in_words(self) -> str:
        """The stage with its share, as people read it."""
        return f"{self} ({self.share:.0%} of the capital)" if self.share else f"{self} (no real money)"


_SHARES = {
    Stage.SMALL: Decimal("0.10"),
    Stage.QUARTER: Decimal("0.25"),
    Stage.HALF: Decimal("0.50"),
    Stage.FULL: Decimal(1),
}
