"""`checks` and `accept`: what the data checks hold back, and a person's word on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.data_notes import spell_ends, spell_length
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import Accepts, BookName, FeedName, First, Json, Last, Reason, day_option
from nightdesk.cli.output import progress, show, table
from nightdesk.cli.spans import begin

if TYPE_CHECKING:
    from nightdesk.core.panel import Panel
    from nightdesk.core.withheld import QuarantineSpell
    from nightdesk.research.backtest.decided_span import Start

Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="As in the book.")]
Of = Annotated[
    date,
    day_option("--session", "The session whose price is accepted, as 2022-12-30."),
]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who says so; by default your name here.", show_default=False),
]


@app.command(
    epilog=example(
        "nightdesk checks multi_asset --from 2020-01-02 --to 2022-12-30 --feed files:bars",
        "nightdesk checks equity_swing --from 2016-01-04 --to 2016-12-30 --accept AMD:2016-04-22",
    )
)
def checks(
    book: BookName,
    first: First,
    last: Last,
    feed: FeedName = None,
    accept: Accepts = None,
    json: Json = False,
) -> None:
    """Show what the data checks of a book hold in quarantine over a span, and why.

    Computed in memory, with the limits of the book; no database is needed. Of each symbol the spells and how
    many there are a year, of each spell its sessions (decisions, where it is one of hours) and its reason.
    """
    import numpy as np

    from nightdesk.cli.book_commands import open_book
    from nightdesk.core.withheld import longest_first
    from nightdesk.feeds.quality import examine

    start = begin(open_book(book), first, last)
    with progress(f"reading bars of {start.book.name}"):
        known = start.read(feed, accept or ()).panel
    panel = known.days
    t0 = int(np.searchsorted(panel.sessions, np.datetime64(start.inception, "D")))
    quality = examine(panel, start.book)
    spells = longest_first((*quality.spells(t0), *_spells_of_hours(known, start)))
    years = (panel.age[t0:] >= 0).sum(axis=0) / panel.periods_a_year
    symbols = [
        {
            "symbol": symbol,
            "years": round(float(years[n]), 2),
            "spells": sum(one.symbol == symbol for one in spells),
            "sessions": int(quality.quarantined[t0:, n].sum()),
            "warned": int(quality.warned[t0:, n].sum()),
        }
        for n, symbol in enumerate(panel.symbols)
    ]
    document = {
        "book": start.book.name,
        "from": start.inception,
        "to": start.last,
        "accepted": [f"{symbol}:{session}" for symbol, session in accept or ()],
        "symbol_years": round(float(years.sum()), 1),
        "spells_a_symbol_year": len(spells) / float(years.sum()) if years.sum() else None,
        "symbols": symbols,
        "spells": [one.document() for one in spells],
    }
    show(document, as_json=json, text=lambda: _checks(document))


def _spells_of_hours(panel: Panel, start: Start) -> tuple[QuarantineSpell, ...]:
    """Those of an hourly book's hours, which daily bars say nothing of."""
    import numpy as np

    from nightdesk.core.schedule import schedule_of
    from nightdesk.feeds.hourly_quality import examine_hours

    if panel.hours is None:
        return ()
    t0 = int(np.searchsorted(panel.sessions, np.datetime64(start.inception, "D")))
    return examine_hours(panel, start.book).spells(t0, schedule_of(start.book), start.book.name)


@app.command(
    epilog=example('nightdesk accept equity_swing AMD --session 2016-04-22 --reason "a licence was sold"')
)
def accept(
    book: BookName, symbol: Symbol, session: Of, reason: Reason, by: By = None, json: Json = False
) -> None:
    """Take the price of a session as it is, which waits in quarantine as a jump.

    A dated fact, known from now on: decisions that were made keep what they saw; from the next ingest on the
    price counts, and later ones are measured against it. Bars are shared, so it holds for every book with
    the symbol. Where an action explains the price, state that action instead.
    """
    import getpass
    import os

    from nightdesk.operations import accept as accept_operation

    who = by or getpass.getuser()
    with database() as conn:
        done = accept_operation.accept(
            conn, book, symbol, session, reason=reason, who=who, environ=os.environ
        )
    show(
        {
            "symbol": symbol,
            "session": session,
            "price": done.price,
            "again": done.again,
            "reason": reason,
            "who": who,
        },
        as_json=json,
        text=lambda: [
            f"{symbol} was accepted at {done.price:g} of {session} before; nothing has changed"
            if done.again
            else f"{symbol} is accepted at {done.price:g} of {session}, for every book, from the next ingest "
            f"on ({who}: {reason})"
        ],
    )


def _checks(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"{document['book']}, sessions from {document['from']} to {document['to']}"
    for one in document["accepted"]:
        yield f"accepted: {one}"
    yield ""
    heads = ("symbol", "years", "spells", "sessions", "warned")
    rows = [
        (one["symbol"], f"{one['years']:.1f}", *(f"{one[name]:,}" for name in heads[2:]))
        for one in document["symbols"]
    ]
    yield from table(heads, rows, right=heads[1:])
    yield ""
    rate = document["spells_a_symbol_year"]
    if rate is not None:
        count, length = len(document["spells"]), document["symbol_years"]
        yield f"spells: {count:,} in {length:,} symbol years, {rate:.4f} a symbol and year"
    for one in document["spells"]:
        span = " to ".join(spell_ends(one)) + (", still" if one["ongoing"] else "")
        yield ""
        yield f"{one['symbol']}, {span}, {spell_length(one)} ({', '.join(one['checks'])})"
        yield f"  {one['reason']}"
