"""Sections of a tear sheet on why: the worst sessions with what lost in them, and the gate's verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, get_args

import numpy as np

from nightdesk.accounting.ledger import unrealised
from nightdesk.alerts.figures import NOTHING, number, percent
from nightdesk.core.contracts import PLAIN
from nightdesk.core.money import ZERO
from nightdesk.performance import simple_returns
from nightdesk.research.tear_sheet.sheet_course import SheetCourse
from nightdesk.research.tear_sheet.sheet_parts import (
    SheetCell,
    SheetGrid,
    SheetLines,
    SheetSection,
    plain,
    section,
    share,
)
from nightdesk.risk.gate import Action, verdict_counts

if TYPE_CHECKING:
    from nightdesk.research.backtest.run import Result
    from nightdesk.research.backtest.simulation import Decided

#: Sessions that are listed, and what lost most in each.
MOST_SESSIONS, MOST_LOSERS = 10, 3

Earned = dict[tuple[str, str], Decimal]


def worst_section(course: SheetCourse, benchmark: str, result: Result | None = None) -> SheetSection | None:
    """The sessions with the lowest returns; of a result also what lost, and where the book stood before."""
    returns, other = simple_returns(course.nav), simple_returns(course.benchmark)
    rows = [row for row in np.argsort(returns, kind="stable")[:MOST_SESSIONS].tolist() if returns[row] < 0]
    heads = ["Session", "NAV", benchmark, "Strategies that lost"]
    if result is not None:
        heads[3:] = ["Level before", "Gross before", "VIX", "Strategies that lost", "Symbols that lost most"]
    lines = []
    for row in rows:
        cells = [SheetCell(str(course.sessions[row + 1])), share(returns[row]), share(float(other[row]))]
        if result is None:
            lost = {
                name: Decimal(str(round(one[row + 1] - one[row], 2))) for name, one in course.earned.items()
            }
            cells.append(SheetCell(_losers(lost)))
        else:
            cells += _causes(result, row)
        lines.append(tuple(cells))
    if not lines:
        return None
    words = frozenset({0, 3} if result is None else {0, 6, 7})
    grid = SheetGrid(f"The {len(lines)} worst sessions", tuple(heads), tuple(lines), words=words)
    return section(
        "Worst sessions",
        [grid],
        "With what each strategy and symbol lost in dollars, between the last marks of two sessions; how the "
        "book stood at the mark before."
        if result is not None
        else "With what each strategy lost, in dollars.",
    )


def verdicts_section(result: Result) -> SheetSection | None:
    """How often each rule of the gate approved, cut and rejected, and what filters took away before it."""
    told: Counter[tuple[str, Action]] = Counter()
    dropped: Counter[str] = Counter()
    for one in result.decided:
        told.update(verdict_counts(one.gated.passage))
        dropped.update(gone.filter for gone in one.targets.dropped)
    rows, silent = [], []
    for rule in dict.fromkeys(one.name for one in result.desk.rules):
        counts = [told[rule, action] for action in get_args(Action)]
        if any(counts):
            rows.append(plain((rule, *(f"{count:,}" for count in counts))))
        else:
            silent.append(rule)
    filters = tuple(plain((name, f"{count:,}")) for name, count in sorted(dropped.items()))
    return section(
        "What the gate said",
        [
            SheetGrid("Verdicts by rule", ("Rule", "Approved", "Cut", "Rejected"), tuple(rows))
            if rows
            else None,
            SheetLines((f"Without a verdict: {', '.join(silent)}.",)) if silent else None,
            SheetGrid("Entries dropped before the gate", ("Filter", "Dropped"), filters) if filters else None,
        ],
        "A rule speaks of a trade once a decision at most where it approves, and each time that it cuts or "
        "rejects.",
    )


def _causes(result: Result, row: int) -> Iterator[SheetCell]:
    """What lost in the session after a row of the closing marks, and where the book stood there."""
    ends = result.closing
    before, after = result.decided[ends[row]], result.decided[ends[row + 1]]
    own, old = _earned(result, after), _earned(result, before)
    gained = {key: one - old.get(key, ZERO) for key, one in own.items()}
    vix = float(result.market.vix[after.t])
    level = str(before.gated.judged.risk.level) if result.desk.book.levels is not None else NOTHING
    yield from plain((level, percent(before.state.mark.gross), number(vix, 1)))
    for place in (0, 1):
        sums: dict[str, Decimal] = {}
        for key, one in gained.items():
            sums[key[place]] = sums.get(key[place], ZERO) + one
        yield SheetCell(_losers(sums))


def _earned(result: Result, one: Decided) -> Earned:
    """What each position has earned up to a mark, dollars and cents."""
    prices, contracts = result.market.prices(one.t), result.desk.contracts
    out = {}
    for key, at in one.state.ledger.positions.items():
        open_profit = unrealised(at, prices[at.symbol], contracts.get(at.symbol, PLAIN))
        out[key] = at.realised + open_profit + at.dividends - at.commission - at.borrow
    return out


def _losers(sums: dict[str, Decimal]) -> str:
    """What lost most, in words."""
    lost = sorted((amount, name) for name, amount in sums.items() if amount < 0)
    if not lost:
        return "none: interest, fees or costs of the whole book"
    told = ", ".join(f"{name}\N{NO-BREAK SPACE}{number(amount, 0)}" for amount, name in lost[:MOST_LOSERS])
    return told if len(lost) <= MOST_LOSERS else f"{told}, {len(lost) - MOST_LOSERS} more"
