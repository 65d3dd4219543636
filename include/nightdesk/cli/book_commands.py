"""`books`: what the desk is told to do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.options import Json
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.operations.fileless import Fileless

SUMMARY = ("book", "title", "symbols", "strategies", "feeds", "broker", "account", "capital")


@app.command(epilog=example("nightdesk books", "nightdesk books multi_asset"))
def books(
    book: Annotated[str | None, typer.Argument(metavar="BOOK", help="Show this book in full.")] = None,
    stored: Annotated[
        bool, typer.Option("--stored", help="As a step last used it, whatever its file is now.")
    ] = False,
    json: Json = False,
) -> None:
    """Validate all books, or show one with every default filled in.

    A started book whose file is gone is named, where the database answers.
    """
    from nightdesk.core.errors import Refused
    from nightdesk.session.books import read_books, shared_accounts

    found = read_books(_folder())
    if stored:
        document = _stored(book)
        show(document, as_json=json, text=lambda: [_as_yaml(document)])
        return
    if book is not None:
        chosen = open_book(book)
        _check_beside(chosen)
        shared = shared_accounts(found.books).get(_folder() / f"{chosen.name}.yaml")
        if shared is not None:
            raise Refused(shared)
        document = in_full(chosen)
        show(document, as_json=json, text=lambda: [_as_yaml(document)])
        return
    if not found.books and not found.refused:
        raise Refused(f"there is no book in {_folder()}: a book is a YAML file there")
    refused = {**found.refused, **shared_accounts(found.books), **_beside_refused(found.books)}
    rows, lacking = [_summary(one) for one in found.books.values()], _fileless()
    # What is refused stands first: the list of those that are well may be long.
    for one in lacking:
        typer.echo(f"nightdesk: {one.book} was started: {one.words} {one.todo}", err=True)
    for reason in refused.values():
        typer.echo(f"nightdesk: {reason}", err=True)
    show(
        {
            "books": rows,
            "without_file": [{"book": one.book, "reason": one.words} for one in lacking],
            "refused": [{"file": str(path), "reason": reason} for path, reason in refused.items()],
        },
        as_json=json,
        text=lambda: table(
            SUMMARY, [[_cell(value) for value in row.values()] for row in rows], right=["capital"]
        ),
    )
    if refused:
        raise typer.Exit(1)


def open_book(name: str, overrides: Mapping[str, str] | None = None) -> Book:
    """Load a book and check all that it names: its plug-ins with their parameters, its feeds, its symbols.

    Parameters
    ----------
    name : str
        A book in the project's folder ``books``, or the path of a YAML file.
    overrides : mapping of dotted key to YAML text, optional
        Values over the file's.

    Raises
    ------
    Refused
        With the file, the key, what was found and what is allowed.
    """
    from nightdesk.session.books import read_book
    from nightdesk.session.context import book_path

    return read_book(book_path(name, _folder().parent), overrides)


def in_full(book: Book) -> dict[str, Any]:
    """The book as plain values, with every default filled in, those of its plug-ins included."""
    from nightdesk.engine import resolve

    desk = resolve(book)
    tree = book.tree
    for name, strategy in desk.strategies.items():
        tree["strategies"][name]["params"] = strategy.params.model_dump(mode="json")
    for rule in desk.rules:
        if rule.name in book.limits:
            tree["limits"][rule.name] = rule.params.model_dump(mode="json")
    return tree


def _fileless() -> tuple[Fileless, ...]:
    """The started books without a file; none where no database answers, which is not started for that."""
    from nightdesk.core.errors import NightdeskError
    from nightdesk.machine import postgres
    from nightdesk.operations.fileless import fileless_books
    from nightdesk.store.connection import connect
    from nightdesk.store.migrations import check_schema

    try:
        with closing(connect(postgres.known_url())) as conn:
            check_schema(conn)
            return fileless_books(conn, _folder().parent)
    except NightdeskError:
        return ()


def _stored(book: str | None) -> dict[str, Any]:
    """A book as a step last used it."""
    from nightdesk.cli.machine_commands import database
    from nightdesk.core.errors import Refused
    from nightdesk.store.book_rows import stored_book

    if book is None:
        raise Refused("--stored shows one book: name it")
    with database() as conn:
        found = stored_book(conn, book)
    if found is None:
        raise Refused(f"nothing is stored of a book {book}: no step of it was ever begun")
    return found.tree


def _folder() -> Path:
    from nightdesk.machine.home import Home

    return Home.find().root / "books"


def _cell(value: object) -> str:
    from nightdesk.alerts.figures import money

    return money(value) if isinstance(value, Decimal) else str(value)


def _check_beside(book: Book) -> None:
    """Refuse a list of members, or the file of a pool, that cannot be read, and expectations that their
    library does not take.
    """
    terms = book.members
    if terms is not None and terms.members is not None:
        from nightdesk.feeds.member_lists import read_members

        read_members(terms.members)
    if terms is not None and terms.screen is not None and terms.screen.pool.startswith("files:"):
        from nightdesk.feeds.stock_pool import read_pool

        read_pool(book)
    # The library takes seconds to come: a book of expectations that the desk computes does not pay for it.
    beyond = [one for one in book.quality.expectations if not one.has_array_form]
    if beyond:
        from nightdesk.feeds.expectations import refuse_untakeable

        refuse_untakeable(beyond)


def _beside_refused(books: Mapping[Path, Book]) -> dict[Path, str]:
    """The books whose list of members, or whose expectations, cannot be used, and why."""
    from nightdesk.core.errors import Refused

    refused = {}
    for path, book in books.items():
        try:
            _check_beside(book)
        except Refused as error:
            refused[path] = f"{path}: {error}"
    return refused


def _summary(book: Book) -> dict[str, object]:
    from nightdesk.core.feed_order import order_words

    entries = [book.entry_of(name) for name in book.account_names]
    values = (
        book.name,
        book.title,
        len(book.universe) if book.members is None else book.members.source,
        ", ".join(book.strategies),
        order_words(book.feeds.daily),
        ", ".join(dict.fromkeys(one.kind for one in entries)),
        ", ".join(one.account for one in entries),
        book.initial_capital,
    )
    return dict(zip(SUMMARY, values, strict=True))


def _as_yaml(document: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=110).rstrip()
