"""Conditions that a book puts before its entries: where one does not hold, nothing is opened or added to.

They are read as those of the strategy `rules` (`nightdesk.strategies.condition`), and look at the factors and
the bar of their own row alone: the backtest asks them of all sessions at once, a decision of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.strategies.condition import Value, WrittenCondition, condition, operand_values
from nightdesk.strategies.strategy import View

BarredCodes = NDArray[np.int16]

#: The key of a book, of its portfolio and of its strategies.
KEY = "entry_condition"


class Failing(IntEnum):
    """Why a condition does not let an entry through."""

    FALSE = 0
    UNKNOWN = 1
    UNDEFINED = 2


@dataclass(frozen=True)
class EntryConditions:
    """What must hold of a symbol for each strategy to open or add to a position in it.

    Attributes
    ----------
    of_strategy : mapping of strategy name to tuple of WrittenCondition
        In the order in which they are asked: the book's, then its own. Empty where none has any.
    """

    of_strategy: Mapping[str, tuple[WrittenCondition, ...]]

    @classmethod
    def of(cls, book: Book) -> Self:
        """Read the conditions of a book.

        Raises
        ------
        Refused
            When one cannot be read, with the path of its key.
        """
        common = _read(book.portfolio.entry_condition, f"portfolio.{KEY}")
        own = {
            name: _read(entry.entry_condition, f"strategies.{name}.{KEY}")
            for name, entry in book.strategies.items()
        }
        if not common and not any(own.values()):
            return cls({})
        return cls({name: (*common, *texts) for name, texts in own.items()})

    def __bool__(self) -> bool:
        return bool(self.of_strategy)

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors that they look at."""
        every = (one for read in self.of_strategy.values() for one in read)
        return tuple(dict.fromkeys(name for one in every for name in one.factors))

    def barred(self, view: View, strategies: Sequence[str]) -> BarredSessions:
        """Where they forbid entries; row t of it is a function of row t of the view."""
        value, found = partial(operand_values, view), dict[str, BarredCodes]()
        code = np.zeros((len(view.sessions), len(strategies), len(view.symbols)), dtype=np.int16)
        for s, name in enumerate(strategies):
            for place, one in reversed(list(enumerate(self.of_strategy[name]))):
                if one.text not in found:
                    found[one.text] = _failing(one, value, view.close.shape)
                fails = found[one.text]
                code[:, s] = np.where(fails != 0, fails + place * len(Failing), code[:, s])
        return BarredSessions(code, view, tuple(self.of_strategy[name] for name in strategies))


@dataclass(frozen=True, slots=True)
class Barred:
    """The entries of one session that conditions forbid.

    Attributes
    ----------
    code : int16 ndarray of shape (n_strategies, n_symbols)
        0 where all of them hold; else which one does not, and how.
    view : View
        What they looked at, one session.
    conditions : tuple of tuple of WrittenCondition, length n_strategies
    """

    code: BarredCodes
    view: View
    conditions: tuple[tuple[WrittenCondition, ...], ...]

    def place(self, s: int, n: int) -> int:
        """Which of the strategy's conditions does not hold."""
        return (int(self.code[s, n]) - 1) // len(Failing)

    def words(self, s: int, n: int) -> str:
        """Why an entry is forbidden: the first condition that does not hold, with its values."""
        one, how = self.conditions[s][self.place(s, n)], Failing((int(self.code[s, n]) - 1) % len(Failing))
        values = {name: float(operand_values(self.view, name)[0, n]) for name in one.operands}
        if how == Failing.UNKNOWN:
            absent = ", ".join(name for name, value in values.items() if not np.isfinite(value))
            return f"{KEY} {one.text} is not known: {absent} missing"
        shown = ", ".join(f"{name} {value:g}" for name, value in values.items())
        told = "does not hold" if how == Failing.FALSE else "is not defined, as it divides by zero"
        numbers = f" ({shown})" if shown else ""
        return f"{KEY} {one.text} {told}{numbers}"


@dataclass(frozen=True, slots=True)
class BarredSessions:
    """`Barred` of several sessions, with one more axis before the others."""

    code: BarredCodes
    view: View
    conditions: tuple[tuple[WrittenCondition, ...], ...]

    def row(self, t: int) -> Barred:
        """That of one session."""
        return Barred(self.code[t], self.view.rows(t, t + 1), self.conditions)


def _read(texts: Sequence[str], path: str) -> tuple[WrittenCondition, ...]:
    out = []
    for text in texts:
        try:
            out.append(condition(text))
        except Refused as error:
            raise Refused(f"{path}: {error}") from error
    return tuple(out)


def _failing(one: WrittenCondition, value: Value, shape: tuple[int, ...]) -> BarredCodes:
    """Where a condition does not hold, as 1 + `Failing`; 0 where it does."""
    holds, known = (np.broadcast_to(part, shape) for part in one.truth(value))
    absent = np.zeros(shape, dtype=bool)
    for name in one.operands:
        absent |= ~np.isfinite(value(name))
    how = np.where(known, Failing.FALSE, np.where(absent, Failing.UNKNOWN, Failing.UNDEFINED))
    return np.where(holds, 0, 1 + how).astype(np.int16)
