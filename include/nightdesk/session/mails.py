"""The mails of a book: made with the report of its newest session, raised when that is closed.

So nobody is sent a session that may still be decided otherwise, and a mail server that is down, or a mail
that cannot be made, is no failure of a step. A past session makes none.
"""

from __future__ import annotations

import calendar as months
import logging
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from nightdesk.alerts.mail_lines import DailyMail, MailLinks, PeriodDay, PeriodMail
from nightdesk.alerts.mail_page import daily_mail, period_mail, web_links
from nightdesk.alerts.result_lines import TargetLine, target_lines
from nightdesk.alerts.session_page import NavPoint
from nightdesk.core.calendar import as_date
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO
from nightdesk.core.reporting_terms import IN_DOLLARS
from nightdesk.orders.slippage import Slippage
from nightdesk.performance import judge_targets
from nightdesk.session.notices import speaks
from nightdesk.store.db import transaction
from nightdesk.store.ledger_rows import read_marks
from nightdesk.store.mail_rows import (
    StoredMail,
    benchmark_return_by,
    failed_steps,
    is_overdue,
    keep_mail,
    profits_between,
    raise_mails,
    trades_between,
    warnings_of_session,
)
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.run_rows import newest_attempts

if TYPE_CHECKING:
    from nightdesk.accounting.ledger import Mark
    from nightdesk.alerts.session_page import SessionReport
    from nightdesk.session.context import Context

log = logging.getLogger("nightdesk.alerts")

PeriodKind = Literal["weekly", "monthly"]

#: Airflow's own word for the address of its web UI.
BASE_URL = "AIRFLOW__API__BASE_URL"

#: A summary whose last session was not told, since the machine slept, is made up for so many days.
OVERDUE = timedelta(days=10)


def keep_mails(context: Context, page: SessionReport) -> int:
    """Make the mails that are due with a session's report, and keep them; how many.

    What goes wrong with one is a WARNING and no error: the session is decided, and its page stands.
    """
    if not _tells(context):
        return 0
    try:
        with transaction(context.conn):
            made = list(_due(context, page))
            for mail in made:
                keep_mail(context.conn, mail)
        return len(made)
    except Exception as error:
        log.exception("mail_not_made book=%s session=%s", context.book.name, context.name)
        raise_alert(
            context.conn,
            f"mail not made {context.book.name} {context.name}",
            "WARNING",
            f"{context.book.name} {context.session}: its mail could not be made",
            f"{type(error).__name__}: {error}\n\nThe session is decided and its page is complete. "
            f"`nightdesk mail {context.book.name} --session {context.session}` tries again.",
            book=context.book.name,
            session=context.session,
        )
        return 0


def tell_mails(context: Context) -> int:
    """Raise the mails that the report of a session has made; how many. For the transaction that closes it."""
    return raise_mails(context.conn, context.book.name, context.as_of) if _tells(context) else 0


def session_mail(context: Context, page: SessionReport) -> StoredMail:
    """The mail of a decided session."""
    conn, book = context.conn, context.book.name
    failed = failed_steps(conn, book, context.as_of)
    warnings = warnings_of_session(conn, book, context.session)
    return daily_mail(DailyMail(page, failed, warnings, links_of(context)))


def summary_mail(context: Context, kind: PeriodKind, *, last: date, sample: bool) -> StoredMail:
    """The mail of the week or month of a session, with what of it is decided up to that.

    Parameters
    ----------
    context : Context
        The decision by which it is made.
    kind : str
        ``"weekly"`` or ``"monthly"``.
    last : date
        The newest session that it tells of.
    sample : bool
        Whether bars behind it are generated.

    Raises
    ------
    Refused
        When none of its sessions is settled.
    """
    conn, book = context.conn, context.book
    sessions = period_sessions(context, kind, last)
    marks = {one.session: one for one in read_marks(conn, book.name, last=context.as_of)}
    own = [marks[day] for day in sessions if day <= last and day in marks]
    if not own:
        raise Refused(
            f"{book.name} has decided no session from {sessions[0]} to {last}: name one that it has decided"
        )
    before = [mark for day, mark in marks.items() if day < own[0].session]
    opening = before[-1] if before else own[0]
    days, strategies, slippage = _days(context, own)
    return period_mail(
        PeriodMail(
            book=book.name,
            title=book.label,
            kind=kind,
            name=period_name(kind, last),
            as_of=context.as_of,
            missing=len(sessions) - len(own),
            opening=NavPoint(opening.session, opening.nav, opening.drawdown),
            days=days,
            strategies=strategies,
            slippage=slippage,
            benchmark=book.benchmark,
            benchmark_return=_benchmark_return(context, opening.session, own[-1].session),
            targets=_targets(context, days),
            sample=sample,
            links=links_of(context),
        )
    )


