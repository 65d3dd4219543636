"""Sections of a tear sheet on what a book did: exposure, turnover, costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.alerts.figures import money, number, percent
from nightdesk.core.money import ZERO
from nightdesk.core.panel import Floats
from nightdesk.core.schedule import SESSIONS_A_YEAR
from nightdesk.research.tear_sheet.plots import PlotLine, plot_columns, plot_lines
from nightdesk.research.tear_sheet.sheet_course import SheetCourse
from nightdesk.research.tear_sheet.sheet_parts import (
    SheetFact,
    SheetFacts,
    SheetGrid,
    SheetSection,
    plain,
    section,
)

if TYPE_CHECKING:
    from nightdesk.research.backtest.run import Result

#: The first so many costs are told where they are nothing too.
ALWAYS = 2
#: Kinds of ledger entries that move cash beside trades, and their names; what a book never had is left out.
CASH_KINDS = {
    "dividend": "Dividends",
    "capital_gain": "Distributions of capital gains",
    "funding": "Funding of perpetuals",
    "fee": "Fees of the account",
}


def exposure_section(result: Result, course: SheetCourse) -> SheetSection | None:
    """Gross and net exposure at the last mark of each session, and how many symbols were held."""
    decided = [result.decided[row] for row in result.closing.tolist()]
    gross, net = (np.array([getattr(one.state.mark, name) for one in decided]) for name in ("gross", "net"))
    held = np.array([len({at.symbol for at in one.state.ledger.held()}) for one in decided], dtype=np.float64)
    facts = (
        SheetFact("Mean gross", percent(float(gross.mean()))),
        SheetFact("Largest gross", percent(float(gross.max())), str(course.sessions[int(gross.argmax())])),
        SheetFact("Mean net", percent(float(net.mean()), signed=True)),
        SheetFact("Sessions with a position", percent(float((held > 0).mean()))),
        SheetFact("Symbols held, mean", number(float(held.mean()), 1), f"{held.max():.0f} at most"),
    )
    lines = (PlotLine("gross", gross, "l0"), PlotLine("net", net, "l1"))
    alike = np.array_equal(gross, net)
    title = (
        "Exposure over NAV: nothing was sold short, gross and net are one" if alike else "Exposure over NAV"
    )
    return section(
        "Exposure and leverage",
        [
            SheetFacts(facts),
            plot_lines(title, course.sessions, lines[: 1 if alike else 2], _percent, with_zero=True),
        ],
        "What the positions stand for over NAV at the last mark of each session, borrowed money included: "
        "gross above 100 % is leverage.",
    )


def turnover_section(result: Result, course: SheetCourse) -> SheetSection | None:
    """Traded notional over NAV, by month."""
    months: dict[str, float] = {}
    for session, part in zip(course.sessions, (result.traded / course.nav).tolist(), strict=True):
        months[str(session)[:7]] = months.get(str(session)[:7], 0.0) + part
    if not any(months.values()):
        return None
    plot = plot_columns("Turnover by month", list(months), np.array(list(months.values())), _percent)
    return section("Turnover", [plot], "Bought and sold, over the NAV of the session; both sides count.")


def costs_section(
    course: SheetCourse, figures: Mapping[str, Any], result: Result | None = None
) -> SheetSection | None:
    """What trading and financing cost, each apart; of a result also funding and fees."""
    amounts = dict(_costs(figures, None if result is None else _by_kind(result)))
    years = max(len(course.nav) - 1, 1) / SESSIONS_A_YEAR
    mean = float(course.nav.mean())
    rows = tuple(
        plain((name, money(amount, signed=True), percent(amount / years / mean, signed=True)))
        for place, (name, amount) in enumerate(amounts.items())
        if amount or place < ALWAYS
    )
    total = sum(amounts.values())
    profit = float(course.nav[-1] - course.nav[0])
    facts = (
        SheetFact("Profit", money(profit, signed=True), "NAV at the end less that of the first session"),
        SheetFact("What prices alone brought", money(profit - total, signed=True), "with the same trades"),
    )
    grid = SheetGrid(
        "Costs and payments over the whole span; minus: paid",
        ("Of", "Dollars", "A year of the mean NAV"),
        rows,
        foot=plain(("All", money(total, signed=True), percent(total / years / mean, signed=True))),
    )
    return section(
        "Costs and financing",
        [SheetFacts(facts), grid],
        "Slippage is what fills were worse than the price before them, the half of a spread included: the "
        "book states one figure for both. A plus before it: limit orders came out better.",
    )


def _costs(figures: Mapping[str, Any], kinds: Mapping[str, Decimal] | None) -> Iterator[tuple[str, float]]:
    """Dollars by what they were for, signed as they moved the cash."""
    paid = {"Commission": "commission", "Slippage and spread": "slippage", "Borrowed units": "borrow"}
    yield from ((name, -figures[key]) for name, key in paid.items() if key in figures)
    if kinds is None:
        received = {"Interest on cash, received less paid": "interest", "Dividends received": "dividends"}
        yield from ((name, figures[key]) for name, key in received.items() if key in figures)
        return
    yield "Interest on debit", float(kinds.get("debit", ZERO))
    yield "Interest on cash", float(kinds.get("credit", ZERO))
    for kind, name in CASH_KINDS.items():
        if kinds.get(kind):
            yield name, float(kinds[kind])


def _by_kind(result: Result) -> dict[str, Decimal]:
    """Cash of the ledger's entries by kind; interest as debit and credit."""
    sums: dict[str, Decimal] = {}
    for one in result.entries:
        kind = one.kind if one.kind != "interest" else "debit" if one.cash < 0 else "credit"
        sums[kind] = sums.get(kind, ZERO) + one.cash
    return sums


def _percent(value: float) -> str:
    return percent(value, places=0 if abs(value) >= 0.1 or not value else 1)


def levels_of(result: Result) -> tuple[Floats, Floats]:
    """The drawdown that the levels count, and the level, after the last decision of each session."""
    risks = [result.decided[row].gated.judged.risk for row in result.closing.tolist()]
    return np.array([float(one.drawdown) for one in risks]), np.array([float(one.level) for one in risks])
