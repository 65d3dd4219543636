"""`gate`, `promote` and `record-tests`: a book's right to trade with real money."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, Json, Reason
from nightdesk.cli.output import show, table
from nightdesk.core.stages import Stage

if TYPE_CHECKING:
    from nightdesk.operations.trading_stage import GateStanding
    from nightdesk.research.gates.stage_criteria import Criterion


@app.command(epilog=example("nightdesk gate", "nightdesk gate multi_asset --json"))
def gate(
    book: Annotated[str | None, typer.Argument(metavar="BOOK", help="This book alone.")] = None,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Keep what is found, and tell what is newly met, missed or lost."),
    ] = False,
    json: Json = False,
) -> None:
    """Tell where books stand on their way to real money, and what each lacks for the next stage.

    Evidence counts for the rules and the code that it was found of: of other ones it is stale. The DAG
    `gates` does the same with --keep each day.
    """
    from nightdesk.cli.book_commands import open_book
    from nightdesk.operations.trading_stage import gate_standing, look

    names = [book] if book is not None else _names()
    with database() as conn:
        found = [(look if keep else gate_standing)(conn, open_book(one)) for one in names]
    show(
        {"books": [_document(one) for one in found]},
        as_json=json,
        text=lambda: _all_lines(found) if book is None else _lines(found[0]),
    )


@app.command(
    epilog=example(
        'nightdesk promote multi_asset --to paper --reason "five years and the bad times passed"',
        'nightdesk promote multi_asset_live --to paper --reason "the broker rejects too much"',
    )
)
def promote(
    book: BookName,
    to: Annotated[Stage, typer.Option("--to", help="The next stage, or any earlier one.")],
    reason: Reason,
    json: Json = False,
) -> None:
    """Bring a book to the next stage on its way to real money, or back to an earlier one.

    The next stage is refused while a criterion of it is not met (`gate` lists them); a way back never is. It
    counts from the next order on: a book that was sent back can reduce what it holds, and open nothing.
    """
    import getpass

    from nightdesk.cli.book_commands import open_book
    from nightdesk.operations.trading_stage import promote as bring

    found = open_book(book)
    with database() as conn:
        done = bring(conn, found, to, reason=reason, who=getpass.getuser())
    show(
        {
            "book": done.book,
            "from": done.from_stage,
            "to": done.to_stage,
            "share": done.to_stage.share,
            "reason": done.reason,
            "who": done.who,
            "evidence": list(done.evidence),
            "rules_hash": done.rules_hash,
            "code_version": done.code_version,
            "at": done.at,
        },
        as_json=json,
        text=lambda: [
            f"{done.book} goes from {done.from_stage} to {done.to_stage.in_words} ({done.who}: {done.reason})"
        ],
    )


@app.command("record-tests", epilog=example("nightdesk record-tests build/tests.xml"))
def record_tests(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `make test` leaves, JUnit XML.")],
    json: Json = False,
) -> None:
    """Keep what the tests of this code have shown, as evidence for every book.

    `make test` leaves build/tests.xml, which names the code that was tested; of other code, or of a part of
    the tests, it is refused. Tests that failed are kept too: they take the right from what they failed of.
    """
    from nightdesk.operations.record_tests import record_tests as keep

    with database() as conn:
        number, figures = keep(conn, file)
    show(
        {"evidence": number, **figures},
        as_json=json,
        text=lambda: [
            f"{figures['tests']:,} tests of {figures['code_version']}, {figures['failed']} failed, "
            f"{figures['skipped']:,} skipped: {'green' if figures['green'] else 'red'}; evidence {number}"
        ],
    )


def _names() -> list[str]:
    """The books of the project's folder that can be read; `books` says what is wrong with another."""
    import os

    from nightdesk.session.books import read_books
    from nightdesk.session.context import project_root

    return [one.name for one in read_books(project_root(os.environ) / "books").books.values()]


def _document(one: GateStanding) -> dict[str, Any]:
    newest = one.newest
    return {
        "book": one.book,
        "stage": one.stage,
        "next": one.stage.next,
        "live": one.live,
        "share": one.right.share,
        "standing": one.words,
        "met": one.is_met,
        "criteria": [each.document for each in one.criteria],
        "rules_hash": one.known.rules_hash,
        "code_version": one.known.code_version,
        "since": one.known.since,
        "promoted": newest
        and {"to": newest.to_stage, "who": newest.who, "reason": newest.reason, "at": newest.at},
    }


def _all_lines(found: list[GateStanding]) -> Iterator[str]:
    rows = [
        (
            one.book,
            str(one.stage),
            "real money" if one.live else "paper",
            str(one.stage.next or ""),
            f"{len(one.criteria) - len(one.unmet)} of {len(one.criteria)}" if one.criteria else "",
            ", ".join(each.name for each in one.unmet[:4]) + (", ..." if len(one.unmet) > 4 else ""),
        )
        for one in found
    ]
    yield from table(("book", "stage", "account", "next", "met", "lacks"), rows)


def _lines(one: GateStanding) -> Iterator[str]:
    yield f"{one.book}: {one.words}"
    yield f"rules {one.known.rules_hash[:12]}, code {one.known.code_version}"
    if one.newest is not None:
        said = one.newest
        yield f"brought to {said.to_stage} by {said.who} on {said.at:%Y-%m-%d %H:%M} UTC: {said.reason}"
    later = one.stage.next
    if later is None:
        yield "it is at the last stage"
        return
    yield ""
    yield f"for {later.in_words}:"
    heads = ("criterion", "value", "limit", "", "evidence", "of")
    yield from table(heads, map(_cells, one.criteria), right=("value", "evidence"))
    yield ""
    lacking = f"{len(one.unmet)} of {len(one.criteria)} criteria are not met"
    can = f'all are met: `nightdesk promote {one.book} --to {later} --reason "..."`'
    yield lacking if one.unmet else can


def _cells(one: Criterion) -> tuple[str, ...]:
    match one.value:
        case None:
            value = "not known"
        case bool():
            value = "yes" if one.value else "no"
        case float():
            value = f"{one.value:.4g}"
        case _:
            value = str(one.value)
    row = "" if one.evidence is None else str(one.evidence)
    at = "" if one.at is None else f"{one.at:%Y-%m-%d}; "
    return one.name, value, one.limit, "met" if one.met else "NOT MET", row, f"{at}{one.words}"
