"""`backtest`: a book over history, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.book_commands import open_book
from nightdesk.cli.options import (
    Accepts,
    BookName,
    FeedName,
    FileFormat,
    First,
    Inject,
    Json,
    Keep,
    KeepBand,
    Kills,
    Last,
    Note,
    Notices,
    Out,
    ReleaseAfter,
    Releases,
    Settings,
    processors,
    settings,
)
from nightdesk.cli.output import progress, show, table
from nightdesk.cli.spans import begin
from nightdesk.cli.trial_counting import CountedTrials, count_in_ledger

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.engine import Injection
    from nightdesk.research.backtest.data import FetchedBars
    from nightdesk.research.backtest.decided_span import Start
    from nightdesk.research.backtest.run import Result
    from nightdesk.risk import RiskEvent
    from nightdesk.store.db import Connection


@app.command(
    epilog=example(
        "nightdesk backtest multi_asset --from 2020-01-02 --to 2022-12-30 --feed files:bars --out build/run",
        "nightdesk backtest multi_asset --from 2024-01-02 --to 2025-12-31 --set costs.slippage=0.001",
    )
)
def backtest(
    book: BookName,
    first: First,
    last: Last,
    feed: FeedName = None,
    set_: Settings = None,
    kill: Kills = None,
    release: Releases = None,
    release_after: ReleaseAfter = None,
    inject: Inject = None,
    accept: Accepts = None,
    notices: Notices = None,
    out: Out = None,
    format_: FileFormat = "csv",
    keep_band: KeepBand = False,
    keep: Keep = False,
    note: Note = "",
    json: Json = False,
) -> None:
    """Decide a span of sessions in memory, and say what came of it.

    The functions are those of the daily run. The book begins with its capital at the first session of the
    span; its factors begin 504 sessions before, as many more as they need, or at its own origin. --out
    writes tables, figures and a tear sheet; nothing is stored, but by --keep its figures and its course
    (`backtests` lists them), and by --keep-band the band of each strategy's results. A price that jumps waits
    in quarantine to the end, unless --accept takes it as it is. Where the desk's database is at hand, what is
    no exercise counts among the book's trials.
    """
    from nightdesk.accounting.exercise_notices import read_notices
    from nightdesk.cli.data_notes import market_document
    from nightdesk.research.backtest.metrics import metrics
    from nightdesk.research.backtest.result_files import result_files
    from nightdesk.research.backtest.run import backtest as simulate
    from nightdesk.research.tear_sheet.sheet_origin import origin_of_bars
    from nightdesk.research.tear_sheet.tear_sheet import tear_sheet

    if keep_band:
        _refuse_exercise(set_, kill, release, release_after, inject)
    if keep:
        _refuse_to_keep(kill, release, inject, notices, accept)
    elif note:
        raise typer.BadParameter("a note goes with --keep", param_hint="'--note'")
    named = open_book(book, settings(set_))
    start = begin(named, first, last)
    injected = () if inject is None else read_injections(inject, start)
    noticed = () if notices is None else read_notices(notices, start.book)
    with progress(f"reading bars of {named.name}"):
        market = start.read(feed, accept or ())
    with progress(f"deciding {start.sessions:,} sessions"):
        drills = _drills(kill, release)
        with nullcontext() if out is None else result_files(out, format_, processors()) as files:
            follow = None if files is None else files.follow
            result = simulate(
                start.book,
                market.panel,
                start.inception,
                last,
                drills,
                injected=injected,
                notices=noticed,
                release_after=release_after,
                follow=follow,
            )
            figures = metrics(result)
            if files is not None:
                exercises = _exercises(injected, drills, release_after, noticed)
                told = origin_of_bars(market, notes=start.notes, changes=settings(set_), exercises=exercises)
                files.finish(result, figures, tear_sheet(result, figures, told))
    counted = CountedTrials(why_not="an exercise is no result of the book")
    if not (kill or release or inject or notices):
        counted = _count(result, market, settings(set_), release_after)
    bands = _keep_bands(named, result, tuple(market.sources)) if keep_band else {}
    kept = None
    if keep:
        kept = _keep(named, start, result, tuple(market.sources), note, settings(set_), release_after)
    document = {
        "book": named.name,
        "from": start.inception,
        "to": start.last,
        "sessions": start.sessions,
        "universe": list(start.notes),
        **market_document(market),
        "injected": len(injected),
        "notices": [str(one) for one in noticed],
        "funding": list(result.notes),
        "accepted": figures["accepted"],
        "stale": [
            {"first": one.first, "last": one.last, "ongoing": one.ongoing, **asdict(one.newest)}
            for one in result.stale_spells
        ],
        "killed": [asdict(one) for one in result.killed_spells],
        "booked_actions": _booked_actions(result),
        "out": out,
        "format": None if out is None else format_,
        "bands": bands,
        "kept": kept,
        "trials": counted.document(),
        "metrics": figures,
    }
    show(document, as_json=json, text=lambda: _summary(document))


#: Figures that people are told, in this order, by what they are; metrics.json holds all of them.
RETURNS = (
    "total_return",
    "benchmark_total_return",
    "excess_total_return",
    "annual_return",
    "benchmark_annual_return",
    "excess_annual_return",
)
SHARES = (
    "annual_volatility",
    "max_drawdown",
    "max_drawdown_since_reset",
    "win_rate",
    "turnover_monthly",
    "exposure",
    "cost_drag",
)
RATIOS = ("sharpe", "sortino", "calmar", "profit_factor", "beta")
COUNTS = ("orders", "fills", "max_drawdown_sessions")

#: Lines about funding that the text has.
MOST_NOTES = 10

#: What a figure's name does not say.
REMARKS = {
    "max_drawdown": "below the highest NAV until then",
    "max_drawdown_since_reset": "below the peak of the drawdown levels, reset when recovery begins",
}


def _booked_actions(result: Result) -> list[dict[str, Any]]:
    """Ends and changes of identity that were booked, by session: what moved a position without an order."""
    kinds = ("exchange", "redemption", "return_of_capital", "capital_gain")
    booked = Counter((one.session, one.reference) for one in result.entries if one.kind in kinds)
    rows = []
    for (session, reference), count in sorted(booked.items()):
        kind, _, rest = reference.partition("-")
        symbol = rest.removesuffix(f"-{session}")
        rows.append({"session": session, "kind": kind, "symbol": symbol, "entries": count})
    return rows


def _stale_line(one: Mapping[str, Any]) -> str:
    from nightdesk.alerts.figures import money, quantity
    from nightdesk.engine.stale import stale_words

    held = f"{quantity(one['quantity'])} {one['symbol']} held at {one['price']:g}"
    words = f"{held}: {stale_words(one['last_bar'], one['sessions'])} at {one['last']}"
    if not one["ongoing"]:
        return f"stale from {one['first']} to {one['last']}: {words}"
    return (
        f"STALE {words}, marked at {money(one['market_value'])} to the end: if it has ended, state how "
        "(an action in the feed's actions file: delisting, merger, symbol_change)"
    )


#: Lines of spells without entries that the text has.
MOST_KILLED = 5


def _killed_lines(spells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Since when the kill switch let nothing be opened, the spell that lasts to the end first."""
    from nightdesk.alerts.page_templates import counted

    for one in (each for each in spells if each["ongoing"]):
        yield (
            f"KILLED from {one['first']} to the end, {counted(one['sessions'], 'session')} in which nothing "
            f"was opened: {one['reason']}. A backtest has nobody who releases a book: --release-after "
            "SESSIONS simulates one"
        )
    over = [each for each in spells if not each["ongoing"]]
    if over:
        sessions = counted(sum(one["sessions"] for one in over), "session")
        yield f"killed and released {counted(len(over), 'time')}, {sessions} in which nothing was opened"
    for one in over[:MOST_KILLED]:
        by = one["released_by"] or "a drill"
        yield f"killed from {one['first']} to {one['last']}, released by {by}: {one['reason']}"
    if len(over) > MOST_KILLED:
        yield f"and {len(over) - MOST_KILLED:,} more (--json has them all)"


