"""Where two runs of a book over the same sessions differ: in what they saw, wanted and did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.engine import Desk, Market
from nightdesk.research.backtest.simulation import Decided

#: Fields of a market that a decision sees before any factor, strategies' signals aside.
SEEN = (
    *("close", "open", "high", "low", "volume", "price", "dividend", "split"),
    *("quarantined", "withheld_bars", "has_bar", "age", "member", "off", "legs"),
    *("vix", "band", "entries_allowed"),
)


class DecisionStage(IntEnum):
    """Where in a decision something differs; a later stage follows from the earlier ones."""

    DATA = 0
    FACTOR = 1
    SIGNAL = 2
    TARGET = 3
    VERDICT = 4
    ORDER = 5


#: From here on a difference is one of what the book does.
DECISIONS = DecisionStage.SIGNAL


@dataclass(frozen=True)
class RunDifference:
    """The first place at which two runs differ in one thing.

    Attributes
    ----------
    stage : DecisionStage
    name : str
        What differs: a field of the market, a factor, or the strategy whose signals, targets or orders it is;
        of a verdict the rule.
    row : int
        Of the rows that were compared.
    as_of : datetime
        The decision, UTC.
    session : date
    symbol : str
        Empty where it is of the whole book.
    whole, cut : str
        What it is in the run on all of the history, and in the one on a part of it.
    cells : int
        In how many cells of decisions and symbols it differs.
    detail : str
        Of a signal the field; else empty.
    """

    stage: DecisionStage
    name: str
    row: int
    as_of: datetime
    session: date
    symbol: str
    whole: str
    cut: str
    cells: int = 1
    detail: str = ""

    @property
    def words(self) -> str:
        """The difference in a sentence."""
        what = " ".join(one for one in (self.stage.name.lower(), self.name, self.detail) if one)
        where = f" of {self.symbol}" if self.symbol else ""
        return (
            f"{what}{where} at {self.as_of:%Y-%m-%d %H:%M} UTC: {self.whole} on all bars, {self.cut} on fewer"
        )


@dataclass(frozen=True)
class Rows:
    """The rows that are compared: `count` of them, beginning with `whole` and `cut` of the two runs.

    `tolerance` is the share of the largest value of its row by which a number may differ; 0 where every bit
    counts.
    """

    whole: int
    cut: int
    count: int
    tolerance: float = 0.0


def market_differences(whole: Market, cut: Market, rows: Rows) -> Iterator[RunDifference]:
    """Where two markets differ in bars, factors and signals of some rows; one for each thing that does."""
    for name in SEEN:
        pair = (getattr(whole, name), getattr(cut, name))
        if pair[0] is not None and pair[1] is not None:
            yield from _first(DecisionStage.DATA, name, pair, whole, rows)
    for name, values in whole.factors.items():
        yield from _first(DecisionStage.FACTOR, name, (values, cut.factors[name]), whole, rows)
    for name, signals in whole.signals.items():
        other = cut.signals[name].arrays()
        found = [
            one
            for field, values in signals.arrays().items()
            for one in _first(DecisionStage.SIGNAL, name, (values, other[field]), whole, rows, field)
        ]
        if found:
            yield min(found, key=lambda one: one.row)


def _first(
    stage: DecisionStage,
    name: str,
    pair: tuple[NDArray[Any], NDArray[Any]],
    market: Market,
    rows: Rows,
    detail: str = "",
) -> Iterator[RunDifference]:
    """The first cell in which two arrays of shape (n_rows, ...) differ."""
    mine = pair[0][rows.whole : rows.whole + rows.count].reshape(rows.count, -1)
    other = pair[1][rows.cut : rows.cut + rows.count].reshape(rows.count, -1)
    differs = ~same(mine, other, rows.tolerance)
    if not differs.any():
        return
    row, column = (int(one) for one in np.argwhere(differs)[0])
    at = rows.whole + row
    yield RunDifference(
        stage,
        name,
        row,
        market.closes[at],
        market.sessions[at],
        market.desk.symbols[column] if pair[0].ndim > 1 else "",
        _shown(mine[row, column]),
        _shown(other[row, column]),
        int(np.count_nonzero(differs)),
        detail,
    )


def same(mine: NDArray[Any], other: NDArray[Any], tolerance: float = 0.0) -> NDArray[np.bool_]:
    """Where two arrays of shape (n_rows, n_columns) say the same; NaN is the same as NaN.

    Numbers may differ by `tolerance` of the largest finite absolute value of their row.
    """
    equal: NDArray[np.bool_] = mine == other
    if mine.dtype.kind != "f":
        return equal
    equal |= np.isnan(mine) & np.isnan(other)
    if tolerance:
        size = np.where(np.isfinite(mine), np.abs(mine), 0.0).max(axis=-1, keepdims=True, initial=0.0)
        with np.errstate(invalid="ignore"):
            equal |= np.abs(mine - other) <= tolerance * size
    return equal


def decision_differences(
    desk: Desk,
    whole: Sequence[Decided],
    cut: Sequence[Decided],
    rows: Rows,
    when: Sequence[datetime],
) -> Iterator[RunDifference]:
    """The first target, verdict and order in which the same decisions of two runs differ.

    Parameters
    ----------
    desk : Desk
    whole, cut : sequence of Decided
        The same decisions, in their order.
    rows : Rows
        Those of their markets that were compared, and the tolerance, here of units: the decisions are the
        last of them.
    when : sequence of datetime
        Their instants.
    """
    before = rows.count - len(cut)
    for stage, of in (
        (DecisionStage.TARGET, _targets),
        (DecisionStage.VERDICT, _verdicts),
        (DecisionStage.ORDER, _orders),
    ):
        for row, (mine, other) in enumerate(zip(whole, cut, strict=True)):
            a, b = of(desk, mine), of(desk, other)
            keys = [key for key in (*a, *b) if not _alike(a.get(key), b.get(key), rows.tolerance)]
            if keys:
                name, symbol = keys[0][:2]
                shown = _shown(a.get(keys[0])), _shown(b.get(keys[0]))
                session = mine.state.mark.session
                at, cells = before + row, len(set(keys))
                yield RunDifference(stage, name, at, when[row], session, symbol, *shown, cells)
                break


#: What is compared of one decision: by name and symbol a number, or words.
Compared = Mapping[tuple[Any, ...], "float | str"]


def _targets(desk: Desk, one: Decided) -> Compared:
    """Units wanted before the gate, of every strategy."""
    wanted, names = one.targets.quantity, tuple(desk.strategies)
    return {
        (names[s], desk.symbols[n]): float(wanted[s, n])
        for s, n in np.argwhere((wanted != 0.0) | (one.targets.held != 0.0))
    }


def _verdicts(desk: Desk, one: Decided) -> Compared:
    """What rules have said, and what they left."""
    return {
        (said.rule, said.symbol, said.step, said.action): said.after
        for said in one.gated.verdicts(desk.symbols)
    }


def _orders(_desk: Desk, one: Decided) -> Compared:
    """Signed units of every order, those that rest included."""
    out: dict[tuple[Any, ...], float] = {}
    for order in one.orders:
        names = ", ".join(dict.fromkeys(intent.strategy for intent in order.intents))
        key = (names, order.symbol, order.purpose, order.order_type)
        out[key] = out.get(key, 0.0) + float(order.signed_quantity)
    return out


#: What is compared of decisions, by stage.
_COMPARED = (
    (DecisionStage.TARGET, _targets),
    (DecisionStage.VERDICT, _verdicts),
    (DecisionStage.ORDER, _orders),
)


def _alike(mine: float | str | None, other: float | str | None, tolerance: float) -> bool:
    if mine == other:
        return True
    if isinstance(mine, float) and isinstance(other, float):
        both_missing = mine != mine and other != other
        return both_missing or abs(mine - other) <= tolerance * abs(mine)
    return False


def _shown(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return "none"
    if isinstance(value, float | np.floating):
        return "missing" if np.isnan(value) else f"{value:.10g}"
    return str(value)


@dataclass(frozen=True)
class TracedCause:
    """The first decision that differs, and what it comes from; the same where nothing lies before it."""

    decision: RunDifference
    source: RunDifference

    @property
    def words(self) -> str:
        """Both in a sentence that names the factor, the strategy or the data."""
        if self.source.stage == DecisionStage.FACTOR:
            return f"{self.decision.words}; from the factor {self.source.name}: {self.source.words}"
        if self.source.stage == DecisionStage.DATA:
            return f"{self.decision.words}; from the data: {self.source.words}"
        if self.source.stage == DecisionStage.SIGNAL:
            itself = f"from the strategy {self.source.name} itself"
            return f"{self.decision.words}; its factors are the same: {itself}"
        return f"{self.decision.words}; signals are the same: from what is made of them"


def cause_of(desk: Desk, found: Sequence[RunDifference]) -> TracedCause | None:
    """What the first difference of a decision comes from; None where no decision differs.

    It is looked for among what differs up to that decision, the earliest stage first; of factors those that
    the strategy asks for, if any, go before the others.
    """
    decisions = [one for one in found if one.stage >= DECISIONS]
    if not decisions:
        return None
    first = min(decisions, key=lambda one: (one.row, one.stage))
    own = desk.strategies[first.name].factors if first.name in desk.strategies else ()
    before = [one for one in found if one.stage <= first.stage and one.row <= first.row]
    source = min(before, key=lambda one: (one.stage, one.name not in own, one.row))
    return TracedCause(first, source)
