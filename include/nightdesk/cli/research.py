"""`backtest`: a book over history, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightdesk.cli.app import app, example
from nightdesk.cli.books import open_book
from nightdesk.cli.options import (
    BookName,
    FeedName,
    First,
    Inject,
    Json,
    Kills,
    Last,
    Out,
    Releases,
    Settings,
    settings,
)
from nightdesk.cli.output import progress, show, table
from nightdesk.cli.spans import Start, begin

if TYPE_CHECKING:
    from nightdesk.decision import Injection, RiskEvent


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
    inject: Inject = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Decide a span of sessions in memory, and say what came of it.

    The functions are those of the daily run. The book begins with its capital at the first session of the
    span; its factors begin 504 sessions before, or at its own origin. Nothing is stored; --out writes tables
    and figures.
    """
    from nightdesk.cli.data_notes import market_document
    from nightdesk.research.backtest import backtest as simulate
    from nightdesk.research.files import write_result
    from nightdesk.research.metrics import metrics

    named = open_book(book, settings(set_))
    start = begin(named, first, last)
    injected = () if inject is None else read_injections(inject, start)
    with progress(f"reading bars of {named.name}"):
        market = start.read(feed)
    with progress(f"deciding {start.sessions:,} sessions"):
        drills = _drills(kill, release)
        result = simulate(start.book, market.panel, start.inception, last, drills, injected=injected)
        if out is not None:
            write_result(result, out)
    figures = metrics(result)
    document = {
        "book": named.name,
        "from": start.inception,
        "to": start.last,
        "sessions": start.sessions,
        **market_document(market),
        "injected": len(injected),
        "out": out,
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

#: What a figure's name does not say.
REMARKS = {
    "max_drawdown": "below the highest NAV until then",
    "max_drawdown_since_reset": "below the peak of the drawdown levels, reset when recovery begins",
}


def read_injections(path: Path, start: Start) -> tuple[Injection, ...]:
    """The synthetic signals of a file, all of them of sessions of the span."""
    from nightdesk.decision import within
    from nightdesk.pipeline.injecting import read_injections as read

    return within(read(path, start.book), start.inception, start.last)


def _drills(kill: Sequence[date] | None, release: Sequence[date] | None) -> tuple[RiskEvent, ...]:
    """Kills and releases in the order in which they count."""
    from nightdesk.decision import RiskEvent

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
    cells += [("dividends", money(metrics["dividends"])), ("interest", money(metrics["interest"]))]
    remarks["dividends"] = f"in {metrics['dividends_paid']:,} payments"
    remarks["interest"] = "on the book's cash"
    yield from ((name, value, remarks.get(name, "")) for name, value in cells)


def _targets(targets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The book's targets, those that are missed first; one line where it has none."""
    import math

    from nightdesk.alerts.results import figure_words, target_words
    from nightdesk.book import Target

    if not targets:
        yield "the book has no targets"
        return
    rows = []
    for name, told in targets.items():
        value = math.nan if told["value"] is None else told["value"]
        target = Target(above=told["above"], below=told["below"], acceptable=told["acceptable"])
        outcome = f"{told['outcome']}, beyond the range" if told["beyond_the_range"] else told["outcome"]
        rows.append((name, figure_words(name, value), target_words(name, target), outcome))
    yield from table(("target", "value", "aimed at", ""), rows, right=("value",))


def _summary(document: Mapping[str, Any]) -> Iterator[str]:
    from nightdesk.cli.data_notes import data_lines

    metrics = document["metrics"]
    yield f"{document['book']}, {document['sessions']:,} sessions from {document['from']} to {document['to']}"
    if document["injected"]:
        yield f"signals injected: {document['injected']:,}; this is an exercise and no result of the book"
    yield from data_lines(document, metrics["quarantines"])
    yield ""
    yield from _targets(metrics["targets"])
    yield ""
    yield from table(("figure", "value", ""), _figures(metrics), right=("value",))
    if document["out"] is not None:
        yield ""
        yield f"written to {document['out']}"
