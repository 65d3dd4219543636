"""`audit`: whether a book looks ahead, and whether it warms up for long enough."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.book_commands import open_book
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, FeedName, First, Json, Last, Settings, settings
from nightdesk.cli.output import plain, progress, show
from nightdesk.cli.spans import begin
from nightdesk.cli.whole_files import whole_file

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.audits.book_audit import BookAudit


@app.command(
    epilog=example(
        "nightdesk audit multi_asset --from 2022-01-03 --to 2022-12-30 --feed files:bars",
        "nightdesk audit multi_asset --from 2022-01-03 --to 2022-12-30 --look-ahead --cuts 8 --json",
    )
)
def audit(
    book: BookName,
    first: First,
    last: Last,
    feed: FeedName = None,
    set_: Settings = None,
    cuts: Annotated[
        int,
        typer.Option("--cuts", metavar="N", min=1, max=64, help="Truncations, and beginnings; each a run."),
    ] = 4,
    look_ahead: Annotated[bool, typer.Option("--look-ahead", help="This audit alone.")] = False,
    warm_up: Annotated[bool, typer.Option("--warm-up", help="This audit alone.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Store the outcome as evidence of the book's rules.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the whole document there.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Audit a whole book: that nothing looks ahead, and that its history is long enough.

    The book decides the span on all bars, and again on bars that end at some sessions: factors, signals,
    targets, verdicts and orders up to there must be the same to the bit. Then it begins at some sessions
    with less and less history, until a decision changes: that must be less than it and its factors declare.
    The first difference is told with its symbol and the factor or strategy that it comes from. The exit
    status is 1 where an audit fails.
    """
    from nightdesk.research.audits.audit_document import audit_document, audit_lines
    from nightdesk.research.audits.book_audit import AUDITS, audit_book, steps_of

    if keep and look_ahead != warm_up:
        raise typer.BadParameter("evidence is of both audits", param_hint="'--keep'")
    named = open_book(book, settings(set_))
    kinds = [name for name, asked in zip(AUDITS, (look_ahead, warm_up), strict=True) if asked] or list(AUDITS)
    with progress(f"auditing {named.name}", steps_of(kinds, cuts)) as advance:
        found = audit_book(named, begin(named, first, last), feed, kinds=kinds, cuts=cuts, done=advance)
    document: dict[str, Any] = {**audit_document(found), "evidence": _keep(named, found) if keep else None}
    if out is not None:
        with whole_file(out) as draft:
            draft.write_text(json_format.dumps(plain(document), indent=2, allow_nan=False) + "\n")
    show(document, as_json=json, text=lambda: audit_lines(found))
    if not found.passed:
        raise typer.Exit(1)


def _keep(book: Book, found: BookAudit) -> int:
    """The number of the evidence that the outcome is kept as."""
    from nightdesk.operations.keep_audit import keep_audit

    with database() as conn:
        return keep_audit(conn, book, found)
