"""What the pages of one request are made with: the visitor, the books, the store, and the frame around."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse

from nightdesk.alerts import figures
from nightdesk.alerts.figure_table import figure_label, figure_words
from nightdesk.alerts.page_templates import headed
from nightdesk.cockpit.charts import as_island
from nightdesk.cockpit.guards import Visitor
from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.version import code_version

if TYPE_CHECKING:
    import jinja2

    from nightdesk.core.schedule import Schedule
    from nightdesk.store.db import Connection

#: Sessions that a history shows where nobody asks for more, and the most.
SESSIONS_SHOWN, SESSIONS_MOST = 250, 6000
#: Rows a page of a list.
ROWS_A_PAGE = 100


@dataclass(frozen=True)
class BookList:
    """The books of the desk's folder that a visitor may see, and why other files hold none."""

    books: Mapping[str, Book] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Screen:
    """One request, as a page sees it.

    Parameters
    ----------
    conn : Connection
        Reads only, as the reader where one is set up; statements end after ten seconds.
    visitor : Visitor
        Who asks.
    book_list : BookList
        The books, and what is wrong with files of others.
    started : tuple of str
        Names of started books that the visitor may see, those without a file included.
    base : str
        Where the cockpit is mounted, such as ``/cockpit``: addresses within it begin so.
    leave : callable
        Address of a page of the server around it, by DAG and run.
    """

    conn: Connection
    visitor: Visitor
    book_list: BookList
    started: tuple[str, ...]
    base: str
    leave: Callable[[str, str], str]

    @property
    def books(self) -> Mapping[str, Book]:
        """The readable books, by name."""
        return self.book_list.books

    @property
    def user(self) -> str:
        """The visitor's name."""
        return self.visitor.name

    @property
    def may_write(self) -> bool:
        """Whether the visitor may act on the desk as a whole."""
        return self.visitor.may_act("")

    def must_be_started(self, book: str) -> str:
        """The name of a started book; ``HTTPException`` 404 in words where it is none."""
        if book not in self.started:
            known = ", ".join(self.started) or "none"
            raise HTTPException(404, f"There is no started book {book[:80]!r}: started books are {known}.")
        return book

    def schedule(self, book: str) -> Schedule | None:
        """When a book decides; None where its file is gone or wrong."""
        from nightdesk.core.schedule import schedule_of

        found = self.books.get(book)
        return None if found is None else schedule_of(found)

    def decision(self, book: str, as_of: str) -> Mapping[str, Any]:
        """The row of a decision by its instant, its session, or the word ``newest``: as_of, session, status.

        Raises
        ------
        HTTPException
            404 where the book has decided nothing then.
        """
        from nightdesk.store.cockpit_rows import decision_at, newest_decision

        self.must_be_started(book)
        found = newest_decision(self.conn, book) if as_of == "newest" else decision_at(self.conn, book, as_of)
        if found is None:
            when = "anything yet" if as_of == "newest" else f"at {as_of[:40]}"
            raise HTTPException(404, f"{book} has not decided {when}.")
        return found

    def more_tabs(self, book: str) -> tuple[tuple[str, str], ...]:
        """Path and word of the pages that a started book has beside those of every book."""
        from nightdesk.store.cockpit_screen_rows import optional_pages

        return tuple((one, one.capitalize()) for one in optional_pages(self.conn, book))

    def address(self, *parts: str, **asked: object) -> str:
        """An address within the cockpit; parts and values are encoded."""
        path = "/".join(quote(one, safe="") for one in parts)
        given = {name: value for name, value in asked.items() if value not in (None, "")}
        return f"{self.base}/{path}" + (f"?{urlencode(given)}" if given else "")

    def render(
        self, template: str, view: object, *, title: str, book: str = "", tab: str = "", status: int = 200
    ) -> HTMLResponse:
        """The page of a view.

        Parameters
        ----------
        template : str
            Its name in the folder of templates, such as ``overview.html.j2``.
        view : object
            What the template calls ``view``.
        title : str
            Of the page, for the tab of the browser and its head.
        book : str
            The book that it is about; empty where of none.
        tab : str
            Which part of the navigation is lit.
        status : int
            Of the answer.
        """
        page = templates().get_template(template)
        return HTMLResponse(
            page.render(view=view, screen=self, title=title, book=book, tab=tab, version=code_version()),
            status_code=status,
        )


