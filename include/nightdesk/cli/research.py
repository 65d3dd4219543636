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
        "sources": market.sources,
        "missing": {symbol: str(reason) for symbol, reason in market.missing.items()},
        "injected": len(injected),
        "out": out,
        "metrics": figures,
    }
    show(document, as_json=json, text=lambda: _summary(document))


#: Figures that people are told, in this order, by what they are; metrics.json holds all of them.
SHARES = (
    "annual_return",
    "annual_volatility",
    "max_drawdown",
    "win_rate",
    "turnover_monthly",
    "exposure",
    "cost_drag",
)
RATIOS = ("sharpe", "sortino", "calmar", "profit_factor", "beta")
COUNTS = ("orders", "fills", "max_drawdown_sessions")


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


def _figures(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from nightdesk.alerts.figures import money, number, percent

    for name in ("initial_nav", "final_nav"):
        yield name, money(metrics[name])
    yield from ((name, percent(metrics[name])) for name in SHARES)
    yield from ((name, number(metrics[name])) for name in RATIOS)
    yield from ((name, f"{metrics[name]:,}") for name in COUNTS)


def _summary(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"{document['book']}, {document['sessions']:,} sessions from {document['from']} to {document['to']}"
    if "sample" in document["sources"]:
        yield "sample data: these bars are generated, not a market's"
    for symbol, reason in document["missing"].items():
        yield f"without {symbol}: {reason}"
    if document["injected"]:
        yield f"signals injected: {document['injected']:,}; this is an exercise and no result of the book"
    yield ""
    yield from table(("figure", "value"), _figures(document["metrics"]), right=("value",))
    if document["out"] is not None:
        yield ""
        yield f"written to {document['out']}"
