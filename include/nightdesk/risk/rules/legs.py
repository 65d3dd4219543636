"""The rule of bundles: legs that trade together or not at all."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.risk.rule import Rule, Ruling, register, rule_shown
from nightdesk.risk.situation import Situation

#: Between the leg and the rule that decided, in the key of a verdict.
BY = " by "

#: In place of a rule, where the sharing of a net quantity among strategies left less of a leg.
SHARING = "sharing"


@register
class BundleLegs(Rule):
    """The legs of a bundle are brought to their ratio after every other rule, by the one that is left least.

    It judges the positions of strategies, so the engine makes its verdicts when the net of the book has
    passed all other rules and was shared among the strategies; here it changes nothing. What it leaves goes
    through the gate once more. Additions only get smaller. Where a rule reduces what is held of a leg, the
    others follow; an exit is never scaled.
    """

    name = "bundle"
    order = 121
    subject = "positions"
    of_books = False
    sentence = "{value:.10g} units of its bundle are left, of {limit:.10g} that were wanted"

    @classmethod
    def words_of(cls, key: str) -> str:
        """With the leg that is left least, and the rule that left so little of it."""
        if not key:
            return cls.sentence
        leg, _, rule = (part.replace("{", "{{").replace("}", "}}") for part in key.partition(BY))
        why = "the net was shared among strategies" if rule == SHARING else f"{rule} decided"
        return f"{cls.sentence}, since of its leg {leg} no more is left: {why}"

    @classmethod
    def shown(cls, key: str) -> str:
        """The leg and the rule, without what people have said to that."""
        leg, by, rule = key.partition(BY)
        return f"{cls.name}.{leg}{by}{rule_shown(rule) if rule else ''}" if key else cls.name

    sentences: ClassVar = {}

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """All of it."""
        return Ruling(wanted, np.nan, np.nan)
