"""What the mails of a session, a week and a month say, before they are written."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from nightdesk.alerts.concerns import Concern
from nightdesk.alerts.result_lines import TargetLine
from nightdesk.alerts.risk_lines import LimitLine, limit_line
from nightdesk.alerts.session_page import NavPoint, SessionReport
from nightdesk.core.money import ZERO
from nightdesk.orders.slippage import Slippage
from nightdesk.store.mail_rows import FailedStep

#: So many limits with room are shown, the nearest first; those without room are shown all.
NEAREST_LIMITS = 4

Warnings = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class MailLinks:
    """Addresses in the desk's web UI: the session's page, its run; empty where they are not known."""

    page: str = ""
    run: str = ""


@dataclass(frozen=True)
class DailyMail:
    """What the mail of one decided session says.

    Attributes
    ----------
    page : SessionReport
        What the page of the session says.
    failed : tuple of FailedStep
        Steps that failed on the way, those that came through in the end included.
    warnings : tuple of (level, subject)
        What else was raised of the session beyond INFO, the gravest first.
    links : MailLinks
    """

    page: SessionReport
    failed: tuple[FailedStep, ...] = ()
    warnings: Warnings = ()
    links: MailLinks = field(default_factory=MailLinks)

    @property
    def nearest(self) -> tuple[LimitLine, ...]:
        """The limits without room, then the nearest others; `heat` stands by itself."""
        risk = self.page.risk
        if risk is None:
            return ()
        others = (
            one
            for one in risk.report.distances
            if one.rule != "heat"
            and one.unit != "correlation"
            and one.state == "within"
            and math.isfinite(one.room_share)
        )
        within = sorted(others, key=lambda one: one.room_share)[:NEAREST_LIMITS]
        reached = (one for one in risk.reached if one != self.heat)
        return (*reached, *map(limit_line, within))

    @property
    def heat(self) -> LimitLine | None:
        """Heat beside its limit; None where the book or the regime sets none."""
        distances = () if self.page.risk is None else self.page.risk.report.distances
        return next((limit_line(one) for one in distances if one.rule == "heat"), None)


@dataclass(frozen=True)
class UndecidedMail:
    """What the mail of a session says that was not decided.

    `standing` says in a sentence how far it came; `newest` is the book at the newest mark before, None where
    there is none. The rest is as of `DailyMail`.
    """

    book: str
    title: str
    session: date
    as_of: datetime
    standing: str
    newest: NavPoint | None = None
    concerns: tuple[Concern, ...] = ()
    failed: tuple[FailedStep, ...] = ()
    warnings: Warnings = ()
    links: MailLinks = field(default_factory=MailLinks)
    zone: str = "America/New_York"


@dataclass(frozen=True)
class PeriodDay:
    """One session of a week or month.

    `nav`, `profit`, `fees` (commission) and `slippage` (a cost where positive) are dollars; `day_return` and
    `drawdown` (below the highest NAV ever) shares; `trades` counts fills.
    """

    session: date
    nav: Decimal
    profit: Decimal
    day_return: float
    drawdown: float
    trades: int = 0
    fees: Decimal = ZERO
    slippage: Decimal = ZERO


@dataclass(frozen=True)
class PeriodMail:
    """What the mail of a week or month says.

    Attributes
    ----------
    kind : str
        ``"weekly"`` (an ISO week) or ``"monthly"``.
    name : str
        The period in words, such as ``2026, week 47``.
    missing : int
        Sessions of it that are not decided, or not over yet.
    opening : NavPoint
        Where it began: the newest mark before its first session, or its first at the book's inception.
    days : tuple of PeriodDay
        Ascending; at least one.
    strategies : tuple of (strategy, dollars)
        Profit of the period, the largest first; that of no strategy last, under an empty name.
    slippage : Slippage
        Of all fills together.
    benchmark, benchmark_return : str, float
        Its return over the same sessions, a share; NaN where it is not known.
    targets : tuple of TargetLine
        The book's targets that a few sessions have an answer to: those in dollars a session.
    """

    book: str
    title: str
    kind: Literal["weekly", "monthly"]
    name: str
    as_of: datetime
    missing: int
    opening: NavPoint
    days: tuple[PeriodDay, ...]
    strategies: tuple[tuple[str, Decimal], ...] = ()
    slippage: Slippage = field(default_factory=Slippage)
    benchmark: str = ""
    benchmark_return: float = math.nan
    targets: tuple[TargetLine, ...] = ()
    sample: bool = False
    links: MailLinks = field(default_factory=MailLinks)

    @property
    def last(self) -> PeriodDay:
        return self.days[-1]

    @property
    def profit(self) -> Decimal:
        """Dollars, of all its sessions together."""
        return sum((one.profit for one in self.days), ZERO)

    @property
    def period_return(self) -> float:
        """The returns of its sessions, chained."""
        return math.prod(1.0 + one.day_return for one in self.days) - 1.0

    @property
    def best(self) -> PeriodDay:
        return max(self.days, key=lambda one: one.day_return)

    @property
    def worst(self) -> PeriodDay:
        return min(self.days, key=lambda one: one.day_return)

    @property
    def deepest(self) -> PeriodDay:
        """The session with the deepest drawdown."""
        return max(self.days, key=lambda one: one.drawdown)

    @property
    def trades(self) -> int:
        return sum(one.trades for one in self.days)

    @property
    def fees(self) -> Decimal:
        """Commission, dollars."""
        return sum((one.fees for one in self.days), ZERO)

    @property
    def path(self) -> tuple[NavPoint, ...]:
        """Value and drawdown from its opening on."""
        marks = (NavPoint(one.session, one.nav, one.drawdown) for one in self.days)
        return tuple({one.session: one for one in (self.opening, *marks)}.values())
