"""`feeds` and `ingest`: where bars come from, and how they come into the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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

    And which of them each book asks, in order, and what its newest ingest left out: rows by reason, files
    that were not read, symbols without any bar.
    """
    from nightdesk.operations.feed_standing import feed_standings
    from nightdesk.store.rows import read_rows

    with database() as conn:
        rows, left_out = feed_standings(conn), read_rows(conn, "newest_ingest_notes")
    asked = _orders()
    document = {"feeds": rows, "asked": asked, "left_out": left_out}
    show(document, as_json=json, text=lambda: _feeds_lines(rows, asked, left_out))


def _orders() -> list[dict[str, Any]]:
    """Which sources each book of the project asks, in order; a file that holds no book is told by `books`."""
    import os

    from nightdesk.session.books import read_books
    from nightdesk.session.context import project_root

    books = read_books(project_root(os.environ) / "books").books.values()
    return [
        {"book": book.name, "kind": kind, "order": order}
        for book in sorted(books, key=lambda one: one.name)
        for kind, order in (
            ("daily", book.feeds.daily),
            ("hourly", book.feeds.hourly),
            ("compare_with", book.feeds.compare_with),
        )
        if order
    ]


def _order_line(row: Mapping[str, Any]) -> str:
    from nightdesk.core.feed_order import order_words

    order = row["order"]
    if row["kind"] != "compare_with":
        return f"{row['book']} asks for {row['kind']} bars: {order_words(order)}"
    named = {key: (name,) for key, name in order.items()} if isinstance(order, Mapping) else (order,)
    return f"{row['book']} compares closes with: {order_words(named)}"


def _feeds_lines(
    rows: list[dict[str, Any]], asked: list[dict[str, Any]], left_out: list[dict[str, Any]]
) -> Iterator[str]:
    from nightdesk.alerts.notes import note_words

    if rows:
        yield from table(HEADS, map(feed_cells, rows))
    else:
        yield "no source was asked yet"
    yield from map(_order_line, asked)
    for note in left_out:
        yield f"{note['book']} {note['session']}: {note_words(note)}"


def _with_all(book: Book, first: date, last: date) -> Book:
    """The book with all that its list names from a day to another, or with the whole pool of its screen."""
    if book.members is None:
        return book
    if book.members.members is None:
        from nightdesk.core.pool_book import with_whole_pool
        from nightdesk.feeds.stock_pool import read_pool

        return with_whole_pool(book, read_pool(book))
    from nightdesk.feeds.member_lists import read_members

    return book.with_members(read_members(book.members.members), first, last)


@app.command(
    epilog=example("nightdesk ingest multi_asset --from 2026-11-02 --to 2026-11-13 --feed files:corrections")
)
def ingest(book: BookName, first: First, last: Last, feed: FeedName = None, json: Json = False) -> None:
    """Bring bars and corporate actions into the store, and headlines and facts for a book that reads them.

    The same fact again writes nothing; a changed value is a new version, and what past sessions saw stays.
    """
    from nightdesk.cli.book_commands import open_book
    from nightdesk.feeds.asking import feeds_asked
    from nightdesk.feeds.chain import fetch_with_fallback
    from nightdesk.feeds.former import with_former_bars
    from nightdesk.store.bar_rows import known_now, save_market
    from nightdesk.store.book_rows import book_record
    from nightdesk.store.health_rows import Health
    from nightdesk.store.panels import read_changes

    check_span(first, last)
    chosen = _with_all(open_book(book), first, last)
    chain = feeds_asked(chosen, chosen.panel_symbols, () if feed is None else (feed,))
    with database() as conn:
        with progress(f"fetching bars of {chosen.name}"):
            asked, health = chosen.panel_symbols, Health(conn)
            came = fetch_with_fallback(chain, asked, first, last, health)
            fetched, failed = came.fetched, {k: v.last_error for k, v in came.health.items() if v.failures}
            if chosen.schedule.rhythm == "daily":
                known = read_changes(conn, last, known_now(conn))
                fetched = with_former_bars(chain, fetched, asked, first, last, health, known=known).fetched
        record = book_record(conn, chosen.name)
        # What comes before a book ever decided anything is history: it was known when the market made it.
        unstarted = chosen.inception or last + timedelta(days=1)
        inception = unstarted if record is None else record.inception
        saved = save_market(conn, chosen, fetched.bars, fetched.actions, inception=inception)
        hours = _hour_counts(conn, chosen, first, last, inception, feed)
        news = _news_counts(conn, chosen, first, last)
        facts, without = _facts_brought(conn, chosen, first, last)
    document = {
        "book": chosen.name,
        "from": first,
        "to": last,
        "bars": {"new": saved.bars.new, "corrected": saved.bars.corrected, "unchanged": saved.bars.unchanged},
        "actions": {"new": saved.actions.new, "corrected": saved.actions.corrected},
        "missing": {symbol: str(reason) for symbol, reason in fetched.missing.items()},
        "dropped": dict(fetched.dropped),
        "passed_over": dict(fetched.passed_over),
        "failed_sources": failed,
        "hours": hours,
        "news": news,
        "facts": facts,
        "facts_left_out": without,
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
            *(f"source {name} failed: {why}" for name, why in failed.items()),
            *_hour_lines(hours),
            *_news_lines(news),
            *_fact_lines(facts, without),
        ],
    )


