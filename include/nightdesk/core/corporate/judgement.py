"""Which corporate actions count: what is stated and what a source's columns show, against the prices.

One pure function for every driver. What is judged at a session rests on rows up to that session only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.corporate.bench import ActionArrays, Bench
from nightdesk.core.corporate.findings import ActionFinding
from nightdesk.core.corporate.kinds import Action
from nightdesk.core.corporate.soundness import Floats, Prices


@dataclass(frozen=True)
class JudgedActions:
    """What counts; arrays of shape (n_sessions, n_symbols) as `nightdesk.core.panel.Panel` describes them.

    `refused` are the stated actions that count nowhere.
    """

    adjustment: Floats
    dividend: Floats
    split: Floats
    unexplained: Floats
    accepted: Floats
    findings: tuple[ActionFinding, ...]
    refused: frozenset[Action]


def judge_actions(
    sessions: NDArray[np.datetime64], symbols: Sequence[str], prices: Prices, actions: Sequence[Action]
) -> JudgedActions:
    """Decide which actions count.

    Parameters
    ----------
    sessions : ndarray of shape (n_sessions,), datetime64[D]
        Ascending.
    symbols : sequence of str, length n_symbols
        The columns.
    prices : Prices
    actions : sequence of Action
        Those of other symbols, before the second session or after the last are left out. One between two
        sessions counts from the later.

    Notes
    -----
    Stated actions of a symbol and day come before evidence (`adjustment`) of that day, and a person's
    `accept` settles the evidence: it counts nowhere. A stated split must bring the price of the day nearer to
    the one before, a payment must lie below it. Evidence, the ratio g by which adj_close / close grew, is

    - a split where g is a plausible ratio and the price jumped the other way; what is left above 1 is a
      dividend;
    - a dividend where it rises above the highest level so far, moves the adjusted return by at most 20 points
      and, above 3 %, is not contradicted by the price;
    - a question where it rises further;
    - a slip where it falls; back at the old level nothing is paid. A lower level that lasts is the level.

    A rise that falls back within five bars is taken back.
    """
    shape = prices.close.shape
    out = ActionArrays(
        ratio=np.ones(shape),
        split=np.ones(shape),
        dividend=np.zeros(shape),
        accepted=np.zeros(shape),
        unexplained=np.full(shape, np.nan),
    )
    column = {symbol: n for n, symbol in enumerate(symbols)}
    by_column: dict[int, dict[int, list[Action]]] = {}
    for action in actions:
        t, n = int(np.searchsorted(sessions, action.day)), column.get(action.symbol)
        if n is not None and 0 < t < len(sessions):
            by_column.setdefault(n, {}).setdefault(t, []).append(action)
    findings: list[ActionFinding] = []
    refused: set[Action] = set()
    for n, by_row in sorted(by_column.items()):
        bench = Bench(symbols[n], n, sessions, prices, out)
        bench.judge(by_row)
        findings += bench.findings
        refused |= bench.refused
    adjustment = out.ratio  # of a column without actions it is 1 throughout
    acted = sorted(by_column)
    adjustment[:, acted] = np.cumprod(out.ratio[:, acted], axis=0)
    return JudgedActions(
        adjustment=adjustment,
        dividend=out.dividend,
        split=out.split,
        unexplained=out.unexplained,
        accepted=out.accepted,
        findings=tuple(sorted(findings, key=lambda one: (one.session, one.symbol))),
        refused=frozenset(refused),
    )
