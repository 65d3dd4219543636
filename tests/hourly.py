"""Hours for tests: small panels by hand, and the real ones of the shared market."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from nightdesk.core.calendar import get_calendar
from nightdesk.core.hours import HourlyBars, build_hourly_panel
from nightdesk.core.panel import Action, Bars, Column, Panel, build_panel
from nightdesk.core.schedule import Instants, hourly

XNYS = get_calendar("XNYS")
HOURLY = hourly(XNYS)


def instants_of(first: date, last: date) -> Instants:
    return HOURLY.instants(first, last)


def panel_of_hours(
    rows: Sequence[tuple[int, str, float]],
    columns: Sequence[Column],
    first: date,
    last: date,
    actions: Sequence[Action] = (),
) -> Panel:
    """Hours of column, end and close, their open at close - 1, their volume 100 × close; no daily bars."""
    close = np.array([row[2] for row in rows], dtype=float)
    column = np.array([row[0] for row in rows], dtype=np.intp)
    values = {"open": close - 1, "high": close + 2, "low": close - 2, "close": close, "volume": close * 100}
    nothing = {name: np.zeros(0) for name in values}
    no_bars = Bars(column=np.zeros(0, np.intp), day=np.zeros(0, "datetime64[D]"), **nothing)
    days = build_panel(XNYS.between(first, last), columns, no_bars)
    bars = HourlyBars(column=column, end=np.array([row[1] for row in rows], dtype="datetime64[s]"), **values)
    return build_hourly_panel(HOURLY, days, columns, bars, actions)


def random_hours(seed: int, sessions: int = 90, split: int | None = 40, gaps: float = 0.02) -> Panel:
    """Hours and days of AAA, BBB and SPY from October 2019 on; AAA splits in session `split`.

    The share `gaps` of the hours has no bar.
    """
    rng = np.random.default_rng(seed)
    columns = [Column("AAA"), Column("BBB"), Column("SPY")]
    days = XNYS.between(date(2019, 10, 1), date(2022, 12, 30))[:sessions]
    first, last = days[0].item(), days[-1].item()
    ends = instants_of(first, last)
    session = np.searchsorted(days, HOURLY.sessions_of(ends))
    moves = rng.normal(0, 0.004, (len(ends), 3))
    close = 100.0 * np.exp(np.cumsum(moves, axis=0))
    actions = []
    if split is not None:
        close[session >= split, 0] /= 2.0
        actions = [Action("AAA", days[split], "split", 2.0)]
    high, low = close * 1.003, close * 0.997
    volume = rng.integers(1_000, 9_000, close.shape).astype(float)
    row, column = np.nonzero(rng.random(close.shape) >= gaps)
    laid = {"open": (high + low) / 2, "high": high, "low": low, "close": close, "volume": volume}
    bars = HourlyBars(column=column, end=ends[row], **{name: one[row, column] for name, one in laid.items()})
    closing = np.append(session[1:] != session[:-1], True)
    day, of_column = np.nonzero(np.ones((len(days), 3), dtype=bool))
    daily = Bars(
        column=of_column, day=days[day], **{name: one[closing][day, of_column] for name, one in laid.items()}
    )
    return build_hourly_panel(HOURLY, build_panel(days, columns, daily, actions), columns, bars, actions)
