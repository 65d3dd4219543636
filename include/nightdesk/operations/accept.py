"""A person takes a price as it is that waits in quarantine: a dated fact of the market, for every book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np

from nightdesk.core.book import Book, load_book
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.core.schedule import schedule_of
from nightdesk.session.context import beginning, book_path, project_root, with_all_listed
from nightdesk.store.action_rows import PERSON
from nightdesk.store.bar_rows import known_now, save_market
from nightdesk.store.bars_hourly import read_hourly_panel
from nightdesk.store.book_rows import book_record
from nightdesk.store.db import Connection, now
from nightdesk.store.panels import read_panel


@dataclass(frozen=True)
class Accepted:
    """A price that was taken as it is.

    `price` is the newest close of the session in raw dollars; `again` says that it had been accepted before,
    so that nothing was stored.
    """

    symbol: str
    session: date
    price: float
    again: bool


def accept(
    conn: Connection,
    book: str | Path,
    symbol: str,
    session: date,
    *,
    reason: str,
    who: str,
    environ: Mapping[str, str],
) -> Accepted:
    """Store that a person takes the price of a session as it is; of an hourly book, those of all its hours.

    It is known from now on: a decision that was made keeps what it saw, the next one measures from this
    price. Bars are shared, so it holds for every book with that symbol.

    Parameters
    ----------
    conn : Connection
        In autocommit.
    book : str or Path
        By whose limits the price waits; a name, or the path of a YAML file.
    symbol : str
    session : date
    reason, who : str
        Why, and the person who says so; kept as the fact's note.
    environ : mapping of str to str
        The environment, for the project's folder.

    Raises
    ------
    Refused
        An unknown symbol, a day that is no session or not over, a price that does not wait for an answer
        (with what does), or no reason or person.
    """
    from nightdesk.feeds.acceptance import must_be_a_session_of, must_wait
    from nightdesk.feeds.feed import action_frame, bar_frame

    if not reason.strip() or not who.strip():
        raise Refused("accepting a price wants a reason and a person: who says so, and why?")
    loaded = with_all_listed(conn, load_book(book_path(book, project_root(environ))))
    must_be_a_session_of(loaded, symbol, session)
    schedule = schedule_of(loaded)
    decision = schedule.latest_completed(now(conn))
    newest = schedule.session_of(decision)
    if session > newest:
        raise Refused(f"{session} is not over: the newest session with a price to accept is {newest}")
    record = book_record(conn, loaded.name) or beginning(loaded, session)
    panel = _panel(conn, loaded, record.origin, decision)
    # of hours, the newest one of the session
    t = int(np.searchsorted(panel.sessions, np.datetime64(session, "D"), side="right")) - 1
    n = panel.column(symbol)
    again = session >= record.origin and bool(panel.accepted[t, n])
    if not again:
        must_wait(panel, loaded, symbol, session)
        fact = {
            "symbol": [symbol],
            "session": [np.datetime64(session, "s")],
            "kind": ["accept"],
            "value": [1.0],
            "source": [PERSON],
            "note": [f"{who.strip()}: {reason.strip()}"],
        }
        save_market(conn, loaded, bar_frame({}), action_frame(fact), inception=record.inception)
    return Accepted(symbol, session, float(panel.last_close[t, n]), again)


def _panel(conn: Connection, book: Book, origin: date, decision: datetime) -> Panel:
    """What a decision of the book would see now."""
    if book.schedule.rhythm == "daily":
        return read_panel(conn, book, origin, schedule_of(book).session_of(decision), known_now(conn))
    return read_hourly_panel(conn, book, origin, decision, known_now(conn))
