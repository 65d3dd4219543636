"""Print every move between drawdown levels of a book on real bars, from several first sessions, as Markdown.

Used like this::

    python tools/level_history.py multi_asset files:PATH 2007-06-01 2010-01-04 ... --to 2022-12-30
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import date

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.risk import LevelChange
from nightdesk.session.context import book_path, project_root

CUTS = {1: "entries limited", 2: "all × {1:.2f}", 3: "all × {2:.2f}", 4: "all sold"}


def moves(result: Result) -> list[LevelChange]:
    """All of them, ascending."""
    changes = (one.gated.judged.change for one in result.decided)
    return [change for change in changes if change is not None]


def absences(result: Result) -> Iterator[tuple[LevelChange, LevelChange | None, int]]:
    """Each entry into a level that only its way back ends, that way back, and the sessions in between."""
    entered = None
    at = {one.state.mark.session: n for n, one in enumerate(result.decided)}
    for change in moves(result):
        if entered is None and change.after >= 2:
            entered = change
        elif entered is not None and change.cause == "way back":
            yield entered, change, at[change.session] - at[entered.session]
            entered = None
    if entered is not None:
        yield entered, None, len(result.decided) - 1 - at[entered.session]


def table(result: Result) -> Iterator[str]:
    """A row for every deeper level."""
    yield "| session | level | asked by | drawdown | what was done | back at level 0 |"
    yield "| --- | --- | --- | --- | --- | --- |"
    levels = result.desk.book.levels
    assert levels is not None
    told = moves(result)
    for n, change in enumerate(told):
        if change.after <= change.before:
            continue
        # The way back may lead to level 1 only, while everything still moves together.
        back = next((one for one in told[n:] if one.after == 0), None)
        done = CUTS[change.after].format(*levels.keep)
        if change.after in (2, 3) and levels.first_out:
            done += f", {' and '.join(levels.first_out)} closed"
        ended = "at the end still there" if back is None else f"{back.session} ({back.cause}{by(back)})"
        move = f"{change.before} to {change.after}"
        yield f"| {change.session} | {move} | {change.cause} | {change.drawdown:.2%} | {done} | {ended} |"


def by(change: LevelChange) -> str:
    """Who let the book come back."""
    return f", {change.who}" if change.who else ""


def main() -> None:
    """The tables of all first sessions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("book")
    parser.add_argument("feed")
    parser.add_argument("first", nargs="+", type=date.fromisoformat)
    parser.add_argument("--to", type=date.fromisoformat, required=True)
    parser.add_argument("--lasting", action="store_true", help="leave level 1 out of the tables")
    asked = parser.parse_args()
    book = load_book(book_path(asked.book, project_root({})))
    for first in asked.first:
        inception = as_date(get_calendar(book.calendar).between(first, asked.to)[0])
        panel = read_market(book, origin_of(book, inception), asked.to, [asked.feed]).panel
        result = backtest(book, panel, inception, asked.to)
        out = list(absences(result))
        longest = max((sessions for *_, sessions in out), default=0)
        told = f"{len(out)} times at level 2 or deeper, the longest {longest} sessions"
        print(f"\n**From {inception}**: {told}.\n")
        rows = list(table(result))
        print("\n".join(row for row in rows if not asked.lasting or " to 1 |" not in row))


if __name__ == "__main__":
    main()
