"""The kill switch: a fact that people, or the desk itself, set and that decisions read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from nightdesk.store.db import Connection
from nightdesk.store.risk_event_rows import store_risk_fact
from nightdesk.store.rows import read_row


@dataclass(frozen=True)
class KillSwitchState:
    """Whether a book may open anything: `on` from `session`, said by `who` for `reason`.

    With `everything`, nothing at all may leave, reductions included.
    """

    on: bool
    reason: str = ""
    who: str = ""
    session: date | None = None
    everything: bool = False


def kill_switch(conn: Connection, book: str, session: date) -> KillSwitchState:
    """The kill switch as the decision of a session reads it: the newest fact that counts by then.

    It fails closed: what is not plainly a release keeps the book stopped.
    """
    row = read_row(conn, "kill_switch", book=book, session=session)
    if row is None:
        return KillSwitchState(on=False)
    on = row["kind"] != "release"
    return KillSwitchState(on, row["reason"], row["who"], row["session"], on and row["kind"] != "kill")


def set_kill_switch(
    conn: Connection,
    book: str,
    *,
    on: bool,
    reason: str,
    who: str,
    session: date,
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
        First session whose decision reads it.
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
    return store_risk_fact(conn, book, session, kind, reason=reason, who=who, key=key, what="the kill switch")
