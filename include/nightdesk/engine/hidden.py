"""Entries that the net of a book hides: what a strategy opens while another leaves, or on its other side.

The gate judges what the book as a whole holds. Limits on how much that is have nothing to say of what one
strategy takes over from another; but what forbids to enter at all forbids this as well: the kill switch,
the breaker and a lost week or month always, the other rules where the book asks for it (`portfolio.entries`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Flags, Targets
from nightdesk.risk import Record, Situation, without_entries

#: Rules for entries before this order stop the book,
STOP_BEFORE = 14
#: those before this one say whether anything may be entered, and those after it how much.
FORBID_BEFORE = 30


def without_hidden_entries(
    desk: Desk, wanted: Targets, situation: Situation
) -> tuple[Targets, tuple[Record, ...]]:
    """The targets without the hidden entries that a rule forbids, and what these rules said, of net units.

    Parameters
    ----------
    desk : Desk
    wanted : Targets
    situation : Situation
        That of the gate; a level's demand on confidence is made of each strategy by itself.
    """
    first_after = FORBID_BEFORE if desk.book.portfolio.entries == "each" else STOP_BEFORE
    rules = [
        rule
        for rule in desk.rules
        if rule.subject == "entries" and rule.order < first_after and not rule.idle(situation)
    ]
    quantity, hidden = wanted.quantity, _hidden(wanted) if rules else None
    if hidden is None:
        return wanted, ()
    records: list[Record] = []
    held = desk.units.toward_zero(wanted.held.sum(axis=0))
    for rule in rules:
        left = quantity.copy()
        for s in np.flatnonzero(hidden.any(axis=1)).tolist():
            own = _own(desk, wanted, situation, s)
            if rule.concerns(own):
                ruling = rule.apply(quantity[s], wanted.held[s], own)
                left[s] = np.where(hidden[s], ruling.after, quantity[s])
        if not np.array_equal(left, quantity):
            before, after = (desk.units.toward_zero(one.sum(axis=0)) for one in (quantity, left))
            records.append(Record(rule.name, before, after, held, ruling))
            quantity = left
    if not records:
        return wanted, ()
    weight = quantity * situation.price / situation.nav
    return replace(wanted, quantity=quantity, weight=weight), tuple(records)


def _hidden(wanted: Targets) -> Flags | None:
    """Additions in symbols that several strategies hold or want; None without one.

    One by itself shows in the book's net. Of several, what is cut for another reason is shared among them, an
    addition that may not be made as well.
    """
    if len(wanted.quantity) == 1:
        return None
    added = without_entries(wanted.quantity, wanted.held) != wanted.quantity
    if not added.any():
        return None
    hidden: Flags = added & (((wanted.held != 0.0) | (wanted.quantity != 0.0)).sum(axis=0) > 1)
    return hidden if hidden.any() else None


def _own(desk: Desk, wanted: Targets, situation: Situation, s: int) -> Situation:
    """The situation of one strategy's entries by themselves."""
    levels = desk.book.levels
    if levels is None:
        return situation
    added = np.abs(wanted.quantity[s] - without_entries(wanted.quantity[s], wanted.held[s]))
    sure = np.where(wanted.confidence[s] >= levels.min_confidence, added, 0.0)
    free: Floats = np.full_like(added, np.inf)
    return replace(situation, standing=replace(situation.standing, sure=sure, size_cap=free))
