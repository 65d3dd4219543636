"""`feeds` and `ingest`: where bars come from, and how they come into the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, FeedName, First, Json, Last, check_span
from nightdesk.cli.output import progress, show, table

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.store.db import Connection

HEADS = ("source", "status", "last success", "last failure", "last error")


@app.command(epilog=example("nightdesk feeds"))
def feeds(json: Json = False) -> None:
    """Tell how every data source fares, of headlines as news:NAME, of facts as KIND:NAME, gravest first.

    And what the newest ingest of each book left out: rows by reason, files that were not read, symbols
    without any bar.
    """
    from nightdesk.store.rows import read_rows

    with database() as conn:
        rows, left_out = health_rows(conn), read_rows(conn, "newest_ingest_notes")
    show({"feeds": rows, "left_out": left_out}, as_json=json, text=lambda: _feeds_lines(rows, left_out))


def _feeds_lines(rows: list[dict[str, Any]], left_out: list[dict[str, Any]]) -> Iterator[str]:
    from nightdesk.alerts.notes import note_words

    if rows:
        yield from table(HEADS, map(feed_cells, rows))
    else:
        yield "no source was asked yet"
    for note in left_out:
        yield f"{note['book']} {note['session']}: {note_words(note)}"


@app.command(
    epilog=example("nightdesk ingest multi_asset --from 2026-11-02 --to 2026-11-13 --feed files:corrections")
)
def ingest(book: BookName, first: First, last: Last, feed: FeedName = None, json: Json = False) -> None:
    """Bring bars and corporate actions into the store, and headlines and facts for a book that reads them.

    The same fact again writes nothing; a changed value is a new version, and what past sessions saw stays.
    """
    from nightdesk.cli.book_commands import open_book
    from nightdesk.feeds import make
    from nightdesk.feeds.chain import fetch_with_fallback
    from nightdesk.feeds.member_lists import read_members
    from nightdesk.store.bar_rows import save_market
    from nightdesk.store.book_rows import book_record
    from nightdesk.store.health_rows import Health

    check_span(first, last)
    chosen = open_book(book)
    if chosen.members is not None:
        chosen = chosen.with_members(read_members(chosen.members.members), first, last)
    names = chosen.feeds.daily if feed is None else (feed,)
    chain = [make(name, calendar=chosen.calendar, continuous=chosen.continuous_symbols) for name in names]
    with database() as conn:
        with progress(f"fetching bars of {chosen.name}"):
            fetched = fetch_with_fallback(chain, chosen.panel_symbols, first, last, Health(conn)).fetched
        record = book_record(conn, chosen.name)
        # What comes before a book ever decided anything is history: it was known when the market made it.
        unstarted = chosen.inception or last + timedelta(days=1)
        inception = unstarted if record is None else record.inception
        saved = save_market(conn, chosen, fetched.bars, fetched.actions, inception=inception)
        news = _news_counts(conn, chosen, first, last)
        facts = _fact_counts(conn, chosen, first, last)
    document = {
        "book": chosen.name,
        "from": first,
        "to": last,
        "bars": {"new": saved.bars.new, "corrected": saved.bars.corrected, "unchanged": saved.bars.unchanged},
        "actions": {"new": saved.actions.new, "corrected": saved.actions.corrected},
        "missing": {symbol: str(reason) for symbol, reason in fetched.missing.items()},
        "dropped": dict(fetched.dropped),
        "passed_over": dict(fetched.passed_over),
        "news": news,
        "facts": facts,
    }
    show(
        document,
        as_json=json,
        text=lambda: [
            f"{saved.bars.new:,} new bars, {saved.bars.corrected:,} corrected, "
            f"{saved.bars.unchanged:,} known already; {saved.actions.new:,} new corporate actions",
            *(f"without {symbol}: {reason}" for symbol, reason in fetched.missing.items()),
            *(f"{count:,} rows left out: {reason}" for reason, count in fetched.dropped.items()),
            *(f"not read: {file}: {why}" for file, why in fetched.passed_over.items()),
            *_news_lines(news),
            *_fact_lines(facts),
        ],
    )


def _news_counts(conn: Connection, book: Book, first: date, last: date) -> dict[str, int | str]:
    """What became of the headlines of a span of sessions; empty for a book without news."""
    import os

    from nightdesk.core.calendar import as_date, get_calendar
    from nightdesk.session.headlines import bring_headlines

    calendar = get_calendar(book.calendar)
    sessions = calendar.between(first, last)
    if not book.feeds.news or not len(sessions):
        return {}
    after = calendar.close_at(calendar.shift(as_date(sessions[0]), -1))
    until = calendar.close_at(as_date(sessions[-1]))
    with progress(f"fetching headlines of {book.name}"):
        return bring_headlines(conn, book, dict.fromkeys(book.feeds.news, after), until, os.environ).counts()


def _news_lines(news: Mapping[str, int | str]) -> Iterator[str]:
    if news:
        yield (
            f"{news['headlines']:,} headlines, {news['new_headlines']:,} of them new, "
            f"{news['corrected_headlines']:,} corrected"
        )
    if "news_failed" in news:
        yield f"news that did not come: {news['news_failed']}"


def _fact_counts(conn: Connection, book: Book, first: date, last: date) -> dict[str, int | str]:
    """What became of the facts of a span of days; empty for a book that reads none."""
    import os

    from nightdesk.core.book_facts import fact_subjects
    from nightdesk.feeds.fact_chain import FactQuestion
    from nightdesk.session.market_facts import bring_facts

    if not fact_subjects(book):
        return {}
    with progress(f"fetching facts of {book.name}"):
        return bring_facts(
            conn, book, lambda kind, name, some: [FactQuestion(some, first)], last, os.environ
        ).counts()


def _fact_lines(facts: Mapping[str, int | str]) -> Iterator[str]:
    if facts:
        yield (
            f"{facts['facts']:,} facts beside prices, {facts['new_facts']:,} of them new, "
            f"{facts['corrected_facts']:,} versions of known ones"
        )
    if "facts_failed" in facts:
        yield f"facts that did not come: {facts['facts_failed']}"
    if "missing_facts" in facts:
        yield f"without facts: {facts['missing_facts']}"


def health_rows(conn: Connection) -> list[dict[str, Any]]:
    """The stored health of every source with its status in a word, the gravest first."""
    from nightdesk.alerts.concerns import sort_sources
    from nightdesk.feeds.breaker import SourceHealth
    from nightdesk.store.db import now
    from nightdesk.store.rows import read_rows

    moment = now(conn)
    rows = []
    for row in read_rows(conn, "feeds_health"):
        health = SourceHealth.from_row({name: value for name, value in row.items() if name != "source"})
        rows.append({"source": row["source"], "status": health.status(moment), **row})
    return sort_sources(rows)


def feed_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of `health_rows` as the cells under `HEADS`."""
    return (
        row["source"],
        row["status"],
        _when(row["last_success"]),
        _when(row["last_failure"]),
        row["last_error"] or "",
    )


def _when(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
