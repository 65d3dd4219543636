"""What depends on positions beside sizing: exits by age and stop, and filters on what is opened together."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from nightdesk.decision.carried import Carried
from nightdesk.decision.day import Day, Flags, State
from nightdesk.decision.desk import Desk
from nightdesk.decision.telling import sessions_held
from nightdesk.panel import Floats
from nightdesk.portfolio import Dropped
from nightdesk.portfolio.atr_risk import ATR
from nightdesk.portfolio.filters import (
    apart_from_what_moves_alike,
    entries_by_confidence,
    one_entry_a_symbol,
)
from nightdesk.risk import correlations
from nightdesk.strategies.base import Action, Codes, actions


class Cause(IntEnum):
    """Why a strategy wants what it wants of a symbol."""

    NONE = 0
    OPENS = 1
    SIGNAL = 2
    STOP = 3
    AGE = 4
    SUPERSEDED = 5
    CORRELATED = 6


_CAUSE_OF = {"superseded": Cause.SUPERSEDED, "correlated": Cause.CORRELATED}


def exits(desk: Desk, state: State, day: Day, carried: Carried) -> Codes:
    """Positions that end by their strategy's exit plan; (n_strategies, n_symbols) of `Cause`.

    The stop is checked on the session's close, and not without a bar of the session. A position's age counts
    its first session as one, so that a plan of five sessions sells at the open after the fifth close. Of two
    causes the stop is told. A symbol in quarantine ends nothing. `carried` is what the decision before left,
    restated for the session's actions.
    """
    out = np.full((len(desk.strategies), len(desk.symbols)), Cause.NONE, dtype=np.int8)
    if not desk.ends_positions:
        return out
    distance = carried.stop_distance
    for position in state.ledger.held():
        s, n = desk.strategy_row[position.strategy], desk.column[position.symbol]
        if day.quarantined[n]:
            continue
        plan = desk.strategies[position.strategy].exit_plan
        entered = position.entry_session or day.session
        if plan.sessions and sessions_held(desk.book.calendar, entered, day.session) >= plan.sessions:
            out[s, n] = Cause.AGE
        average = float(position.average_cost or 0)
        if distance[s, n] > 0 and day.age[n] == 0:
            fall = (average - float(day.price[n])) * (1 if position.quantity > 0 else -1)
            if fall >= distance[s, n]:
                out[s, n] = Cause.STOP
    return out


def opened(held: Floats, wanted: Floats) -> Flags:
    """Where a position is wanted that is not there: of nothing, or on the other side of what is held."""
    out: Flags = (wanted != 0) & (held * wanted <= 0)
    return out


def stays_open(held: Floats, wanted: Floats) -> Flags:
    """Where a position is held and stays, larger or smaller, on its side."""
    out: Flags = held * wanted > 0
    return out


def causes(desk: Desk, wanted: Floats, held: Floats, ended: Codes, day: Day) -> Codes:
    """Why each strategy wants what it wants, before anything was filtered.

    What is less than a unit opens nothing, and stands in no other entry's way.
    """
    action = actions(day.direction, day.side)
    against = (action == Action.LEAVE) | ((action == Action.ENTER) & (day.side * held < 0))
    left = (held != 0) & (wanted == 0) & against
    out = np.where(left & (ended == Cause.NONE), Cause.SIGNAL, ended)
    opens = opened(held, desk.units.toward_zero(wanted))
    return np.where(opens, Cause.OPENS, out).astype(np.int8)


def filtered(
    desk: Desk, day: Day, wanted: Floats, held: Floats, confidence: Floats, cause: Codes
) -> tuple[Floats, Codes, tuple[Dropped, ...]]:
    """What is wanted and why after the book's filters on entries, and the entries that they took away.

    What ends in this decision stands in no entry's way.
    """
    portfolio = desk.book.portfolio
    opens = cause == Cause.OPENS
    if not opens.any() or not (portfolio.one_entry_per_symbol or portfolio.entry_correlation is not None):
        return wanted, cause, ()
    ordered = entries_by_confidence(opens, confidence, desk.rank)
    dropped: list[Dropped] = []
    if portfolio.one_entry_per_symbol:
        dropped += one_entry_a_symbol(ordered, confidence)
    if portfolio.entry_correlation is not None:
        gone = {(one.strategy, one.symbol) for one in dropped}
        left = [entry for entry in ordered if entry not in gone]
        stays = np.sign(np.where(stays_open(held, wanted), wanted, 0.0).sum(axis=0))
        matrix = correlations(day.returns, (stays != 0) | opens.any(axis=0)).matrix
        limit = portfolio.entry_correlation
        dropped += apart_from_what_moves_alike(left, np.sign(wanted), stays, matrix, limit)
    wanted, cause = wanted.copy(), cause.copy()
    for one in dropped:
        wanted[one.strategy, one.symbol] = 0.0
        cause[one.strategy, one.symbol] = _CAUSE_OF[one.filter]
    return wanted, cause, tuple(dropped)


def stop_distance_after(desk: Desk, day: Day, before: Floats, wanted: Floats, held: Floats) -> Floats:
    """Stop distances from this decision on: of what is opened, made from today's ATR; of what is held, kept.

    What is left keeps it until it is gone: its order may find no market. What is turned round has that of
    its new side.

    Parameters
    ----------
    desk, day
    before : ndarray of shape (n_strategies, n_symbols)
        What was carried, restated for the session's actions.
    wanted, held : ndarray of shape (n_strategies, n_symbols)
    """
    if not desk.ends_positions:
        return np.zeros_like(wanted)
    atr = day.factors.get(ATR, np.zeros(len(desk.symbols)))
    multiple = np.array([one.exit_plan.stop_atr or 0.0 for one in desk.strategies.values()])
    fresh = np.where(wanted != 0, multiple[:, None] * np.nan_to_num(atr, nan=0.0), 0.0)
    return np.where(opened(held, wanted) | (held == 0), fresh, before)
