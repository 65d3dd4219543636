"""`screen`: who a screen let into the universe of a book, why others were kept out, and its pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, Json, day_option
from nightdesk.cli.output import progress, show, table

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.operations.screen_standing import ScreenStanding
    from nightdesk.store.screen_rows import StoredScreen

Session = Annotated[
    date | None, day_option("--session", "The screen in force in this session; default: the newest one.")
]
Run = Annotated[
    bool, typer.Option("--run", help="Make the screen of the week first, where no good one stands.")
]
Again = Annotated[
    bool, typer.Option("--again", help="Screen again from what was known then, and say what differs.")
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write results.csv, pairs.csv and members.csv there."),
]
#: So many pairs and stocks the text names.
MOST_LINES = 20


@app.command(
    epilog=example(
        "nightdesk screen reversion_pairs", "nightdesk screen reversion_pairs --session 2026-11-19 --out was"
    )
)
def screen(
    book: BookName,
    session: Session = None,
    run: Run = False,
    again: Again = False,
    out: Out = None,
    json: Json = False,
) -> None:
    """Show a screen of a book: its members, what each criterion kept out, the pairs, and later failures.

    It shows what is stored and changes nothing, unless --run makes the screen of the week. A good screen
    stands for ever; --again computes it once more from what was known when it was made, and keeps nothing.
    """
    from nightdesk.cli.book_commands import open_book
    from nightdesk.operations.screen_standing import screen_standing, screened_again

    loaded = open_book(book)
    _refuse_unscreened(loaded)
    with database() as conn:
        if run:
            with progress(f"screening the pool of {loaded.name}"):
                _make(conn, loaded, session)
        standing = screen_standing(conn, loaded, session)
        differences = screened_again(conn, loaded, standing) if again else None
    files = [] if out is None else _written(out, standing)
    document: dict[str, Any] = {"book": loaded.name, **asdict(standing), "files": files}
    if differences is not None:
        document["differences"] = differences
    show(document, as_json=json, text=lambda: _lines(loaded.name, standing, differences, files))


def _refuse_unscreened(book: Book) -> None:
    from nightdesk.core.errors import Refused

    if book.screen is None:
        raise Refused(
            f"book {book.name} has no screen: its universe is "
            f"{'a list of symbols' if book.members is None else book.members.source}. A screen is named by "
            "universe: {screen: {...}, each: {...}}"
        )


def _make(conn: Any, book: Book, session: date | None) -> None:
    import os

    from nightdesk.core.calendar import get_calendar
    from nightdesk.core.screen_weeks import screened_before
    from nightdesk.session.screening_step import Screener, run_screen
    from nightdesk.store.db import now

    moment = now(conn) if session is None else get_calendar(book.calendar).close_at(session)
    at = screened_before(moment)
    run_screen(Screener.of_book(conn, book, at, os.environ), at)


def _lines(
    book: str, standing: ScreenStanding, differences: Sequence[str] | None, files: Sequence[str]
) -> Iterator[str]:
    for failed in standing.failed:
        yield f"{_when(failed)} failed: {failed.reason}"
    one = standing.screen
    yield (
        f"{book}, screen of {_when(one)}, in force from {one.first_session}: {one.members:,} members of "
        f"{one.pool:,} stocks, {one.passed:,} of which pass"
    )
    rows = list(zip(one.criteria, one.limits, (f"{count:,}" for count in one.failures), strict=True))
    yield from table(("criterion", "asked", "keeps out"), rows, right=("keeps out",))
    if one.tests:
        yield (
            f"pairs: {one.admitted:,} of {one.pairs:,} found are traded; of {one.tests:,} tests "
            f"{one.expected_false:,.1f} would find a pair among unrelated stocks"
        )
        yield from table(PAIR_HEADS, map(_pair, standing.pairs[:MOST_LINES]), right=PAIR_HEADS[3:8])
        yield from _more(len(standing.pairs), "pairs")
    members = [row for row in standing.results if row["member"] or row["leg"]]
    shown = [(row["symbol"], row["sector"], "" if row["member"] else "as a leg of a pair") for row in members]
    yield from table(("member", "sector", ""), shown[:MOST_LINES])
    yield from _more(len(members), "members")
    if differences is not None:
        yield from differences or ["screened again: nothing differs"]
    yield from (f"written to {file}" for file in files)


PAIR_HEADS = ("a", "b", "place", "correlation", "p", "q", "beta", "half-life", "traded")


def _pair(row: Mapping[str, Any]) -> tuple[str, ...]:
    numbers = (row["correlation"], row["p"], row["q"], row["beta"])
    return (
        row["a"],
        row["b"],
        f"{row['place']}",
        *(f"{one:.4g}" for one in numbers),
        f"{row['half_life']:.3g}",
        "yes" if row["admitted"] else f"no: {row['reason']}",
    )


def _more(count: int, what: str) -> Iterator[str]:
    if count > MOST_LINES:
        yield f"and {count - MOST_LINES:,} more {what} (--out or --json has them all)"


def _when(one: StoredScreen) -> str:
    at: datetime = one.screened_at
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _written(out: Path, standing: ScreenStanding) -> list[str]:
    """Write the three files, all or none; their paths."""
    import csv

    from nightdesk.cli.whole_files import whole_files

    tables = dict(_tables(standing))
    with whole_files(out, *tables) as draft:
        for name, rows in tables.items():
            with (draft / name).open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(rows)
    return [str(out / name) for name in tables]


def _tables(standing: ScreenStanding) -> Iterator[tuple[str, list[Sequence[Any]]]]:
    """Each file with its rows, the header first."""
    named = list(zip(standing.screen.criteria, standing.screen.limits, strict=True))
    results: list[Sequence[Any]] = [
        (row["symbol"], name, row["words"][at] or row["measured"][at], asked, row["outcomes"][at])
        for row in standing.results
        for at, (name, asked) in enumerate(named)
    ]
    yield "results.csv", [("symbol", "criterion", "value", "asked", "outcome"), *results]
    pairs = [[row[name] for name in PAIR_COLUMNS] for row in standing.pairs]
    yield "pairs.csv", [PAIR_COLUMNS, *pairs]
    members = [
        (row["symbol"], row["sector"], "member" if row["member"] else "leg of a pair")
        for row in standing.results
        if row["member"] or row["leg"]
    ]
    yield "members.csv", [("symbol", "sector", "as"), *members]


PAIR_COLUMNS = (
    "place", "a", "b", "sector", "correlation", "p", "q", "alpha", "beta", "half_life", "spread_volatility",
    "same_sector", "cap_a", "cap_b", "admitted", "reason",
)  # fmt: skip
