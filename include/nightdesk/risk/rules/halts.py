"""Rules that let nothing be opened or added to while something is wrong; they never touch a reduction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nightdesk.core.fields import Frozen
from nightdesk.core.panel import Floats
from nightdesk.risk.distances import Distance, RiskMeasures, at_least
from nightdesk.risk.periods import PeriodLows, period_starts
from nightdesk.risk.rule import Breach, Rule, Ruling, register
from nightdesk.risk.situation import Situation, anywhere, without_entries

Period = Literal["week", "month"]


@register
class KillSwitch(Rule):
    """No entries while the book is killed; released only by a person."""

    name = "kill_switch"
    order = 11
    subject = "entries"
    always = True
    sentence = "kill switch at {value:.0f} (1 is on)"

    def idle(self, situation: Situation) -> bool:
        """While the switch is off."""
        return not situation.kill_switch

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions while the switch is on."""
        on = situation.kill_switch
        return Ruling(without_entries(wanted, held) if on else wanted, float(on), 0.0)


@register
class DailyLoss(Rule):
    """The breaker: no entries after a loss since the close of the session before.

    It lifts by itself in the next session, unless the book says that it kills.
    """

    name = "daily_loss"
    order = 12
    subject = "entries"
    sentence = "NAV moved {value:.2%} since the close before, entries stop below {limit:.2%}"
    told_as: ClassVar = {"daily_loss": "Change of NAV since the close before, no less than"}

    class Params(Frozen):
        """Its number."""

        limit: float = Field(lt=0, gt=-1, description="NAV / previous NAV - 1 below which nothing is opened")
        kills: bool = Field(False, description="whether it also stops the book until a person releases it")

    def idle(self, situation: Situation) -> bool:
        """After any other day."""
        return not situation.day_return < self.params.limit

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions when the day's return is under the limit."""
        limit: float = self.params.limit
        tripped = situation.day_return < limit
        return Ruling(without_entries(wanted, held) if tripped else wanted, situation.day_return, limit)

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """The day's return against it."""
        yield at_least(self.name, "", measured.day_return, self.params.limit)

    def breach(self, held: Floats, situation: Situation) -> Breach | None:
        """A loss beyond the limit, which kills where the book says so."""
        value, limit = situation.day_return, self.params.limit
        if not value < limit:
            return None
        words = f"daily loss: {self.sentence.format(value=value, limit=limit)}"
        note = "loss since the close before"
        return Breach(self.name, "breaker", value, limit, note, words, kills=self.params.kills)