def _targets(context: Context, days: tuple[PeriodDay, ...]) -> tuple[TargetLine, ...]:
    """Of the book's targets those in dollars a session, met or missed by these sessions."""
    aimed = {name: one for name, one in context.book.targets.items() if name in IN_DOLLARS}
    reached = {"profit_daily": float(sum((one.profit for one in days), ZERO)) / len(days)}
    return target_lines(judge_targets(aimed, reached))


def period_sessions(context: Context, kind: PeriodKind, session: date) -> tuple[date, ...]:
    """The sessions of the ISO week or month of a session, from the book's inception on."""
    if kind == "weekly":
        first = session - timedelta(days=session.weekday())
        last = first + timedelta(days=6)
    else:
        first = session.replace(day=1)
        last = session.replace(day=months.monthrange(session.year, session.month)[1])
    first = max(first, context.record.inception)
    return tuple(as_date(one) for one in context.calendar.between(first, last))


def period_name(kind: PeriodKind, session: date) -> str:
    """A week or month in words: ``week 47 of 2026``, ``November 2026``."""
    if kind == "monthly":
        return f"{session:%B %Y}"
    year, week, _ = session.isocalendar()
    return f"week {week} of {year}"


def links_of(context: Context) -> MailLinks:
    """Where the session's page and its run are in the web UI."""
    attempts = newest_attempts(context.conn, context.book.name, context.as_of)
    task = next((one.task for one in reversed(attempts.values()) if one.task is not None), context.task)
    return web_links(context.environ.get(BASE_URL) or "", context.book.name, context.as_of, task)


def _tells(context: Context) -> bool:
    """Whether people are sent the decision's session: it is the last one in it, and the newest of all."""
    wanted = context.book.report.mail
    if not (wanted.daily or wanted.weekly or wanted.monthly):
        return False
    return context.as_of == context.schedule.last_of(context.session) and speaks(context)


def _due(context: Context, page: SessionReport) -> list[StoredMail]:
    """The session's mail and the summaries that end with it, or ended before and were not raised."""
    wanted = context.book.report.mail
    made = [session_mail(context, page)] if wanted.daily else []
    kinds: tuple[tuple[PeriodKind, bool], ...] = (("weekly", wanted.weekly), ("monthly", wanted.monthly))
    for kind, is_wanted in kinds:
        last = _ended(context, kind) if is_wanted else None
        if last is not None:
            made.append(summary_mail(context, kind, last=last, sample=page.sample))
    return made


def _ended(context: Context, kind: PeriodKind) -> date | None:
    """The last session of the week or month whose summary is due with this one; None where none is."""
    sessions = period_sessions(context, kind, context.session)
    if sessions[-1] == context.session:
        return context.session
    before = context.calendar.shift(sessions[0], -1)
    if before < context.record.inception or context.session - before > OVERDUE:
        return None
    return before if is_overdue(context.conn, context.book.name, kind, before) else None


def _days(
    context: Context, own: list[Mark]
) -> tuple[tuple[PeriodDay, ...], tuple[tuple[str, Decimal], ...], Slippage]:
    """Each session of a period, the profit by strategy, and the slippage of all."""
    conn, book = context.conn, context.book.name
    first, last = own[0].session, own[-1].session
    profits, trades = profits_between(conn, book, first, last), trades_between(conn, book, first, last)
    sums: dict[str, Decimal] = {}
    of_day: dict[date, Decimal] = {}
    for (day, strategy), profit in profits.items():
        sums[strategy] = sums.get(strategy, ZERO) + profit
        of_day[day] = of_day.get(day, ZERO) + profit
    days = []
    for mark in own:
        traded = trades.get(mark.session)
        spent = {} if traded is None else {"fees": traded.commission, "slippage": traded.realised}
        days.append(
            PeriodDay(
                mark.session, mark.nav, of_day.get(mark.session, ZERO), mark.day_return, mark.drawdown,
                0 if traded is None else traded.trades, **spent,
            )
        )  # fmt: skip
    moved = sorted(((name, sums[name]) for name in sums if name or sums[name]), key=_rank)
    whole = Slippage(
        sum((one.notional for one in trades.values()), ZERO),
        sum((one.expected for one in trades.values()), ZERO),
        sum((one.realised for one in trades.values()), ZERO),
    )
    return tuple(days), tuple(moved), whole


def _rank(line: tuple[str, Decimal]) -> tuple[bool, Decimal, str]:
    """The largest profit first, what no strategy moved last."""
    return not line[0], -line[1], line[0]


def _benchmark_return(context: Context, before: date, last: date) -> float:
    """The benchmark between two sessions, a share; NaN where it is not known."""
    start = benchmark_return_by(context.conn, context.book.name, before)
    end = benchmark_return_by(context.conn, context.book.name, last)
    return float("nan") if start is None or end is None else (1.0 + end) / (1.0 + start) - 1.0
