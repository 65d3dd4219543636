"""What people are told of a session's results: limits that are near, milestones, strategies off course."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from nightdesk.alerts.figures import money, percent
from nightdesk.alerts.risk_lines import limit_line
from nightdesk.core.reporting_terms import Milestones
from nightdesk.risk import Distance
from nightdesk.session.backtest_bands import placed
from nightdesk.session.context import Context
from nightdesk.session.notices import Condition, Look, notice, speaks
from nightdesk.store.alert_spells import AlertSpell, Kind, open_spells
from nightdesk.store.ledger_rows import read_mark
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.risk_report_rows import read_risk_report

#: A limit that was told as near is so until less than this part of the book's share is used: it may flutter.
ENDS_BELOW = 0.9

#: A move of three steps comes out as 2.999... of them.
_ROUNDING = 1e-9

DayResult = Literal["profit", "loss"]

_LIMITS: tuple[Kind, ...] = ("limit",)
_BANDS: tuple[Kind, ...] = ("band",)


@dataclass(frozen=True, slots=True)
class MilestoneReached:
    """A milestone of a day: the key of the book that says it, its words, and what tells it from others."""

    setting: str
    words: str
    key: str = ""


def tell_results(context: Context) -> int:
    """Tell what the newest session has come to; how many alerts were raised. Of past ones nothing is told."""
    if not speaks(context):
        return 0
    return _tell_limits(context) + _tell_milestone(context) + _tell_bands(context)


def used(distance: Distance) -> float:
    """How much of a limit's reach is used: 1 at the limit, more beyond; NaN where that cannot be said."""
    return 1.0 - distance.room_share


def _tell_limits(context: Context) -> int:
    conn, book, session = context.conn, context.book, context.session
    report = read_risk_report(conn, book.name, context.as_of)
    if report is None:
        return 0
    measured = {f"{one.rule} {one.subject}".strip(): one for one in _watched(context, report.distances)}
    told = open_spells(conn, book.name, _LIMITS)
    share = book.alerts.limit_share

    def near(name: str, one: Distance) -> bool:
        return used(one) >= share * (ENDS_BELOW if ("limit", name) in told else 1.0)

    conditions = [_of_limit(context, name, one) for name, one in measured.items() if near(name, one)]

    def over(spell: AlertSpell) -> str | None:
        one = measured.get(spell.subject)
        if one is None:
            return None  # the position was sold, or the level was passed: that is told by itself
        line = limit_line(one)
        return f"{line.name}: {line.value}, the limit is {line.limit}: {used(one):.0%} of its reach is used."

    return notice(conn, Look(book.name, _LIMITS, context.name, session), conditions, over)


def _watched(context: Context, distances: tuple[Distance, ...]) -> Iterator[Distance]:
    """The limits that the book wants to be told of; correlations are none by themselves."""
    chosen = context.book.alerts.limits
    for one in distances:
        if one.unit != "correlation" and not math.isnan(used(one)) and (chosen is None or one.rule in chosen):
            yield one


def _of_limit(context: Context, name: str, distance: Distance) -> Condition:
    line, part = limit_line(distance), used(distance)
    reach = (
        "it is passed"
        if part > 1.0
        else "it is reached"
        if part == 1.0
        else f"{part:.0%} of its reach is used"
    )
    return Condition(
        "limit",
        name,
        "WARNING",
        f"{line.name}: {line.value}, the limit is {line.limit}: {reach}, at the mark of {context.session}.",
        f"`nightdesk risk {context.book.name}` shows every limit with its room. The rule acts by itself at "
        "its limit; to stop purchases before, use `nightdesk kill`.",
    )


def _tell_milestone(context: Context) -> int:
    book, session = context.book, context.session
    mark = read_mark(context.conn, book.name, context.as_of)
    opens = context.schedule.first_of(session)
    before = read_mark(context.conn, book.name, context.schedule.before(opens))
    if mark is None or before is None:
        return 0
    moved, change = mark.day_return, mark.nav - before.nav
    what: DayResult = "profit" if moved > 0.0 else "loss"
    reached = list(milestones_reached(book.alerts.milestones, moved, change))
    return sum(
        raise_alert(
            context.conn,
            f"milestone {book.name} {session} {what}{one.key}",
            "INFO" if what == "profit" else "WARNING",
            f"{book.name} {session}: a day's {what} of {percent(abs(moved))}",
            f"NAV moved by {money(change, signed=True)} ({percent(moved, signed=True)}) from "
            f"{money(before.nav)} at the close of {before.session} to {money(mark.nav)}: the book's "
            f"milestone is {one.words} (`alerts.milestones.{one.setting}`).\n\n"
            f"The page of the session and `nightdesk status {book.name}` say where it comes from.",
            book=book.name,
            session=session,
        )
        for one in reached
    )


def milestones_reached(terms: Milestones, moved: float, change: Decimal) -> Iterator[MilestoneReached]:
    """The milestones that a day has reached, of steps and of dollars the largest one alone.

    Parameters
    ----------
    terms : Milestones
        The book's.
    moved : float
        NAV / NAV at the close before - 1.
    change : Decimal
        The same in dollars.
    """
    if terms.profit is not None and moved >= terms.profit:
        yield MilestoneReached("profit", percent(terms.profit, signed=True))
    if terms.loss is not None and moved <= terms.loss:
        yield MilestoneReached("loss", percent(terms.loss, signed=True))
    steps = 0 if terms.step is None else math.floor(abs(moved) / terms.step + _ROUNDING)
    if terms.step is not None and steps:
        signed = math.copysign(steps * terms.step, moved)
        yield MilestoneReached("step", percent(signed, signed=True), f" step {steps}")
    if dollars := max((one for one in terms.dollars if one <= abs(change)), default=None):
        signed = math.copysign(dollars, change)
        yield MilestoneReached("dollars", money(Decimal(str(signed)), signed=True), f" dollars {dollars:g}")


def _tell_bands(context: Context) -> int:
    book, session = context.book, context.session
    found = {one.strategy: one for one in placed(context.conn, book, context.as_of)}
    conditions = [
        Condition(
            "band",
            one.strategy,
            "WARNING",
            one.words,
            "Two of a hundred windows of the backtest itself lie outside, so one alert is no proof. Look at "
            f"its trades on the page of the session; `nightdesk backtest {book.name}` over the last sessions "
            "says whether the market or the execution differs.",
        )
        for one in found.values()
        if one.place in ("below", "above")
    ]

    def over(spell: AlertSpell) -> str | None:
        one = found.get(spell.subject)
        return None if one is None else one.words

    return notice(context.conn, Look(book.name, _BANDS, context.name, session), conditions, over)
