"""What rests at a broker for the positions of a book: a stop, a target, or both."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from nightdesk.core.exit_plan import ExitDistance, ExitPlan
from nightdesk.core.fields import Frozen, Positive

#: Where an order rests that follows the exit plan of the position's strategy.
BY_STRATEGY: Literal["strategy"] = "strategy"

StopShare = Annotated[float, Field(gt=0, lt=1)]


def _form(value: Any) -> str:
    """Of which form a stop or a target is, so that a fault tells of that form alone."""
    return "[by strategy]" if isinstance(value, str) else "[share]"


_ByStrategy = Annotated[Literal["strategy"], Tag("[by strategy]")]


class ProtectiveTerms(Frozen):
    """Orders that rest at the broker for what is held, until they fill or are cancelled."""

    stop: Annotated[Annotated[StopShare, Tag("[share]")] | _ByStrategy, Discriminator(_form)] | None = Field(
        None,
        description="loss from the average entry at which a stop rests, a share of it, in place of the stop "
        "of the strategy's exits; strategy: at that; null: none",
    )
    target: Annotated[Annotated[Positive, Tag("[share]")] | _ByStrategy, Discriminator(_form)] | None = Field(
        None,
        description="gain from the average entry at which a limit rests beside the stop, a share of it, in "
        "place of the target of the strategy's exits; strategy: at that; null: none",
    )
    time_in_force: Literal["gtc"] = Field("gtc", description="how long they rest: until cancelled")
    bracket: bool = Field(
        default=False,
        exclude_if=lambda value: not value,  # a book without it keeps its configuration's hash
        description="whether they go to the broker together with the order that opens a position, and rest "
        "from its fill on; else they rest from the next decision on",
    )

    @model_validator(mode="after")
    def _beside_a_stop(self) -> Self:
        if self.bracket and self.stop is None:
            raise ValueError(
                "bracket: found without a stop; what goes to the broker together with an entry is its stop, "
                "with a target beside it or without: give stop, or leave bracket out"
            )
        if self.target is not None and self.stop is None:
            raise ValueError(
                "target: found without a stop; a target rests beside a stop, one cancels the other: give "
                "stop, or leave target out (the exits of a strategy have targets that need no order)"
            )
        return self

    @property
    def rests(self) -> bool:
        """Whether anything is to rest."""
        return self.stop is not None

    @property
    def exits(self) -> ExitPlan:
        """What ends a position at a close that is past what rests: the shares that are said here."""
        return ExitPlan(stop=_share(self.stop), target=_share(self.target))


def _share(said: float | Literal["strategy"] | None) -> ExitDistance | None:
    return ExitDistance(share=said) if isinstance(said, float) else None
