"""Stops: positions that lost too much since their average entry price, and cuts still to be done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from nightdesk.core.exit_plan import Stop
from nightdesk.risk.levels import RiskState

#: A cap is a float product, what is held a float next to a decimal: closer than this they are the same.
LAST_BITS = 1e-9


class Holding(NamedTuple):
    """One symbol as the book holds it, over all strategies.

    Attributes
    ----------
    quantity : float
        Net units, not 0.
    fall : float
        Loss a unit since the average entry, as a share of the average entry price; negative for a gain. NaN
        where no price of the session is to be trusted.
    """

    quantity: float
    fall: float


def carry(state: RiskState, held: Mapping[str, Holding], splits: Mapping[str, float]) -> RiskState:
    """The state before a session's decision: what was cut is done with, what split is restated.

    A cut whose order was not filled stays to be done: its cap lasts until no more is held than it leaves. A
    symbol that is flat starts anew.
    """
    if not (state.level_caps or state.stop_caps or state.halved):
        return state

    def left(caps: Mapping[str, float]) -> dict[str, float]:
        restated = {symbol: cap * splits.get(symbol, 1.0) for symbol, cap in caps.items()}
        return {
            symbol: cap
            for symbol, cap in restated.items()
            if symbol in held and abs(held[symbol].quantity) > cap * (1.0 + LAST_BITS)
        }

    level_caps, stop_caps = left(state.level_caps), left(state.stop_caps)
    halved = state.halved & held.keys()
    if level_caps == state.level_caps and stop_caps == state.stop_caps and halved == state.halved:
        return state
    return replace(state, level_caps=level_caps, stop_caps=stop_caps, halved=halved)


def stop_out(state: RiskState, held: Mapping[str, Holding], stops: Mapping[str, Stop]) -> RiskState:
    """The state with the caps of positions whose stops were reached at this session's close.

    Parameters
    ----------
    state : RiskState
        As `carry` left it.
    held : mapping of symbol to Holding
    stops : mapping of symbol to Stop
        Symbols without one are left alone.
    """
    reached = [
        (symbol, holding, stop)
        for symbol, holding in held.items()
        if (stop := stops.get(symbol)) is not None and holding.fall > stop.halve
    ]
    if not reached:
        return state
    caps, halved = dict(state.stop_caps), set(state.halved)
    for symbol, holding, stop in reached:
        if holding.fall > stop.leave:
            caps[symbol] = 0.0
        elif symbol not in halved:
            caps[symbol] = min(caps.get(symbol, math.inf), abs(holding.quantity) / 2.0)
            halved.add(symbol)
    if caps == state.stop_caps and halved == state.halved:
        return state
    return replace(state, stop_caps=caps, halved=frozenset(halved))
