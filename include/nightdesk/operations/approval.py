"""What people say of a book's drawdown level: an answer where it waits for one, and a level set by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from nightdesk.core.book import Book
from nightdesk.core.calendar import USUAL_CALENDAR, get_calendar
from nightdesk.core.drawdown_levels import Levels
from nightdesk.core.errors import Refused
from nightdesk.core.masking import mask_line, one_line
from nightdesk.core.schedule import schedule_of
from nightdesk.risk import LevelChange, RiskEvent, RiskState
from nightdesk.risk.levels import LIQUIDATED, REVIEWED
from nightdesk.risk.moves import describe
from nightdesk.session.auto_stop import next_counts, session_after
from nightdesk.store.db import Connection, transaction
from nightdesk.store.delivery_rows import acknowledge_by_key
from nightdesk.store.ledger_rows import read_mark
from nightdesk.store.message_rows import asking_key
from nightdesk.store.risk_state_rows import newest_risk_state, read_risk_events, save_risk_event

Wanted = Literal["review", "confirm"]
AnswerKind = Literal["review", "confirm", "reject"]

_ANSWERS = ("review", "confirm", "reject")
_DONE = {"review": "reviewed", "confirm": "confirmed", "reject": "rejected"}


class AlreadyAnswered(Refused):
    """A person's word changes nothing: the same was said before."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One stay of a book at one drawdown level: what an answer is about."""

    level: int
    since: date

    @property
    def run_id(self) -> str:
        """The run of the DAG of approval that asks about it: one a stay, however often it is started."""
        return f"level_{self.level}_since_{self.since}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A book that waits for a person.

    Attributes
    ----------
    book : str
        Name of the book.
    session : date
        The newest decision.
    episode : Episode
        The level that it stands at, and the session that entered it.
    wanted : {"review", "confirm"}
        What a person is asked for.
    drawdown : Decimal
        1 - NAV / peak at that decision.
    nav : Decimal or None
        Dollars at its mark; None where the session was not settled.
    peak : Decimal
        NAV in dollars that the drawdown is measured from.
    calm, since_low : int
        Decisions running with a calm portfolio, and without a new low.
    asked : date or None
        Session at which a person was asked; None in a replay that no person has seen.
    rejected : RiskEvent or None
        The newest answer, where it was no.
    """

    book: str
    session: date
    episode: Episode
    wanted: Wanted
    drawdown: Decimal
    nav: Decimal | None
    peak: Decimal
    calm: int
    since_low: int
    asked: date | None = None
    rejected: RiskEvent | None = None


def what_waits(conn: Connection, book: str) -> Waiting | None:
    """What a book waits for a person for; None when it does not, or its next decision has an answer."""
    found = newest_risk_state(conn, book)
    if found is None:
        return None
    session, state = found.session, found.state
    episode = _episode(state)
    if episode is None:
        return None
    facts = _said_since(conn, book, episode)
    answer = _newest_answer(facts)
    if bool(state.answered_by) if answer is None else _serves(answer, episode):
        return None
    mark = read_mark(conn, book, found.as_of)
    return Waiting(
        book=book,
        session=session,
        episode=episode,
        wanted=_wanted(episode),
        drawdown=state.drawdown,
        nav=None if mark is None else mark.nav,
        peak=state.peak,
        calm=state.calm,
        since_low=state.since_low,
        asked=next((one.session for one in facts if one.kind == "ask"), None),
        rejected=answer,
    )


def newest_answer(conn: Connection, book: str) -> tuple[RiskEvent, RiskState] | None:
    """What a person has said of the level at which a book stands, and the state that it was said of."""
    found = newest_risk_state(conn, book)
    episode = None if found is None else _episode(found.state)
    if found is None or episode is None:
        return None
    said = _newest_answer(_said_since(conn, book, episode))
    return (
        None if said is None or not (said.kind == "reject" or _serves(said, episode)) else (said, found.state)
    )


def spoken_of(conn: Connection, book: str) -> Episode | None:
    """What a person may speak of, answered or not; None where the book stands at a level that asks nobody."""
    found = newest_risk_state(conn, book)
    return None if found is None else _episode(found.state)


def answer(
    conn: Connection,
    book: str,
    *,
    approved: bool,
    reason: str,
    who: str,
    about: Episode | None = None,
    key: str | None = None,
    calendar: str = USUAL_CALENDAR,
) -> RiskEvent:
    """Store what a person said of a book that waits; it counts from the decision after the newest one.

    Whoever says no takes an earlier yes back, as long as the book has not come back by it. The same word of
    the same person is stored once. Every alert that asked about the book's levels is acknowledged.

    Parameters
    ----------
    conn : Connection
        Where it is stored.
    book : str
        Name of a started book.
    approved : bool
        Whether the book may come back.
    reason, who : str
        Why, and the person who says so.
    about : Episode, optional
        What the person was shown; default: what the book stands at.
    key : str, optional
        Names the answer: given twice under one key, it is stored once.
    calendar : str
        The book's exchange calendar.

    Returns
    -------
    RiskEvent
        What is stored, with the session from which it counts.

    Raises
    ------
    AlreadyAnswered
        When the same was said before.
    Refused
        When the book waits for nobody, or stands at another level than the person was shown; or when no
        reason or person is given.
    """
    first = next_counts(conn, book, calendar)
    found = newest_risk_state(conn, book)
    if found is None:
        raise Refused(f"book {book} waits for nobody: it has decided nothing yet")
    episode = _episode_to_answer(book, found.state, about)
    said = _newest_answer(_said_since(conn, book, episode))
    kind: AnswerKind = _wanted(episode) if approved else "reject"
    if said is not None and said == replace(
        said, kind=kind, reason=mask_line(reason.strip()), who=one_line(who.strip())
    ):
        return said
    _refuse_what_was_said(book, found.state, episode, said, approved=approved)
    session = max(first.session, session_after(get_calendar(calendar), found.as_of))
    fact = RiskEvent(session, kind, reason, who, after=max(first.after or found.as_of, found.as_of))
    with transaction(conn):
        save_risk_event(conn, book, fact, key=key)
        # Whoever speaks of the present level knows of those before it.
        acknowledge_by_key(conn, asking_key(book), who)
    return fact


def _episode_to_answer(book: str, state: RiskState, about: Episode | None) -> Episode:
    """The stay that an answer is about: the one that the person was shown, and the book is still in it."""
    episode = _episode(state)
    if about is not None and about != episode:
        raise Refused(
            f"book {book} does not stand any more where the answer is about, level {about.level} since "
            f"{about.since}: {level_in_words(state)}. If it waits, answer what is asked now"
        )
    if episode is None:
        raise Refused(f"book {book} waits for nobody: {level_in_words(state)}")
    return episode


def _episode(state: RiskState) -> Episode | None:
    if state.level < REVIEWED or state.since is None:
        return None
    return Episode(state.level, state.since)


def _wanted(episode: Episode) -> Wanted:
    return "confirm" if episode.level >= LIQUIDATED else "review"


def _said_since(conn: Connection, book: str, episode: Episode) -> tuple[RiskEvent, ...]:
    return tuple(one for one in read_risk_events(conn, book, date.max) if one.session >= episode.since)


def _newest_answer(facts: tuple[RiskEvent, ...]) -> RiskEvent | None:
    return next((one for one in reversed(facts) if one.kind in _ANSWERS), None)


def _serves(said: RiskEvent, episode: Episode) -> bool:
    """Whether it lets the book come back; a review does not where a confirmation is asked for."""
    return said.kind == "confirm" or (said.kind == "review" and episode.level == REVIEWED)


def _refuse_what_was_said(
    book: str, state: RiskState, episode: Episode, said: RiskEvent | None, *, approved: bool
) -> None:
    at = f"level {episode.level} of book {book}, entered on {episode.since}, was"
    if said is None:
        if approved and state.answered_by:
            raise AlreadyAnswered(f"{at} answered by the {state.answered_by}")
    elif _serves(said, episode) if approved else said.kind == "reject":
        raise AlreadyAnswered(
            f"{at} {_DONE[said.kind]} by {said.who}, from the decision of {said.session} on: {said.reason}"
        )


def level_in_words(state: RiskState) -> str:
    """Where a book stands, in half a sentence."""
    since = "" if state.since is None else f" since {state.since}"
    return f"it stands at drawdown level {state.level}{since}"


@dataclass(frozen=True, slots=True)
class Question:
    """One line, and a page in Markdown."""

    subject: str
    body: str


def question_of(waiting: Waiting, levels: Levels, entered: LevelChange | None) -> Question:
    """What a book that waits asks a person.

    Parameters
    ----------
    waiting : Waiting
        What it waits for.
    levels : Levels
        The book's.
    entered : LevelChange or None
        The move that entered the level, where it was kept.
    """
    level, since = waiting.episode.level, waiting.episode.since
    does = "Confirm" if waiting.wanted == "confirm" else "Review"
    return Question(
        subject=f"{does} drawdown level {level} of {waiting.book}: may it come back?",
        body="\n\n".join(
            [
                f"**{waiting.book}** stands at drawdown level **{level}** since **{since}** and waits for a "
                f"person to {waiting.wanted} that it may come back.",
                *([] if entered is None else [describe(entered, levels)]),
                _numbers(waiting),
                *_rejection(waiting),
                f"* **Approve**: {what_a_yes_means(waiting, levels)}\n"
                "* **Reject**: the book stays where it is, until somebody says otherwise. No answer means "
                "the same. To be asked again, trigger this DAG.",
            ]
        ),
    )


def answer_words(said: RiskEvent, state: RiskState, book: Book | None) -> str:
    """Who has answered what of a book's level, and when the book comes back by it.

    Parameters
    ----------
    said : RiskEvent
        The answer.
    state : RiskState
        After the newest decision.
    book : Book or None
        None where its file cannot be read.
    """
    if said.kind == "reject":
        return f"rejected by {said.who} ({said.reason}): it stays there until somebody says yes"
    levels = None if book is None else book.levels
    back = "once it is calm" if levels is None else f"in the first decision {_calm(levels, state)}"
    first = f"{said.session}" if book is None else schedule_of(book).name_counted(said.session, said.after)
    return (
        f"approved by {said.who} ({said.reason}), which counts from the decision of {first} on: it "
        f"comes back {back}"
    )


def _numbers(waiting: Waiting) -> str:
    nav = "not known" if waiting.nav is None else f"{waiting.nav:,.2f} dollars"
    rows = [
        ("Newest decision", f"{waiting.session}"),
        ("NAV", nav),
        ("Peak NAV", f"{waiting.peak:,.2f} dollars"),
        ("Drawdown", f"{waiting.drawdown:.2%}"),
    ]
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])


def _rejection(waiting: Waiting) -> list[str]:
    said = waiting.rejected
    return [] if said is None else [f"{said.who} has rejected it before: {said.reason}"]


def what_a_yes_means(waiting: Waiting, levels: Levels) -> str:
    """When a book that waits comes back by a yes, and how."""
    return (
        "the book may come back. It does so in the first decision "
        f"{_calm(levels, waiting)}. Sizes then begin at {levels.ramp_step:.0%} of normal and grow by "
        f"as much every {_sessions(levels.ramp_sessions)}; the drawdown is measured from the NAV of that day."
    )


def _calm(levels: Levels, now: Waiting | RiskState) -> str:
    """What the way back wants of the market, and how far it is."""
    return (
        f"at which the portfolio that it wants was calm for {_sessions(levels.calm_sessions)} running (now "
        f"{now.calm}) and the drawdown has made no new low for {_sessions(levels.low_sessions)} (now "
        f"{now.since_low})"
    )


def _sessions(number: int) -> str:
    return f"{number} session{'' if number == 1 else 's'}"
