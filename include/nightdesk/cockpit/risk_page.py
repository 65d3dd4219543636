"""The page of a book's risk: its distance to every limit, what moves it, and how its level came about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from nightdesk.alerts import figures
from nightdesk.alerts.margin_use import MarginUse
from nightdesk.alerts.risk_lines import RiskSection, pair_words
from nightdesk.cockpit.book_figures import drawdown_chart
from nightdesk.cockpit.known_book import KnownBook, NamedDecision, decision_of, instant_word, known_book
from nightdesk.cockpit.screen import SESSIONS_SHOWN, AScreen, Screen, how_many
from nightdesk.risk.moves import describe, stands
from nightdesk.store.cockpit_book_rows import BookPoint, book_history
from nightdesk.store.ledger_rows import read_mark
from nightdesk.store.risk_report_rows import newest_risk_report, read_risk_report
from nightdesk.store.risk_state_rows import average_correlation, level_changes, read_risk_state

if TYPE_CHECKING:
    from nightdesk.accounting.ledger import Mark
    from nightdesk.cockpit.charts import LineChart
    from nightdesk.risk import LevelChange

router = APIRouter()

#: Steps of colour of a correlation, either way.
STEPS = 5


@dataclass(frozen=True)
class CorrelationCell:
    """One cell of the table of correlations: its figure, and the class of its colour."""

    text: str
    tone: str


@dataclass(frozen=True)
class LevelMove:
    """A move between drawdown levels; `drawdown` is a share of the peak."""

    session: date
    before: int
    after: int
    drawdown: float
    words: str


@dataclass(frozen=True)
class RiskView:
    """What the page of a book's risk shows.

    Attributes
    ----------
    known : KnownBook
    decision : NamedDecision or None
        None where the book has begun none.
    section : RiskSection or None
        Its report; None where none was kept of it.
    newest_word, newest_name : str
        The newest decision before that has a report; empty where there is none, or the decision has one.
    mark : Mark or None
        The book at the decision; None before it was settled. `margin` is the use of a margin account.
    chart : LineChart or None
        The drawdown of the sessions up to the decision; None before the first.
    changes : tuple of LevelMove
        In these sessions, the newest first.
    """

    known: KnownBook
    decision: NamedDecision | None
    section: RiskSection | None
    newest_word: str
    newest_name: str
    chart: LineChart | None
    changes: tuple[LevelMove, ...]
    mark: Mark | None = None
    margin: MarginUse | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """The address of the page, by parts."""
        return "books", self.known.name, "risk"

    @property
    def heat(self) -> tuple[tuple[str, tuple[CorrelationCell, ...]], ...]:
        """The correlations, a row a symbol; empty with fewer than two positions."""
        if self.section is None or len(self.section.report.picture.symbols) < 2:
            return ()
        picture = self.section.report.picture
        rows = picture.matrix.tolist()
        return tuple(
            (symbol, tuple(correlation_cell(value, same=i == j) for j, value in enumerate(rows[i])))
            for i, symbol in enumerate(picture.symbols)
        )

    @property
    def highest(self) -> str:
        """The pair that moves together most."""
        return "" if self.section is None else pair_words(self.section.report.picture.highest)

    @property
    def lowest(self) -> str:
        """The pair that moves together least."""
        return "" if self.section is None else pair_words(self.section.report.picture.lowest)


def correlation_cell(value: float, *, same: bool) -> CorrelationCell:
    """A correlation with its colour; nothing on the diagonal, a dash where it is not known."""
    if same:
        return CorrelationCell("", "")
    if math.isnan(value):
        return CorrelationCell(figures.NOTHING, "")
    step = min(STEPS, math.ceil(abs(value) * STEPS))
    tone = f"{'together' if value > 0 else 'apart'}{step}" if step else ""
    return CorrelationCell(figures.number(value), tone)


@router.get("/books/{book}/risk")
def risk_page(screen: AScreen, book: str, as_of: str = "", sessions: str = "") -> HTMLResponse:
    """The page of a book's risk."""
    view = risk_view(screen, book, as_of, how_many(sessions))
    return screen.render(
        "book_risk.html.j2", view, title=f"Risk of {view.known.label}", book=book, tab="risk"
    )


def risk_view(screen: Screen, name: str, as_of: str = "", sessions: int = SESSIONS_SHOWN) -> RiskView:
    """What the page of a book's risk shows of a decision, by default the newest closed one."""
    conn, known = screen.conn, known_book(screen, name)
    decision = None if known.record is None else decision_of(conn, known, as_of)
    if decision is None:
        return RiskView(known, None, None, "", "", None, ())
    section = _section(screen, known, decision)
    earlier = None if section is not None else newest_risk_report(conn, name, decision.as_of)
    points = book_history(conn, name, sessions, decision.as_of)
    levels = None if known.book is None else known.book.levels
    mark = read_mark(conn, name, decision.as_of)
    links = screen.address("books", name, "risk") + "?as_of={session}"
    return RiskView(
        known=known,
        decision=decision,
        section=section,
        newest_word="" if earlier is None else instant_word(earlier),
        newest_name="" if earlier is None else known.name_of(earlier),
        chart=drawdown_chart(points, levels, links) if points else None,
        changes=_moves(screen, known, points),
        mark=mark,
        margin=None
        if mark is None or known.book is None
        else MarginUse.of(known.book.margin, mark.nav, mark.gross, mark.net),
    )


def _section(screen: Screen, known: KnownBook, decision: NamedDecision) -> RiskSection | None:
    """The stored report with the level in words; None where none was kept."""
    conn, as_of = screen.conn, decision.as_of
    report = read_risk_report(conn, known.name, as_of)
    if report is None:
        return None
    state = read_risk_state(conn, known.name, as_of)
    levels = None if known.book is None else known.book.levels
    if state is None or levels is None:
        return RiskSection("", report, state)
    return RiskSection(stands(state, levels, average_correlation(conn, known.name, as_of)), report, state)


def _moves(screen: Screen, known: KnownBook, points: tuple[BookPoint, ...]) -> tuple[LevelMove, ...]:
    if not points:
        return ()
    found = level_changes(screen.conn, known.name, points[0].session, points[-1].session)
    levels = None if known.book is None else known.book.levels

    def words(change: LevelChange) -> str:
        return change.cause if levels is None else describe(change, levels)

    return tuple(
        LevelMove(one.session, one.before, one.after, float(one.drawdown), words(one))
        for one in reversed(found)
    )
