"""The rules that put a person's overrides into force; see `nightdesk.risk.by_hand`.

They come before all others: where a person and a rule say the same, the verdict names the person.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.risk.by_hand import DRIFT
from nightdesk.risk.rule import Rule, Ruling, cut, register
from nightdesk.risk.situation import Situation, anywhere, without_entries


def _for_format(words: str) -> str:
    """What a person wrote, as a part of a format."""
    return words.replace("{", "{{").replace("}", "}}")


@register
class Overrides(Rule):
    """No additions, or no new positions, in what a person has said so of, until the day that was named.

    Exits and reductions pass. A position belongs to a strategy and a symbol: where nothing is to be opened, a
    strategy opens none in a symbol that another one holds.
    """

    name = "overrides"
    order = 8
    subject = "entries"
    always = True
    key_is_words = True
    sentence = "overrides of a person at {value:.0f} (2: nothing is added to it, 1: nothing is opened)"

    @classmethod
    def words_of(cls, key: str) -> str:
        """With who limits it, since when, until when and why."""
        if not key:
            return cls.sentence
        effect = (
            "nothing is opened" if key.startswith("no-new-entries") else "nothing is added to what is held"
        )
        return f"{_for_format(key)}: {effect}"

    sentences: ClassVar = {}

    def concerns(self, situation: Situation) -> bool:
        """While a person bars entries anywhere."""
        by_hand = situation.by_hand
        return by_hand is not None and anywhere(by_hand.barred | by_hand.unopened)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Additions, or new positions, undone."""
        by_hand = situation.by_hand
        if by_hand is None:
            return Ruling(wanted, 0.0, 0.0)
        opens = (held == 0.0) | (wanted * held < 0.0)
        bars = by_hand.barred | (by_hand.unopened & opens)
        after = np.where(bars, without_entries(wanted, held), wanted)
        value = np.where(by_hand.barred, 2.0, np.where(by_hand.unopened, 1.0, 0.0))
        left = wanted if np.array_equal(after, wanted) else after
        return Ruling(left, value, 0.0, by=value > 0.0, keys=by_hand.entry_words)


@register
class OverrideSize(Rule):
    """No position is bought above the size that a person allows; one above is reduced only where they ask.

    It is the net position of the book, longs and shorts alike. A reduction that a person asks for passes the
    limits on trades while the position stands more than a twentieth of its size above.
    """

    name = "override_size"
    order = 9
    subject = "positions"
    always = True
    exempts = True
    key_is_words = True
    sentence = "weight of {value:.2%}, at most {limit:.2%} as a person says"

    @classmethod
    def words_of(cls, key: str) -> str:
        """With who limits it, since when, until when and why."""
        return f"weight of {{value:.2%}}, at most {{limit:.2%}}: {_for_format(key)}" if key else cls.sentence

    sentences: ClassVar = {}

    def concerns(self, situation: Situation) -> bool:
        """While a person says a size anywhere."""
        return situation.by_hand is not None and anywhere(np.isfinite(situation.by_hand.size))

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Additions beyond the size undone, and what is to be reduced to it cut."""
        by_hand = situation.by_hand
        if by_hand is None:
            return Ruling(wanted, np.abs(situation.weights(wanted)), math.inf)
        weight, standing = (np.abs(situation.weights(one)) for one in (wanted, held))
        most, kept = _units(by_hand.size, situation), without_entries(wanted, held)
        after = _within(wanted, kept, most, situation)
        after, sold = cut(after, held, _units(by_hand.reduce_to, situation), situation)
        reduced = np.isfinite(by_hand.reduce_to) & (weight > by_hand.reduce_to) & (after != wanted)
        reduced &= np.abs(after) < np.abs(kept)
        words = zip(by_hand.reduce_words, by_hand.size_words, reduced.tolist(), strict=True)
        return Ruling(
            wanted if np.array_equal(after, wanted) else after,
            weight,
            np.where(reduced, by_hand.reduce_to, by_hand.size),
            sold & (standing > by_hand.reduce_to * (1.0 + DRIFT)),
            by=np.isfinite(by_hand.size),
            keys=tuple(one if cuts else other for one, other, cuts in words),
        )


def _units(share: Floats, situation: Situation) -> Floats:
    """Units of a share of NAV; infinite where there is none, or no price."""
    value = situation.unit_value
    free = np.full_like(value, np.inf)
    return np.divide(share * situation.nav, value, out=free, where=(value > 0.0) & np.isfinite(share))


def _within(wanted: Floats, kept: Floats, most: Floats, situation: Situation) -> Floats:
    """What is wanted without the part of additions that goes beyond `most` units."""
    over = (np.abs(wanted) > most) & (wanted != kept)
    if not anywhere(over):
        return wanted
    room = situation.units.toward_zero(np.where(over, most, 0.0))
    size = np.maximum(room, np.abs(kept))
    return np.where(over, np.copysign(size, wanted), wanted)
