"""What a book does in a drawdown, and how it comes back from one."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from nightdesk.core.fields import Frozen, Positive, Share, Symbol


class WayBack(Frozen):
    """How a book comes back from a drawdown; see `nightdesk.risk.levels`."""

    volatility_window: int = Field(20, ge=2, description="sessions behind the wanted portfolio's volatility")
    calm_sessions: int = Field(5, ge=1, description="running under the volatility target, for the way back")
    low_sessions: int = Field(10, ge=1, description="without a new low of the drawdown, for the way back")
    ramp_step: float = Field(0.25, gt=0, le=1, description="size when recovery begins, and each step")
    ramp_sessions: int = Field(5, ge=1, description="sessions between the steps")
    recovery_leverage: Positive = Field(1.0, description="gross over NAV at most, until recovery ends")
    confirm_after_sessions: int = Field(
        5, ge=1, description="sessions after which the simulated person of a backtest answers"
    )


class _Depths(Frozen):
    """At which drawdowns levels hold, and what each of them does."""

    at: tuple[Share | None, Share | None, Share | None, Share | None] = Field(
        (0.05, 0.08, 0.12, 0.15), description="drawdowns from which levels 1 to 4 hold; null: no such level"
    )
    keep: tuple[Share, Share, Share, Share] = Field(
        (1.0, 0.75, 0.5, 0.0), description="what each level leaves of every position on entering it"
    )
    first_ends_below: Share = Field(0.04, description="drawdown under which level 1 ends")
    min_confidence: Share = Field(0.6, description="what an entry needs at level 1")
    havens: tuple[Symbol, ...] = Field((), description="symbols that may be bought at level 3")
    first_out: tuple[Symbol, ...] = Field(
        (), description="symbols that are not bought at level 1, and closed at levels 2 and 3"
    )
    average_correlation: Share = Field(0.5, description="average over the pairs; above it at least level 1")
    every_correlation: Share = Field(
        0.8, description="all pairs of at least 3 symbols above it: at least level 2"
    )


# The bases' order is that of the fields in the configuration, whose hash is stored: the last one comes first.
class Levels(WayBack, _Depths):
    """The drawdown levels of a book, and the way back from them; see `nightdesk.risk.levels`.

    Drawdowns are shares of the peak NAV; positions are cut once, on entering a level.
    """

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        known = [at for _, at in self.beyond(0)]
        if not known or known != sorted(set(known)) or known[0] <= 0:
            raise ValueError(f"at: drawdowns must rise from level to level; found {list(self.at)}")
        first = self.at[0]
        if first is not None and self.first_ends_below > first:
            raise ValueError(
                f"first_ends_below: level 1 begins at {first:g} and cannot end above it; "
                f"found {self.first_ends_below:g}"
            )
        return self

    @property
    def look_at_correlations(self) -> bool:
        """Whether any correlation could make a level hold: none is above 1."""
        return self.average_correlation < 1.0 or self.every_correlation < 1.0

    def beyond(self, level: int) -> tuple[tuple[int, float], ...]:
        """The levels deeper than this one with the drawdowns from which they hold, ascending."""
        return tuple((n, at) for n, at in enumerate(self.at, 1) if n > level and at is not None)


class MaxDrawdownLimit(WayBack):
    """A drawdown from which on nothing is opened until the way back; a rule of `limits`."""

    limit: Share = Field(gt=0, lt=1, description="drawdown, share of the peak NAV")

    @property
    def levels(self) -> Levels:
        """The same as drawdown levels: the deepest one alone, which sells nothing."""
        return Levels(
            at=(None, None, None, self.limit),
            keep=(1.0, 1.0, 1.0, 1.0),
            average_correlation=1.0,
            every_correlation=1.0,
            **self.model_dump(exclude={"limit"}),
        )
