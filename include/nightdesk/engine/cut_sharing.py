"""What the gate left of a symbol, shared among the strategies that want it."""

from __future__ import annotations

import math
from decimal import ROUND_FLOOR, Decimal

import numpy as np

from nightdesk.core.money import apportion, exact
from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Targets
from nightdesk.risk import Passage


def share(desk: Desk, wanted: Targets, passage: Passage) -> Floats:
    """The gate's net quantities shared among the strategies, pro rata and in whole units.

    A trade that was made smaller is made smaller alike for all; where more is sold than was wanted, what was
    wanted shrinks alike. Where strategies end their positions by plans, a purchase that was cut holds no such
    end back: the one strategy takes over from the other as much as the book is left with.
    """
    if len(desk.strategies) == 1:
        return passage.quantity[None, :]
    changed = passage.quantity != passage.wanted
    if not np.count_nonzero(changed):
        return wanted.quantity.copy()
    undone = changed & (passage.quantity == passage.held)
    if desk.ends_positions:
        undone &= ~((wanted.held != 0) & (wanted.quantity == 0)).any(axis=0)
    out = np.where(undone, wanted.held, wanted.quantity)
    for n in (changed & ~undone).nonzero()[0].tolist():
        final, asked, had = passage.quantity[n], passage.wanted[n], passage.held[n]
        quantity, held = wanted.quantity[:, n], wanted.held[:, n]
        ends = (held != 0) & (quantity == 0) & desk.ends_positions
        left = -float(held[ends].sum())
        added = asked - had - left
        part = (final - had - left) / added if added else math.nan
        if left and abs(asked) > abs(had) and 0.0 <= part <= 1.0:
            ideal = held + np.where(ends, 1.0, part) * (quantity - held)
        elif final == had and asked != had:
            out[:, n] = held
            continue
        elif min(asked, had) <= final <= max(asked, had) and asked != had:
            ideal = held + (final - had) / (asked - had) * (quantity - held)
        else:
            ideal = quantity * (final / asked)
        unit = desk.unit_of[desk.symbols[n]]
        total = exact(final).quantize(unit)
        whole = float(ideal.sum())
        if ideal.min() < 0.0 < ideal.max():
            out[:, n] = [float(one) for one in _opposed(total, ideal, unit)]
            continue
        weights = [exact(one) for one in ideal] if whole else [exact(1.0) for _ in ideal]
        out[:, n] = [float(one) for one in apportion(total, weights, unit)]
    return out


def _opposed(total: Decimal, ideal: Floats, unit: Decimal) -> list[Decimal]:
    """Shares of strategies on opposite sides, in whole units: next to their ideals, and adding up exactly.

    No proportion of the total serves here, which may be nothing while its shares are not.
    """
    counts = [exact(one) / unit for one in ideal]
    shares = [one.to_integral_value(ROUND_FLOOR) for one in counts]
    left = int(total / unit - sum(shares, Decimal(0)))
    for at in sorted(range(len(counts)), key=lambda at: shares[at] - counts[at])[:left]:
        shares[at] += 1
    return [share * unit for share in shares]
