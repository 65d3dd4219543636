"""The stored page of a session within the cockpit, in a frame of its own in which nothing runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse

from nightdesk.cockpit.known_book import KnownBook, NamedDecision, decision_of, known_book
from nightdesk.cockpit.screen import AScreen, Screen
from nightdesk.store.message_rows import report_html

router = APIRouter()

#: Of the stored page alone: its own style and pictures; no script, no request, no form, no way out.
STORED_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)

#: The link to the Data Docs, which are files beside the page where that lies in the folder of reports.
_DATA_DOCS = re.compile(r'<a href="(data-docs/[^"<>]*)">(Data Docs)</a>')


@dataclass(frozen=True)
class StoredPageView:
    """The frame around a decision's stored page.

    Attributes
    ----------
    known : KnownBook
    decision : NamedDecision or None
        None where the book has begun none.
    has_page : bool
        Whether a page of it is stored.
    """

    known: KnownBook
    decision: NamedDecision | None
    has_page: bool

    @property
    def path(self) -> tuple[str, ...]:
        """The address of the page, by parts."""
        return "books", self.known.name, "session"


@router.get("/books/{book}/session")
def session_view_page(screen: AScreen, book: str, as_of: str = "") -> HTMLResponse:
    """The frame around the stored page of a decision, by default of the newest closed one."""
    view = stored_page_view(screen, book, as_of)
    return screen.render(
        "stored_page.html.j2", view, title=f"Session page of {view.known.label}", book=book, tab="session"
    )


@router.get("/books/{book}/session/stored")
def stored_page(screen: AScreen, book: str, as_of: str = "") -> HTMLResponse:
    """The stored page itself, as the mail and the folder of reports have it, with a policy of its own."""
    known = known_book(screen, book)
    decision = None if known.record is None else decision_of(screen.conn, known, as_of)
    html = None if decision is None else report_html(screen.conn, book, decision.as_of)
    if html is None:
        raise HTTPException(
            404, f"No page of that {known.noun} of book {book} is stored: its report makes it."
        )
    return HTMLResponse(unlinked(html), headers={"Content-Security-Policy": STORED_PAGE_POLICY})


def stored_page_view(screen: Screen, name: str, as_of: str = "") -> StoredPageView:
    """What the frame around a stored page shows."""
    known = known_book(screen, name)
    decision = None if known.record is None else decision_of(screen.conn, known, as_of)
    stored = decision is not None and report_html(screen.conn, name, decision.as_of) is not None
    return StoredPageView(known, decision, stored)


def unlinked(html: str) -> str:
    """A stored page whose link to files beside it names them instead: they are not there in the cockpit."""
    return _DATA_DOCS.sub(r"\2 (<code>\1</code> in the folder of the book's reports)", html)
