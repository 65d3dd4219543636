"""The report of one session, of an hourly book that of a session up to one of its decisions: an HTML page.

It is self-contained and needs no network: its style is inline and its pictures are SVG. It says nothing but
the facts and reads no clock, so the same facts give the same bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from nightdesk.alerts import figures
from nightdesk.alerts.chart import draw_line
from nightdesk.alerts.concerns import FINDINGS, Concern
from nightdesk.alerts.factor_table import FactorTable
from nightdesk.alerts.figure_table import FigureTable
from nightdesk.alerts.margin_use import MarginUse
from nightdesk.alerts.page_templates import templates
from nightdesk.alerts.position_lines import PositionLine, by_symbol
from nightdesk.alerts.result_lines import ResultsSection
from nightdesk.alerts.risk_lines import RiskSection
from nightdesk.orders.slippage import Slippage
from nightdesk.performance import StrategyDay


@dataclass(frozen=True)
class NavPoint:
    """The book's value at the close of one session; `drawdown` is 1 - NAV / peak NAV, 0 or more."""

    session: date
    nav: Decimal
    drawdown: float


@dataclass(frozen=True)
class FillLine:
    """One execution booked in the session so far.

    `price` is dollars a unit, `commission` dollars, `reason` that of the decision behind it. `account` is
    empty in a book of one account.
    """

    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    commission: Decimal
    reason: str
    account: str = ""


#: States of an order that meets no market, or none any more.
NOT_IN_THE_MARKET = frozenset({"suppressed", "rejected", "expired", "cancelled"})


@dataclass(frozen=True)
class OrderLine:
    """One order of the decision, for the next open or hour.

    `reference_price` is the price it was sized at and `limit_price` its worst price (None without one), in
    dollars a unit; the weights are shares of NAV. `account` is empty in a book of one account.
    """

    symbol: str
    side: str
    quantity: Decimal
    reference_price: Decimal
    weight_before: float
    weight_after: float
    state: str
    reason: str
    limit_price: Decimal | None = None
    account: str = ""


@dataclass(frozen=True)
class AccountLine:
    """One of several accounts of a book at the mark: where it lies, and what is in it, dollars."""

    name: str
    broker: str
    cash: Decimal
    positions_value: Decimal
    value: Decimal
    orders: int


@dataclass(frozen=True)
class VerdictLine:
    """One cut or rejection of the gate; quantities are signed units, `words` carries the rule's numbers."""

    symbol: str
    rule: str
    action: str
    wanted: Decimal
    allowed: Decimal
    words: str


@dataclass(frozen=True)
class DroppedLine:
    """An entry that a filter took away before the gate; `words` carries the filter's numbers."""

    symbol: str
    strategy: str
    words: str


@dataclass(frozen=True)
class SignalLine:
    """What one strategy says of one symbol; `confidence` is a share."""

    strategy: str
    symbol: str
    direction: str
    confidence: float
    words: str


@dataclass(frozen=True)
class QualityLine:
    """One failed or warning check of the data; `symbol` is empty for a check of the whole book."""

    check: str
    symbol: str
    outcome: str
    words: str


@dataclass(frozen=True)
class SourceLine:
    """One source of market data: how many bars of the session it gave, and how it fares."""

    source: str
    status: str
    bars: int
    words: str = ""


