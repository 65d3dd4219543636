"""What a person may do from the cockpit: each action with its fields, and the operation behind it.

An action is one call of an operation that the command line calls as well; here are only its form and the
words of what was done. Every one wants a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from nightdesk.cockpit.form_values import Field, Values
from nightdesk.cockpit.guards import StartRun
from nightdesk.core.errors import Refused

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.core.panel import Action as CorporateAction
    from nightdesk.core.panel import ActionKind
    from nightdesk.store.db import Connection

#: How long an action waits for a run that works on the same book, in seconds.
WAIT_SECONDS = 15.0


@dataclass(frozen=True)
class ActionRequest:
    """An action that somebody asks for.

    Parameters
    ----------
    conn : Connection or None
        Where it is stored; None where the database cannot be reached, for what can be done without it.
    values : Values
        The fields, checked by their kinds.
    who : str
        The user of Airflow.
    books : mapping of str to Book
        The readable books that the user may see.
    environ : mapping of str to str
        Where secrets and the project's folder are named.
    lacking : str
        Why there is no connection.
    start_run : callable, optional
        See `Guards`.
    """

    conn: Connection | None
    values: Values
    who: str
    books: Mapping[str, Book]
    environ: Mapping[str, str]
    lacking: str = ""
    start_run: StartRun | None = None

    @property
    def store(self) -> Connection:
        """The connection; `Refused` where there is none."""
        if self.conn is None:
            raise Refused(f"nothing was done: the database cannot be reached. {self.lacking}")
        return self.conn

    @property
    def reason(self) -> str:
        """Why."""
        return self.values.text("reason")

    def book(self) -> Book:
        """The book of the form; `Refused` where its file cannot be read."""
        name = self.values.text("book")
        if name not in self.books:
            raise Refused(f"book {name} has no file that can be read: mend it, then ask again")
        return self.books[name]


@dataclass(frozen=True)
class PersonAction:
    """One thing that a person may do.

    Parameters
    ----------
    name : str
        In its address.
    title, what : str
        What it is called, and what it does, in a sentence or two.
    fields : tuple of Field
        Beside the book and the reason.
    run : callable
        Does it and says what was done.
    scope : {"book", "desk"}
        Whether it is about one book, whose permission is asked for.
    danger : bool
        Whether its button is red.
    without_store : bool
        Whether it is also done where the database cannot be reached.
    """

    name: str
    title: str
    what: str
    fields: tuple[Field, ...]
    run: Callable[[ActionRequest], str]
    scope: Literal["book", "desk"] = "book"
    danger: bool = False
    without_store: bool = False

    @property
    def form(self) -> tuple[Field, ...]:
        """All fields in the order of the form."""
        book = (Field("book", "Book", kind="book"),) if self.scope == "book" else ()
        return (*book, *self.fields, REASON)


REASON = Field("reason", "Reason", help="It is kept with your name.", longest=500)
SYMBOL = Field("symbol", "Symbol", longest=40)
ANY_SYMBOL = Field("symbol", "Symbol", required=False, help="Empty: the whole book.", longest=40)
LIMITS, EVERY_KIND = ("close-only", "no-new-entries", "max-size"), "all of them"


def _kill(asked: ActionRequest) -> str:
    from nightdesk.operations.kill_switch import BARE, kill

    book = asked.values.text("book")
    turned = kill(
        asked.conn,
        book,
        reason=asked.reason,
        who=asked.who,
        everything=asked.values.checked("everything"),
        wait_seconds=WAIT_SECONDS,
        environ=asked.environ,
        lacking=asked.lacking,
    )
    lines = [f"{book} is stopped from the decision of {turned.decision} on."]
    lines += [f"Cancelled: {one}." for one in turned.cancelled]
    lines += [f"{BARE}: {one}." for one in turned.bare]
    if turned.interrupted:
        lines.append("Another run works on it still: say it again when that has ended.")
    return "\n".join(lines)


def _resume(asked: ActionRequest) -> str:
    from nightdesk.operations.resume import resume

    book, what = asked.values.text("book"), asked.values.text("what")
    approved = asked.values.text("answer") == "yes"
    done = resume(
        asked.store,
        book,
        reason=asked.reason,
        who=asked.who,
        what=what if what in ("switch", "level", "both") else None,  # type: ignore[arg-type] # the choices
        approved=approved,
    )
    lines = []
    if done.released is not None:
        lines.append(f"{book} is released from the decision of {done.released.decision} on.")
    if done.answered is not None:
        word = (
            "no: it goes on waiting" if done.answered.kind == "reject" else "yes: it may come back once calm"
        )
        lines.append(f"The level of {book} is answered with {word}, from {done.answered_from} on.")
    return "\n".join(lines)


def _level(asked: ActionRequest) -> str:
    from nightdesk.core.schedule import schedule_of
    from nightdesk.operations.set_level import set_level

    book, level = asked.book(), int(asked.values.text("level"))
    fact = set_level(asked.store, book, level, reason=asked.reason, who=asked.who, wait_seconds=WAIT_SECONDS)
    decision = schedule_of(book).name_counted(fact.session, fact.after)
    return f"{book.name} goes to drawdown level {level} in the decision of {decision}."


def _limit(asked: ActionRequest) -> str:
    from nightdesk.operations.override import state_override

    values = asked.values
    return state_override(
        asked.store,
        asked.book(),
        values.text("kind"),
        symbol=values.text("symbol") or None,
        until=values.day("until"),
        size=values.number("size") if values.text("size") else None,
        reduce=values.checked("reduce"),
        by=asked.who,
        reason=asked.reason,
    )


def _end_limit(asked: ActionRequest) -> str:
    from nightdesk.operations.override import end_override

    kind = asked.values.text("kind")
    return end_override(
        asked.store,
        asked.book(),
        symbol=asked.values.text("symbol") or None,
        kind=None if kind == EVERY_KIND else kind,
        by=asked.who,
        reason=asked.reason,
    )


def _withdraw(asked: ActionRequest) -> str:
    from nightdesk.operations.state_action import withdraw

    values = asked.values
    kind, symbol, session = values.text("kind"), values.text("symbol"), values.day("session")
    gone = withdraw(asked.store, cast("ActionKind", kind), symbol, session, f"{asked.who}: {asked.reason}")
    return (
        f"The {kind} of {symbol} on {session} is withdrawn; it was stated by {gone.note}.\n"
        "What was booked of it stays: the next settling raises an alert that names it."
    )


def _backtest(asked: ActionRequest) -> str:
    from nightdesk.session.book_dags import dag_id_of

    if asked.start_run is None:
        raise Refused("no Airflow is here to run it: `nightdesk backtest BOOK --from D --to D --keep` does")
    book, first, last = asked.book().name, asked.values.day("from"), asked.values.day("to")
    if last < first:
        raise Refused(f"the span ends ({last}) before it begins ({first})")
    form: dict[str, object] = {"books": [book], "from": f"{first}", "to": f"{last}"}
    form["note"] = f"{asked.who}: {asked.reason}"[:500]
    if asked.values.text("capital"):
        form["capital"] = asked.values.number("capital")
    run = asked.start_run(dag_id_of("research", "backtest"), form, asked.who)
    return f"The backtest of {book} from {first} to {last} is begun as {run}; its result joins the backtests."


def _acknowledge(asked: ActionRequest) -> str:
    from nightdesk.store.delivery_rows import acknowledge

    row = acknowledge(asked.store, asked.values.whole("alert"), asked.who)
    by = row["acknowledged_by"]
    if by != asked.who:
        return f"Alert {row['alert_id']} was acknowledged by {by} before; that stays."
    return f"Alert {row['alert_id']} is acknowledged: {row['subject']}."


def _accept(asked: ActionRequest) -> str:
    from nightdesk.operations.accept import accept

    book, symbol, session = asked.book(), asked.values.text("symbol"), asked.values.day("session")
    done = accept(
        asked.store, book.name, symbol, session, reason=asked.reason, who=asked.who, environ=asked.environ
    )
    if done.again:
        return f"{symbol} was accepted at {done.price:g} of {session} before; nothing has changed."
    return f"{symbol} is accepted at {done.price:g} of {session}, for every book, from the next ingest on."


def _state(asked: ActionRequest) -> str:
    from nightdesk.operations.state_action import state

    changed, effects = state(asked.store, _stated(asked), books=asked.books)
    lines = ["It is stated." if changed else "It was stated so already; nothing has changed."]
    if not effects:
        lines.append("No started book holds it: it counts in prices and factors from that session on.")
    for one in effects:
        how = (
            f"will be refused: {one.refused}"
            if one.refused
            else f"is booked in the settling of {one.booked_in}"
        )
        lines.append(f"{one.book}: it {how}.")
    return "\n".join(lines)


def _stated(asked: ActionRequest) -> CorporateAction:
    """The corporate action of the form; `Refused` where its figures make none."""
    from nightdesk.operations.state_action import make_action

    values = asked.values
    given: dict[str, float | str] = {
        name: values.number(name) for name in ("ratio", "amount", "cash") if values.text(name)
    }
    if values.text("into"):
        given["into"] = values.text("into")
    return make_action(
        cast("ActionKind", values.text("kind")),
        values.text("symbol"),
        values.day("session"),
        given,
        note=f"{asked.who}: {asked.reason}",
    )


#: Kinds of corporate actions that a person states.
KINDS = (
    "split",
    "dividend",
    "capital_gain",
    "return_of_capital",
    "symbol_change",
    "merger",
    "spin_off",
    "delisting",
)

ALL: tuple[PersonAction, ...] = (
    PersonAction(
        "kill",
        "Stop a book",
        "Nothing that adds risk is sent any more, and what waits at the broker is cancelled, until the book "
        "is released. Reductions pass.",
        (Field("everything", "Stop reductions as well", kind="check", required=False),),
        _kill,
        danger=True,
        without_store=True,
    ),
    PersonAction(
        "resume",
        "Release a book, or answer its level",
        "Releases the kill switch, or says yes or no where the drawdown level waits for a person.",
        (
            Field(
                "what", "What is meant", kind="choice", choices=("what stops it", "switch", "level", "both")
            ),
            Field("answer", "Answer to the level", kind="choice", choices=("yes", "no")),
        ),
        _resume,
    ),
    PersonAction(
        "level",
        "Send a book to a drawdown level",
        "As if it had fallen so far: the next decision enters the level and does its cut; 4 sells all.",
        (Field("level", "Level", kind="choice", choices=("1", "2", "3", "4")),),
        _level,
        danger=True,
    ),
    PersonAction(
        "limit",
        "Limit a symbol, or a book",
        "From the next decision on: close-only (nothing adds to a position), no-new-entries (nothing is "
        "opened) or max-size (no position grows beyond a share of NAV). Exits pass. A rerun of an earlier "
        "decision does not see it.",
        (
            ANY_SYMBOL,
            Field("kind", "Limit", kind="choice", choices=LIMITS),
            Field(
                "size", "Size", kind="number", required=False, help="Of max-size: share of NAV, 0.05 is 5 %."
            ),
            Field("reduce", "Bring a larger position back to it", kind="check", required=False),
            Field("until", "Until", kind="date", help="The last session that it counts in."),
        ),
        _limit,
    ),
    PersonAction(
        "unlimit",
        "End a limit",
        "Ends what a person limits in a symbol or a book, from the next decision on.",
        (ANY_SYMBOL, Field("kind", "Limit", kind="choice", choices=(EVERY_KIND, *LIMITS))),
        _end_limit,
    ),
    PersonAction(
        "acknowledge",
        "Acknowledge an alert",
        "Says that somebody knows of it: an EMERGENCY is no longer repeated.",
        (Field("alert", "Number of the alert", kind="number", longest=18),),
        _acknowledge,
        scope="desk",
    ),
    PersonAction(
        "accept",
        "Accept a price",
        "Takes the price of a session as it is, which waits in quarantine as a jump. It holds for every book "
        "with the symbol, from the next ingest on.",
        (SYMBOL, Field("session", "Session", kind="date", help="The first one of the quarantine.")),
        _accept,
    ),
    PersonAction(
        "state",
        "Record a corporate action",
        "A split, dividend, merger, change of symbol or end that no source gives. It counts before what a "
        "source says.",
        (
            Field("kind", "Kind", kind="choice", choices=KINDS),
            SYMBOL,
            Field("session", "Session", kind="date", help="From whose open it counts."),
            Field(
                "ratio", "Ratio", kind="number", required=False, help="Shares after for one before, 4 or 1.5."
            ),
            Field("amount", "Amount", kind="number", required=False, help="Dollars a share."),
            Field("cash", "Cash", kind="number", required=False, help="Dollars paid a share."),
            Field("into", "New symbol", required=False, longest=40),
        ),
        _state,
        scope="desk",
    ),
    PersonAction(
        "withdraw",
        "Take a corporate action back",
        "Withdraws what a person recorded, or a price that a person accepted. What was booked of it stays.",
        (
            Field("kind", "Kind", kind="choice", choices=(*KINDS, "accept")),
            SYMBOL,
            Field("session", "Session", kind="date", help="From whose open it counted."),
        ),
        _withdraw,
        scope="desk",
    ),
    PersonAction(
        "backtest",
        "Start a backtest",
        "The book as its file is now, over past sessions in memory: a run of research__backtest. Nothing of "
        "the book changes.",
        (
            Field("from", "From", kind="date", help="The first session, in which it receives its capital."),
            Field("to", "To", kind="date", help="The last session; it must be over."),
            Field(
                "capital", "Capital", kind="number", required=False, help="Dollars; empty: the book's own."
            ),
        ),
        _backtest,
    ),
)

ACTIONS: Mapping[str, PersonAction] = {one.name: one for one in ALL}
