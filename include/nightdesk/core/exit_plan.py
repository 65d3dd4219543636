"""What ends a position beside its signals."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from nightdesk.core.fields import Frozen, Positive


class Stop(Frozen):
    """Falls from the average entry price at which a position is made smaller, as shares of that price."""

    halve: Positive = Field(0.12, lt=1, description="a larger fall halves the position, once")
    leave: Positive = Field(0.18, lt=1, description="a larger fall closes it")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.halve > self.leave:
            raise ValueError(
                f"halve {self.halve:g} lies beyond leave {self.leave:g}: "
                "a position is halved before it is left"
            )
        return self


class ExitDistance(Frozen):
    """How far a price moves from a position's average entry: by a share of that price, or by true ranges."""

    share: Positive | None = Field(None, description="of the average entry price")
    atr: Positive | None = Field(
        None, description="average true ranges (ATR14) of the decision that opened the position"
    )

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.share is None) == (self.atr is None):
            raise ValueError("a distance is a share of the entry price or a number of ATR: give one of them")
        return self


class ExitPlan(Frozen):
    """What ends a position beside its signals; each part is left out where nothing is said of it.

    A long is stopped below its average entry and has its target above it, a short the other way round.
    """

    sessions: int | None = Field(None, ge=1, description="held at most, the one that opened it counted")
    stop: ExitDistance | None = Field(None, description="loss from the average entry at which it is left")
    target: ExitDistance | None = Field(None, description="gain from the average entry at which it is left")

    @model_validator(mode="after")
    def _stops_above_nothing(self) -> Self:
        if self.stop is not None and self.stop.share is not None and self.stop.share >= 1:
            raise ValueError(
                f"stop: a share of {self.stop.share:g} of the entry price is all of it: give less than 1"
            )
        return self

    def or_else(self, other: ExitPlan) -> ExitPlan:
        """The plan with what it leaves out filled in from another."""
        return ExitPlan(
            sessions=self.sessions if self.sessions is not None else other.sessions,
            stop=self.stop or other.stop,
            target=self.target or other.target,
        )

    @property
    def distances(self) -> tuple[ExitDistance, ...]:
        """Of its stop and its target, those that it has."""
        return tuple(one for one in (self.stop, self.target) if one is not None)
