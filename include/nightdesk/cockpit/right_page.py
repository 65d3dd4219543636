"""The page of a book's right to trade: its stage, what the next one asks for, and what people decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from nightdesk.alerts import figures
from nightdesk.cockpit.known_book import KnownBook, known_book
from nightdesk.cockpit.screen import AScreen, Screen
from nightdesk.core.errors import Refused
from nightdesk.store.gate_promotion_rows import Promotion, promotions_of

if TYPE_CHECKING:
    from nightdesk.operations.trading_stage import GateStanding
    from nightdesk.research.gates.stage_criteria import Criterion

router = APIRouter()

#: What people decided, so many of the newest.
PROMOTIONS_LISTED = 50


@dataclass(frozen=True)
class RightView:
    """What the page of a book's right to trade shows.

    Attributes
    ----------
    known : KnownBook
    standing : GateStanding or None
        None where the book's file cannot be judged.
    why_not : str
        Why it cannot; else empty.
    promotions : tuple of Promotion
        What people decided, the newest first.
    """

    known: KnownBook
    standing: GateStanding | None
    why_not: str
    promotions: tuple[Promotion, ...]

    @staticmethod
    def value(one: Criterion) -> str:
        """What was found, as people read it."""
        match one.value:
            case None:
                return "not known"
            case bool():
                return "yes" if one.value else "no"
            case float():
                return figures.number(one.value, 4)
        return f"{one.value:,}" if isinstance(one.value, int) else one.value


@router.get("/books/{book}/right")
def right_page(screen: AScreen, book: str) -> HTMLResponse:
    """How far a book may go with real money, and what it lacks to go further."""
    view = right_view(screen, book)
    title = f"Right to trade of {view.known.label}"
    return screen.render("right.html.j2", view, title=title, book=book, tab="right")


def right_view(screen: Screen, name: str) -> RightView:
    """What the page shows; a book is judged by its file, as the command `gate` does."""
    from nightdesk.operations.trading_stage import gate_standing

    known = known_book(screen, name)
    standing, why_not = None, known.without_file
    if name in screen.books:
        try:
            standing = gate_standing(screen.conn, screen.books[name])
        except Refused as error:  # a plug-in that it names is gone
            why_not = f"{error}"
    return RightView(known, standing, why_not, promotions_of(screen.conn, name, PROMOTIONS_LISTED))