@dataclass(frozen=True)
class SessionReport:
    """All that the report of a session says, of an hourly book up to a decision.

    Attributes
    ----------
    title : str
        The book's title with its name.
    name : str
        The decision in people's words: the session, of an hourly book with the exchange's clock.
    as_of, known_by : datetime
        The decision, and the instant up to which it used what was known; timezone-aware UTC.
    hourly, closes : bool
        Whether the book decides by the hour, and whether the decision is the last of its session.
    nav, cash, positions_value : Decimal
        Dollars, at the mark of the decision; NAV is the sum of the other two.
    previous_nav : Decimal or None
        NAV at the close of the session before; None in the first session.
    margin : MarginUse or None
        None of a cash account.
    drawdown, gross, net : float
        Shares: 1 - NAV / highest NAV ever; absolute and signed exposure over NAV.
    drawdown_since_reset : float or None
        The same below the peak that the drawdown levels count from, which begins anew when recovery begins;
        None for a book without levels.
    vix : float or None
        The volatility index that set `regime`.
    sample : bool
        Whether any bar behind the decision is generated, not a market's.
    concerns : tuple of Concern
        What stands against the book after this session, the gravest first.
    dry_run : bool
        Whether the session was only computed, and nothing sent.
    history : tuple of NavPoint
        Of the sessions of the pictures, up to this one, ascending.
    benchmark, benchmark_return : str, float
        The book's benchmark, and its return over the sessions of `history`, dividends included; NaN where
        that is not known.
    earnings : tuple of StrategyDay
        The profit of the day so far by strategy, and what no strategy moved.
    results : ResultsSection or None
        Since the book's inception; None in its first session.
    slippage : Slippage
        Of all fills together, expected and realised.
    accounts : tuple of AccountLine
        Empty in a book of one account.
    early_ends : tuple of str
        Options that were exercised or assigned before this session's open, in sentences, and notices of it
        that came too late.
    screen, pairs : tuple of str
        The screen of the universe that the decision used, and what it did with pairs, in sentences; empty of
        a book that has none.
    protections : tuple of str
        What rests at brokers for the positions, and which are without, in sentences; empty of a book that
        asks for no such orders.
    notes : tuple of str
        Further sentences that a reader must not miss, such as a difference to the broker.
    risk : RiskSection or None
        None where the session has no risk report.
    bands : tuple of str
        Every strategy beside its own backtest, in sentences; empty where no backtest has left a band.
    left_out : tuple of str
        What the session's ingest did not take in, in sentences: dropped rows by reason, unread files, symbols
        without any bar.
    factors : FactorTable
        Those that the book shows; empty where it shows none.
    figures : tuple of FigureTable
        What strategies show with their signals, and their sizing with the targets; empty where none does.
    checks_run : int
        Checks of the data that were made, those of `quality` included.
    data_docs : str
        Address, seen from the page, of what Great Expectations says of the session; empty where it was not
        asked.
    zone : str
        Time zone of the exchange, for the times that are shown.
    """

    book: str
    title: str
    session: date
    as_of: datetime
    known_by: datetime
    nav: Decimal
    previous_nav: Decimal | None
    cash: Decimal
    positions_value: Decimal
    drawdown: float
    gross: float
    net: float
    regime: str
    vix: float | None
    sample: bool
    history: tuple[NavPoint, ...]
    name: str = ""
    hourly: bool = False
    closes: bool = True
    margin: MarginUse | None = None
    positions: tuple[PositionLine, ...] = ()
    fills: tuple[FillLine, ...] = ()
    slippage: Slippage = field(default_factory=Slippage)
    orders: tuple[OrderLine, ...] = ()
    verdicts: tuple[VerdictLine, ...] = ()
    dropped: tuple[DroppedLine, ...] = ()
    signals: tuple[SignalLine, ...] = ()
    quality: tuple[QualityLine, ...] = ()
    sources: tuple[SourceLine, ...] = ()
    accounts: tuple[AccountLine, ...] = ()
    early_ends: tuple[str, ...] = ()
    screen: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    protections: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    risk: RiskSection | None = None
    drawdown_since_reset: float | None = None
    benchmark: str = ""
    benchmark_return: float = math.nan
    earnings: tuple[StrategyDay, ...] = ()
    results: ResultsSection | None = None
    concerns: tuple[Concern, ...] = ()
    dry_run: bool = False
    bands: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    factors: FactorTable = field(default_factory=FactorTable)
    figures: tuple[FigureTable, ...] = ()
    checks_run: int = 0
    data_docs: str = ""
    code_version: str = ""
    config_hash: str = ""
    zone: str = "America/New_York"

    @property
    def market_met(self) -> str:
        """When the orders of the decision meet the market."""
        return "the next open" if self.closes else "the next hour"

    @property
    def orders_counted(self) -> str:
        """How many orders of the decision may meet the market: ``3``, or ``2 of 3`` where one cannot."""
        every = len(self.orders)
        meeting = sum(one.state not in NOT_IN_THE_MARKET for one in self.orders)
        return f"{every:,}" if meeting == every else f"{meeting:,} of {every:,}"

    @property
    def profit(self) -> Decimal | None:
        """Dollars gained since the close of the session before; None in the first session."""
        return None if self.previous_nav is None else self.nav - self.previous_nav

    @property
    def day_return(self) -> Decimal | None:
        """`profit` as a share of the NAV before; None in the first session."""
        if self.previous_nav is None or self.profit is None or self.previous_nav == 0:
            return None
        return self.profit / self.previous_nav

    @property
    def earned(self) -> tuple[StrategyDay, ...]:
        """The profit of the day by strategy, of those with any figure but 0; that of no strategy as well."""
        return tuple(
            one for one in self.earnings if one.strategy not in self.idle and (one.strategy or one.profit)
        )

    @property
    def borrowed(self) -> bool:
        """Whether the day cost anything for borrowed units."""
        return any(one.borrow for one in self.earnings)

    @property
    def idle(self) -> tuple[str, ...]:
        """Strategies that neither earned, lost nor paid anything."""
        return tuple(
            one.strategy
            for one in self.earnings
            if one.strategy
            and not (one.realised or one.unrealised or one.dividends or one.commission or one.borrow)
        )

    @property
    def state(self) -> str:
        """The gravest of `concerns` in a word; empty where there is none."""
        return self.concerns[0].state.capitalize() if self.concerns else ""

    @property
    def findings(self) -> tuple[QualityLine, ...]:
        """`quality`, the gravest first."""
        return tuple(sorted(self.quality, key=lambda one: FINDINGS.index(one.outcome)))

    @property
    def spoken(self) -> tuple[SignalLine, ...]:
        """Signals that ask for something."""
        return tuple(one for one in self.signals if one.direction.lower() != "hold")

    @property
    def held(self) -> tuple[SignalLine, ...]:
        """Signals that ask for nothing."""
        return tuple(one for one in self.signals if one.direction.lower() == "hold")

    @property
    def history_return(self) -> Decimal | None:
        """Return since the first session of `history`, a share; None where there is no earlier one."""
        if len(self.history) < 2 or self.history[0].nav == 0:
            return None
        return self.nav / self.history[0].nav - 1


