"""A step that fails and is tried again: told at its second failure, long before the last, and once through.

A dead source of data is one event: what a book's ingest tells of is not told of its sources again.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from nightdesk.core.book import load_book
from nightdesk.core.errors import NightdeskError
from nightdesk.core.feed_order import named_feeds
from nightdesk.session.context import book_path
from nightdesk.session.notices import wait_for_turn
from nightdesk.store.alert_spells import Kind, begin_spell, end_spell, got_through, open_spells
from nightdesk.store.db import Connection, transaction
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.rows import read_rows

#: The first failure may be an accident.
TOLD_FROM = 2

INGEST = "ingest"

_RETRY: tuple[Kind, ...] = ("retry",)
_FEED: tuple[Kind, ...] = ("feed",)


def tell_retry(
    conn: Connection,
    root: Path,
    book: str,
    session: date,
    step: str,
    *,
    name: str,
    failures: int,
    tries: int,
    error: str,
    link: str,
) -> bool:
    """Tell that a step of a book fails and is tried again, once a spell; whether it was told now.

    Parameters
    ----------
    conn : Connection
        Where it is stored.
    root : Path
        The project.
    book, session, step
        What fails.
    name : str
        What people call the decision.
    failures, tries : int
        How many tries have failed, and how many there are.
    error, link : str
        The newest error, and where its log is read.
    """
    if failures < TOLD_FROM:
        return False
    with transaction(conn):
        wait_for_turn(conn, book)
        if ("retry", step) in open_spells(conn, book, _RETRY):
            return False
        begin_spell(conn, book, "retry", step, "WARNING", session)
        if step == INGEST:
            told = open_spells(conn, "", _FEED)
            for source in _failing_sources(conn, root, book):
                if ("feed", source) not in told:
                    begin_spell(conn, "", "feed", source, "WARNING", session)
        return raise_alert(
            conn,
            f"retry {book} {name} {step} {link}",
            "WARNING",
            f"{book} {name}: {step} fails, and is tried again",
            f"{step} of {book} {name} has failed {failures} times of {tries} that it has, at last with: "
            f"{error}\nLog: {link}\n\nIt is tried again, after a longer wait each time; nothing needs to be "
            "done where the cause passes. `nightdesk feeds` shows how the sources of data fare, `nightdesk "
            "status` how the desk stands.",
            book=book,
            session=session,
        )


def tell_through(conn: Connection) -> int:
    """Tell of each step that was told to fail and has got through since; how many alerts were raised."""
    raised = 0
    for spell in got_through(conn):
        with transaction(conn):
            wait_for_turn(conn, spell.book)
            end_spell(conn, spell.spell_id)
            raised += raise_alert(
                conn,
                f"through {spell.spell_id}",
                "INFO",
                f"{spell.book} {spell.session}: {spell.step} is through",
                f"{spell.step} of {spell.book} {spell.session}, which had failed, got through at "
                f"{spell.ended_at:%Y-%m-%d %H:%M} UTC.",
                book=spell.book,
                session=spell.session,
            )
    return raised


def _failing_sources(conn: Connection, root: Path, book: str) -> list[str]:
    """The book's sources of bars that fail, as is remembered; none of a book that cannot be read."""
    try:
        daily = named_feeds(load_book(book_path(book, root)).feeds.daily)
    except NightdeskError:
        return []
    rows = read_rows(conn, "feeds_health")
    return [row["source"] for row in rows if row["source"] in daily and row["failures"]]
