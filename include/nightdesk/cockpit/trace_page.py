"""The page of a symbol in a decision: its whole story, from bars to fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse

from nightdesk.cockpit.known_book import (
    REPEATED,
    KnownBook,
    NamedDecision,
    context_of,
    decision_of,
    explains_at_once,
    known_book,
)
from nightdesk.cockpit.screen import AScreen, Screen
from nightdesk.core.errors import Refused
from nightdesk.operations.trace import trace
from nightdesk.store.ahead import reading_once

router = APIRouter()


@dataclass(frozen=True)
class TraceView:
    """What the page of a symbol in a decision shows.

    Attributes
    ----------
    known : KnownBook
    symbol : str
    decision : NamedDecision or None
        None where the book has begun none.
    story : mapping or None
        What `nightdesk.operations.trace` tells; None where it cannot.
    explained : bool
        Whether its signals are given in words.
    untold : str
        Why there is no story; empty where there is.
    """

    known: KnownBook
    symbol: str
    decision: NamedDecision | None
    story: Mapping[str, Any] | None = None
    explained: bool = False
    untold: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        """The address of the page, by parts."""
        return "books", self.known.name, "trace", self.symbol


@router.get("/books/{book}/trace/{symbol:path}")
def trace_page(screen: AScreen, book: str, symbol: str, as_of: str = "", words: bool = False) -> HTMLResponse:
    """The page of a symbol in a decision; with `words` its signals are explained whatever that takes."""
    view = trace_view(screen, book, symbol, as_of, words=words)
    return screen.render(
        "symbol_trace.html.j2", view, title=f"{symbol} in {view.known.label}", book=book, tab="decision"
    )


def trace_view(screen: Screen, name: str, symbol: str, as_of: str = "", *, words: bool = False) -> TraceView:
    """What the page of a symbol in a decision shows.

    Raises
    ------
    HTTPException
        404 when it is no symbol of the book.
    """
    conn, known = screen.conn, known_book(screen, name)
    decision = None if known.record is None else decision_of(conn, known, as_of)
    if decision is None:
        return TraceView(known, symbol, None)
    with reading_once(conn):
        try:
            context = context_of(conn, known, decision)
            if symbol not in context.book.panel_symbols:
                raise HTTPException(404, f"{symbol[:REPEATED]!r} is not a symbol of book {name}.")
            explained = words or explains_at_once(context)
            story = trace(context, symbol, explained=explained)
        except Refused as error:
            return TraceView(known, symbol, decision, untold=str(error))
    return TraceView(known, symbol, decision, story, explained)
