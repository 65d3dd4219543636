"""`run` and `replay`: the steps of sessions, in this process instead of Airflow's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.book_commands import open_book
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import (
    NEWEST,
    AsOf,
    BookName,
    FeedName,
    First,
    Inject,
    Json,
    Session,
    check_span,
    day_option,
    one_decision,
)
from nightdesk.cli.output import progress, say, show, table

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.core.schedule import Schedule
    from nightdesk.session.steps import Counts
    from nightdesk.store.db import Connection


@app.command(epilog=example("nightdesk run multi_asset --session newest --dry-run"))
def run(
    book: BookName,
    session: Session = None,
    as_of: AsOf = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Compute and report; keep nothing, send nothing.", show_default=False),
    ] = False,
    feed: FeedName = None,
    inject: Inject = None,
    json: Json = False,
) -> None:
    """Decide one session, or one instant of it: the steps of the DAG, in order.

    Running it again is harmless. Of a session that is sealed (an order of it was sent, or a later session was
    decided) nothing is written: what would differ is counted. Signals are injected into this run alone, and
    stay marked.
    """
    from nightdesk.session.entry import open_context
    from nightdesk.session.sequencing import await_turn
    from nightdesk.session.steps import run_session

    loaded, chosen = open_book(book), one_decision(session, as_of)
    _check_feed(feed)
    with (
        database() as conn,
        open_context(
            book, _when(conn, loaded, chosen), dry_run=dry_run, feed=feed, conn=conn, inject=inject
        ) as context,
    ):
        await_turn(context)  # what is refused for its place in the line leaves nothing
        steps = run_session(context, _tell(context.name))
        rows = [] if dry_run else _rows(conn, context.book, context.session, context.session)
        row = next((one for one in rows if one["as_of"] == context.as_of), None)
    show(
        {
            "book": loaded.name,
            "session": context.session,
            "as_of": context.as_of,
            "dry_run": dry_run,
            "steps": steps,
            "decided": row,
        },
        as_json=json,
        text=lambda: [
            *table(("step", "what it did"), [(step, _in_words(counts)) for step, counts in steps.items()]),
            *(["", *_decided(context.schedule, [row])] if row is not None else []),
        ],
    )


@app.command(
    epilog=example(
        "nightdesk replay multi_asset --from 2026-11-02 --to 2026-11-13",
        "nightdesk replay multi_asset --from 2026-11-02 --rebuild",
    )
)
def replay(
    book: BookName,
    first: First,
    last: Annotated[
        date | None,
        day_option("--to", "Last session; by default the newest."),
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild", help="Decide anew what is decided, from D on (paper only).", show_default=False
        ),
    ] = False,
    feed: FeedName = None,
    json: Json = False,
) -> None:
    """Decide all that a span of sessions holds, in order.

    Sessions that are sealed are computed and compared, and nothing of them is written. With --rebuild they
    and all later ones are decided anew, with the data as it is known now.
    """
    from nightdesk.core.schedule import schedule_of
    from nightdesk.operations.replay import due_decisions, rewind, walk
    from nightdesk.session.entry import open_context
    from nightdesk.session.sequencing import await_turn

    loaded = open_book(book)
    _check_feed(feed)
    if last is not None:
        check_span(first, last)
    schedule = schedule_of(loaded)
    done: dict[str, Mapping[str, Counts]] = {}
    with database() as conn:
        decisions: Sequence[datetime] = due_decisions(conn, schedule, loaded.calendar, first, last)
        with open_context(book, decisions[0], feed=feed, conn=conn) as context:
            if rebuild:
                await_turn(context)
                decisions = sorted({*decisions, *rewind(context)})
            with progress(f"deciding {loaded.name}", len(decisions)) as advance:

                def tell(as_of: datetime, steps: Mapping[str, Counts]) -> None:
                    done[schedule.name_of(as_of)] = steps
                    advance()

                walk(context, decisions, tell, compare=True)
        rows = _rows(conn, loaded, *(schedule.session_of(one) for one in (decisions[0], decisions[-1])))
    differs = {
        day: {step: one for step, one in steps.items() if one.get("differs")} for day, steps in done.items()
    }
    show(
        {"book": loaded.name, "sessions": rows, "differs": {day: one for day, one in differs.items() if one}},
        as_json=json,
        text=lambda: [*_decided(schedule, rows), *_compared(done)],
    )


def _when(conn: Connection, book: Book, chosen: date | datetime | Literal["newest"]) -> date | datetime:
    """The decision that was asked for; of the word, the newest one whose bars are known by now."""
    from nightdesk.core.schedule import schedule_of
    from nightdesk.store.db import now

    return schedule_of(book).latest_completed(now(conn)) if chosen == NEWEST else chosen


def _check_feed(feed: str | None) -> None:
    """Refuse a feed that is none, also where a sealed session would never ask it."""
    from nightdesk.feeds import make

    if feed is not None:
        make(feed)


def _rows(conn: Connection, book: Book, first: date, last: date) -> list[dict[str, Any]]:
    """What a span of sessions decided, a row a decision."""
    from nightdesk.store.decision_rows import silent_strategies
    from nightdesk.store.rows import read_rows

    rows = read_rows(conn, "session_summaries", book=book.name, first=first, last=last)
    return [{**row, "silent": silent_strategies(conn, book.name, row["as_of"])} for row in rows]


def _decided(schedule: Schedule, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the desk decided, a line a decision."""
    from nightdesk.alerts.figures import money, number, percent
    from nightdesk.session.protection_lines import order_words

    cells = [
        (
            schedule.name_of(row["as_of"]),
            f"{row['status']}, degraded" if row["silent"] else row["status"],
            row["regime"] or "",
            number(row["vix"]),
            money(row["nav"]),
            percent(row["day_return"], signed=True),
            order_words(row) or "no orders",
        )
        for row in rows
    ]
    heads = (schedule.noun, "status", "regime", "VIX", "NAV", "day", "orders")
    return table(heads, cells, right=("VIX", "NAV", "day"))


def _compared(done: Mapping[str, Mapping[str, Counts]]) -> Iterator[str]:
    """What a rerun of sealed sessions found: why each was only compared, what differs, and what changed."""
    for name, steps in done.items():
        sealed = [counts for counts in steps.values() if "sealed" in counts]
        if not sealed:
            continue
        differing = [step for step, counts in steps.items() if counts.get("differs")]
        said = f"differs in {', '.join(differing)}" if differing else "the same again"
        changed = next((f"; {counts['changed']}" for counts in sealed if "changed" in counts), "")
        yield f"{name} is sealed ({sealed[-1]['sealed']}) and was compared: {said}{changed}"


def _tell(name: str) -> Callable[[str], None]:
    """Says each step to a person who watches."""
    return (lambda step: say(f"{name} {step}")) if sys.stderr.isatty() else (lambda step: None)


def _in_words(counts: Counts) -> str:
    told = (f"sealed: {value}" if name == "sealed" else f"{name} {value}" for name, value in counts.items())
    return ", ".join(told) or "nothing"
