"""Rules that put a book's drawdown level, and its way back, into force; see `nightdesk.risk.levels`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from nightdesk.core.drawdown_levels import MaxDrawdownLimit
from nightdesk.core.panel import Floats
from nightdesk.risk.distances import Distance, RiskMeasures, at_most
from nightdesk.risk.levels import REVIEWED
from nightdesk.risk.rule import Rule, Ruling, cut, register
from nightdesk.risk.rules.exposure import within_gross
from nightdesk.risk.situation import Situation, anywhere, without_entries


def _at_most(wanted: Floats, held: Floats, added: Floats, situation: Situation) -> Floats:
    """What is wanted, with at most `added` units added to each position."""
    kept = without_entries(wanted, held)
    over = np.abs(wanted - kept) > added
    if not anywhere(over):
        return wanted
    less = kept + np.copysign(np.where(over, added, 0.0), wanted - kept)
    return np.where(over, situation.units.toward_zero(less), wanted)


@register
class DrawdownLevel(Rule):
    """What may be opened at the book's level.

    At 1 what strategies are sure enough of, but no symbol that is first out; at 2 nothing; at 3 havens only;
    at 4 nothing.
    """

    name = "drawdown_level"
    order = 21
    subject = "entries"
    sentence = "drawdown level {value:.0f}, entries are limited from level {limit:.0f} on"
    told_as: ClassVar = {"drawdown_level": "Drawdown since the last reset of its peak, up to {subject}"}

    def idle(self, situation: Situation) -> bool:
        """At level 0."""
        return situation.standing.level == 0

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Additions that the level forbids undone."""
        standing, level = situation.standing, situation.standing.level
        if level == 0:
            return Ruling(wanted, 0.0, 1.0)
        if level == 1:
            added = np.where(standing.first_out, 0.0, standing.sure)
        else:
            added = np.where(standing.haven & (level == REVIEWED), np.inf, 0.0)
        return Ruling(_at_most(wanted, held, added, situation), float(level), 1.0)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """The drawdown before the next level."""
        following = () if measured.levels is None else measured.levels.beyond(measured.standing.level)
        for level, at in following[:1]:
            yield at_most(self.name, f"level {level}", measured.drawdown, at)


@register
class LevelCut(Rule):
    """What a level cuts on entering it, until that is done; nothing after it holds the sale back."""

    name = "level_cut"
    order = 22
    subject = "positions"
    exempts = True
    sentence = "a position of {value:.10g} units, {limit:.10g} is what the drawdown level leaves of it"

    def concerns(self, situation: Situation) -> bool:
        """While a cut is to be done."""
        return anywhere(situation.standing.level_cap < np.inf)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Positions cut to what the level leaves."""
        cap = situation.standing.level_cap
        after, exempt = cut(wanted, held, cap, situation)
        return Ruling(after, np.abs(wanted), cap, exempt)


@register
class MaxDrawdown(Rule):
    """From this drawdown on nothing is opened: reductions only, until the way back.

    It is the deepest drawdown level alone, without its sale (`Book.levels` has it as such): a person
    confirms, the wanted portfolio has to be calm and the drawdown without a new low; then the drawdown is
    measured from the NAV of that day, and sizes grow step by step. Nothing but the wait for the person lasts
    by itself.
    """

    name = "max_drawdown"
    order = 24
    subject = "entries"
    brings = ("recovery", "recovery_leverage")
    replaces = ("drawdown_level", "level_cut")
    sentence = (
        "drawdown of {value:.2%} from the peak, from {limit:.2%} on nothing is opened until the way back"
    )
    told_as: ClassVar = {"max_drawdown": "Drawdown since the last reset of its peak"}

    class Params(MaxDrawdownLimit):
        """Its numbers, and those of the way back."""

    def idle(self, situation: Situation) -> bool:
        """While the book does not wait for its way back."""
        return situation.standing.level == 0

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions while the book waits for its way back."""
        after = without_entries(wanted, held) if situation.standing.level else wanted
        return Ruling(after, situation.drawdown, self.params.limit)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """The drawdown."""
        yield at_most(self.name, "", measured.drawdown, self.params.limit)


@register
class Recovery(Rule):
    """On the way back positions grow to a part of their normal size only.

    What is held is not sold for it.
    """

    name = "recovery"
    order = 23
    subject = "entries"
    sentence = "a position of {value:.10g} units, {limit:.10g} is its part of the normal size in recovery"

    def concerns(self, situation: Situation) -> bool:
        """In recovery."""
        return anywhere(situation.standing.size_cap < np.inf)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Additions beyond the part undone."""
        cap = situation.standing.size_cap
        added = np.maximum(cap - np.abs(without_entries(wanted, held)), 0.0)
        return Ruling(_at_most(wanted, held, added, situation), np.abs(wanted), cap)


@register
class RecoveryLeverage(Rule):
    """On the way back gross exposure stays within the book's recovery leverage."""

    name = "recovery_leverage"
    order = 82
    subject = "entries"
    sentence = "gross exposure of {value:.2%} of NAV, at most {limit:.2%} in recovery"
    told_as: ClassVar = {"recovery_leverage": "Gross exposure in recovery"}

    def concerns(self, situation: Situation) -> bool:
        """In recovery."""
        return situation.standing.leverage_limit < np.inf

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Additions shrunk to the limit."""
        return within_gross(wanted, held, situation, situation.standing.leverage_limit)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """Gross exposure, in recovery."""
        limit = measured.standing.leverage_limit
        if math.isfinite(limit):
            yield at_most(self.name, "", measured.gross, limit)