def read_injections(path: Path, start: Start) -> tuple[Injection, ...]:
    """The synthetic signals of a file, all of them of decisions of the span."""
    from nightdesk.core.calendar import as_instant
    from nightdesk.core.schedule import schedule_of
    from nightdesk.engine import within
    from nightdesk.engine.injection import read_injections as read

    schedule = schedule_of(start.book)
    decisions = schedule.instants(start.inception, start.last)
    return within(read(path, start.book), schedule, as_instant(decisions[0]), as_instant(decisions[-1]))


def _exercises(
    injected: Sequence[Injection],
    drills: Sequence[RiskEvent],
    release_after: int | None,
    notices: Sequence[object],
) -> Iterator[str]:
    """What was put in that the book does not do by itself."""
    if injected:
        yield f"{len(injected):,} signals were injected"
    yield from (f"a {one.kind} on {one.session}" for one in drills)
    if release_after is not None:
        yield f"a simulated person releases each kill after {release_after:,} sessions"
    if notices:
        yield f"{len(notices):,} options end early by notice"


def _refuse_exercise(*options: object) -> None:
    """Refuse to keep as a yardstick what is not the book as it trades."""
    if any(options):
        raise typer.BadParameter(
            "a band is of the book as its file is: leave out --set, --kill, --release, --release-after "
            "and --inject",
            param_hint="'--keep-band'",
        )


