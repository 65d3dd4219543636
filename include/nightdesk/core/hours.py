"""Panels of hours: hourly bars laid out on the instants of a schedule, beside the sessions they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Sessions, as_date
from nightdesk.core.corporate.judgement import JudgedActions, judge_actions
from nightdesk.core.corporate.soundness import Prices, sound_bars
from nightdesk.core.gathering import HourlyBars as HourlyBars
from nightdesk.core.gathering import SessionHours
from nightdesk.core.panel import Action, Column, Floats, Hours, Panel, lay_events
from nightdesk.core.schedule import Instants, Schedule

#: Decimal places of a mean of prices, as a fill's price has: what a sum of floats adds is no part of it.
PRICE_PLACES = 6

_BAR = ("open", "high", "low", "close", "volume")

#: What a row without an action holds, by field of the panel.
_QUIET = {"dividend": 0.0, "split": 1.0, "unexplained": np.nan}


def session_hours(schedule: Schedule, before: date, last: date, bars: HourlyBars) -> SessionHours:
    """Hours for a panel of a daily schedule: of the sessions after `before`, itself one, up to `last`."""
    return SessionHours(bars, schedule.instants(before, last), np.timedelta64(schedule.delay))


def build_hourly_panel(
    schedule: Schedule,
    days: Panel,
    columns: Sequence[Column],
    bars: HourlyBars,
    actions: Sequence[Action] = (),
    *,
    first: date | None = None,
) -> Panel:
    """Lay hourly bars out on the decision instants of the sessions of `days`.

    Corporate actions are judged by the first hour of their session, and count from it on. Where a person
    accepted a session, that holds for all of its hours.

    Parameters
    ----------
    schedule : Schedule
        An hourly one.
    days : Panel
        Of the same columns, from the book's origin on.
    columns : sequence of Column
        The symbols, in the order of the panel's columns.
    bars : HourlyBars
        Rows that end at no instant of the schedule are left out, but for continuous markets, whose hours are
        gathered into the instant that follows them. A symbol without any hour has no bar in any row.
    actions : sequence of Action
        As for `nightdesk.core.panel.build_panel`.
    first : date, optional
        First session of the hours; default: that of `days`.

    Returns
    -------
    Panel
        With NaN where no bar is; `Panel.hours` holds `days`.
    """
    instants = schedule.instants(first or as_date(days.sessions[0]), as_date(days.sessions[-1]))
    sessions = schedule.sessions_of(instants)
    opens = schedule.opens_session(instants)
    row = np.searchsorted(days.sessions, sessions)
    laid = _lay(instants, columns, bars)
    own: dict[str, Any] = {name: laid[name] for name in _BAR}
    dated = [one for one in actions if not _of_index(columns, one)]
    judged = _judged(sessions, columns, own, dated)
    events = lay_events(days.sessions, columns, [one for one in dated if one not in judged.refused])
    return Panel(
        sessions=sessions,
        symbols=tuple(column.symbol for column in columns),
        **own,
        fill_open=laid["open"],
        fill_low=laid["low"],
        fill_high=laid["high"],
        fill_volume=laid["first_volume"],
        adjustment=judged.adjustment[np.cumsum(opens) - 1],
        **_at_open(judged, opens),
        accepted=judged.accepted[np.cumsum(opens) - 1],
        events=tuple(events[day] if begins else () for day, begins in zip(row, opens, strict=True)),
        findings=judged.findings,
        hours=_hours(schedule, instants, row, laid["mean"], days),
    )


def _hours(schedule: Schedule, instants: Instants, row: NDArray[np.intp], mean: Floats, days: Panel) -> Hours:
    """What stands beside the bars; `row` is the session of each instant as a row of `days`."""
    opens = schedule.opens_session(instants)
    closes = np.append(opens[1:], True)
    return Hours(
        instants=instants,
        day=np.where(closes, row, row - 1),
        opens=opens,
        closes=closes,
        mean=mean,
        days=days,
        periods_a_year=schedule.periods_a_year,
    )


def _at_open(judged: JudgedActions, opens: NDArray[np.bool_]) -> dict[str, Any]:
    """What counts of each session, in its first hour; in the others, nothing."""
    out: dict[str, Floats] = {}
    for name, quiet in _QUIET.items():
        of_sessions: Floats = getattr(judged, name)
        out[name] = np.full((len(opens), of_sessions.shape[1]), quiet)
        out[name][opens] = of_sessions
    return out


def _of_index(columns: Sequence[Column], action: Action) -> bool:
    return any(one.index and one.symbol == action.symbol for one in columns)


def _lay(instants: Instants, columns: Sequence[Column], bars: HourlyBars) -> dict[str, Floats]:
    """Bars by row and column: of each row what its hours add up to, and what its first hour offers.

    A plain symbol has one hour a row at most; that of a market that never closes, as many as have passed
    since the instant before. All of them begin after the decision before.
    """
    shape = (len(instants), len(columns))
    continuous = np.array([column.continuous for column in columns], dtype=bool)
    row = np.searchsorted(instants, bars.end)
    inside = (row < len(instants)) & (bars.end > instants[0] - np.timedelta64(1, "h"))
    on_grid = instants[np.minimum(row, len(instants) - 1)] == bars.end
    kept = np.flatnonzero(inside & (on_grid | continuous[bars.column]))
    cell = row[kept] * shape[1] + bars.column[kept]
    order = np.lexsort((bars.end[kept], cell))
    cell, kept = cell[order], kept[order]
    begins = np.flatnonzero(np.append(True, cell[1:] != cell[:-1])[: len(cell)])
    ends = np.append(begins[1:], len(cell))[: len(begins)] - 1
    value = {name: getattr(bars, name)[kept] for name in _BAR}
    laid = {
        "open": value["open"][begins],
        "high": np.maximum.reduceat(value["high"], begins),
        "low": np.minimum.reduceat(value["low"], begins),
        "close": value["close"][ends],
        "volume": np.add.reduceat(value["volume"], begins),
        "first_volume": value["volume"][begins],
        "mean": np.round(
            (value["open"] + value["high"] + value["low"] + value["close"])[begins] / 4.0, PRICE_PLACES
        ),
    }
    out: dict[str, Floats] = {name: np.full(shape, np.nan) for name in laid}
    for name, of_cells in laid.items():
        out[name].flat[cell[begins]] = of_cells
    return out


def _judged(
    sessions: Sessions, columns: Sequence[Column], hours: dict[str, Floats], actions: Sequence[Action]
) -> JudgedActions:
    """The verdicts on actions, by the first hour of each session against the last one of that before.

    So a verdict is known with the first hour and no later one changes it.
    """
    days, starts = np.unique(sessions, return_index=True)
    row, length = np.arange(len(sessions))[:, None], len(sessions)
    sound = sound_bars(*(hours[name] for name in ("open", "high", "low", "close")))
    newest = (
        np.maximum.reduceat(np.where(sound, row, -1), starts) if length else np.zeros((0, len(columns)), int)
    )
    closing = np.take_along_axis(hours["close"], np.maximum(newest, 0), axis=0)
    prices = Prices(
        **{name: hours[name][starts] for name in ("open", "high", "low", "close")},
        closing=np.where(newest >= 0, closing, np.nan),
    )
    return judge_actions(days, tuple(column.symbol for column in columns), prices, actions)
