"""Where the bars of a decision came from, for its page."""

from __future__ import annotations

from nightdesk.alerts.session_page import SourceLine
from nightdesk.feeds.breaker import SourceHealth
from nightdesk.session.context import Context
from nightdesk.store.bars_hourly import OF_HOURS
from nightdesk.store.rows import read_rows


def is_sample(line: SourceLine) -> bool:
    """Whether a line is of the made-up market."""
    return line.source.removesuffix(OF_HOURS) == "sample"


def bar_sources(context: Context) -> tuple[SourceLine, ...]:
    """The sources of the session's bars, of the hour's too, and how they fare."""
    conn = context.conn
    symbols, known_by = list(context.book.panel_symbols), context.known_by()
    day = {"first": context.session, "last": context.session, "known_by": known_by}
    given = {row["source"]: row["bars"] for row in read_rows(conn, "bar_sources", symbols=symbols, **day)}
    if context.is_hourly:
        of_hour = read_rows(conn, "hour_sources", symbols=symbols, as_of=context.as_of, known_by=known_by)
        given = {**given, **{f"{row['source']}{OF_HOURS}": row["bars"] for row in of_hour}}
    health = {row["source"]: row for row in read_rows(conn, "feeds_health")}
    lines = []
    for source, bars in given.items():
        known = SourceHealth.from_row(health.get(source.removesuffix(OF_HOURS)))
        # An error that was overcome is no word on a source that is well again.
        lines.append(
            SourceLine(source, known.lasting_status(), bars, known.last_error if known.failures else "")
        )
    return tuple(lines)