def _refuse_to_keep(*options: object) -> None:
    """Refuse to keep among a book's results what is an exercise."""
    if any(options):
        raise typer.BadParameter(
            "what is kept is the book as it decides by itself: leave out --kill, --release, --inject, "
            "--notices and --accept",
            param_hint="'--keep'",
        )


def _keep(
    book: Book,
    start: Start,
    result: Result,
    sources: tuple[str, ...],
    note: str,
    changes: Mapping[str, str],
    release_after: int | None,
) -> int:
    """Keep a backtest; its number."""
    import getpass

    from nightdesk.cli.machine_commands import database
    from nightdesk.operations.keep_backtest import keep_result

    with database() as conn:
        done = keep_result(
            conn,
            book,
            start,
            result,
            sources,
            by=getpass.getuser(),
            note=note,
            changes=changes,
            release_after=release_after,
        )
    return done.number


def _count(
    result: Result, market: FetchedBars, changes: Mapping[str, str], release_after: int | None
) -> CountedTrials:
    """Count a backtest among the book's trials."""
    from nightdesk.operations.count_trials import count_backtest

    def write(conn: Connection, by: str) -> tuple[int]:
        return (
            count_backtest(
                conn,
                result,
                market.panel,
                tuple(market.sources),
                by=by,
                changes=changes,
                release_after=release_after,
            ),
        )

    return count_in_ledger(write)