@register
class PeriodLoss(Rule):
    """No entries after a loss since the week or the month began, until the next one begins.

    It is the lowest mark of the period that counts: a gain that comes later opens nothing again.
    """

    name = "period_loss"
    order = 13
    subject = "entries"
    inputs = frozenset({"periods"})
    sentence = (
        "NAV moved {value:.2%} up to its lowest of this week, entries stop below {limit:.2%} until the next"
    )
    sentences: ClassVar = {
        "month": "NAV moved {value:.2%} up to its lowest of this month, entries stop below {limit:.2%} until "
        "the next"
    }
    told_as: ClassVar = {"period_loss": "Change of NAV in this {subject} at its lowest, no less than"}

    class Params(Frozen):
        """Its numbers, at least one of them."""

        week: float | None = Field(
            None, lt=0, gt=-1, description="lowest NAV of the week over the one before, less 1"
        )
        month: float | None = Field(None, lt=0, gt=-1, description="the same of the calendar month")

        @model_validator(mode="after")
        def _says_something(self) -> Self:
            if self.week is None and self.month is None:
                raise ValueError("give week, month or both, such as week: -0.05")
            return self

    def idle(self, situation: Situation) -> bool:
        """While no period has lost too much."""
        return self._lost(situation.periods) is None

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions when a period has lost more than it may."""
        lost = self._lost(situation.periods)
        which, value, limit = lost or self._measured(situation.periods)[0]
        monthly = np.full(wanted.shape, which == "month")
        after = wanted if lost is None else without_entries(wanted, held)
        return Ruling(after, value, limit, by=monthly, by_key="month")

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """The lowest NAV of each period against its limit."""
        for which, value, limit in self._measured(measured.periods):
            yield at_least(self.name, which, value, limit)

    def breach(self, held: Floats, situation: Situation) -> Breach | None:
        """A loss beyond a limit, told once a period."""
        lost = self._lost(situation.periods)
        if lost is None:
            return None
        which, value, limit = lost
        words = self.sentences.get(which, self.sentence).format(value=value, limit=limit)
        starts = ("", "") if situation.session is None else period_starts(situation.session)
        return Breach(
            rule=self.name,
            event=self.name,
            value=value,
            limit=limit,
            note=f"loss since the {which} began",
            words=words,
            level="CRITICAL",
            key=f"{which} {starts[which == 'month']}",
        )

    def _measured(self, lowest: PeriodLows) -> list[tuple[Period, float, float]]:
        """Each period that has a limit, the month first."""
        both: tuple[tuple[Period, float, float | None], ...] = (
            ("month", lowest.month, self.params.month),
            ("week", lowest.week, self.params.week),
        )
        return [(which, value, limit) for which, value, limit in both if limit is not None]

    def _lost(self, lowest: PeriodLows) -> tuple[Period, float, float] | None:
        """The longest period that has lost more than it may."""
        return next((one for one in self._measured(lowest) if one[1] < one[2]), None)


@register
class Quarantine(Rule):
    """No entries in a symbol whose bars failed a check."""

    name = "quarantine"
    order = 14
    subject = "entries"
    always = True
    sentence = "quarantine at {value:.0f} (1 is on)"

    def idle(self, situation: Situation) -> bool:
        """While nothing is in quarantine."""
        return not anywhere(situation.quarantined)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions in quarantined symbols."""
        bad = situation.quarantined
        after = np.where(bad, without_entries(wanted, held), wanted) if anywhere(bad) else wanted
        return Ruling(after, bad.astype(np.float64), 0.0)


@register
class Staleness(Rule):
    """No entries in a symbol without a bar of this session."""

    name = "staleness"
    order = 15
    subject = "entries"
    always = True
    sentence = "its newest bar is {value:.0f} sessions old, at most {limit:.0f} is allowed"
    unmeasured = "it has never had a bar"

    def idle(self, situation: Situation) -> bool:
        """With a bar of every symbol."""
        return not anywhere(situation.age != 0)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions where the newest bar is older than the session, or there is none."""
        stale = situation.age != 0
        after = np.where(stale, without_entries(wanted, held), wanted) if anywhere(stale) else wanted
        age = situation.age.astype(np.float64)
        return Ruling(after, np.where(age < 0.0, np.nan, age), 0.0)


@register
class References(Rule):
    """No entries while the benchmark or the volatility index lacks its newest bar."""

    name = "references"
    order = 16
    subject = "entries"
    always = True
    sentence = "benchmark or volatility index without its newest bar at {value:.0f} (1 is so)"

    def idle(self, situation: Situation) -> bool:
        """While both have one."""
        return situation.entries_allowed

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions when the day allows none."""
        absent = not situation.entries_allowed
        return Ruling(without_entries(wanted, held) if absent else wanted, float(absent), 0.0)


@register
class Regime(Rule):
    """No entries in a band of the volatility index that forbids them, or in none."""

    name = "regime"
    order = 17
    subject = "entries"
    always = True
    sentence = "volatility index at {value:.2f}, in the band from {limit:.2f}"
    unmeasured = "the volatility index is not known, so neither is its band"

    def idle(self, situation: Situation) -> bool:
        """In a band that is open."""
        return situation.band is not None and situation.band.entries

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions when the band is unknown or closed."""
        opens = situation.band is not None and situation.band.entries
        after = wanted if opens else without_entries(wanted, held)
        return Ruling(after, situation.vix, situation.band_floor)
