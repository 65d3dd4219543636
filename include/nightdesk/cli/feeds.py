"""`feeds` and `ingest`: where bars come from, and how they come into the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from nightdesk.cli.app import app, example
from nightdesk.cli.machine import database
from nightdesk.cli.options import BookName, FeedName, First, Json, Last, check_span
from nightdesk.cli.output import progress, show, table

if TYPE_CHECKING:
    from nightdesk.store.db import Connection

HEADS = ("source", "status", "last success", "last failure", "last error")


@app.command(epilog=example("nightdesk feeds"))
def feeds(json: Json = False) -> None:
    """Tell how every data source fares."""
    with database() as conn:
        rows = health_rows(conn)
    show(
        {"feeds": rows},
        as_json=json,
        text=lambda: table(HEADS, map(feed_cells, rows)) if rows else ["no source was asked yet"],
    )


@app.command(
    epilog=example("nightdesk ingest multi_asset --from 2026-11-02 --to 2026-11-13 --feed files:corrections")
)
def ingest(book: BookName, first: First, last: Last, feed: FeedName = None, json: Json = False) -> None:
    """Bring bars and corporate actions into the store.

    The same fact again writes nothing; a changed value is a new version, and what past sessions saw stays.
    """
    from nightdesk.cli.books import open_book
    from nightdesk.feeds import make
    from nightdesk.feeds.chain import fetch_with_fallback
    from nightdesk.store.bars import save_market
    from nightdesk.store.books import book_record
    from nightdesk.store.health import Health

    check_span(first, last)
    chosen = open_book(book)
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
    document = {
        "book": chosen.name,
        "from": first,
        "to": last,
        "bars": {"new": saved.bars.new, "corrected": saved.bars.corrected, "unchanged": saved.bars.unchanged},
        "actions": {"new": saved.actions.new, "corrected": saved.actions.corrected},
        "missing": {symbol: str(reason) for symbol, reason in fetched.missing.items()},
        "dropped": dict(fetched.dropped),
    }
    show(
        document,
        as_json=json,
        text=lambda: [
            f"{saved.bars.new:,} new bars, {saved.bars.corrected:,} corrected, "
            f"{saved.bars.unchanged:,} known already; {saved.actions.new:,} new corporate actions",
            *(f"without {symbol}: {reason}" for symbol, reason in fetched.missing.items()),
            *(f"{count:,} rows left out: {reason}" for reason, count in fetched.dropped.items()),
        ],
    )


def health_rows(conn: Connection) -> list[dict[str, Any]]:
    """The stored health of every source, with its status in a word."""
    from nightdesk.feeds.breaker import SourceHealth
    from nightdesk.store.db import now
    from nightdesk.store.rows import read_rows

    moment = now(conn)
    rows = []
    for row in read_rows(conn, "feeds_health"):
        health = SourceHealth.from_row({name: value for name, value in row.items() if name != "source"})
        rows.append({"source": row["source"], "status": health.status(moment), **row})
    return rows


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