def _keep_bands(book: Book, result: Result, sources: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Store the bands of a backtest; what was stored, by strategy."""
    from dataclasses import asdict

    from nightdesk.cli.machine_commands import database
    from nightdesk.research.backtest.result_windows import result_bands
    from nightdesk.store.strategy_bands import keep_bands

    found = result_bands(result, book.alerts.band_sessions)
    marks = [result.decided[n].state.mark.session for n in (0, -1)]
    with database() as conn:
        keep_bands(conn, book.name, book.config_hash, found, (marks[0], marks[1]), sources)
    return {name: asdict(one) for name, one in found.items()}


def _band_lines(bands: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    from math import isnan

    from nightdesk.alerts.figures import percent

    for name, one in bands.items():
        where = f"band of {name} over {one['sessions']} sessions"
        if isnan(one["low"]):
            yield f"{where}: not known, it held a position in {one['windows']:,} windows only"
        else:
            low, high = percent(one["low"], signed=True), percent(one["high"], signed=True)
            yield f"{where}: {low} to {high} of NAV, of {one['windows']:,} windows; kept"


def _drills(kill: Sequence[date] | None, release: Sequence[date] | None) -> tuple[RiskEvent, ...]:
    """Kills and releases in the order in which they count."""
    from nightdesk.risk import RiskEvent

    killed = [RiskEvent(day, "kill", "drill") for day in kill or ()]
    released = [RiskEvent(day, "release", "drill") for day in release or ()]
    return tuple(sorted([*killed, *released], key=lambda event: event.session))


def _figures(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    from nightdesk.alerts.figures import money, number, percent

    remarks = REMARKS | {
        name: f"{metrics['benchmark']}, dividends included" for name in RETURNS if "benchmark" in name
    }
    cells = [(name, money(metrics[name])) for name in ("initial_nav", "final_nav")]
    cells += [(name, percent(metrics[name], signed=True)) for name in RETURNS]
    cells += [(name, percent(metrics[name])) for name in SHARES]
    cells += [(name, number(metrics[name])) for name in RATIOS]
    cells += [(name, f"{metrics[name]:,}") for name in COUNTS]
    cells += [(name, money(metrics[name])) for name in ("dividends", "interest", "borrow")]
    remarks["dividends"] = f"in {metrics['dividends_paid']:,} payments"
    remarks["interest"] = "on the book's cash, what it owed taken off"
    remarks["borrow"] = "paid for units sold short"
    yield from ((name, value, remarks.get(name, "")) for name, value in cells)


def _targets(targets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The book's targets, those that are missed first; one line where it has none."""
    import math

    from nightdesk.alerts.result_lines import reached_words, target_words
    from nightdesk.core.reporting_terms import Target

    if not targets:
        yield "the book has no targets"
        return
    rows = []
    for name, told in targets.items():
        value = math.nan if told["value"] is None else told["value"]
        target = Target.model_validate({key: told[key] for key in Target.model_fields if key in told})
        outcome = f"{told['outcome']}, beyond the range" if told["beyond_the_range"] else told["outcome"]
        rows.append((name, reached_words(name, value, target), target_words(name, target), outcome))
    yield from table(("target", "value", "aimed at", ""), rows, right=("value",))


def _financed(metrics: Mapping[str, Any]) -> str:
    """What cash earned and what was borrowed cost, with the rates a year."""
    credit, debit, borrow = (metrics[name] for name in ("interest_rate", "debit_rate", "borrow_rate"))
    earned = f"interest {metrics['interest']:,.2f} dollars at {credit:g} a year on cash, {debit:g} on debit"
    return f"{earned}; borrowing units cost {metrics['borrow']:,.2f} dollars at {borrow:g} a year"


def _summary(document: Mapping[str, Any]) -> Iterator[str]:
    from nightdesk.cli.data_notes import data_lines
    from nightdesk.research.backtest.calendar_share import mostly_calendar

    metrics = document["metrics"]
    yield f"{document['book']}, {document['sessions']:,} sessions from {document['from']} to {document['to']}"
    for accepted in document["accepted"]:
        yield f"accepted as it is: {accepted}"
    if document["injected"]:
        yield f"signals injected: {document['injected']:,}; this is an exercise and no result of the book"
    yield from document["universe"]
    yield from (f"booked before the open: {one}" for one in document["notices"])
    yield from document["funding"][:MOST_NOTES]
    if len(document["funding"]) > MOST_NOTES:
        yield f"and {len(document['funding']) - MOST_NOTES:,} more of funding (--json has them all)"
    yield from data_lines(document, metrics["quarantines"])
    for one in document["stale"]:
        yield _stale_line(one)
    yield from _killed_lines(document["killed"])
    for one in document["booked_actions"]:
        yield f"{one['kind']} of {one['symbol']} on {one['session']}: {one['entries']} entries booked"
    yield _financed(metrics)
    yield from mostly_calendar(metrics["calendar"])
    yield ""
    yield from _targets(metrics["targets"])
    yield ""
    yield from table(("figure", "value", ""), _figures(metrics), right=("value",))
    yield from _band_lines(document["bands"])
    if document["kept"] is not None:
        yield f"kept as backtest {document['kept']}"
    if document["out"] is not None:
        yield ""
        yield f"written to {document['out']}"
