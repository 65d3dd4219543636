"""The spells that symbols of a backtest spent in quarantine, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from nightdesk.calendar import as_date
from nightdesk.feeds.quality import Consequence, Quality
from nightdesk.panel import Panel


@dataclass(frozen=True, slots=True)
class QuarantineSpell:
    """Sessions running in which a symbol was in quarantine.

    Attributes
    ----------
    symbol : str
    reason : str
        What the checks found in its first session, in words.
    first, last : date
        Decided sessions; one that began before the first decided one is counted from there.
    sessions : int
    """

    symbol: str
    reason: str
    first: date
    last: date
    sessions: int


def quarantine_spells(quality: Quality, panel: Panel, t0: int) -> tuple[QuarantineSpell, ...]:
    """All spells from row `t0` on, the longest first.

    Parameters
    ----------
    quality : Quality
        Of all rows of the panel.
    panel : Panel
    t0 : int
        Row of the first decided session.
    """
    spells = []
    for n, symbol in enumerate(panel.symbols):
        edges = np.flatnonzero(np.diff(np.r_[False, quality.quarantined[t0:, n], False])) + t0
        for start, stop in edges.reshape(-1, 2).tolist():
            why = quality.reasons(start, Consequence.QUARANTINE).get(symbol, "held over from before")
            first, last = as_date(panel.sessions[start]), as_date(panel.sessions[stop - 1])
            spells.append(QuarantineSpell(symbol, why.removeprefix(f"{symbol}: "), first, last, stop - start))
    return tuple(sorted(spells, key=lambda one: (-one.sessions, one.first, one.symbol)))
