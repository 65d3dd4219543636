"""What a book has lost since a week or a month began."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class PeriodLows:
    """The lowest NAV of the running week and month, over the last NAV before each, less 1.

    In the period in which a book begins, its first NAV stands for the one before. At most 0: at its start a
    period has lost nothing.
    """

    week: float = 0.0
    month: float = 0.0


def period_starts(session: date) -> tuple[date, date]:
    """The Monday of the session's week, and the first day of its month."""
    return session - timedelta(days=session.weekday()), session.replace(day=1)


def period_lows(marks: Iterable[tuple[date, Decimal]], session: date) -> PeriodLows:
    """The losses of the week and of the month of a session.

    Parameters
    ----------
    marks : iterable of (session, NAV in dollars)
        Ascending, that of the session last; from the last before its week and month on, where there is one.
    session : date
    """
    known = [(day, nav) for day, nav in marks if day <= session]
    week, month = (_lowest(known, start) for start in period_starts(session))
    return PeriodLows(week, month)


def _lowest(marks: list[tuple[date, Decimal]], start: date) -> float:
    before = [nav for day, nav in marks if day < start]
    within = [nav for day, nav in marks if day >= start]
    base = before[-1] if before else within[0] if within else Decimal(0)
    return min(0.0, float(min(within) / base - 1)) if within and base > 0 else 0.0


#: Those of a book that has lost nothing, or of which no rule asks.
NO_LOSS = PeriodLows()
