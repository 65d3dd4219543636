"""No one clock decides alone that a session is over, or that an order may leave.

The database's clock is the desk's. It is compared with this process's when a session is opened, and with the
broker's before a real account is settled and before an order is sent. Where two differ, nothing is done.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nightdesk.core.errors import BadRequest, Transient
from nightdesk.store.db import Connection, now
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.server_clock import gap, read_clocks

if TYPE_CHECKING:
    from nightdesk.brokers import Broker
    from nightdesk.core.schedule import Schedule
    from nightdesk.session.context import Context

#: So far may two clocks be apart. Clocks that are kept by NTP agree within a second.
CLOCK_BOUND = timedelta(seconds=60)

_SET_IT = "Set the clock that is wrong (`timedatectl` shows whether NTP keeps it)"


class ClocksDiffer(Transient):
    """Two clocks differ, and nobody knows which is right: trying again heals it once one was set."""


def await_over(conn: Connection, schedule: Schedule, as_of: datetime, asked: datetime | None = None) -> None:
    """Wait for a decision's bars to be known, where that takes no longer than two clocks may be apart.

    A scheduler starts a run by its own clock, which may be a few seconds ahead of the database's. Where the
    clocks were asked for with other things, `asked` is the instant before that.

    Raises
    ------
    ClocksDiffer
        When the database's clock is not this process's.
    BadRequest
        When they are not known yet.
    """
    clocks = read_clocks(conn, asked)
    if abs(clocks.ahead) > CLOCK_BOUND:
        raise ClocksDiffer(
            f"the clock of the database ({clocks.at:%Y-%m-%d %H:%M:%S} UTC) is "
            f"{_ahead(clocks.ahead, 'that of this process')}: no session is decided while they are more than "
            f"{CLOCK_BOUND.total_seconds():.0f} s apart. {_SET_IT}"
        )
    known, at = schedule.known_from(as_of), clocks.at
    while timedelta() < known - at <= CLOCK_BOUND:
        time.sleep((known - at).total_seconds())
        at = now(conn)
    newest = schedule.latest_completed(at)
    if as_of > newest:
        raise BadRequest(
            f"{schedule.name_of(as_of)} is not over: its bars are known from {known:%Y-%m-%d %H:%M} UTC on; "
            f"the newest {schedule.noun} that can be decided is {schedule.name_of(newest)}"
        )


def agreed_clock(context: Context, broker: Broker) -> datetime:
    """The broker's instant; a real broker's agrees with the database's, and is past the decision's instant.

    Raises
    ------
    ClocksDiffer
        When it does not, or is not: people were told, and nothing may be decided by either.
    Unreachable, Unreadable
        When the broker does not tell its clock.
    """
    if broker.simulated:
        return broker.clock()
    clock, apart = _compared(context, broker)
    if abs(apart) > CLOCK_BOUND:  # one answer may be an old one
        clock, apart = _compared(context, broker)
    if abs(apart) <= CLOCK_BOUND and clock >= context.as_of:
        return clock
    book, name = context.book.name, context.name
    found = (
        f"the clock of the database ({now(context.conn):%Y-%m-%d %H:%M:%S} UTC) is "
        f"{_ahead(apart, f'that of the broker ({clock:%Y-%m-%d %H:%M:%S} UTC)')}"
        if abs(apart) > CLOCK_BOUND
        else f"the broker's clock says {clock:%Y-%m-%d %H:%M:%S} UTC, before {_end_of(context)}"
    )
    what = (
        f"{found}. Nothing is settled and no order leaves while they are more than "
        f"{CLOCK_BOUND.total_seconds():.0f} s apart. {_SET_IT}; the step is tried again by itself, and later "
        f"`nightdesk run {book} {context.option}` does the same"
    )
    subject = f"{book}: the clocks of database and broker differ, nothing is settled or sent"
    raise_alert(
        context.conn, f"clocks {book} {name}", "CRITICAL", subject, what, book=book, session=context.session
    )
    raise ClocksDiffer(f"{book} {name}: {what}")


def _end_of(context: Context) -> str:
    """The instant of the decision in words."""
    daily = context.schedule.kind == "daily"
    return f"the close of {context.session}" if daily else f"the end of the bar of {context.name}"


def _compared(context: Context, broker: Broker) -> tuple[datetime, timedelta]:
    """The broker's clock, and how far the database's is ahead of it."""
    asked = now(context.conn)
    clock = broker.clock()
    return clock, -gap(clock, asked, now(context.conn))


def _ahead(apart: timedelta, other: str) -> str:
    """How far a clock is ahead of another, or behind it, in words."""
    seconds = round(abs(apart).total_seconds())
    return f"{timedelta(seconds=seconds)} {'ahead of' if apart > timedelta() else 'behind'} {other}"
