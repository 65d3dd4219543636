"""What was found of a corporate action that is not plain, for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from nightdesk.core.corporate.ratios import nearest_split

#: How a note begins of an action that nobody stated, and of a change that only a person can explain.
INFERRED, ASKED = "inferred", "asked"

#: The source of actions that the desk infers: no answer of a vendor withdraws them.
INFERRED_SOURCE = "nightdesk"

#: A jump so near to the ratio of a split, relative, asks whether it is one: a day's own move lies between.
LIKELY_SPLIT = 0.10

#: So many alike of one symbol are told one by one; more are told as one.
MOST_ALIKE = 3


class FindingOutcome(StrEnum):
    """What became of it."""

    INFERRED = "inferred"  #: nobody stated it; it counts in prices and on positions
    ASKED = "asked"  #: it waits for a person, and counts nowhere
    REFUSED = "refused"  #: the price shows that it can't be; it counts nowhere
    SLIP = "slip"  #: the source's adjustment fell without a reason; it counts nowhere
    TAKEN_BACK = "taken back"  #: the source took it back, and so is what was booked
    LEVEL = "new level"  #: a lower adjustment stayed, and later ones are measured against it


@dataclass(frozen=True)
class ActionFinding:
    """A judgement on a corporate action that is not plain.

    Attributes
    ----------
    symbol : str
    session : datetime64[D]
        Where it counts from, or would.
    outcome : FindingOutcome
    words : str
        What was found, with its numbers, and what follows.
    answers : tuple of str
        The commands that answer it; `BOOK` stands for the book's name.
    count : int
        How many alike it speaks for.
    """

    symbol: str
    session: np.datetime64
    outcome: FindingOutcome
    words: str
    answers: tuple[str, ...] = ()
    count: int = 1

    def sentence(self, book: str = "BOOK") -> str:
        """All of it in one line, with the commands for a book."""
        text = f"{self.symbol} {self.session}: {self.words}"
        if not self.answers:
            return text
        commands = " or ".join(f"`{one.replace('BOOK', book)}`" for one in self.answers)
        return f"{text}. Answer with {commands}"


def fold(findings: Sequence[ActionFinding]) -> tuple[ActionFinding, ...]:
    """The findings, where those of one symbol and outcome that are many become their first, counted."""
    groups: dict[tuple[str, FindingOutcome], list[ActionFinding]] = {}
    for one in findings:
        groups.setdefault((one.symbol, one.outcome), []).append(one)
    folded = []
    for alike in groups.values():
        if len(alike) <= MOST_ALIKE:
            folded += alike
            continue
        words = f"{len(alike)} alike until {alike[-1].session}, the first: {alike[0].words}"
        folded.append(replace(alike[0], words=words, count=len(alike)))
    return tuple(sorted(folded, key=lambda one: (one.session, one.symbol)))


def answers(symbol: str, day: np.datetime64, dividend: float | None = None) -> tuple[str, ...]:
    """The commands that answer a question: state what it was, or take the price as it is."""
    accept = f'nightdesk accept BOOK {symbol} --session {day} --reason "…"'
    if dividend is None:
        return (accept,)
    paid = f'nightdesk action dividend {symbol} --session {day} --amount {dividend:.6g} --reason "…"'
    return (paid, accept)


def likely_split(symbol: str, day: np.datetime64, move: float) -> str:
    """A sentence on the split that a jump may be, with the command that states it; empty where none is near.

    Parameters
    ----------
    symbol : str
    day : datetime64[D]
        Of the jump.
    move : float
        Its price over the one before.
    """
    split = nearest_split(1.0 / move, LIKELY_SPLIT, 0.0) if math.isfinite(move) and move > 0 else None
    if split is None:
        return ""
    return (
        f" A split of {split} would leave a move of {move * split.value - 1.0:+.1%}: nightdesk action split "
        f'{symbol} --session {day} --ratio {split} --reason "..."'
    )
