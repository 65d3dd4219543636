"""Options whose underlying splits, as actions of the market: they become other symbols, as shares may."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nightdesk.core.calendar import as_date
from nightdesk.core.contract_adjustment import adjusted, unnamed_words
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Action, Panel
from nightdesk.engine.desk import Desk


def with_adjustments(desk: Desk, panel: Panel) -> tuple[tuple[Action, ...], ...]:
    """The events of a panel, with those of options in the sessions in which their underlying splits.

    One that becomes a contract which the universe does not name, or none that can be counted, has no event:
    settlement refuses to hold it. Row t is a function of rows up to t.
    """
    if not any(one.option is not None for one in desk.contracts.values()):
        return panel.events
    events = [list(row) for row in panel.events or ((),) * len(panel)]
    for t in np.flatnonzero((panel.split[:, : len(desk.symbols)] != 1.0).any(axis=1)).tolist():
        events[t] += _adjustments(desk, panel, t)
    return tuple(map(tuple, events))


def _adjustments(desk: Desk, panel: Panel, t: int) -> Iterator[Action]:
    """By strike: where a contract takes the symbol of another, that one has left it before."""
    session = panel.sessions[t]
    options = [(symbol, one, one.option) for symbol, one in desk.contracts.items() if one.option is not None]
    for symbol, contract, terms in sorted(options, key=lambda one: (one[2].strike, one[0])):
        ratio = float(panel.split[t, desk.column[contract.underlying]])
        if ratio == 1.0 or terms.expiry < as_date(session):
            continue
        try:
            becomes = adjusted(symbol, contract, ratio)
        except Refused:
            continue
        if not unnamed_words(becomes, desk.contracts):
            note = f"{contract.underlying} splits, {ratio:g} for one"
            yield Action(
                symbol, session, "symbol_change", float(becomes.contracts), other=becomes.symbol, note=note
            )
