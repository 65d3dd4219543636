"""The panel of a book as it was known at an instant, read from the stored bars and actions."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.hours import session_hours
from nightdesk.core.names import NameChange, former_names
from nightdesk.core.panel import Action, Bars, Panel, book_columns, build_panel
from nightdesk.core.schedule import daily
from nightdesk.store.ahead import NamedQuery, reading_once
from nightdesk.store.binary import columns_by_number, copy_out, days
from nightdesk.store.db import Connection, cursor
from nightdesk.store.hour_reading import read_hours
from nightdesk.store.queries import query
from nightdesk.store.rows import read_rows
from nightdesk.store.stored_bars import BAR_TYPES, FIELDS


def read_changes(conn: Connection, last: date, known_by: datetime) -> tuple[NameChange, ...]:
    """The changes of name up to a day that were known at an instant."""
    found = read_rows(conn, "name_changes", last=last, known_by=known_by)
    return tuple(NameChange(one["symbol"], one["other"], np.datetime64(one["session"], "D")) for one in found)


def read_panel(conn: Connection, book: Book, first: date, last: date, known_by: datetime) -> Panel:
    """The panel of `book` over the sessions from `first` to `last`.

    Parameters
    ----------
    conn : Connection
        Where it is read.
    book : Book
        Says the calendar and the columns, `book.panel_symbols`, each with its history under former names.
    first, last : date
        Sessions, both included.
    known_by : datetime
        Of every bar and action the version that was known at this instant; one not known by then is absent.

    Returns
    -------
    Panel
        With NaN where no bar was known.
    """
    calendar = get_calendar(book.calendar)
    before = calendar.shift(first, -1)
    # hours of a former name are not looked up, so the days of an hourly book are not continued either
    changes = read_changes(conn, last, known_by) if book.schedule.rhythm == "daily" else ()
    symbols = (*book.panel_symbols, *former_names(book.panel_symbols, changes))
    span = {"symbols": list(symbols), "first": first, "last": last, "known_by": known_by}
    numbered, acted = (
        NamedQuery("symbol_numbers", {"symbols": list(symbols)}),
        NamedQuery("panel_actions", span),
    )
    with reading_once(conn, [numbered, acted]):
        ids = {
            row["symbol"]: row["symbol_id"] for row in read_rows(conn, numbered.query_name, **numbered.values)
        }
        found = read_rows(conn, acted.query_name, **acted.values)
    with cursor(conn) as cur:
        span = {"symbols": list(ids.values()), "first": before, "last": last, "known_by": known_by}
        rows = copy_out(cur, cur.mogrify(query("panel_bars"), span), BAR_TYPES)
    column_of = columns_by_number(ids, symbols)
    bars = Bars(
        column=column_of[rows["symbol_id"]],
        day=days(rows["session"]),
        **{name: rows[name] for name in FIELDS},
    )
    hours = None
    if book.hour_closes:
        after, until = calendar.close_at(before), calendar.close_at(last)
        of_hours = read_hours(conn, symbols, after, until, known_by, only=tuple(book.hour_closes))
        hours = session_hours(daily(calendar), before, last, of_hours)
    return build_panel(
        calendar.between(first, last),
        book_columns(book),
        bars,
        [Action(day=np.datetime64(one.pop("session")), **one) for one in found],
        previous_session=np.datetime64(before),
        hours=hours,
        changes=changes,
    )
