"""The forms of actions, and what becomes of one that is sent: done once, and kept whatever comes of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse

from nightdesk.cockpit.form_values import Field, read_form
from nightdesk.cockpit.guards import Guards, Visitor
from nightdesk.cockpit.person_actions import ACTIONS, ALL, ActionRequest, PersonAction
from nightdesk.cockpit.screen import ROWS_A_PAGE, AScreen, Screen, books_folder, read_book_list
from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.core.masking import mask
from nightdesk.store.book_rows import started_books
from nightdesk.store.manual_action_rows import State, begin_action, end_action, newest_actions

if TYPE_CHECKING:
    from nightdesk.store.db import Connection

router = APIRouter()
log = logging.getLogger("nightdesk.cockpit")

#: More than any form holds.
LARGEST_FORM = 64 * 1024
#: The status of an answer by what became of the action.
STATUS = {"done": 200, "refused": 409, "failed": 500, "begun": 409}


@dataclass(frozen=True)
class ActionsView:
    """The actions that there are, and what was done last."""

    actions: tuple[PersonAction, ...]
    may_act: bool
    done: tuple[Mapping[str, Any], ...]
    older: str
    before: str


@dataclass(frozen=True)
class FormView:
    """One form: what stands in its fields already, and the number that makes it act once."""

    action: PersonAction
    fields: tuple[tuple[Field, str], ...]
    books: tuple[str, ...]
    request: str
    may_act: bool


@router.get("/actions")
def actions(screen: AScreen, book: str = "", before: str = "") -> HTMLResponse:
    """What can be done, and what was."""
    return screen.render(
        "actions.html.j2", actions_view(screen, book, before), title="Actions", book=book, tab="actions"
    )


@router.get("/actions/{name}")
def form(screen: AScreen, request: Request, name: str) -> HTMLResponse:
    """The form of an action; its fields are filled from the address."""
    action = _action(name)
    view = form_view(screen, action, dict(request.query_params))
    return screen.render("action.html.j2", view, title=action.title, tab="actions")


@router.post("/actions/{name}")
async def act(request: Request, name: str) -> JSONResponse:
    """Do what a form asks for; the answer says what was done, or why not."""
    action = _action(name)
    if int(request.headers.get("content-length") or LARGEST_FORM + 1) > LARGEST_FORM:
        raise HTTPException(413, "That is more than a form holds.")
    sent = {key: value for key, value in (await request.form()).items() if isinstance(value, str)}
    state, words, status = await run_in_threadpool(
        perform, action, sent, request.state.visitor, request.app.state.guards
    )
    # A form that was refused is sent again under a number of its own.
    answer = {"state": state, "words": words, "request": str(uuid4())}
    return JSONResponse(answer, status_code=status)


def actions_view(screen: Screen, book: str, before: str) -> ActionsView:
    """Read what the list of actions shows."""
    seen = (book,) if book else ("", *screen.started)
    done = newest_actions(screen.conn, seen, before=_instant(before), rows=ROWS_A_PAGE)
    older = ""
    if len(done) == ROWS_A_PAGE:
        older = screen.address("actions", book=book, before=done[-1]["asked_at"].isoformat())
    return ActionsView(ALL, screen.visitor.may_act(book), tuple(done), older, before)


def form_view(screen: Screen, action: PersonAction, given: Mapping[str, str]) -> FormView:
    """A form with what the address has put into it; what its fields do not take is left out."""
    fields = tuple((one, given.get(one.name, "")[: one.longest]) for one in action.form)
    may_act = screen.visitor.may_act(given.get("book", "") if action.scope == "book" else "")
    return FormView(action, fields, screen.started, str(uuid4()), may_act)


def perform(
    action: PersonAction, sent: Mapping[str, str], visitor: Visitor, guards: Guards
) -> tuple[State, str, int]:
    """Do an action once, and keep who asked for it and what became of it.

    Returns
    -------
    state, words : str
        ``done``, ``refused`` (nothing was changed), ``failed``, or ``begun`` where the same form is being
        worked on; and what the person is told.
    status : int
        Of the answer.
    """
    environ = guards.environ()
    given = {name: value for name, value in sent.items() if name != "request"}
    try:
        request = UUID(sent.get("request", ""))
    except ValueError:
        return "refused", "The form has no number of its own: open it again.", STATUS["refused"]
    conn, lacking = _connected(environ)
    if conn is None:
        if not action.without_store:
            return "refused", f"Nothing was done: the database cannot be reached. {lacking}", 503
        return _tried(action, given, visitor, guards, environ, None, lacking)
    with closing(conn):
        book = given.get("book", "")
        about = book if book in _started(conn) else ""
        reason = given.get("reason", "")
        known = begin_action(
            conn, request, action.name, book=about, who=visitor.name, reason=reason, given=given
        )
        if known is not None:
            return _sent_before(known, action, visitor)
        state, words, status = _tried(action, given, visitor, guards, environ, conn, "")
        end_action(conn, request, state, words)
        return state, words, status


def _tried(
    action: PersonAction,
    given: Mapping[str, str],
    visitor: Visitor,
    guards: Guards,
    environ: Mapping[str, str],
    conn: Connection | None,
    lacking: str,
) -> tuple[State, str, int]:
    """Check the form and run the action; whatever is raised becomes words."""
    try:
        book_list = read_book_list(books_folder(environ))
        names = tuple(book_list.books) if conn is None else _started(conn)
        seen = [name for name in names if visitor.may_see(name)]
        about = given.get("book", "").strip() if action.scope == "book" else ""
        if not visitor.may_act(about if about in seen else ""):
            return "refused", f"You may not act on {about[:80] or 'the desk'}: ask who runs it.", 403
        values = read_form(action.form, given, seen)
        books = {name: book for name, book in book_list.books.items() if visitor.may_see(name)}
        asked = ActionRequest(conn, values, visitor.name, books, environ, lacking, guards.start_run)
        words = action.run(asked)
        return "done", mask(words, environ), STATUS["done"]
    except Refused as error:
        return "refused", mask(str(error), environ), STATUS["refused"]
    except Transient as error:
        nothing = "" if action.without_store else "Nothing was done for now. "
        return "refused", mask(f"{nothing}{error}", environ), 503
    except Exception:
        log.exception("action_failed name=%s who=%s", action.name, visitor.name)
        words = "It failed, and may be done in part: what happened is in the log of the API server."
        return "failed", words, STATUS["failed"]


def _sent_before(known: Mapping[str, Any], action: PersonAction, visitor: Visitor) -> tuple[State, str, int]:
    """What is told of a form that was sent before."""
    if (known["action"], known["who"]) != (action.name, visitor.name):
        return "refused", "This form was sent by somebody else, or for something else: open it again.", 409
    if known["state"] == "begun":
        return (
            "begun",
            "This form was sent before and is being worked on, or was cut off: the list of actions tells.",
            STATUS["begun"],
        )
    return known["state"], known["words"], STATUS[known["state"]]


def _connected(environ: Mapping[str, str]) -> tuple[Connection | None, str]:
    """The desk's own connection, or None and why there is none."""
    from nightdesk.store.connection import connect

    try:
        return connect(environ=environ), ""
    except NightdeskError as error:
        return None, mask(str(error), environ)


def _started(conn: Connection) -> tuple[str, ...]:
    return tuple(one.book for one in started_books(conn))


def _action(name: str) -> PersonAction:
    if name not in ACTIONS:
        raise HTTPException(404, f"There is no action {name[:60]!r}: there are {', '.join(ACTIONS)}.")
    return ACTIONS[name]


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"before: found {text[:40]!r}; expected an instant of the list") from None
