"""What a person is shown who is asked about a book's drawdown level."""

from __future__ import annotations

from dataclasses import dataclass

from nightdesk.book import Levels
from nightdesk.pipeline.answering import Waiting
from nightdesk.risk import Change, RiskEvent, RiskState
from nightdesk.risk.moves import describe


@dataclass(frozen=True, slots=True)
class Question:
    """One line, and a page in Markdown."""

    subject: str
    body: str


def question_of(waiting: Waiting, levels: Levels, entered: Change | None) -> Question:
    """What a book that waits asks a person.

    Parameters
    ----------
    waiting : Waiting
        What it waits for.
    levels : Levels
        The book's.
    entered : Change or None
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
                f"* {_approving(waiting, levels)}\n"
                "* **Reject**: the book stays where it is, until somebody says otherwise. No answer means "
                "the same. To be asked again, trigger this DAG.",
            ]
        ),
    )


def answer_words(said: RiskEvent, state: RiskState, levels: Levels | None) -> str:
    """Who has answered what of a book's level, and when the book comes back by it.

    Parameters
    ----------
    said : RiskEvent
        The answer.
    state : RiskState
        After the newest decision.
    levels : Levels or None
        The book's; None where its file cannot be read.
    """
    if said.kind == "reject":
        return f"rejected by {said.who} ({said.reason}): it stays there until somebody says yes"
    back = "once it is calm" if levels is None else f"in the first decision {_calm(levels, state)}"
    return (
        f"approved by {said.who} ({said.reason}), which counts from the decision of {said.session} on: it "
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


def _approving(waiting: Waiting, levels: Levels) -> str:
    return (
        "**Approve**: the book may come back. It does so in the first decision "
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