def _hour_counts(
    conn: Connection, book: Book, first: date, last: date, inception: date, feed: str | None
) -> dict[str, Any]:
    """What became of the hours that sessions are gathered from; empty for a book that asks for none."""
    import os

    from nightdesk.session.coin_hours import bring_coin_hours
    from nightdesk.store.health_rows import Health

    if not book.hour_closes:
        return {}
    instead = () if feed is None else (feed,)
    with progress(f"fetching hours of {book.name}"):
        counts, fetched = bring_coin_hours(
            conn, book, first, last, Health(conn), inception=inception, instead=instead, environ=os.environ
        )
    return {**counts, "missing": {symbol: str(why) for symbol, why in fetched.missing.items()}}


def _hour_lines(hours: Mapping[str, Any]) -> Iterator[str]:
    if hours:
        yield f"{hours['new_hours']:,} new hours, {hours['corrected_hours']:,} corrected"
        yield from (f"without hours of {symbol}: {why}" for symbol, why in hours["missing"].items())


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
    if "news_dropped" in news:
        yield f"headlines left out: {news['news_dropped']}"
    if "news_since" in news:
        yield f"news that sources have no more: {news['news_since']}"


def _facts_brought(
    conn: Connection, book: Book, first: date, last: date
) -> tuple[dict[str, int | str], list[dict[str, Any]]]:
    """What became of the facts of a span of days, and what was left out; empty for a book that reads none."""
    import os

    from nightdesk.core.book_facts import fact_subjects
    from nightdesk.feeds.fact_chain import FactQuestion
    from nightdesk.session.market_facts import bring_facts

    if not fact_subjects(book):
        return {}, []
    with progress(f"fetching facts of {book.name}"):
        brought = bring_facts(
            conn, book, lambda kind, name, some: [FactQuestion(some, first)], last, os.environ
        )
    return brought.counts(), brought.notes()


def _fact_lines(facts: Mapping[str, int | str], without: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    if facts:
        yield (
            f"{facts['facts']:,} facts beside prices, {facts['new_facts']:,} of them new, "
            f"{facts['corrected_facts']:,} versions of known ones"
        )
    if "facts_failed" in facts:
        yield f"facts that did not come: {facts['facts_failed']}"
    reasons: dict[str, list[str]] = {}
    for note in without:
        if note["kind"] == "dropped":
            yield f"{note['rows']:,} facts left out: {note['subject']}"
        else:
            reasons.setdefault(note["detail"], []).append(note["subject"])
    failed = str(facts.get("facts_failed", ""))
    for reason, subjects in reasons.items():
        told = reason.partition(": ")[2] in failed  # said above, of the source as a whole
        yield f"without facts: {', '.join(subjects)}{'' if told else f': {reason}'}"


def feed_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of `feed_standings` as the cells under `HEADS`."""
    return (
        row["source"],
        row["status"],
        _when(row["last_success"]),
        _when(row["last_failure"]),
        row["last_error"] or "",
    )


def _when(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
