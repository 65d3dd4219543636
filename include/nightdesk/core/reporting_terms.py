"""What people are told of a book: its figures beside their targets, and alerts."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from nightdesk.core.fields import Frozen, Name, Positive

#: Figures of a result that a book may have a target for, by their names in `metrics.json`.
Figure = Literal[
    "total_return",
    "annual_return",
    "excess_annual_return",
    "annual_volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "win_rate",
    "profit_factor",
    "turnover_monthly",
    "trades_monthly",
    "cost_drag",
    "var_95",
    "cvar_95",
    "beta",
    "profit_daily",
]

#: Figures that are dollars: their targets may be stated in euros.
IN_DOLLARS = frozenset({"profit_daily"})


def _a_rate(value: float | None) -> float | None:
    """Refuse what no euro was ever worth: it was between 0.82 and 1.61 dollars since 1999."""
    if value is not None and not 0.5 <= value <= 2.0:
        raise ValueError(f"found {value:g}, and a euro is between 0.5 and 2 dollars: write it like 1.08")
    return value


class Target(Frozen):
    """What a figure of the book's result should be; see `nightdesk.performance.targets`.

    One bound with what is still acceptable, or two bounds: a range.
    """

    above: float | None = Field(None, description="met above it; with below: from it on")
    below: float | None = Field(None, description="met below it; with above: up to it")
    acceptable: float | None = Field(None, description="not met, but good enough from here on")
    eur_rate: Annotated[Positive | None, AfterValidator(_a_rate)] = Field(
        None,
        exclude_if=lambda value: value is None,
        description="dollars for a euro: the bounds are in euros; of figures in dollars alone",
    )
    eur_rate_of: date | None = Field(
        None, exclude_if=lambda value: value is None, description="the day whose rate that is"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.eur_rate is None) != (self.eur_rate_of is None):
            raise ValueError("eur_rate and eur_rate_of: a rate and its day go together; give both, or none")
        if self.above is None and self.below is None:
            raise ValueError("a target is above a number, below one, or between both: give at least one")
        if self.above is not None and self.below is not None:
            if self.acceptable is not None:
                raise ValueError("acceptable: a range is met or missed; leave it out, or one of the bounds")
            if self.above >= self.below:
                raise ValueError(f"above {self.above:g} must be less than below {self.below:g}")
        elif self.acceptable is not None:
            least, most = self.above, self.below
            wrong = (least is not None and self.acceptable > least) or (
                most is not None and self.acceptable < most
            )
            if wrong:
                raise ValueError(
                    f"acceptable: {self.acceptable:g} asks for more than the target itself; "
                    "it says how much less is good enough"
                )
        return self

    def in_dollars(self, bound: float | None) -> float | None:
        """One of its bounds in the unit of its figure."""
        return bound if bound is None or self.eur_rate is None else bound * self.eur_rate


class MailKinds(Frozen):
    """Which mails a book sends over the routes of its INFO alerts; see `docs/mail.md`."""

    daily: bool = Field(True, description="one after each session")
    weekly: bool = Field(True, description="one after the last session of an ISO week")
    monthly: bool = Field(True, description="one after the last session of a month")


class Report(Frozen):
    """What people are shown beside what was decided; it decides nothing."""

    factors: tuple[str, ...] = Field(
        (),
        max_length=30,
        description="factors that the page of a session and `nightdesk status` show by symbol",
    )
    mail: MailKinds = Field(MailKinds(), description="which mails it sends of its sessions")


class Routes(Frozen):
    """Which routes an alert takes, by its level; where a route leads is set outside the book."""

    INFO: tuple[Name, ...] = Field(("mail",), description="of what is good to know")
    WARNING: tuple[Name, ...] = Field(("mail", "chat"), description="of what should be looked at")
    CRITICAL: tuple[Name, ...] = Field(("mail", "chat"), description="of what needs a person today")
    EMERGENCY: tuple[Name, ...] = Field(("mail", "chat"), description="of what needs a person at once")


class Milestones(Frozen):
    """A day's profit or loss of which people are told: shares of the NAV before, and dollars; null: never."""

    profit: Positive | None = Field(0.02, description="told from this day's profit on")
    loss: float | None = Field(-0.02, lt=0, gt=-1, description="told from this day's loss on")
    step: Positive | None = Field(
        None,
        lt=1,
        description="told at each whole multiple of it, profit and loss alike; the largest",
    )
    dollars: tuple[Positive, ...] = Field(
        (), max_length=20, description="told from each on, profit and loss alike; the largest"
    )


#: Limits of which people are told when they are near: those that no sizing fills on purpose.
WATCHED_LIMITS = (
    *("daily_loss", "period_loss", "drawdown_level", "max_drawdown", "stop_loss", "position_count"),
    *("gross_leverage", "maintenance_margin"),
)


class Alerts(Frozen):
    """How people are told, and of what."""

    routes: Routes = Field(Routes(), description="which routes an alert takes, by its level")
    limit_share: float = Field(0.8, gt=0, le=1, description="told when so much of a limit's reach is used")
    limits: tuple[Name, ...] | None = Field(
        WATCHED_LIMITS, description="of which limits; null: of every one that has a distance"
    )
    milestones: Milestones = Field(
        Milestones(), description="a day's profit or loss of which people are told"
    )
    band_sessions: int = Field(
        20, ge=5, le=252, description="sessions over which a strategy is compared with its backtest"
    )
    data_minutes: int = Field(
        60, gt=30, description="minutes after the close by which a session's bars are to be stored"
    )
