"""Strategies that speak in turn: their rows of a day, made when the book has been settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.engine.day_terms import DayTerms
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Day, State
from nightdesk.engine.market import Market
from nightdesk.portfolio import Dropped
from nightdesk.strategies.bundle_signals import bundles_by_session, check_bundles
from nightdesk.strategies.in_turn import InTurn, Spoken, Turn
from nightdesk.strategies.strategy import Direction, Signals, SignalSide


def heard(desk: Desk, state: State, day: Day) -> Day:
    """The day with what the strategies say that speak in turn; as it is where the book has none.

    Of these the signals of the session before are none: what they go on from are their states.

    Raises
    ------
    Refused
        When what a strategy measured of the session is missing.
    """
    if not desk.in_turn:
        return day
    spoken = {name: _speak(desk, state, day, name, strategy) for name, strategy in desk.in_turn.items()}
    for name, strategy in desk.in_turn.items():
        sessions = np.array([day.session], dtype="datetime64[D]")
        check_bundles(strategy, spoken[name].signals, desk.symbols, sessions)
    rows = [desk.strategy_row[name] for name in spoken]
    said = [one.signals for one in spoken.values()]
    with_rows: dict[str, Any] = {
        name: _with_rows(getattr(day, name), rows, [getattr(one, name)[0] for one in said])
        for name in ("direction", "side", "confidence", "strength")
    }
    none = [np.full(len(desk.symbols), Direction.HOLD)] * len(rows)
    longs = [np.full(len(desk.symbols), SignalSide.LONG)] * len(rows)
    with_rows["previous_direction"] = _with_rows(day.previous_direction, rows, none)
    with_rows["previous_side"] = _with_rows(day.previous_side, rows, longs)
    for name in ("bundle", "ratio") if desk.has_bundles else ():
        legs = [getattr(one, name) for one in said]
        none_said = np.zeros(len(desk.symbols))
        with_rows[name] = _with_rows(
            getattr(day, name), rows, [none_said if one is None else one[0] for one in legs]
        )
    loss = np.full(day.direction.shape, np.nan)
    loss[rows] = [one.loss_at_stop for one in spoken.values()]
    made = DayTerms.of(
        desk, day.price, with_rows["direction"], with_rows["side"], with_rows["confidence"], day.band
    )
    return replace(day, **with_rows, spoken=spoken, loss_at_stop=loss, made=made)


def gave_way(desk: Desk, day: Day) -> tuple[Dropped, ...]:
    """The entries that strategies in turn gave up in what they said, since another one took a symbol."""
    return tuple(
        Dropped(
            desk.strategy_row[name],
            desk.column[one.symbol],
            "pair",
            desk.column[one.other],
            one.value,
            one.limit,
            one.words,
        )
        for name, spoken in day.spoken.items()
        for one in spoken.not_opened
        if spoken.signals.direction[0, desk.column[one.symbol]] == Direction.HOLD
    )


def with_turns(market: Market, spoken: Mapping[int, Mapping[str, Spoken]]) -> Market:
    """The market with what strategies said in turn as their signals.

    Parameters
    ----------
    market : Market
    spoken : mapping of row to (mapping of strategy name to Spoken)
        Of the rows that were decided; in others such a strategy says nothing.
    """
    desk = market.desk
    if not desk.in_turn:
        return market
    signals, turns = dict(market.signals), {}
    for name in desk.in_turn:
        arrays = {field: values.copy() for field, values in market.signals[name].arrays().items()}
        for t, one in spoken.items():
            for field, values in one[name].signals.arrays().items():
                arrays[field][t] = values[0]
        signals[name] = Signals(**arrays)
        turns[name] = tuple(spoken[t][name].states if t in spoken else () for t in range(len(market)))
    stacked: dict[str, Any] = {
        field: np.stack([getattr(signals[name], field) for name in desk.strategies], axis=1)
        for field in ("direction", "side", "confidence", "strength")
    }
    if desk.has_bundles:
        stacked["bundle"], stacked["ratio"] = bundles_by_session(desk.strategies, signals)
    return replace(market, signals=signals, turns=turns, **stacked)


def _speak(desk: Desk, state: State, day: Day, name: str, strategy: InTurn) -> Spoken:
    """What one strategy says."""
    if name not in day.studies:
        raise Refused(
            f"{desk.book.name} {day.session}: what {name} measures of its session is not there: "
            "run this session's factors step first"
        )
    row, carried = desk.strategy_row[name], state.carried
    held = state.held_by(desk).quantity[row]
    before = () if carried is None else carried.turns.get(name, ())
    code = np.zeros(0) if carried is None or carried.bundles is None else carried.bundles.code[row]
    return strategy.speak(
        Turn(
            session=day.session,
            symbols=desk.symbols,
            held=held,
            price=day.price,
            has_bar=day.has_bar,
            quarantined=day.quarantined,
            member=np.ones(len(desk.symbols), dtype=np.bool_) if day.member is True else day.member,
            factors=day.factors,
            codes=frozenset(code[code != 0].tolist()),
            study=day.studies[name],
            before=strategy.restated(before, day.successors),
        )
    )


def _with_rows(values: Any, rows: Sequence[int], new: Sequence[Any]) -> Floats:
    """An array of (n_strategies, n_symbols) with some of its rows in place of its own."""
    out: Floats = values.copy()
    for row, one in zip(rows, new, strict=True):
        out[row] = one
    return out
