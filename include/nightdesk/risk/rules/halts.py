"""Rules that let nothing be opened or added to while something is wrong; they never touch a reduction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from nightdesk.book import Frozen
from nightdesk.panel import Floats
from nightdesk.risk.distances import Distance, Measured, at_least
from nightdesk.risk.rule import Breach, Rule, Ruling, register, without_entries
from nightdesk.risk.situation import Situation


@register
class KillSwitch(Rule):
    """No entries while the book is killed; released only by a person."""

    name = "kill_switch"
    order = 11
    subject = "entries"
    always = True
    sentence = "kill switch at {value:.0f} (1 is on)"

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions while the switch is on."""
        on = situation.kill_switch
        return Ruling(without_entries(wanted, held) if on else wanted, float(on), 0.0)


@register
class DailyLoss(Rule):
    """The breaker: no entries after a loss since the previous mark.

    It lifts by itself at the next, unless the book says that it kills.
    """

    name = "daily_loss"
    order = 12
    subject = "entries"
    sentence = "NAV moved {value:.2%} since the previous mark, entries stop below {limit:.2%}"
    told_as: ClassVar = {"daily_loss": "Change of NAV since the mark before, no less than"}

    class Params(Frozen):
        """Its number."""

        limit: float = Field(lt=0, gt=-1, description="NAV / previous NAV - 1 below which nothing is opened")
        kills: bool = Field(False, description="whether it also stops the book until a person releases it")

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions when the day's return is under the limit."""
        limit: float = self.params.limit
        tripped = situation.day_return < limit
        return Ruling(without_entries(wanted, held) if tripped else wanted, situation.day_return, limit)

    def distances(self, measured: Measured) -> Iterator[Distance]:
        """The day's return against it."""
        yield at_least(self.name, "", measured.day_return, self.params.limit)

    def breach(self, situation: Situation) -> Breach | None:
        """A loss beyond the limit, which kills where the book says so."""
        value, limit = situation.day_return, self.params.limit
        if not value < limit:
            return None
        words = f"daily loss: {self.sentence.format(value=value, limit=limit)}"
        note = "loss since the previous mark"
        return Breach(self.name, "breaker", value, limit, note, words, kills=self.params.kills)


@register
class Quarantine(Rule):
    """No entries in a symbol whose bars failed a check."""

    name = "quarantine"
    order = 13
    subject = "entries"
    always = True
    sentence = "quarantine at {value:.0f} (1 is on)"

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions in quarantined symbols."""
        bad = situation.quarantined
        after = np.where(bad, without_entries(wanted, held), wanted) if bad.any() else wanted
        return Ruling(after, bad.astype(np.float64), 0.0)


@register
class Staleness(Rule):
    """No entries in a symbol without a bar of this session."""

    name = "staleness"
    order = 14
    subject = "entries"
    always = True
    sentence = "its newest bar is {value:.0f} sessions old, at most {limit:.0f} is allowed"
    unmeasured = "it has never had a bar"

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions where the newest bar is older than the session, or there is none."""
        stale = situation.age != 0
        after = np.where(stale, without_entries(wanted, held), wanted) if stale.any() else wanted
        age = situation.age.astype(np.float64)
        return Ruling(after, np.where(age < 0.0, np.nan, age), 0.0)


@register
class References(Rule):
    """No entries while the benchmark or the volatility index has no bar of this session."""

    name = "references"
    order = 15
    subject = "entries"
    always = True
    sentence = "benchmark or volatility index without a bar of this session at {value:.0f} (1 is so)"

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions when the day allows none."""
        absent = not situation.entries_allowed
        return Ruling(without_entries(wanted, held) if absent else wanted, float(absent), 0.0)


@register
class Regime(Rule):
    """No entries in a band of the volatility index that forbids them, or in none."""

    name = "regime"
    order = 16
    subject = "entries"
    always = True
    sentence = "volatility index at {value:.2f}, in the band from {limit:.2f}"
    unmeasured = "the volatility index is not known, so neither is its band"

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions when the band is unknown or closed."""
        opens = situation.band is not None and situation.band.entries
        after = wanted if opens else without_entries(wanted, held)
        return Ruling(after, situation.vix, situation.band_floor)
