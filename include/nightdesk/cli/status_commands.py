"""`status` and `verify`: how the desk stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.account_commands import account_documents
from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, Json
from nightdesk.cli.output import show
from nightdesk.cli.status_lines import position_line, told

if TYPE_CHECKING:
    from nightdesk.accounting.ledger import Mark
    from nightdesk.alerts.position_lines import HoldingLine
    from nightdesk.core.schedule import Schedule
    from nightdesk.operations.fileless import Fileless
    from nightdesk.store.db import Connection
    from nightdesk.store.risk_state_rows import LeftState


@app.command(epilog=example("nightdesk status", "nightdesk status multi_asset --json"))
def status(
    book: Annotated[str | None, typer.Argument(metavar="BOOK", help="This book alone.")] = None,
    json: Json = False,
) -> None:
    """Tell how the desk stands.

    Of each started book what stands against it, the value, the day's profit, positions, open orders, last
    and next decision, and alerts; and how the sources of data fare. The gravest stands first.
    """
    import os

    from nightdesk.core.errors import Refused
    from nightdesk.operations.feed_standing import feed_standings
    from nightdesk.operations.fileless import fileless_books
    from nightdesk.session.context import project_root
    from nightdesk.store.book_rows import started_books

    with database() as conn:
        names = [record.book for record in started_books(conn)]
        if book is not None and book not in names:
            started = ", ".join(names) or "none"
            raise Refused(
                f"book {book!r} was never started: started books are {started} (`nightdesk up` starts them)"
            )
        lacking = {one.book: one for one in fileless_books(conn, project_root(os.environ))}
        books = sorted(
            (_standing(conn, name, lacking.get(name)) for name in names if book in (None, name)),
            key=lambda one: (one["state"].rank, one["book"]),
        )
        others = [] if book is not None else _other_alerts(conn, names)
        feeds = feed_standings(conn)
    show(
        {"books": books, "alerts": others, "feeds": feeds},
        as_json=json,
        text=lambda: told(books, others, feeds),
    )


@app.command(epilog=example("nightdesk verify multi_asset"))
def verify(book: BookName, json: Json = False) -> None:
    """Rebuild positions and cash from the ledger, and compare.

    Status 1 when anything stored does not follow from the ledger's entries to the cent.
    """
    from nightdesk.cli.book_commands import open_book
    from nightdesk.core.schedule import schedule_of
    from nightdesk.operations.verify import verify as rebuild

    loaded = open_book(book)
    name, noun = loaded.name, schedule_of(loaded).noun
    with database() as conn:
        found = rebuild(conn, name)
    lines = [str(one) for one in found.differences]
    show(
        {"book": name, "sessions": found.sessions, "entries": found.entries, "differences": lines},
        as_json=json,
        text=lambda: [
            f"{name}: {found.sessions:,} {noun}s rebuilt from {found.entries:,} entries, "
            f"{len(lines)} differences",
            *lines,
        ],
    )
    if lines:
        typer.echo(f"nightdesk: the ledger of {name} does not verify: {len(lines)} differences", err=True)
        raise typer.Exit(1)


def _standing(conn: Connection, book: str, fileless: Fileless | None) -> dict[str, Any]:
    """All that `status` tells of one book."""
    import os

    from nightdesk.alerts.concerns import gravest
    from nightdesk.alerts.position_lines import by_symbol
    from nightdesk.cli.risk_commands import drawdown_document
    from nightdesk.machine.standing import schedule_in
    from nightdesk.operations.book_concerns import concerns_of
    from nightdesk.operations.screen_standing import screen_lines
    from nightdesk.operations.trading_stage import right_of_started
    from nightdesk.session.context import project_root
    from nightdesk.session.foreign_orders import words_of
    from nightdesk.session.pair_lines import pair_lines
    from nightdesk.session.protection_lines import protection_lines
    from nightdesk.session.unsent_orders import unsent_notes
    from nightdesk.store.decision_rows import newest_decisions, silent_strategies
    from nightdesk.store.foreign_order_rows import foreign_orders
    from nightdesk.store.holdings import stale_holdings_of
    from nightdesk.store.kill_switch_rows import kill_switch
    from nightdesk.store.ledger_rows import dated_marks
    from nightdesk.store.member_rows import not_members
    from nightdesk.store.risk_state_rows import newest_risk_state
    from nightdesk.store.rows import LATEST, read_rows
    from nightdesk.store.run_rows import latest_closed
    from nightdesk.store.screen_rows import off_in_session

    schedule = schedule_in(project_root(os.environ), book)

    def name(decision: Mapping[str, Any]) -> str:
        return f"{decision['session']}" if schedule is None else schedule.name_of(decision["as_of"])

    newest = newest_decisions(conn, book, newest=1)
    dated = dated_marks(conn, book)
    marks, settled = list(dated.values()), next(reversed(dated), None)
    positions = [] if settled is None else _positions(conn, book, settled, marks[-1])
    held = {row["symbol"] for row in positions}
    checked = None if not newest else newest[0]["as_of"]
    left = frozenset(() if checked is None else not_members(conn, book, checked))
    closed = latest_closed(conn, book)
    killed, stood = kill_switch(conn, book), newest_risk_state(conn, book)
    lacking = "" if fileless is None else f"{fileless.words} {fileless.todo}"
    against = concerns_of(conn, book, schedule, lacking)
    unsent = [] if checked is None else unsent_notes(conn, book, checked)
    right = right_of_started(conn, book)
    foreign = [words_of(one) for one in foreign_orders(conn, book)]
    return {
        "book": book,
        "state": gravest(against),
        "without_file": None if fileless is None else fileless.words,
        "right": None if right is None else {"stage": right.stage, "share": right.share, "why": right.why},
        "concerns": [{"state": one.state, "about": one.about, "words": one.words} for one in against],
        "noun": "session" if schedule is None else schedule.noun,
        "last_session": {**newest[0], "name": name(newest[0])} if newest else None,
        "next_decision": _following(conn, book, schedule),
        "silent": () if checked is None else silent_strategies(conn, book, checked),
        **_day(marks, "" if settled is None else name({"as_of": settled, "session": marks[-1].session})),
        "kill_switch": {"on": killed.on, "since": killed.session, "who": killed.who, "reason": killed.reason},
        "level": None if stood is None else _level(conn, book, stood),
        "drawdown": None if stood is None else drawdown_document(stood.state),
        "by_strategy": [] if settled is None else _by_strategy(conn, book, marks[-1].session, settled),
        "since_inception": _since_inception(conn, book, marks),
        "data": _data(conn, book, newest[0] if newest else None, schedule, left - held),
        "accounts": account_documents(conn, book, several_only=True),
        "positions": positions,
        "notices": _notices(conn, book, newest[0]["session"] if newest else None),
        "leaving": sorted(held & left),
        "screen": screen_lines(conn, book),
        "off": {} if not newest else off_in_session(conn, book, newest[0]["session"], LATEST),
        "pairs": () if closed is None else pair_lines(conn, book, closed),
        "protections": () if closed is None else protection_lines(conn, book, closed),
        "factors": {} if checked is None else _factors(conn, book, checked),
        "by_symbol": [_document(one) for one in by_symbol(map(position_line, positions))],
        "stale": [] if settled is None else stale_holdings_of(conn, book, settled),
        "unsent": unsent,
        "foreign_orders": foreign,
        "open_orders": [{**row, "name": name(row)} for row in read_rows(conn, "open_orders", book=book)],
        "alerts": _open_alerts(conn, book, 10),
    }


def _factors(conn: Connection, book: str, decided: datetime) -> dict[str, dict[str, float | None]]:
    """What the book shows of its newest decision, by symbol and factor; None where a value is missing."""
    from nightdesk.core.errors import Refused
    from nightdesk.session.factors_shown import factors_shown
    from nightdesk.store.book_rows import stored_book

    try:
        kept = stored_book(conn, book)
    except Refused:  # of a version that is gone; that the book cannot be read is a concern of its own
        return {}
    return {} if kept is None else factors_shown(conn, kept, decided).document


def _positions(conn: Connection, book: str, settled: datetime, marked: Mark) -> list[dict[str, Any]]:
    """What the strategies hold at the newest mark, with profit and weight."""
    from nightdesk.store.ledger_rows import positions_of

    return [
        {**row, "profit": row["market_value"] - row["cost"], "weight": row["market_value"] / marked.nav}
        for row in positions_of(conn, book, settled)
        if row["quantity"]
    ]


def _notices(conn: Connection, book: str, session: date | None) -> list[dict[str, Any]]:
    """Options that end early by what was stated: in the newest session, and in those to come."""
    from nightdesk.cli.contract_commands import notice_documents

    return notice_documents(conn, book, session, session or date.min)


def _day(marks: Sequence[Mark], name: str) -> dict[str, Any]:
    """The newest mark under its name, and what the day has brought; None without a mark, or without a day."""
    if not marks:
        return {"mark": None, "profit": None, "day_return": None}
    marked = marks[-1]
    before = next((one for one in reversed(marks) if one.session < marked.session), None)
    return {
        "mark": {**{field: getattr(marked, field) for field in marked.__slots__}, "name": name},
        "profit": None if before is None else marked.nav - before.nav,
        "day_return": None if before is None else float(marked.nav / before.nav - 1),
    }


def _following(conn: Connection, book: str, schedule: Schedule | None) -> dict[str, Any] | None:
    """The first decision that is not closed, from when on it can be made, and how many can be by now.

    None where the book's schedule is not known.
    """
    from nightdesk.session.gaps import first_missing
    from nightdesk.store.book_rows import book_record
    from nightdesk.store.db import now

    record = book_record(conn, book)
    if schedule is None or record is None:
        return None
    completed = schedule.latest_completed(now(conn))
    as_of = first_missing(conn, book, record.inception, schedule)
    return {
        "as_of": as_of,
        "name": schedule.name_of(as_of),
        "known_from": schedule.known_from(as_of),
        "option": schedule.option_of(as_of),
        "behind": max(0, schedule.index(completed) - schedule.index(as_of) + 1),
    }


def _data(
    conn: Connection,
    book: str,
    decided: Mapping[str, Any] | None,
    schedule: Schedule | None,
    gone: frozenset[str],
) -> dict[str, Any]:
    """What the checks of a decision found but of what is `gone`, and what its ingest left out."""
    from nightdesk.store.health_rows import ingest_notes, quarantines_at, read_findings

    if decided is None:
        return {"session": None, "checks": [], "left_out": []}
    session, as_of = decided["session"], decided["as_of"]
    begun = {
        symbol: f"{one['first_session']}" if schedule is None else schedule.name_of(one["first_as_of"])
        for symbol, one in quarantines_at(conn, book, session, as_of).items()
    }
    return {
        "session": session,
        "checks": [
            {**row, "since": begun.get(row["symbol"]) if row["outcome"] == "quarantined" else None}
            for row in read_findings(conn, book, as_of)
            if row["outcome"] != "passed" and row["symbol"] not in gone
        ],
        "left_out": ingest_notes(conn, book, as_of),
    }


def _level(conn: Connection, book: str, stood: LeftState) -> dict[str, Any]:
    """The drawdown level after a decision, and what a person has said of it."""
    from nightdesk.risk.moves import in_short

    answer = _answer(conn, book)
    state = stood.state
    return {
        "session": stood.session,
        "level": state.level,
        "drawdown": state.drawdown,
        "in_words": in_short(state if answer is None else answer["state"]),
        "answer": None if answer is None else answer["told"],
    }


def _answer(conn: Connection, book: str) -> dict[str, Any] | None:
    """What a person has said of the level where a book stands: `told`, and the `state` that it makes."""
    import os
    from dataclasses import replace

    from nightdesk.core.book import load_book
    from nightdesk.core.errors import NightdeskError
    from nightdesk.operations.approval import answer_words, newest_answer
    from nightdesk.session.context import book_path, project_root

    found = newest_answer(conn, book)
    if found is None:
        return None
    said, state = found
    try:
        read = load_book(book_path(book, project_root(os.environ)))
    except NightdeskError:
        read = None
    return {
        "told": {
            "kind": said.kind,
            "who": said.who,
            "reason": said.reason,
            "counts_from": said.session,
            "in_words": answer_words(said, state, read),
        },
        "state": state if said.kind == "reject" else replace(state, answered_by=said.who),
    }


def _document(one: HoldingLine) -> dict[str, Any]:
    """A symbol with all strategies together, by the names of `positions`."""
    return {
        "symbol": one.symbol,
        "quantity": one.quantity,
        "price": one.price,
        "market_value": one.value,
        "weight": one.weight,
        "profit": one.profit,
        "strategies": [part.strategy for part in one.parts],
    }


def _open_alerts(conn: Connection, book: str | None, newest: int) -> list[dict[str, Any]]:
    """Alerts that nobody has acknowledged, the gravest first; mails ask for nothing."""
    from nightdesk.cli.alert_commands import listed_alerts

    return [
        row for row in listed_alerts(conn, book, newest=newest, mails=False) if row["acknowledged_at"] is None
    ]


def _by_strategy(conn: Connection, book: str, session: date, as_of: datetime) -> list[dict[str, Any]]:
    """The profit of the day up to the newest decision by strategy, as reports have kept it."""
    from nightdesk.store.performance_rows import performance_rows, performance_so_far

    return performance_rows(performance_so_far(conn, book, session, as_of))


def _since_inception(conn: Connection, book: str, marks: Sequence[Mark]) -> dict[str, Any] | None:
    """Returns of the book and its benchmark up to the newest report; None before the second session."""
    from nightdesk.performance.nav import a_year
    from nightdesk.store.performance_rows import newest_benchmark

    beside = newest_benchmark(conn, book)
    if beside is None:
        return None
    # Of several decisions in a session the last one stands for it: results are those from close to close.
    told = list({one.session: one for one in marks if one.session <= beside.session}.values())
    if len(told) < 2:
        return None
    own, sessions = float(told[-1].nav / told[0].nav), len(told) - 1
    return {
        "since": told[0].session,
        "until": beside.session,
        "sessions": len(told),
        "total_return": own - 1.0,
        "annual_return": a_year(own, sessions),
        "benchmark": beside.symbol,
        "benchmark_total_return": beside.total_return,
        "benchmark_annual_return": a_year(1.0 + beside.total_return, sessions),
        "excess_total_return": own - 1.0 - beside.total_return,
    }


def _other_alerts(conn: Connection, started: list[str]) -> list[dict[str, Any]]:
    """Open alerts of the desk itself and of books that were never started."""
    return [row for row in _open_alerts(conn, None, 50) if row["book"] not in started]
