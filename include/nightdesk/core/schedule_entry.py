"""When a book decides."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from nightdesk.core.fields import Frozen


class ScheduleEntry(Frozen):
    """When the book decides, `daily` or `hourly`; what hours ask for belongs to an hourly book alone."""

    rhythm: Literal["daily", "hourly"] = Field(
        "daily", description="at each session's close, or at the end of each hour's bar"
    )
    bar_delay_minutes: int = Field(5, ge=0, lt=60, description="an hour's bar is known so long after its end")
    wait_minutes: int = Field(
        10, ge=0, lt=60, description="how much longer a late bar is waited for; then its symbol is stale"
    )
    fill: Literal["mean", "open"] = Field(
        "mean",
        description="paper: an order fills at the mean of open, high, low and close of the next hour's bar, "
        "or at its open, for comparison; at the open where that bar begins a session",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_a_word(cls, given: Any) -> Any:
        """`schedule: hourly` is short for its rhythm with every other field at its default."""
        return {"rhythm": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _of_its_rhythm(self) -> Self:
        foreign = sorted(self.model_fields_set - {"rhythm"})
        if self.rhythm == "daily" and foreign:
            raise ValueError(
                f"{foreign[0]} belongs to an hourly book, and this one is daily; "
                "set rhythm to hourly, or leave it out"
            )
        if self.bar_delay_minutes + self.wait_minutes >= 60:
            raise ValueError(
                f"bar_delay_minutes {self.bar_delay_minutes} and wait_minutes {self.wait_minutes} leave no "
                "time: a decision's orders are meant for the hour that follows it"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_foreign(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A daily book says nothing of hours, so that they are no part of what it decides by."""
        said: dict[str, Any] = whole(self)
        return said if self.rhythm == "hourly" else {"rhythm": self.rhythm}
