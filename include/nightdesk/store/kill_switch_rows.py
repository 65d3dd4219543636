"""The kill switch: a fact that people, or the desk itself, set and that decisions read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from nightdesk.core.schedule import Schedule
from nightdesk.store.db import Connection
from nightdesk.store.risk_event_rows import store_risk_fact
from nightdesk.store.rows import LATEST, read_row


@dataclass(frozen=True)
class KillSwitchState:
    """Whether a book may open anything: `on` from the decision after `after` in `session`, said by `who`.

    With `everything`, nothing at all may leave, reductions included. `after` is None where all decisions of
    the session read it.
    """

    on: bool
    reason: str = ""
    who: str = ""
    session: date | None = None
    everything: bool = False
    after: datetime | None = None

    def begins(self, schedule: Schedule | None) -> str:
        """The first decision that reads it, in words; its session where the book's schedule is not known."""
        if self.session is None:
            return ""
        return f"{self.session}" if schedule is None else schedule.name_counted(self.session, self.after)


def kill_switch(
    conn: Connection, book: str, session: date = date.max, as_of: datetime = LATEST
) -> KillSwitchState:
    """The kill switch as the decision at an instant of a session reads it: the newest fact by then.

    By default as it stands, and of a session as its last decision reads it.

    It fails closed: what is not plainly a release keeps the book stopped.
    """
    row = read_row(conn, "kill_switch", book=book, session=session, as_of=as_of)
    if row is None:
        return KillSwitchState(on=False)
    on = row["kind"] != "release"
    whole = on and row["kind"] != "kill"
    return KillSwitchState(on, row["reason"], row["who"], row["session"], whole, row["after_as_of"])


def set_kill_switch(
    conn: Connection,
    book: str,
    *,
    on: bool,
    reason: str,
    who: str,
    session: date,
    after: datetime | None = None,
    everything: bool = False,
    key: str | None = None,
) -> bool:
    """Tell that a book is stopped, or released.

    Parameters
    ----------
    conn : Connection
        Where it is stored.
    book : str
        A started book.
    on : bool
        True to stop it, False to release it.
    reason, who : str
        Why, and the person or step that says so.
    session : date
        Session of the first decision that reads it.
    after : datetime, optional
        The decision after which it counts; default: all decisions of its session read it.
    everything : bool
        Whether reductions are stopped as well.
    key : str, optional
        Names the event: told twice under one key, it is stored once. Default: every call is its own event.

    Returns
    -------
    bool
        Whether it was stored now.

    Raises
    ------
    Refused
        When no reason or person is given.
    """
    kind = ("halt" if everything else "kill") if on else "release"
    return store_risk_fact(
        conn, book, session, kind, reason=reason, who=who, key=key, what="the kill switch", after=after
    )
