"""Books that wait for a person: what is asked with which numbers, what a yes means, what was said."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from nightdesk.cockpit.known_book import known_book
from nightdesk.cockpit.screen import ROWS_A_PAGE, AScreen, Screen
from nightdesk.core.errors import Refused
from nightdesk.operations.approval import Waiting, answer_words, newest_answer, what_a_yes_means, what_waits
from nightdesk.risk.moves import describe
from nightdesk.session.book_dags import dag_id_of
from nightdesk.store.cockpit_alert_rows import AnswerRow, answers_of_people
from nightdesk.store.foreign_order_rows import ForeignOrder, foreign_orders
from nightdesk.store.kill_switch_rows import KillSwitchState, kill_switch
from nightdesk.store.risk_state_rows import level_changes

router = APIRouter()


@dataclass(frozen=True)
class LevelQuestion:
    """A book that waits at a drawdown level.

    Attributes
    ----------
    waiting : Waiting
    entered : str
        The move that entered the level, with its numbers; empty where it was not kept.
    yes : str
        What a yes means; empty where the book's file cannot be read.
    run : str
        Address of the run of Airflow in which a person may answer too; empty where nobody was asked there.
    """

    waiting: Waiting
    entered: str
    yes: str
    run: str


@dataclass(frozen=True)
class ApprovalsView:
    """What waits for people.

    Attributes
    ----------
    questions : tuple of LevelQuestion
    stopped : tuple of (str, KillSwitchState, str)
        Books whose kill switch is on, by name, and the first decision that reads it.
    foreign : tuple of (str, ForeignOrder)
        Orders at accounts that their book did not send and nobody has claimed.
    answered : tuple of (str, str)
        Books whose question has its answer, which the next decisions read, in words.
    past : tuple of AnswerRow
        What was asked and said, the newest first.
    """

    questions: tuple[LevelQuestion, ...]
    stopped: tuple[tuple[str, KillSwitchState, str], ...]
    foreign: tuple[tuple[str, ForeignOrder], ...]
    answered: tuple[tuple[str, str], ...]
    past: tuple[AnswerRow, ...]
    before: str
    older: str
    newest: str

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for anybody."""
        return not (self.questions or self.stopped or self.foreign)


def approvals_view(screen: Screen, before: str = "") -> ApprovalsView:
    """What waits for people in the books that the visitor may see."""
    if before and not (before.isascii() and before.isdigit() and len(before) <= 18):
        raise Refused(f"before: found {before[:40]!r}; expected the number of an answer")
    conn, books = screen.conn, screen.started
    switches = tuple((name, kill_switch(conn, name)) for name in books)
    past = answers_of_people(conn, books, rows=ROWS_A_PAGE + 1, before=int(before) if before else None)
    shown = past[:ROWS_A_PAGE]
    older = screen.address("approvals", before=shown[-1].risk_event_id) if len(past) > len(shown) else ""
    return ApprovalsView(
        questions=tuple(one for one in (_question(screen, name) for name in books) if one is not None),
        stopped=tuple(
            (name, switch, switch.begins(known_book(screen, name).schedule))
            for name, switch in switches
            if switch.on
        ),
        foreign=tuple((name, one) for name in books for one in foreign_orders(conn, name)),
        answered=tuple((name, words) for name in books if (words := _answered(screen, name))),
        past=shown,
        before=before,
        older=older,
        newest=screen.address("approvals"),
    )


@router.get("/approvals")
def approvals(screen: AScreen, before: str = "") -> HTMLResponse:
    """What waits for people."""
    return screen.render(
        "approvals.html.j2", approvals_view(screen, before), title="Approvals", tab="approvals"
    )


def _question(screen: Screen, book: str) -> LevelQuestion | None:
    waiting = what_waits(screen.conn, book)
    if waiting is None:
        return None
    since = waiting.episode.since
    moves = level_changes(screen.conn, book, since, since)
    known = screen.books.get(book)
    levels = None if known is None else known.levels
    return LevelQuestion(
        waiting=waiting,
        entered=describe(moves[-1], levels) if moves and levels is not None else "",
        yes="" if levels is None else what_a_yes_means(waiting, levels),
        run="" if waiting.asked is None else screen.leave(dag_id_of("resume", book), waiting.episode.run_id),
    )


def _answered(screen: Screen, book: str) -> str:
    found = newest_answer(screen.conn, book)
    if found is None or what_waits(screen.conn, book) is not None:
        return ""
    known = screen.books.get(book)
    return answer_words(*found, known)
