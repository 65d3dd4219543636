"""The page of a decision: from signals to fills, with all that was dropped, cut or rejected and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from nightdesk.alerts.figure_table import FigureTable, figure_tables
from nightdesk.cockpit.funnel import DecisionRows, FunnelPart, SymbolRow, stages, symbol_rows
from nightdesk.cockpit.known_book import (
    KnownBook,
    NamedDecision,
    context_of,
    decision_of,
    explains_at_once,
    known_book,
)
from nightdesk.cockpit.screen import AScreen, Screen
from nightdesk.core.errors import Refused
from nightdesk.engine.exits import Cause
from nightdesk.session.exit_reasons import PLAIN, dropped_of, why_of
from nightdesk.session.report import reasons_of
from nightdesk.store.ahead import reading_once
from nightdesk.store.cockpit_book_rows import fills_for_decision, silent_counts
from nightdesk.store.decision_rows import (
    QualityRow,
    RegimeRow,
    gated_of,
    read_quality,
    read_regime,
    signals_of,
    targets_of,
    verdicts_of,
)
from nightdesk.store.order_rows import orders_of
from nightdesk.store.rows import read_rows
from nightdesk.store.run_rows import StepAttempt, newest_attempts

if TYPE_CHECKING:
    from nightdesk.session.context import Context

router = APIRouter()

#: Rank of a symbol of which nothing is held or wanted.
NOTHING = 3


@dataclass(frozen=True)
class DecisionView:
    """What the page of a decision shows.

    Attributes
    ----------
    known : KnownBook
    decision : NamedDecision or None
        None where the book has begun none.
    stages : tuple of FunnelPart
        The funnel.
    symbols : tuple of SymbolRow
        Those of which something was asked or changed, the greatest effect first.
    figures : tuple of FigureTable
        What strategies and their sizing show beside; empty where none does.
    explained : bool
        Whether signals are given in words: those of old decisions are told by a symbol's trace.
    regime : RegimeRow or None
    quality : QualityRow or None
    attempts : tuple of StepAttempt
        The newest attempt at each step, in their order.
    """

    known: KnownBook
    decision: NamedDecision | None
    stages: tuple[FunnelPart, ...] = ()
    symbols: tuple[SymbolRow, ...] = ()
    figures: tuple[FigureTable, ...] = ()
    explained: bool = False
    regime: RegimeRow | None = None
    quality: QualityRow | None = None
    attempts: tuple[StepAttempt, ...] = ()

    @property
    def path(self) -> tuple[str, ...]:
        """The address of the page, by parts."""
        return "books", self.known.name, "decision"

    @property
    def moved(self) -> tuple[SymbolRow, ...]:
        """The symbols that are held, were to change, or were kept from it."""
        return tuple(one for one in self.symbols if one.rank < NOTHING)

    @property
    def idle(self) -> tuple[SymbolRow, ...]:
        """The symbols of which a strategy spoke, and nothing is held or wanted."""
        return tuple(one for one in self.symbols if one.rank == NOTHING)

    @property
    def failed(self) -> tuple[StepAttempt, ...]:
        """The steps whose newest attempt failed."""
        return tuple(one for one in self.attempts if one.status == "failed")


@router.get("/books/{book}/decision")
def decision_page(screen: AScreen, book: str, as_of: str = "") -> HTMLResponse:
    """The page of a decision, by default of the newest closed one."""
    view = decision_view(screen, book, as_of)
    return screen.render(
        "decision.html.j2", view, title=f"Decision of {view.known.label}", book=book, tab="decision"
    )


def decision_view(screen: Screen, name: str, as_of: str = "") -> DecisionView:
    """What the page of a decision shows."""
    conn, known = screen.conn, known_book(screen, name)
    decision = None if known.record is None else decision_of(conn, known, as_of)
    if decision is None:
        return DecisionView(known, None)
    with reading_once(conn):
        context = _context(screen, known, decision)
        reasons = _reasons(context)
        rows = _stored(screen, known, decision, context, reasons)
        return DecisionView(
            known=known,
            decision=decision,
            stages=stages(rows),
            symbols=symbol_rows(rows),
            figures=figure_tables(rows.signals, rows.targets, rows.gated),
            explained=reasons is not None,
            regime=read_regime(conn, name, decision.as_of),
            quality=read_quality(conn, name, decision.as_of),
            attempts=tuple(newest_attempts(conn, name, decision.as_of).values()),
        )


def _context(screen: Screen, known: KnownBook, decision: NamedDecision) -> Context | None:
    """The decision as the steps see it; None where the book's file is gone, or means other decisions now."""
    try:
        return context_of(screen.conn, known, decision)
    except Refused:
        return None


def _reasons(context: Context | None) -> dict[tuple[str, str], str] | None:
    """The words of the decision's signals where they are to be had at once; None where they are not."""
    try:
        if context is None or context.run() is None or not explains_at_once(context):
            return None
        return {key: words for key, (_, _, words) in reasons_of(context).items()}
    except Refused:  # a plug-in is gone, a step was not reached
        return None


def _stored(
    screen: Screen,
    known: KnownBook,
    decision: NamedDecision,
    context: Context | None,
    reasons: Mapping[tuple[str, str], str] | None,
) -> DecisionRows:
    conn, name, as_of = screen.conn, known.name, decision.as_of

    def why(target: Mapping[str, Any]) -> str:
        cause = Cause(target["cause"])
        plain = PLAIN.get(cause, f"left by its {cause.name.lower()}")
        if context is None:
            return plain
        try:
            return why_of(context, target)
        except (Refused, KeyError):  # its strategy is gone from the book
            return plain

    return DecisionRows(
        signals=signals_of(conn, name, as_of),
        targets=targets_of(conn, name, as_of),
        dropped=read_rows(conn, "dropped_entries", book=name, as_of=as_of),
        verdicts=verdicts_of(conn, name, as_of),
        gated=gated_of(conn, name, as_of),
        orders=orders_of(conn, name, as_of),
        fills=fills_for_decision(conn, name, as_of),
        silent=silent_counts(conn, name, as_of),
        reasons={} if reasons is None else reasons,
        why=why,
        dropped_words=dropped_of,
    )
