"""The risk report of a session as people read it: each limit in words, each correlation with its colour."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nightdesk.alerts import figures
from nightdesk.risk import Distance, Pair, RiskReport, RiskState, distance_words
from nightdesk.risk.moves import drawdown_words

#: Channels of red for what moves together, of blue for what moves apart; legible in light and dark.
_TOGETHER, _APART = "214, 69, 65", "64, 122, 214"


#: Where limits stand, in the order in which they are read; and the colour of those that want a look.
_NEARNESS = ("beyond", "unknown", "at", "within")
_COLOURS = {"beyond": "loss", "unknown": "warn", "at": "warn"}


@dataclass(frozen=True)
class LimitLine:
    """One limit in words.

    `used` is the share of it that is taken up, from 0 to 1, for a bar. `warns` is whether a reader should
    look at it: it is reached, passed or could not be measured. `colour` is a class of the page's style.
    """

    name: str
    value: str
    limit: str
    room: str
    used: float
    state: str
    warns: bool
    colour: str = "soft"


@dataclass(frozen=True)
class ContributionLine:
    """What one position adds to the volatility.

    `weight` is a share of NAV, `contribution` annualised, `share` the part of the whole volatility that it
    is; NaN where not known.
    """

    symbol: str
    weight: float
    contribution: float
    share: float
    gaps: bool


@dataclass(frozen=True)
class HeatCell:
    """One correlation: its figure, and the colour behind it as CSS; both empty on the diagonal."""

    text: str
    colour: str


@dataclass(frozen=True)
class RiskSection:
    """What the page says of the book's risk.

    `level` is where it stands with its drawdown levels, in words; empty for a book that has none. `state` is
    the same in numbers, None where none was kept.
    """

    level: str
    report: RiskReport
    state: RiskState | None = None

    @property
    def limits(self) -> tuple[LimitLine, ...]:
        """The limits: those beyond first, then what could not be measured, the nearest, and correlations."""

        def nearness(one: Distance) -> tuple[bool, int, float]:
            share = one.room_share if math.isfinite(one.room_share) else -math.inf
            return one.unit == "correlation", _NEARNESS.index(one.state), share

        return tuple(limit_line(one) for one in sorted(self.report.distances, key=nearness))

    @property
    def reached(self) -> tuple[LimitLine, ...]:
        """The limits that a reader should look at."""
        return tuple(one for one in self.limits if one.warns)

    @property
    def within(self) -> tuple[LimitLine, ...]:
        """All the others."""
        return tuple(one for one in self.limits if not one.warns)

    @property
    def contributions(self) -> tuple[ContributionLine, ...]:
        """The positions, the one that adds most first."""
        whole = self.report.volatility
        lines = [
            ContributionLine(
                one.symbol,
                one.weight,
                one.contribution,
                one.contribution / whole if whole else math.nan,
                one.gaps,
            )
            for one in self.report.contributions
        ]
        return tuple(sorted(lines, key=lambda line: (-line.contribution, line.symbol)))

    @property
    def heat(self) -> tuple[tuple[str, tuple[HeatCell, ...]], ...]:
        """The correlations, a row a symbol; empty with fewer than two positions."""
        symbols = self.report.picture.symbols
        if len(symbols) < 2:
            return ()
        rows = self.report.picture.matrix.tolist()
        return tuple(
            (symbol, tuple(_cell(one, same=i == j) for j, one in enumerate(rows[i])))
            for i, symbol in enumerate(symbols)
        )

    def dollars(self, share: float) -> float:
        """A share of NAV in dollars."""
        return share * self.report.nav


def limit_line(one: Distance) -> LimitLine:
    """A distance in words."""
    name = distance_words(one.rule).format(subject=one.subject)
    used = 1.0 - one.room_share
    # A close pair is nothing wrong by itself: what the two may weigh together is a limit of its own.
    warns = one.state != "within" and one.unit != "correlation"
    return LimitLine(
        name=name.strip(),
        value=_figure(one, one.value),
        limit=_figure(one, one.limit),
        room=_figure(one, one.room),
        used=min(max(used, 0.0), 1.0) if math.isfinite(used) else 0.0,
        state=one.state,
        warns=warns,
        colour=_COLOURS[one.state] if warns else "soft",
    )


def pair_words(pair: Pair | None) -> str:
    """Two symbols and their correlation; a dash where there is no pair."""
    if pair is None:
        return figures.NOTHING
    return f"{pair.first} / {pair.second} {figures.number(pair.correlation)}"


def risk_lines(section: RiskSection) -> Iterator[str]:
    """The report without its limits and positions, as lines of text."""
    report, percent = section.report, figures.percent
    tail, spread, picture = report.tail, report.concentration, report.picture
    if section.level:
        yield section.level
    elif section.state is not None:
        yield drawdown_words(section.state)
    yield f"volatility {percent(report.volatility)} a year"
    for name, loss in (("past returns", tail.historical), ("a normal distribution", tail.normal)):
        yield (
            f"loss of one session at 95 %, from {name}: VaR {percent(loss.var)} of NAV "
            f"({figures.money(section.dollars(loss.var))}), CVaR {percent(loss.cvar)} "
            f"({figures.money(section.dollars(loss.cvar))})"
        )
    if not spread.largest:
        yield "the book holds cash only"
        return
    yield (
        f"concentration {figures.number(spread.herfindahl, 3)}, as of "
        f"{figures.number(spread.effective_positions, 1)} equal positions; largest {spread.largest} "
        f"{percent(spread.largest_weight)}, largest group {spread.largest_group} "
        f"{percent(spread.largest_group_weight)}"
    )
    yield (
        f"correlation {figures.number(picture.average)} on average, highest {pair_words(picture.highest)}, "
        f"lowest {pair_words(picture.lowest)}"
    )


def _figure(one: Distance, value: float) -> str:
    match one.unit:
        case "correlation":
            return figures.number(value)
        case "count":
            return figures.quantity(value)
        case _:
            return figures.percent(value)


def _cell(value: float, *, same: bool) -> HeatCell:
    if same:
        return HeatCell("", "")
    if math.isnan(value):
        return HeatCell(figures.NOTHING, "")
    strength = round(0.6 * abs(value), 3)
    return HeatCell(figures.number(value), f"rgba({_TOGETHER if value > 0 else _APART}, {strength:g})")
