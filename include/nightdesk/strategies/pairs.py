"""Pairs: buy the one and sell the other of two stocks whose spread has gone far, until it comes back.

The spread is log A - alpha - beta log B (Engle and Granger 1987, "Co-integration and error correction"); the
rules of entry and exit are those of pairs trading (Gatev, Goetzmann and Rouwenhorst 2006), with a stop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from enum import IntEnum
from itertools import chain
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from nightdesk.core.calendar import as_date
from nightdesk.core.cell_figures import Figures
from nightdesk.core.fields import Frozen, Symbol
from nightdesk.core.members import PairSpan
from nightdesk.core.pair_records import PairState
from nightdesk.factors.pair_spreads import PairSpread, SpreadWindows
from nightdesk.strategies.bundle_signals import refuse_unknown_legs
from nightdesk.strategies.in_turn import InTurn, NotOpened, Spoken, Turn, quiet
from nightdesk.strategies.pair_states import (
    GivenUp,
    Leg,
    PairTerms,
    next_states,
    under_new_names,
)
from nightdesk.strategies.pair_studies import PairStudies, ShownPair
from nightdesk.strategies.strategy import Direction, Signals, SignalSide, View
from nightdesk.strategies.strategy_registry import register

#: Log of the adjusted close.
LOG_CLOSE = "log_close"

TO_EARNINGS, SINCE_EARNINGS = "sessions_to_earnings", "sessions_since_earnings"


def _two(value: tuple[str, str]) -> tuple[str, str]:
    if value[0] == value[1]:
        raise ValueError(f"found {value[0]} twice: a pair has two symbols")
    return value


#: The dependent leg, and the other.
NamedPair = Annotated[tuple[Symbol, Symbol], AfterValidator(_two)]


class PairClause(IntEnum):
    """What a strategy of pairs says of a symbol."""

    NO_LEG = 0
    ENTERED = 1
    LEFT = 2
    HELD = 3
    STRANGER = 4


@register
class Pairs(InTurn):
    """Long one leg and short the other while their spread is far from its mean; in turn, by states.

    The pairs are those of the universe's screen, and those that `pairs` names. A pair is entered where
    enter < abs(z) < stop, the spread is more volatile than usual, both legs are members, not in quarantine
    and have a bar, and none reports its earnings in the session or the `earnings_sessions` after it. It is
    left as soon as abs(z) <= leave or z has crossed 0, at the stop on the side that was entered, after the
    most sessions, and when beta changes its sign. See `nightdesk.strategies.pair_states`.

    Of two pairs that share a symbol the one with the larger abs(z) is entered, equals by name.
    """

    name = "pairs"
    sides = frozenset({SignalSide.LONG, SignalSide.SHORT})
    bundles = True
    stops_itself = True

    class Params(Frozen):
        """Windows are in sessions, z in deviations of the spread."""

        pairs: tuple[NamedPair, ...] = Field(
            (), description="pairs beside those of the universe's screen: the dependent leg, and the other"
        )
        window: int = Field(126, ge=20, le=2520, description="sessions of the fit, of the first of a month")
        z_window: int = Field(60, ge=10, le=2520, description="sessions of z")
        enter: float = Field(2.0, gt=0, description="abs(z) above which a pair is entered")
        leave: float = Field(0.5, ge=0, description="abs(z) at which it is left")
        stop: float = Field(3.0, gt=0, description="abs(z) at which it is stopped; no entry from there on")
        sessions: int = Field(10, ge=1, description="sessions held at most, the one that opened it counted")
        volatility_window: int = Field(
            20, ge=5, le=2520, description="sessions of the deviation of the spread's changes"
        )
        volatility_mean: int = Field(
            252, ge=5, le=2520, description="sessions before, above whose mean that deviation must lie"
        )
        earnings: Literal["required", "where_known", "ignored"] = Field(
            "where_known",
            description="whether an entry looks at the legs' next reports, and needs them to be known",
        )
        earnings_sessions: int = Field(
            3, ge=0, le=60, description="sessions after this one that are to be without earnings"
        )

        @model_validator(mode="after")
        def _in_order(self) -> Self:
            if not self.leave < self.enter < self.stop:
                raise ValueError(
                    f"leave {self.leave:g}, enter {self.enter:g}, stop {self.stop:g}: each is below the next"
                )
            return self

    params: Params

    @property
    def factors(self) -> tuple[str, ...]:
        if self.params.earnings == "ignored":
            return (LOG_CLOSE,)
        return (LOG_CLOSE, TO_EARNINGS, SINCE_EARNINGS)

    @property
    def windows(self) -> SpreadWindows:
        """The windows of the figures."""
        p = self.params
        return SpreadWindows(p.window, p.z_window, p.volatility_window, p.volatility_mean)

    @property
    def look_back(self) -> int:
        return self.windows.look_back

    @property
    def terms(self) -> PairTerms:
        """When a pair is entered and left."""
        p = self.params
        return PairTerms(p.enter, p.leave, p.stop, p.sessions)

    @property
    def needs_found_pairs(self) -> bool:
        return not self.params.pairs

    def check(self, symbols: Sequence[str], path: str) -> None:
        refuse_unknown_legs(symbols, chain.from_iterable(self.params.pairs), f"{path}.params.pairs")

    def study(self, view: View, first: int = 0) -> PairStudies:
        """Figures of every pair that is listed, and for `z_window` sessions after it was."""
        column = {symbol: n for n, symbol in enumerate(view.symbols)}
        always = [PairSpan(a, b, date.min) for a, b in self.params.pairs]
        spans: dict[tuple[str, str], list[PairSpan]] = {}
        for span in (*always, *view.pairs):
            if span.a in column and span.b in column:
                spans.setdefault((span.a, span.b), []).append(span)
        months = view.sessions.astype("datetime64[M]").astype(np.int64)
        logs, shown = view.factors[LOG_CLOSE], list[ShownPair]()
        for (a, b), some in sorted(spans.items()):
            listed = _listed(some, view)
            rows = np.flatnonzero(_lately(listed, self.params.z_window))
            rows = rows[rows >= first]
            if len(rows):
                found = PairSpread.of(logs[:, column[a]], logs[:, column[b]], months, self.windows)
                shown.append(ShownPair((a, b), rows, listed[rows], found.rows(rows)))
        return PairStudies.of(tuple(as_date(one) for one in view.sessions), shown)

    def speak(self, turn: Turn) -> Spoken:
        """The states of all pairs, and the entries and exits of their legs."""
        decision = next_states(
            turn.before, turn.study, self._legs(turn), self.terms, turn.session, turn.codes
        )
        column = {symbol: n for n, symbol in enumerate(turn.symbols)}
        said, loss = quiet((1, len(column)), bundles=True), np.full(len(column), np.nan)
        bundle, ratio = said.bundle, said.ratio
        if bundle is None or ratio is None:
            raise ValueError("signals of pairs have bundles")
        known = {(one.a, one.b): one for one in turn.study}
        for one in decision.states:
            if one.phase != "open":
                continue
            legs = [column[symbol] for symbol in one.legs if symbol in column]
            said.reason[0, legs] = PairClause.LEFT if one.leaving else PairClause.HELD
            if one.leaving:
                _leave(said, legs)
        for one in decision.entered:
            legs = [column[symbol] for symbol in one.legs]
            sides = np.array([one.side, -one.side], dtype=np.int8)
            sure = min(1.0, abs(one.z) / self.params.stop)
            said.direction[0, legs] = sides * Direction.BUY
            said.side[0, legs] = sides
            said.strength[0, legs] = sides * sure
            said.confidence[0, legs] = sure
            said.reason[0, legs] = PairClause.ENTERED
            bundle[0, legs] = one.bundle
            ratio[0, legs] = 1.0 / turn.price[legs]
            loss[legs] = (self.params.stop - abs(one.z)) * known[one.legs].sigma
        of_pairs = {symbol for one in decision.states if one.phase == "open" for symbol in one.legs}
        alone = [n for symbol, n in column.items() if turn.held[n] != 0.0 and symbol not in of_pairs]
        said.reason[0, alone] = PairClause.STRANGER
        _leave(said, alone)
        gone = tuple(_not_opened(one) for one in decision.given_up)
        return Spoken(said, decision.states, loss, gone)

    def restated(
        self, states: Sequence[PairState], successors: Mapping[str, tuple[str, float]]
    ) -> tuple[PairState, ...]:
        return under_new_names(states, successors)

    def _legs(self, turn: Turn) -> dict[str, Leg]:
        return {
            symbol: Leg(float(turn.held[n]), self._barred(turn, n)) for n, symbol in enumerate(turn.symbols)
        }

    def _barred(self, turn: Turn, n: int) -> str:
        """Why a symbol may not be entered, in words; empty where it may."""
        if turn.quarantined[n]:
            return "is in quarantine"
        if not turn.member[n]:
            return "is no member, or is off in this session"
        if not turn.has_bar[n] or not turn.price[n] > 0.0:
            return "has no bar"
        if self.params.earnings == "ignored":
            return ""
        ahead, since = (float(turn.factors[name][n]) for name in (TO_EARNINGS, SINCE_EARNINGS))
        if since == 0.0:
            return "has reported its earnings in this session"
        if ahead <= self.params.earnings_sessions:
            return f"reports its earnings in {ahead:.0f} sessions" if ahead else "reports its earnings now"
        if math.isnan(ahead) and self.params.earnings == "required":
            return "has no known date of its next earnings"
        return ""

    @property
    def words(self) -> Mapping[int, str]:
        return {
            PairClause.NO_LEG: "no leg of a pair that is held, entered or left",
            PairClause.ENTERED: "{pair}: {why}",
            PairClause.LEFT: "{pair}: {why}",
            PairClause.HELD: "{pair}: {why}",
            PairClause.STRANGER: "held, and no leg of an open pair: it is left",
        }

    def numbers(self, view: View, signals: Signals) -> Mapping[str, NDArray[np.object_]]:
        """The open pair of each leg, and the words of its state."""
        pair, why = (np.full(signals.direction.shape, "", dtype=object) for _ in range(2))
        for t, n, one in _open_legs(view, self.name):
            pair[t, n], why[t, n] = one.name, one.reason
        return {"pair": pair, "why": why}

    def figures(self, view: View, signals: Signals) -> Figures:
        """The open pair of each leg: its name, z by the fit of its entry, beta of that, sessions held."""
        pair = np.full(signals.direction.shape, "", dtype=object)  # as text of its own each is 168 bytes
        numbers = {name: np.full(signals.direction.shape, np.nan) for name in ("z", "beta", "sessions")}
        for t, n, one in _open_legs(view, self.name):
            pair[t, n] = one.name
            for name, values in numbers.items():
                values[t, n] = getattr(one, name)
        return {"pair": pair, **numbers}


def _open_legs(view: View, strategy: str) -> list[tuple[int, int, PairState]]:
    """Row, column and state of every leg of an open pair; none where no turn was taken."""
    column = {symbol: n for n, symbol in enumerate(view.symbols)}
    return [
        (t, column[symbol], one)
        for t, states in enumerate(view.turns.get(strategy, ()))
        for one in states
        if one.phase == "open"
        for symbol in one.legs
        if symbol in column
    ]


def _leave(said: Signals, columns: Sequence[int]) -> None:
    """Let what is held of some symbols be left, whatever its side."""
    said.direction[0, columns], said.side[0, columns] = Direction.SELL, SignalSide.EITHER
    said.confidence[0, columns] = 1.0


def _listed(spans: Sequence[PairSpan], view: View) -> NDArray[np.bool_]:
    """Where one of a pair's spans holds."""
    out = np.zeros(len(view.sessions), dtype=np.bool_)
    for span in spans:
        last = np.datetime64(span.last or date.max, "D")
        out |= (view.sessions >= np.datetime64(span.first, "D")) & (view.sessions <= last)
    return out


def _lately(listed: NDArray[np.bool_], sessions: int) -> NDArray[np.bool_]:
    """Where it was listed within so many sessions."""
    row = np.arange(len(listed))
    newest = np.maximum.accumulate(np.where(listed, row, -len(listed) - sessions - 1))
    lately: NDArray[np.bool_] = row - newest <= sessions
    return lately


def _not_opened(gone: GivenUp) -> NotOpened:
    """A pair that gave way, told of the leg that is free."""
    free = next((one for one in gone.state.legs if one != gone.taken), gone.taken)
    return NotOpened(
        free, gone.taken, abs(gone.state.z), gone.limit, f"{gone.state.name}: {gone.state.reason}"
    )