def books_folder(environ: Mapping[str, str]) -> Path:
    """Where the desk's books are."""
    from nightdesk.session.context import project_root

    return project_root(environ) / "books"


def read_book_list(folder: Path) -> BookList:
    """The books of a folder; read anew only when a file of it has changed."""
    stamps = tuple(
        sorted((one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in folder.glob("*.yaml"))
    )
    return _read_book_list(folder, stamps)


@lru_cache(maxsize=4)
def _read_book_list(folder: Path, stamps: object) -> BookList:
    from nightdesk.session.books import read_books

    found = read_books(folder)
    return BookList(
        {one.name: one for one in found.books.values()},
        {path.stem: words for path, words in found.refused.items()},
    )


@contextmanager
def open_screen(
    visitor: Visitor, base: str, leave: Callable[[str, str], str], environ: Mapping[str, str] | None = None
) -> Iterator[Screen]:
    """A screen with a connection of its own, closed at the end."""
    from nightdesk.store.book_rows import started_books
    from nightdesk.store.connection import connect_reader

    environ = os.environ if environ is None else environ
    whole = read_book_list(books_folder(environ))
    book_list = BookList(
        {name: book for name, book in whole.books.items() if visitor.may_see(name)},
        {name: words for name, words in whole.broken.items() if visitor.may_see(name)},
    )
    conn = connect_reader(environ)
    try:
        started = tuple(one.book for one in started_books(conn) if visitor.may_see(one.book))
        yield Screen(conn, visitor, book_list, started, base, leave)
    finally:
        conn.close()


def a_screen(request: Request) -> Iterator[Screen]:
    """The screen of a request whose visitor was let in (`web_app.make_app` sees to that)."""
    book = request.path_params.get("book") or request.query_params.get("book") or ""
    visitor: Visitor = request.state.visitor
    if not visitor.may_see(book):
        raise HTTPException(403, f"You may not look at {book[:80] or 'the desk'}: ask who runs it.")
    if any("\0" in one for one in (*request.path_params.values(), *request.query_params.values())):
        raise HTTPException(400, "The address holds a character that no name has: follow a link of the page.")
    guards = request.app.state.guards
    with open_screen(visitor, request.scope.get("root_path", ""), guards.address) as screen:
        asked = request.query_params.get("book")
        if asked and asked not in {*screen.started, *screen.books, *screen.book_list.broken}:
            known = ", ".join(sorted({*screen.started, *screen.books})) or "none"
            raise HTTPException(404, f"There is no book {asked[:80]!r}: the desk's books are {known}.")
        yield screen


AScreen = Annotated[Screen, Depends(a_screen)]


def how_many(sessions: int | str | None) -> int:
    """A number of sessions to show, from 2 to `SESSIONS_MOST`; ``all`` is the most.

    Raises
    ------
    Refused
        For anything else.
    """
    if sessions in (None, ""):
        return SESSIONS_SHOWN
    if sessions == "all":
        return SESSIONS_MOST
    text = str(sessions)
    if not text.isdigit() or not 2 <= int(text) <= SESSIONS_MOST:
        raise Refused(f"sessions: found {text[:40]!r}; expected `all`, or a number from 2 to {SESSIONS_MOST}")
    return int(text)


@lru_cache(maxsize=1)
def templates() -> jinja2.Environment:
    """Templates with every figure written as on the desk's other pages."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nightdesk.cockpit"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for write in (
        figures.money, figures.price, figures.percent, figures.quantity, figures.number, figures.long_date,
        figures.instant, figures.duration, figures.tone,
    ):  # fmt: skip
        environment.filters[write.__name__] = write
    environment.filters |= {
        "island": as_island,
        "headed": headed,
        "figure_label": figure_label,
        "figure_words": lambda value, name: figure_words(name, value),
    }
    return environment
