"""Pairs: what decisions measured of them, and where their strategies stood with them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from nightdesk.core.pair_records import PairFigure, PairState
from nightdesk.store.db import Connection
from nightdesk.store.rows import read_rows

_SIDES = {1: "long", -1: "short", 0: None}
_SIGNS = {word: sign for sign, word in _SIDES.items()}


def pair_figure_rows(strategy: str, figures: Iterable[PairFigure]) -> list[dict[str, Any]]:
    """Figures as their table holds them: null is what is not known."""
    return [{"strategy": strategy, **_nulls(asdict(one))} for one in figures]


def pair_state_rows(strategy: str, states: Iterable[PairState]) -> list[dict[str, Any]]:
    """States as their table holds them."""
    rows = []
    for one in states:
        row = _nulls(asdict(one))
        row |= {"side": _SIDES[one.side], "bundle": one.bundle or None, "leaving": one.leaving or None}
        rows.append({"strategy": strategy, "state": row.pop("phase"), **row})
    return rows


def pair_figures_of(conn: Connection, book: str, as_of: datetime) -> dict[str, tuple[PairFigure, ...]]:
    """The figures of a decision by strategy, each by the legs of its pairs."""
    out: dict[str, list[PairFigure]] = {}
    for row in read_rows(conn, "pair_figure_rows", book=book, as_of=as_of):
        strategy, numbers = row.pop("strategy"), _numbers(row, PairFigure)
        out.setdefault(strategy, []).append(PairFigure(**numbers))
    return {strategy: tuple(found) for strategy, found in out.items()}


def pair_states_of(conn: Connection, book: str, as_of: datetime) -> dict[str, tuple[PairState, ...]]:
    """The states after a decision by strategy, each by the legs of its pairs."""
    return _states(read_rows(conn, "pair_state_rows", book=book, as_of=as_of))


def pair_states_before(conn: Connection, book: str, as_of: datetime) -> dict[str, tuple[PairState, ...]]:
    """The same after the newest decision before `as_of` that has targets."""
    return _states(read_rows(conn, "pair_states_before", book=book, as_of=as_of))


@dataclass(frozen=True, slots=True)
class PairPoint:
    """One decision in the life of a pair; NaN and empty texts are not known, or not stored.

    `z` is that by the month's fit, `z_looked_at` that by which the state was decided: while the pair is open,
    the one by the fit of its entry.
    """

    session: date
    as_of: datetime
    spread: float
    sigma: float
    z: float
    listed: bool
    state: str
    side: str
    z_looked_at: float
    reason: str


def pair_series(
    conn: Connection, book: str, strategy: str, a: str, b: str, *, until: datetime, newest: int = 120
) -> tuple[PairPoint, ...]:
    """The newest decisions of a pair up to `until`, ascending: what pages draw its spread and z from."""
    rows = read_rows(conn, "pair_series", book=book, strategy=strategy, a=a, b=b, until=until, newest=newest)
    return tuple(
        PairPoint(
            **{
                **row,
                **{name: _number(row[name]) for name in ("spread", "sigma", "z", "z_looked_at")},
                **{name: row[name] or "" for name in ("state", "side", "reason")},
            }
        )
        for row in rows
    )


def _states(rows: Iterable[dict[str, Any]]) -> dict[str, tuple[PairState, ...]]:
    out: dict[str, list[PairState]] = {}
    for row in rows:
        strategy = row.pop("strategy")
        words = {"side": _SIGNS[row["side"]], "bundle": row["bundle"] or 0, "leaving": row["leaving"] or ""}
        whole = {"phase": row.pop("state"), **row, **words}
        out.setdefault(strategy, []).append(PairState(**_numbers(whole, PairState)))
    return {strategy: tuple(found) for strategy, found in out.items()}


def _nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }


def _numbers(row: Mapping[str, Any], of: type[PairFigure] | type[PairState]) -> dict[str, Any]:
    """A row with NaN for what is null among the numbers."""
    floats = {name for name, kind in of.__annotations__.items() if kind == "float"}
    return {name: _number(value) if name in floats else value for name, value in row.items()}


def _number(value: float | None) -> float:
    return math.nan if value is None else value
