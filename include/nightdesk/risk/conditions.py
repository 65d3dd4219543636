"""Rules that let nothing be opened or added to while something is wrong; they never touch a reduction."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from nightdesk.book import Frozen
from nightdesk.panel import Floats
from nightdesk.risk.rule import Rule, Ruling, Situation, register, without_entries


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

    class Params(Frozen):
        """Its number."""

        limit: float = Field(lt=0, gt=-1, description="NAV / previous NAV - 1 below which nothing is opened")
        kills: bool = Field(False, description="whether it also stops the book until a person releases it")

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions when the day's return is under the limit."""
        limit: float = self.params.limit
        tripped = situation.day_return < limit
        return Ruling(without_entries(wanted, held) if tripped else wanted, situation.day_return, limit)

    def kill_reason(self, day_return: float) -> str | None:
        """Why the book is to be stopped after a day with this return; None when it is not."""
        if not self.params.kills or not day_return < self.params.limit:
            return None
        return f"daily loss: {self.sentence.format(value=day_return, limit=self.params.limit)}"


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