def render(report: SessionReport) -> str:
    """The page of `report`, as one HTML document.

    Every text is escaped: a name from a vendor or a book cannot become markup.
    """
    sessions = [point.session for point in report.history]
    equity = draw_line(
        sessions,
        [float(point.nav) for point in report.history],
        label=lambda value: f"${value:,.0f}",
        name="Value of the book",
    )
    drawdown = draw_line(
        sessions,
        [-point.drawdown for point in report.history],
        label=figures.percent,
        name="Drawdown",
        floor_at_zero=True,
    )
    page = templates().get_template("session.html.j2")
    return page.render(
        report=report,
        equity=equity,
        drawdown=drawdown,
        headline=headline(report),
        holdings=by_symbol(report.positions),
    )


def headline(report: SessionReport) -> str:
    """The session in one sentence, the gravest state of the book before it."""
    return f"{report.state}. {_result(report)}" if report.concerns else _result(report)


def _result(report: SessionReport) -> str:
    noun = "order" if len(report.orders) == 1 else "orders"
    orders = f"{report.orders_counted} {noun} for {report.market_met}"
    if report.profit is None:
        begins = "First session:" if report.hourly else "Begins with"
        return f"{begins} {figures.money(report.nav)}; {orders}."
    word = {"gain": "Up", "loss": "Down", "flat": "Unchanged"}[figures.tone(report.profit)]
    change = "" if word == "Unchanged" else f" {figures.money(abs(report.profit))}"
    share = figures.percent(report.day_return, signed=True)
    return f"{word}{change} ({share}) to {figures.money(report.nav)}; {orders}."
