"""The rule on members of the universe: what is none opens nothing, what left it is only reduced."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.panel import Floats
from nightdesk.risk.rule import Rule, Ruling, register
from nightdesk.risk.situation import Situation, without_entries


@register
class Member(Rule):
    """No entries in a symbol that is no member of the universe in this session, or is off in it.

    What is held of it is leaving, or off for the session: it is reduced as its strategy wants, and never
    refused. A book whose universe is a list of members, or a screen, always has the rule.
    """

    name = "member"
    order = 10
    subject = "entries"
    sentence = (
        "{value:.0f} (1 is a member of the universe that may be opened in this session, {limit:.0f} is asked "
        "for entries)"
    )

    def faults(self, book: Book) -> Iterator[str]:
        """Stated where nobody leaves the universe."""
        if book.members is None:
            yield (
                "limits.member: the book lists its symbols, all of which are members; leave it out, or name "
                "a list: universe: {members: files:PATH, each: {...}}, or a screen"
            )

    def idle(self, situation: Situation) -> bool:
        """In a universe that is a list of symbols."""
        return situation.member is True

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """No additions to what is no member."""
        after = np.where(situation.member, wanted, without_entries(wanted, held))
        left = wanted if np.array_equal(after, wanted) else after
        return Ruling(left, np.where(situation.member, 1.0, 0.0), 1.0)
