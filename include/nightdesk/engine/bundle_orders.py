"""Which intents are legs of a bundle: they carry its id, and how many units of it they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Day
from nightdesk.orders.order import Intent, bundle_id
from nightdesk.portfolio import Bundles, Legs
from nightdesk.portfolio.bundles import is_whole


def tied(
    desk: Desk, day: Day, intents: Sequence[Intent], held: Floats, quantity: Floats, bundles: Bundles
) -> list[Intent]:
    """The intents, those of legs with the id of their bundle.

    A bundle is opened where all its changes are additions: its legs then fill to the same share, and where
    its ratio is of whole units, to whole units of the bundle. Else it is closed, wholly or in part, and each
    order fills by itself.

    Parameters
    ----------
    desk, day
    intents : sequence of Intent
    held, quantity : ndarray of shape (n_strategies, n_symbols)
        Units before and after.
    bundles : Bundles
    """
    marks: dict[tuple[str, str], tuple[str, int]] = {}
    names = tuple(desk.strategies)
    for legs in bundles.legs():
        s = legs.strategy
        before, after = held[s, legs.columns], quantity[s, legs.columns]
        changed = after != before
        opens = bool(((before * after >= 0.0) & (np.abs(after) >= np.abs(before))).all())
        name = bundle_id(desk.book.name, day.as_of, names[s], legs.code, opens=opens)
        count = _whole_units(desk, legs, after - before) if opens else 0
        for n in legs.columns[changed].tolist():
            marks[names[s], desk.symbols[n]] = (name, count)
    out = []
    for one in intents:
        mark = marks.get((one.strategy, one.symbol))
        out.append(one if mark is None else replace(one, bundle=mark[0], bundle_units=mark[1]))
    return out


def _whole_units(desk: Desk, legs: Legs, change: Floats) -> int:
    """Whole units of the bundle that a change is of; 0 where it is not of such."""
    if not is_whole(legs.ratio, desk.units.part(legs.columns)):
        return 0
    counts = np.abs(change) / legs.ratio
    count = float(np.rint(counts[0]))
    return int(count) if count > 0.0 and np.allclose(counts, count, rtol=1e-9, atol=1e-9) else 0
