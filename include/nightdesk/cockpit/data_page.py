"""The data behind decisions: what is held back and why, how sources fare, how fresh facts and bars are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from nightdesk.alerts.notes import note_words
from nightdesk.cockpit.screen import ROWS_A_PAGE, AScreen, Screen
from nightdesk.core.errors import Refused
from nightdesk.core.feed_order import order_words
from nightdesk.operations.feed_standing import feed_standings
from nightdesk.store.cockpit_data_rows import (
    FactsReached,
    FindingRow,
    IngestRow,
    OpenQuarantine,
    facts_reached,
    left_out,
    newest_findings,
    newest_ingests,
    news_reached,
    open_quarantines,
    past_quarantines,
)
from nightdesk.store.db import Connection, now

router = APIRouter()

TONES = {"open circuit": "loss", "degraded": "warn", "healthy": "gain"}


@dataclass(frozen=True)
class SourceStanding:
    """A source: its status in a word with the tone of it, the circuit, and what it last did."""

    source: str
    status: str
    tone: str
    circuit: str
    failures: int
    last_success: datetime | None
    last_failure: datetime | None
    last_error: str
    silent_for: timedelta | None
    answer_took: timedelta | None


@dataclass(frozen=True)
class DataView:
    """What the page of the data shows.

    Attributes
    ----------
    open : tuple of OpenQuarantine
        What the newest decision of each book holds back, the longest first.
    findings : list of dict
        What it was warned of or stopped by.
    sources : tuple of SourceStanding
        The gravest first.
    asked : tuple of (book, kind, words)
        Which sources each readable book asks, in order.
    ingests : tuple of IngestRow
    left_out : tuple of (dict, str)
        What the newest ingest of each book did not take in, and the same in words.
    facts : tuple of FactsReached
        The oldest first.
    news : list of dict
    past : tuple of FindingRow
        The newest first; `older` is the address of the next page.
    """

    book: str
    open: tuple[OpenQuarantine, ...]
    findings: list[dict[str, Any]]
    sources: tuple[SourceStanding, ...]
    asked: tuple[tuple[str, str, str], ...]
    ingests: tuple[IngestRow, ...]
    left_out: tuple[tuple[dict[str, Any], str], ...]
    facts: tuple[FactsReached, ...]
    news: list[dict[str, Any]]
    past: tuple[FindingRow, ...]
    before: str
    older: str
    newest: str


def data_view(screen: Screen, book: str = "", before: str = "") -> DataView:
    """What stands against the data of one book, or of all that the visitor may see."""
    books = (book,) if book else screen.started
    conn = screen.conn
    until = None if not before else _instant(before)
    past = past_quarantines(conn, books, rows=ROWS_A_PAGE, before=until)
    return DataView(
        book=book,
        open=open_quarantines(conn, books),
        findings=newest_findings(conn, books),
        sources=tuple(_sources(conn)),
        asked=tuple(_asked(screen, books)),
        ingests=newest_ingests(conn, books),
        left_out=tuple((one, note_words(one)) for one in left_out(conn, books)),
        facts=facts_reached(conn, books),
        news=news_reached(conn, books),
        past=past,
        before=before,
        older=screen.address("data", book=book, before=past[-1].as_of.isoformat())
        if len(past) >= ROWS_A_PAGE
        else "",
        newest=screen.address("data", book=book),
    )


@router.get("/data")
def data(screen: AScreen, book: str = "", before: str = "") -> HTMLResponse:
    """The page of the data."""
    if book:
        screen.must_be_started(book)
    view = data_view(screen, book, before)
    return screen.render("data.html.j2", view, title="Data", book=book, tab="data")


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refused(f"before: found {text[:40]!r}; expected an instant such as 2026-11-20T21:00:00Z")
    return found


def _sources(conn: Connection) -> Iterator[SourceStanding]:
    """Every source that was ever asked, the gravest first."""
    moment = now(conn)
    for row in feed_standings(conn):
        half = row["opened_at"] is not None
        answered = row["last_success"]
        yield SourceStanding(
            source=row["source"],
            status=row["status"],
            tone=TONES[row["status"]],
            circuit="open" if row["status"] == "open circuit" else "half open" if half else "closed",
            failures=row["failures"],
            last_success=answered,
            last_failure=row["last_failure"],
            last_error=row["last_error"] or "",
            silent_for=None if answered is None else moment - answered,
            answer_took=None if row["answer_seconds"] is None else timedelta(seconds=row["answer_seconds"]),
        )


def _asked(screen: Screen, books: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """The sources of bars of each readable book, by kind, in the order in which they are asked."""
    for name in books:
        known = screen.books.get(name)
        if known is None:
            continue
        feeds = known.feeds
        kinds: Mapping[str, Any] = {
            "daily": feeds.daily,
            "hourly": feeds.hourly,
            "compare with": _as_lists(feeds.compare_with),
            "news": feeds.news,
        }
        for kind, order in kinds.items():
            if order:
                yield name, kind, order_words(order)


def _as_lists(said: str | Mapping[str, str] | None) -> Any:
    """A choice of one source as an order of one."""
    if isinstance(said, Mapping):
        return {key: (name,) for key, name in said.items()}
    return () if said is None else (said,)
