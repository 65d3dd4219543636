"""Telling people of bundles whose legs are uneven: once a spell, and once when it is over."""

from __future__ import annotations

from nightdesk.session.context import Context
from nightdesk.session.notices import Condition, Look, notice, speaks
from nightdesk.store.alert_spells import AlertSpell, Kind
from nightdesk.store.decision_rows import uneven_bundles

_BUNDLES: tuple[Kind, ...] = ("bundle",)


def tell_bundles(context: Context) -> int:
    """Tell of the bundles that the newest decision found uneven, by its stored targets; how many alerts."""
    if not context.desk.has_bundles or not speaks(context):
        return 0
    book, session = context.book.name, context.session
    conditions = [
        Condition(
            "bundle",
            one.name,
            "WARNING",
            f"{one.words}, in {context.schedule.noun} {context.name}.",
            "The desk repairs it by itself: what is beyond the worst leg is sold, or bought back, and after "
            "two such decisions all of it is left. `nightdesk trace` of a leg tells why its order was not "
            "filled.",
        )
        for one in uneven_bundles(context.conn, book, context.as_of)
    ]

    def over(spell: AlertSpell) -> str:
        return (
            f"Bundle {spell.subject} is even again, or was left, in {context.schedule.noun} {context.name}."
        )

    return notice(context.conn, Look(book, _BUNDLES, context.name, session), conditions, over)
