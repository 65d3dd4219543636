"""Bundles behind the gate: what its rules left of the legs is brought to their ratio, and judged again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Day, Flags, Targets
from nightdesk.engine.judging import share
from nightdesk.portfolio import Bundles, Legs, brought_even
from nightdesk.portfolio.bundles import bundle_units
from nightdesk.risk import Passage, Record, Ruling, without_entries
from nightdesk.risk.gate import deciding
from nightdesk.risk.rules.legs import BY, SHARING, BundleLegs

#: Two or three passages are usual. From here on a bundle of which a rule still cuts a leg is not added to.
UNDONE_FROM = 6


@dataclass(frozen=True, slots=True)
class EvenPassage:
    """The passage of all rounds, and what strategies are left with, (n_strategies, n_symbols)."""

    passage: Passage
    quantity: Floats


@dataclass(frozen=True, slots=True)
class _Cut:
    """A bundle of which less is left: its legs, what they are brought to, the worst leg's column, and units
    of the bundle that are left and that were wanted.
    """

    legs: Legs
    after: Floats
    worst: int
    left: float
    wanted: float


def bundles_through(
    desk: Desk,
    day: Day,
    wanted: Targets,
    asked: Targets,
    passage: Passage,
    again: Callable[[Targets, Flags], Passage],
) -> EvenPassage:
    """Bring the legs of bundles to their ratio after the gate, until nothing changes.

    The gate judges the net of the book. What it leaves is shared among the strategies; of each bundle the
    legs are brought to the worst of them, and all of it goes through the gate again: the other leg may have
    been the hedge that a limit was kept by. From passage to passage additions only get smaller, so it ends.

    Parameters
    ----------
    desk, day
    wanted, asked : Targets
        Before the gate; and without what was refused under the net of the book.
    passage : Passage
        Of the net of what was asked.
    again : callable
        The gate on smaller targets, and the symbols, of shape (n_symbols,), in which legs follow another one.

    Raises
    ------
    Refused
        When that does not settle, which is an error of a rule.
    """
    bundles = wanted.bundles
    if bundles is None:
        return EvenPassage(passage, share(desk, wanted, passage))
    before, records, every = wanted.quantity, list[Record](), bundles.legs()
    follows: Flags = np.zeros(wanted.held.shape[1], dtype=np.bool_)
    for number in range(UNDONE_FROM + 4 * len(every) + wanted.held.size):
        left = share(desk, asked, passage)
        found = [_cut(desk, day, one, asked.held, before, left, undo=number >= UNDONE_FROM) for one in every]
        cuts = [one for one in found if one is not None]
        smaller = _smaller(asked, left, cuts) if cuts else _out_of_the_way(bundles, asked, left)
        if smaller is None:
            return EvenPassage(_whole(desk, wanted, passage, records), left)
        records += passage.records
        records += _told(desk, passage, left, cuts)
        # What was taken out of the way may be a leg: its bundle is compared with what was asked before.
        before = smaller.quantity if cuts else asked.quantity
        asked = smaller
        follows = follows | _following(asked.held, left, cuts)
        passage = again(asked, follows)
    raise Refused(
        f"{desk.book.name} {day.session}: the legs of its bundles do not settle under its rules; look for a "
        "rule that lets more through when less is wanted"
    )


def _cut(
    desk: Desk, day: Day, legs: Legs, held: Floats, before: Floats, left: Floats, *, undo: bool
) -> _Cut | None:
    """What a bundle is brought to, by what was wanted of it and what the gate left; None: all of that."""
    at = (legs.strategy, legs.columns)
    had, wish, now = held[at], before[at], left[at]
    if np.array_equal(now, wish):
        return None
    size, kept = np.abs(now), np.abs(without_entries(now, had))
    even = brought_even(size, legs.ratio, desk.units.part(legs.columns))
    sold = (size < np.abs(had)) & (size < np.abs(wish)) & (now * had >= 0.0)
    turned, here = now * had < 0.0, had != 0.0
    if undo or (turned.any() and not turned[here].all()):  # a leg on its new side beside one on the old
        after = np.minimum(kept, even) if sold.any() else kept
    elif sold.any():
        after = np.where(day.quarantined[legs.columns], np.maximum(kept, even), even)
    else:
        after = np.maximum(kept, even)
    if np.array_equal(after, size):
        return None
    worst = int(np.argmin(size / legs.ratio))
    signed = np.where(now < 0.0, -after, after) + 0.0
    wanted = bundle_units(np.abs(wish), legs.ratio)
    return _Cut(legs, signed, int(legs.columns[worst]), bundle_units(after, legs.ratio), wanted)


def _smaller(asked: Targets, left: Floats, cuts: list[_Cut]) -> Targets:
    """What is asked in the next passage: what was left; of a sale that was held back, the sale."""
    held_back = _held_back(asked, left)
    quantity = np.where(held_back, asked.quantity, left)
    for one in cuts:
        at = (one.legs.strategy, one.legs.columns)
        sale = without_entries(quantity[at], asked.held[at])
        # What was to be left further than the worst leg is asked to be: else one leg goes, and another stays.
        further = held_back[at] & (np.abs(sale) < np.abs(one.after))
        quantity[at] = np.where(further, sale, one.after)
    return replace(asked, quantity=quantity)


def _following(held: Floats, left: Floats, cuts: list[_Cut]) -> Flags:
    """Symbols, of shape (n_symbols,), of which less is to be held than the rules by themselves left."""
    out: Flags = np.zeros(held.shape[1], dtype=np.bool_)
    for one in cuts:
        had, now, size = held[one.legs.strategy], left[one.legs.strategy], np.abs(one.after)
        had, now = had[one.legs.columns], now[one.legs.columns]
        out[one.legs.columns] |= (now * had > 0.0) & (size < np.minimum(np.abs(now), np.abs(had)))
    return out


def _held_back(asked: Targets, left: Floats) -> Flags:
    """Where a position stays on its side of which less was asked for, or which was to be turned round."""
    wish = asked.quantity
    out: Flags = (left * asked.held > 0.0) & ((np.abs(left) > np.abs(wish)) | (left * wish < 0.0))
    return out


def _out_of_the_way(bundles: Bundles, asked: Targets, left: Floats) -> Targets | None:
    """What is asked without additions in symbols of which a leg was not left; None where there are none.

    An addition of another strategy and the exit of a leg may be one purchase, or sale, of the book, which was
    refused as an addition. Without it the exit is a reduction of the book.
    """
    held_back = (bundles.code != 0) & _held_back(asked, left)
    if not held_back.any():
        return None
    kept = without_entries(asked.quantity, asked.held)
    quantity = np.where(held_back.any(axis=0), kept, asked.quantity)
    return None if np.array_equal(quantity, asked.quantity) else replace(asked, quantity=quantity)


def _told(desk: Desk, passage: Passage, left: Floats, cuts: list[_Cut]) -> list[Record]:
    """A record of each bundle that was cut, by net quantities."""
    out, now = [], left.copy()
    before = desk.units.of_sums(now.sum(axis=0))
    for one in cuts:
        now[one.legs.strategy, one.legs.columns] = one.after
        after = desk.units.of_sums(now.sum(axis=0))
        by = np.zeros(len(before), dtype=np.bool_)
        by[one.legs.columns] = True
        key = f"{desk.symbols[one.worst]}{BY}{_rule_of(passage, one.worst)}"
        ruling = Ruling(after, one.left, one.wanted, by=by, by_key=key)
        out.append(Record(BundleLegs.name, before, after, passage.held, ruling))
        before = after
    return out


def _rule_of(passage: Passage, n: int) -> str:
    """The rule that last made the quantity of a symbol smaller."""
    for record in reversed(passage.records):
        if record.before[n] != record.after[n]:
            return deciding(record.rule, passage.ruling(record), n)
    return SHARING


def _whole(desk: Desk, wanted: Targets, passage: Passage, records: list[Record]) -> Passage:
    """The last passage with the records of all, from what was first wanted."""
    if not records:
        return passage
    asked = desk.units.of_sums(wanted.quantity.sum(axis=0))
    last = passage.last_round + len(records)
    return replace(passage, wanted=asked, records=(*records, *passage.records), last_round=last)


def hedged(wanted: Targets, bundles: Bundles) -> NDArray[np.int16] | None:
    """The number of the bundle of each symbol that is a leg of it and nothing else; 0 of any other."""
    out: NDArray[np.int16] = np.zeros(wanted.held.shape[1], dtype=np.int16)
    here = (wanted.held != 0.0) | (wanted.quantity != 0.0)
    alone = here.sum(axis=0) <= 1
    for number, legs in enumerate(bundles.legs(), start=1):
        out[legs.columns[here[legs.strategy, legs.columns] & alone[legs.columns]]] = number
    return out if out.any() else None
