"""The shelf: every book of a folder, checked as far as that needs neither a network nor a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nightdesk import feeds
from nightdesk.book import Book, load_book
from nightdesk.decision import resolve
from nightdesk.errors import Refused


@dataclass(frozen=True)
class Shelf:
    """The books of a folder by file, and the reason for each file that holds none that may trade."""

    books: Mapping[Path, Book]
    refused: Mapping[Path, str]


def read_shelf(folder: Path) -> Shelf:
    """Every ``*.yaml`` of a folder; one that is wrong does not hide the others.

    Of two books that name one broker account the later file is refused: one account serves one book.
    """
    books: dict[Path, Book] = {}
    refused: dict[Path, str] = {}
    owners: dict[str, Path] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            book = read_book(path)
            owner = owners.setdefault(book.broker.account, path)
            if owner != path:
                raise Refused(
                    f"{path}: broker.account: {book.broker.account!r} is the account of {owner} already; "
                    "one account serves one book, so name another"
                )
        except Refused as error:
            refused[path] = str(error)
        else:
            books[path] = book
    return Shelf(books, refused)


def read_book(path: Path, overrides: Mapping[str, str] | None = None) -> Book:
    """Load one book and check all that it names: its plug-ins with their parameters, its feeds, its symbols.

    Parameters
    ----------
    path : Path
        A YAML file, called like the book in it.
    overrides : mapping of dotted key to YAML text, optional
        Values over the file's.

    Raises
    ------
    Refused
        With the file, the path of the key, what was found and what is allowed.
    """
    book = load_book(path, overrides)
    if book.name != path.stem:
        raise Refused(f"{path}: name: found {book.name!r}; a book is named like its file, {path.stem!r}")
    try:
        resolve(book)
        for symbol in book.panel_symbols:
            if not any(feeds.covers(feed, symbol) for feed in book.feeds.daily):
                asked = ", ".join(book.feeds.daily)
                raise Refused(f"universe.{symbol}: no feed of this book knows it (feeds.daily: {asked})")
    except Refused as error:
        raise Refused("\n".join(_located(line, path) for line in str(error).splitlines())) from error
    return book


def _located(line: str, path: Path) -> str:
    return line if line.startswith(str(path)) else f"{path}: {line}"
