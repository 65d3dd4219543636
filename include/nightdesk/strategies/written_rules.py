"""Rules that a person writes in a book: when to enter and when to leave, as conditions on factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from pydantic import Field, model_validator

from nightdesk.core.errors import Refused
from nightdesk.core.fields import Conditions, Frozen
from nightdesk.core.panel import Floats
from nightdesk.strategies.comparing import Flags, above
from nightdesk.strategies.condition import (
    VIX,
    WrittenCondition,
    WrittenNumber,
    amount,
    condition,
    operand_values,
)
from nightdesk.strategies.strategy import (
    BAR,
    CLOSE,
    Codes,
    Direction,
    SignalAction,
    Signals,
    SignalSide,
    Strategy,
    View,
    actions,
)
from nightdesk.strategies.strategy_registry import register
from nightdesk.strategies.words import TOO_LITTLE_HISTORY

#: The keys of a book, in the order in which a reader of signals meets them.
_CASES = ("leave", "enter", "leave_short", "enter_short")

#: Conditions of one kind; each has a clause of its own.
MOST_CONDITIONS = 20


class WrittenClause(IntEnum):
    """What was found of a symbol where no condition decides; conditions are counted on from `FIRST`."""

    NOTHING_HOLDS = 0
    UNKNOWN = 1
    UNDEFINED = 2
    BOTH_SIDES = 3
    BOTH_LEFT = 4
    NOT_SURE = 5
    FIRST = 10


@dataclass(frozen=True)
class Case:
    """The conditions of one key: of several, one that holds is enough."""

    key: str
    first: int
    conditions: tuple[WrittenCondition, ...]


@dataclass(frozen=True)
class CaseFound:
    """Of one case: where it holds, by which clause, and where it is not known; (n_sessions, n_symbols)."""

    holds: Flags
    clause: Codes
    known: Flags


class _FoundOfAll(NamedTuple):
    """What was found of each case, in their order."""

    leave: CaseFound
    enter: CaseFound
    leave_short: CaseFound
    enter_short: CaseFound


class _Said(NamedTuple):
    """What is said where something holds."""

    where: Flags
    clause: Codes | WrittenClause
    direction: Direction
    side: SignalSide


def _decisive(found: _FoundOfAll, sure: Flags) -> list[_Said]:
    """What decides, in the order in which it is asked."""
    leave, enter, leave_short, enter_short = found
    long, short = enter.holds & sure, enter_short.holds & sure
    both, left = long & short, leave.holds | leave_short.holds
    buys, sells = (
        partial(_Said, direction=Direction.STRONG_BUY),
        partial(_Said, direction=Direction.STRONG_SELL),
    )
    return [
        _Said(both & ~left, WrittenClause.BOTH_SIDES, Direction.HOLD, SignalSide.LONG),
        sells(leave.holds & short & ~both, enter_short.clause, side=SignalSide.SHORT),
        buys(leave_short.holds & long & ~both, enter.clause, side=SignalSide.LONG),
        sells(leave.holds & leave_short.holds, WrittenClause.BOTH_LEFT, side=SignalSide.EITHER),
        sells(leave.holds, leave.clause, side=SignalSide.LONG),
        buys(leave_short.holds, leave_short.clause, side=SignalSide.SHORT),
        buys(long, enter.clause, side=SignalSide.LONG),
        sells(short, enter_short.clause, side=SignalSide.SHORT),
    ]


@register
class WrittenRules(Strategy):
    """Enter and leave by conditions that the book writes, such as ``rsi_14 < 30 and close > sma_200``.

    What holds of ``leave`` decides before what holds of ``enter``, but where the other side is entered in the
    same session: that turns the position round. Where both sides would be entered, neither is. A condition
    that lacks a value does not fire (`nightdesk.strategies.condition` has the grammar).

    ============= ================================= ==========
    leave         STRONG_SELL, of longs              1
    enter         STRONG_BUY, long                   confidence
    leave_short   STRONG_BUY, of shorts              1
    enter_short   STRONG_SELL, short                 confidence
    ============= ================================= ==========
    """

    name = "rules"
    example = MappingProxyType({"enter": "rsi_14 < 30 and close > sma_200", "leave": "rsi_14 > 60"})

    class Params(Frozen):
        """Each key has one condition, or a list of which one that holds is enough."""

        enter: Conditions = Field((), description="when a long is opened")
        leave: Conditions = Field((), description="when longs are left")
        enter_short: Conditions = Field((), description="when a short is opened")
        leave_short: Conditions = Field((), description="when shorts are covered")
        confidence: str = Field("1", description="of entries: a number or an expression, cut to 0 to 1")

        @model_validator(mode="after")
        def _readable(self) -> WrittenRules.Params:
            for key in _CASES:
                texts = getattr(self, key)
                if len(texts) > MOST_CONDITIONS:
                    raise ValueError(f"{key} has {len(texts)} conditions, and {MOST_CONDITIONS} are the most")
                for text in texts:
                    _read(key, text, condition)
            _read("confidence", self.confidence, amount)
            if not self.enter and not self.enter_short:
                raise ValueError("it has neither enter nor enter_short, so it would never open anything")
            for leave, enter in (("leave", "enter"), ("leave_short", "enter_short")):
                if getattr(self, leave) and not getattr(self, enter):
                    raise ValueError(f"{leave} has nothing to leave: {enter} is missing")
            return self

    params: Params

    def __init__(self, params: Frozen) -> None:
        super().__init__(params)
        written = {SignalSide.LONG: self.params.enter, SignalSide.SHORT: self.params.enter_short}
        self.sides = frozenset(side for side, texts in written.items() if texts)

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """What the book wrote, in the order of the keys."""
        first, out = int(WrittenClause.FIRST), []
        for key in _CASES:
            read = tuple(condition(text) for text in getattr(self.params, key))
            out.append(Case(key, first, read))
            first += MOST_CONDITIONS
        return tuple(out)

    @cached_property
    def confidence(self) -> WrittenNumber:
        """How sure an entry is."""
        return amount(self.params.confidence)

    @property
    def _operands(self) -> tuple[str, ...]:
        read = [one for case in self.cases for one in case.conditions]
        return tuple(dict.fromkeys(name for one in (*read, self.confidence) for name in one.operands))

    @property
    def factors(self) -> tuple[str, ...]:
        return tuple(name for name in self._operands if name not in BAR and name != VIX)

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._operands, CLOSE)))

    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol; strength is 1 of a purchase, -1 of a sale, else 0."""
        value = partial(operand_values, view)
        found = _FoundOfAll(*(_found(case, view, value) for case in self.cases))
        sure = np.broadcast_to(np.asarray(self.confidence.value(value), dtype=np.float64), view.close.shape)
        decisive = _decisive(found, above(sure, 0.0))
        asked = [one.where for one in decisive]
        direction = np.select(asked, [one.direction for one in decisive], Direction.HOLD).astype(np.int8)
        side = np.select(asked, [one.side for one in decisive], self._quiet_side).astype(np.int8)
        quiet = self._quiet(found, sure, value)
        reason = np.select(
            [*asked, *(where for where, _ in quiet)],
            [*(one.clause for one in decisive), *(clause for _, clause in quiet)],
            WrittenClause.NOTHING_HOLDS,
        )
        action = actions(direction, side)
        confidence = np.select(
            [action == SignalAction.ENTER, action == SignalAction.LEAVE], [np.clip(sure, 0.0, 1.0), 1.0], 0.0
        )
        return Signals(
            direction, np.sign(direction).astype(np.float64), confidence, reason.astype(np.int8), side
        )

    def _quiet(
        self, found: _FoundOfAll, sure: Floats, value: Callable[[str], Floats]
    ) -> list[tuple[Flags, WrittenClause]]:
        """Why nothing is said where no condition decides."""
        wants = found.enter.holds | found.enter_short.holds
        unknown = wants | ~np.logical_and.reduce([one.known for one in found])
        lacking = np.logical_or.reduce([~np.isfinite(value(name)) for name in self.needs])
        return [
            (wants & np.isfinite(sure), WrittenClause.NOT_SURE),
            (unknown & lacking, WrittenClause.UNKNOWN),
            (unknown, WrittenClause.UNDEFINED),
        ]

    @property
    def _quiet_side(self) -> SignalSide:
        """What a signal that says nothing is about."""
        return SignalSide.LONG if self.params.enter else SignalSide.SHORT

    @property
    def words(self) -> Mapping[int, str]:
        texts = {
            WrittenClause.NOTHING_HOLDS: "no condition holds",
            WrittenClause.UNKNOWN: TOO_LITTLE_HISTORY,
            WrittenClause.UNDEFINED: "a number of a condition is not defined (it divides by zero)",
            WrittenClause.BOTH_SIDES: "enter and enter_short hold both: nothing is entered",
            WrittenClause.BOTH_LEFT: "leave and leave_short hold both",
            WrittenClause.NOT_SURE: (
                f"a condition to enter holds, and its confidence, {self.confidence.text}, is not above 0"
            ),
        }
        out = {int(clause): text for clause, text in texts.items()}
        for case in self.cases:
            for at, one in enumerate(case.conditions):
                out[case.first + at] = f"{case.key}: {one.text}{_with_numbers(one.operands)}"
        return out


def _read(key: str, text: str, read: Callable[[str], object]) -> None:
    try:
        read(text)
    except Refused as error:
        raise ValueError(f"{key}: {error}") from error


def _found(case: Case, view: View, value: Callable[[str], Floats]) -> CaseFound:
    """Where a case holds; nothing does, and nothing is known, without a close."""
    shape, seen = view.close.shape, np.isfinite(view.close)
    truths = [one.truth(value) for one in case.conditions]
    holds = [np.broadcast_to(one, shape) & seen for one, _ in truths]
    known = [np.broadcast_to(one, shape) for _, one in truths]
    clause = np.select(holds, list(range(case.first, case.first + len(holds)))) if holds else np.zeros(shape)
    return CaseFound(
        holds=np.logical_or.reduce([*holds, np.zeros(shape, dtype=bool)]),
        clause=clause.astype(np.int8),
        known=np.logical_and.reduce([*known, seen]),
    )


def _with_numbers(operands: Sequence[str]) -> str:
    """The values behind a condition, in its order."""
    return f" ({', '.join(f'{name} {{{name}:g}}' for name in operands)})" if operands else ""
