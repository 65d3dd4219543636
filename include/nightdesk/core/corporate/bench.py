"""The actions of one symbol weighed against its prices, session by session."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.corporate.findings import ASKED, INFERRED, ActionFinding, FindingOutcome, answers
from nightdesk.core.corporate.kinds import Action
from nightdesk.core.corporate.ratios import SplitRatio, nearest_split
from nightdesk.core.corporate.soundness import Floats, Prices

#: A growth of the adjustment that moves the adjusted return further from the raw one is asked.
IMPLAUSIBLE_ADJUSTMENT = 0.20
#: A stated payment of a larger share of the price is applied only where the price fell accordingly.
LARGE_PAYMENT = 0.20
#: From this growth on the price must not contradict a dividend.
CHECKED_GROWTH = 0.03
#: It contradicts where the return with the dividend is beyond so many of the symbol's own deviations.
CONTRADICTING_SIGMAS = 3.0
#: Beside a split, growth up to this is rounding and no dividend.
SPLIT_REMAINDER = 0.001
#: Splits up to this change of price are taken on trust: a day's own move hides them.
HIDDEN_SPLIT = math.log(1.1)
#: A level of the adjustment is the same within this, relative.
SAME_LEVEL = 2e-5
#: A rise that falls back within so many bars is taken back, with what was booked.
BARS_TO_TAKE_BACK = 5
#: A lower level that lasts so many bars is the level from then on.
BARS_TO_STAY = 20
#: Returns from which a symbol's own deviation is taken, and the least it is (share).
DEVIATION_WINDOW, LEAST_DEVIATION = 60, 0.005

#: Kinds that take dollars a share out of the price.
PAYMENTS = ("dividend", "capital_gain", "return_of_capital", "spin_off")


@dataclass(frozen=True)
class ActionArrays:
    """What counts so far, arrays of shape (n_sessions, n_symbols) that a bench fills in its column.

    `ratio` is what the adjustment grows by in a session; the others are those of `Judged`.
    """

    ratio: Floats
    split: Floats
    dividend: Floats
    accepted: Floats
    unexplained: Floats


@dataclass(frozen=True)
class _Rise:
    """A rise of the adjustment: at which row, by which ratio, and the dividend that was booked for it."""

    row: int
    ratio: float
    paid: float


@dataclass
class Bench:
    """Judges the actions of one symbol, session by session.

    `level` is the source's adjustment against the accepted one: 1 where they agree, lower after a slip, which
    began at row `low_since`.
    """

    symbol: str
    n: int
    sessions: NDArray[np.datetime64]
    prices: Prices
    out: ActionArrays
    level: float = 1.0
    low_since: int = -1
    booked: list[_Rise] = field(default_factory=list)
    asked: list[_Rise] = field(default_factory=list)
    findings: list[ActionFinding] = field(default_factory=list)
    refused: set[Action] = field(default_factory=set)

    def judge(self, by_row: Mapping[int, Sequence[Action]]) -> None:
        """Go through the rows with actions, ascending."""
        evidence = self._evidence(by_row)
        for t in sorted({*by_row, *evidence}):
            self._let_level_stay(t)
            applied = self._stated(t, by_row.get(t, ()))
            if t in evidence and not applied:
                self._judge_evidence(t, *evidence[t])
        self._let_level_stay(len(self.sessions))

    def _evidence(self, by_row: Mapping[int, Sequence[Action]]) -> dict[int, tuple[float, str]]:
        """Ratio and note by row; of a day without a sound bar they wait for the next one."""
        sound = np.flatnonzero(self.prices.sound[:, self.n])
        found: dict[int, tuple[float, str]] = {}
        for t, actions in sorted(by_row.items()):
            ratios = [one for one in actions if one.kind == "adjustment"]
            if not ratios or any(one.kind == "accept" for one in actions):
                continue
            at = int(np.searchsorted(sound, t))
            if at < len(sound):
                row = int(sound[at])
                ratio, note = found.get(row, (1.0, ""))
                for one in ratios:
                    ratio, note = ratio * one.value, one.note or note
                found[row] = ratio, note
        return found

    def _stated(self, t: int, actions: Sequence[Action]) -> bool:
        """Apply what is stated outright; whether anything of it settles the evidence of the day."""
        applied, answered = False, any(one.kind == "accept" for one in actions)
        if answered:
            self.out.accepted[t, self.n] = 1.0
        for action in sorted(actions, key=lambda one: (one.kind != "split", one.kind)):
            if action.kind == "split":
                applied |= self._state_split(t, action)
            elif action.kind in PAYMENTS:
                applied |= self._state_payment(t, action, answered)
        return applied

    def _state_split(self, t: int, action: Action) -> bool:
        previous = self._previous(t)
        if self._jumps_with(t, previous, action.value):
            self._split(t, action.value)
            if action.note.startswith(INFERRED):
                self._find(t, FindingOutcome.INFERRED, f"a split of {_in_words(action.value)}, {action.note}")
            return True
        self.refused.add(action)
        self._find(
            t,
            FindingOutcome.REFUSED,
            f"a split of {_in_words(action.value)} is given, and the price went {self._went(t, previous)}: "
            "the prices before hold it already, or there was none; no position and no price is changed by it",
        )
        return False

    def _jumps_with(self, t: int, previous: float, ratio: float) -> bool:
        """Whether the price of the session is nearer to the one before with the split than without it.

        Where that cannot be seen, what is stated is believed: without a sound bar, for a small ratio.
        """
        if not self.prices.sound[t, self.n] or not math.isfinite(previous):
            return True
        if abs(math.log(ratio)) <= HIDDEN_SPLIT:
            return True
        moves = [math.log(one[t, self.n] / previous) for one in (self.prices.close, self.prices.open)]
        return any(abs(move + math.log(ratio)) < abs(move) for move in moves)

    def _state_payment(self, t: int, action: Action, answered: bool) -> bool:
        base = self._previous(t) / self.out.split[t, self.n]
        if not math.isfinite(base):
            return False  # nothing was held before the first bar
        amount = action.value * action.cash if action.kind == "spin_off" else action.value
        what = f"a {action.kind.replace('_', ' ')} of {amount:.6g} a share"
        if amount >= base:
            self.refused.add(action)
            self._find(
                t,
                FindingOutcome.REFUSED,
                f"{what} is given, and the price before was {base:.6g}: nothing is booked",
            )
            return False
        growth = base / (base - amount)
        if amount > LARGE_PAYMENT * base and not answered and not self._falls_with(t, base, growth):
            self.refused.add(action)
            self.out.unexplained[t, self.n] = growth
            self._find(
                t,
                FindingOutcome.ASKED,
                f"{what} is given, {amount / base:.0%} of the price before, and the price went "
                f"{self._went(t, base)}: it is neither in prices nor in cash until you accept the price of "
                "that day beside it, or remove it",
                answers(self.symbol, self.sessions[t]),
            )
            return False
        if action.kind == "dividend":
            self.out.dividend[t, self.n] += amount
        # paid on the shares after a split of the same date, so the price before is restated first
        self.out.ratio[t, self.n] *= growth
        return True

    def _falls_with(self, t: int, base: float, growth: float) -> bool:
        """Whether the price fell as one that pays so much does; so it is taken without a sound bar."""
        if not self.prices.sound[t, self.n]:
            return True
        moves = [math.log(one[t, self.n] / base) for one in (self.prices.close, self.prices.open)]
        return any(abs(move + math.log(growth)) < abs(move) for move in moves)

    def _judge_evidence(self, t: int, ratio: float, note: str) -> None:
        previous = self._previous(t)
        if not math.isfinite(previous):
            return
        grown = self.level * ratio
        if note.startswith(ASKED):
            self._ask(t, previous, grown, note)
        elif (split := self._as_split(t, previous, grown)) is not None:
            self._book_split(t, previous, grown, split)
        elif grown > 1.0 + SAME_LEVEL:
            self._judge_rise(t, previous, grown)
        elif grown < 1.0 - SAME_LEVEL:
            self._judge_fall(t, grown)
        else:
            self._find(
                t,
                FindingOutcome.TAKEN_BACK,
                f"adj_close / close is back at the level before it fell, {ratio - 1:+.2%}",
            )
            self.level = 1.0

    def _as_split(self, t: int, previous: float, grown: float) -> SplitRatio | None:
        """The split behind a growth, where the price jumped the other way by about as much."""
        split = nearest_split(grown)
        if split is None:
            return None
        size = math.log(split.value)
        moves = [math.log(one[t, self.n] / previous) for one in (self.prices.close, self.prices.open)]
        return split if any(abs(move + size) <= 0.5 * abs(size) for move in moves) else None

    def _book_split(self, t: int, previous: float, grown: float, split: SplitRatio) -> None:
        self._split(t, split.value)
        rest = grown / split.value
        paid = ""
        if rest > 1.0 + SPLIT_REMAINDER:
            amount = _implied_dividend(rest, previous / split.value)
            self.out.ratio[t, self.n] *= rest
            self.out.dividend[t, self.n] += amount
            paid = f" and a dividend of {amount:.6g} a share"
        self.level = 1.0
        self._find(
            t,
            FindingOutcome.INFERRED,
            f"a split of {split}{paid}, inferred: adj_close / close changed by a factor of {grown:.6g} while "
            f"the price went {self._went(t, previous)}",
        )

    def _judge_rise(self, t: int, previous: float, grown: float) -> None:
        move = self.prices.close[t, self.n] / previous
        if move * (grown - 1.0) > IMPLAUSIBLE_ADJUSTMENT or self._contradicted(t, move, grown):
            self._ask(t, previous, grown)
            return
        amount = _implied_dividend(grown, previous)
        self.out.ratio[t, self.n] *= grown
        self.out.dividend[t, self.n] += amount
        self.booked.append(_Rise(t, grown, amount))
        self.level = 1.0

    def _contradicted(self, t: int, move: float, grown: float) -> bool:
        """Whether the price did not fall as with a dividend of that size, and is too calm for chance."""
        if grown - 1.0 <= CHECKED_GROWTH:
            return False
        raw, adjusted = abs(math.log(move)), abs(math.log(move * grown))
        return adjusted > raw and adjusted > CONTRADICTING_SIGMAS * self._deviation(t)

    def _ask(self, t: int, previous: float, grown: float, note: str = "") -> None:
        self.out.unexplained[t, self.n] = grown
        self.asked.append(_Rise(t, grown, 0.0))
        self.level = 1.0
        dividend = _implied_dividend(grown, previous)
        found = note or (
            f"adj_close / close changed by {grown - 1:+.2%} while the price went {self._went(t, previous)}: "
            f"as a dividend it would be {dividend:.6g} a share"
        )
        self._find(
            t,
            FindingOutcome.ASKED,
            f"{found}; it is neither in prices nor in cash until a person says what it was",
            answers(self.symbol, self.sessions[t], dividend or None),
        )

    def _judge_fall(self, t: int, grown: float) -> None:
        if self._take_back(t, grown):
            return
        self.level, self.low_since = grown, t
        self._find(
            t,
            FindingOutcome.SLIP,
            f"adj_close / close fell {1 - grown:.2%} below its level without a jump of the price: taken "
            f"for a slip of the source; it moves neither prices nor cash, and is the level after "
            f"{BARS_TO_STAY} bars",
        )

    def _take_back(self, t: int, grown: float) -> bool:
        """Undo the newest rises where the adjustment is back at the level before them."""
        bars = np.cumsum(self.prices.sound[:, self.n])
        recent = [one for one in self.booked if bars[t] - bars[one.row] <= BARS_TO_TAKE_BACK]
        product = grown
        for k in range(len(recent) - 1, -1, -1):
            product *= recent[k].ratio
            if abs(product - 1.0) <= SAME_LEVEL:
                undone = recent[k:]
                self._undo(t, undone)
                self.booked = [one for one in self.booked if one not in undone]
                return True
        for rise in self.asked:
            if abs(grown * rise.ratio - 1.0) <= SAME_LEVEL:
                self.asked.remove(rise)
                self._find(
                    t,
                    FindingOutcome.TAKEN_BACK,
                    f"the change of {rise.ratio - 1:+.2%} of {self.sessions[rise.row]}, which waited for an "
                    "answer, was taken back by the source",
                )
                return True
        return False

    def _undo(self, t: int, rises: Sequence[_Rise]) -> None:
        paid = 0.0
        for rise in rises:
            self.out.ratio[t, self.n] /= rise.ratio
            paid += rise.paid / float(np.prod(self.out.split[rise.row + 1 : t + 1, self.n]))
        self.out.dividend[t, self.n] -= paid
        days = ", ".join(str(self.sessions[rise.row]) for rise in rises)
        self._find(
            t,
            FindingOutcome.TAKEN_BACK,
            f"the source took back its change of {days}; the {paid:.6g} a share that were booked for it are "
            "taken back too",
        )

    def _let_level_stay(self, t: int) -> None:
        """Take a lower level for the level once it lasted, seen from before row `t`."""
        if self.level == 1.0:
            return
        later = np.flatnonzero(self.prices.sound[self.low_since :, self.n]) + self.low_since
        if len(later) > BARS_TO_STAY and later[BARS_TO_STAY] < t:
            self._find(
                int(later[BARS_TO_STAY]),
                FindingOutcome.LEVEL,
                f"adj_close / close has stayed {self.level - 1:.2%} below its level since "
                f"{self.sessions[self.low_since]}: later changes are measured against the lower one",
            )
            self.level = 1.0

    def _split(self, t: int, ratio: float) -> None:
        self.out.split[t, self.n] *= ratio
        self.out.ratio[t, self.n] *= ratio

    def _previous(self, t: int) -> float:
        """Close of the newest sound bar before row `t`, restated for splits between; NaN without one."""
        row = self.prices.before[t, self.n]
        if row < 0:
            return math.nan
        since = float(np.prod(self.out.split[row + 1 : t, self.n]))
        return float(self.prices.last[row, self.n]) / since

    def _deviation(self, t: int) -> float:
        """Robust deviation of the symbol's returns before row `t`, share."""
        rows = np.flatnonzero(self.prices.priced[:t, self.n])[-DEVIATION_WINDOW - 1 :]
        returns = np.diff(np.log(self.prices.last[rows, self.n]))
        usual = float(np.median(np.abs(returns))) * 1.4826 if len(returns) else 0.0
        return max(usual, LEAST_DEVIATION)

    def _went(self, t: int, previous: float) -> str:
        close = float(self.prices.close[t, self.n])
        return f"from {previous:.6g} to {close:.6g} ({close / previous - 1:+.2%})"

    def _find(self, t: int, outcome: FindingOutcome, words: str, commands: tuple[str, ...] = ()) -> None:
        self.findings.append(ActionFinding(self.symbol, self.sessions[t], outcome, words, commands))


def _implied_dividend(ratio: float, previous_close: float) -> float:
    """Cash per share behind a growth of the adjustment factor; 0 where it fell."""
    return round(previous_close * (1.0 - 1.0 / ratio), 6) if ratio > 1.0 else 0.0


def _in_words(ratio: float) -> str:
    known = nearest_split(ratio, tolerance=1e-6, precise=1e-6)
    return f"{ratio:.6g}" if known is None else str(known)
