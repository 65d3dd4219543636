"""The book: one YAML file that says what is traded, how, within which limits, at what cost and where.

A book is validated when it is loaded: an unknown key, an impossible number or a missing field is refused
with the file, the path of the key, what was found and what is allowed. What plug-ins (strategies, rules,
feeds) ask of their own parameters is checked by `nightdesk.engine.resolve`.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from nightdesk.core.documents import MOST_BYTES, quoting_hint, read_bytes, read_yaml, shortened
from nightdesk.core.errors import Refused

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9^][A-Z0-9.^=/-]{0,19}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Params = dict[str, JsonValue]
AssetClass = Literal["equity", "etf", "crypto"]

#: Figures of a result that a book may have a target for, by their names in `metrics.json`.
Figure = Literal[
    "total_return",
    "annual_return",
    "excess_annual_return",
    "annual_volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "win_rate",
    "profit_factor",
    "turnover_monthly",
    "trades_monthly",
    "cost_drag",
    "var_95",
    "cvar_95",
    "beta",
]


class Frozen(BaseModel):
    """A validated value that never changes and knows all its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class Costs(Frozen):
    """What a trade costs."""

    commission: Share = Field(0.0010, description="commission, share of notional")
    commission_per_unit: float = Field(0.0, ge=0, description="commission on top, dollars a share or unit")
    slippage: Share = Field(0.0005, description="price moves against the order by this share")

    @property
    def total(self) -> float:
        """What a trade is expected to cost, share of its notional; without what each unit costs."""
        return self.commission + self.slippage


class Stop(Frozen):
    """Falls from the average entry price at which a position is made smaller, as shares of that price."""

    halve: Positive = Field(0.12, lt=1, description="a larger fall halves the position, once")
    leave: Positive = Field(0.18, lt=1, description="a larger fall closes it")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.halve > self.leave:
            raise ValueError(
                f"halve {self.halve:g} lies beyond leave {self.leave:g}: "
                "a position is halved before it is left"
            )
        return self


class Instrument(Frozen):
    """One symbol of a book's universe."""

    asset_class: AssetClass = "etf"
    group: str = Field("", description="class or sector shown in reports")
    max_weight: Share = Field(description="largest share of NAV in this symbol")
    volatility_target: Positive = Field(0.15, description="annualised; carries the full weight")
    unit: Decimal = Field(Decimal(1), gt=0, description="smallest quantity: 1 share, 0.0001 BTC")
    tick: Decimal = Field(
        Decimal("0.01"), gt=0, decimal_places=6, description="smallest step of a limit price, dollars"
    )
    costs: Costs | None = Field(None, description="instead of the book's costs")
    stop: Stop | None = Field(None, description="instead of the numbers of limits.stop_loss")
    borrow_rate: float | None = Field(
        None, ge=0, lt=10, description="instead of the rate of financing.borrow_rate"
    )
    tax_class: Literal["collectible", "partnership"] | None = Field(
        None, description="what the tax makes of it, where it is no plain security; see docs/tax.md"
    )

    @property
    def continuous(self) -> bool:
        """Whether its market never closes."""
        return self.asset_class == "crypto"


class ExitDistance(Frozen):
    """How far a price moves from a position's average entry: by a share of that price, or by true ranges."""

    share: Positive | None = Field(None, description="of the average entry price")
    atr: Positive | None = Field(
        None, description="average true ranges (ATR14) of the decision that opened the position"
    )

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.share is None) == (self.atr is None):
            raise ValueError("a distance is a share of the entry price or a number of ATR: give one of them")
        return self


class ExitPlan(Frozen):
    """What ends a position beside its signals; each part is left out where nothing is said of it.

    A long is stopped below its average entry and has its target above it, a short the other way round.
    """

    sessions: int | None = Field(None, ge=1, description="held at most, the one that opened it counted")
    stop: ExitDistance | None = Field(None, description="loss from the average entry at which it is left")
    target: ExitDistance | None = Field(None, description="gain from the average entry at which it is left")

    @model_validator(mode="after")
    def _stops_above_nothing(self) -> Self:
        if self.stop is not None and self.stop.share is not None and self.stop.share >= 1:
            raise ValueError(
                f"stop: a share of {self.stop.share:g} of the entry price is all of it: give less than 1"
            )
        return self

    def or_else(self, other: ExitPlan) -> ExitPlan:
        """The plan with what it leaves out filled in from another."""
        return ExitPlan(
            sessions=self.sessions if self.sessions is not None else other.sessions,
            stop=self.stop or other.stop,
            target=self.target or other.target,
        )

    @property
    def distances(self) -> tuple[ExitDistance, ...]:
        """Of its stop and its target, those that it has."""
        return tuple(one for one in (self.stop, self.target) if one is not None)


class StrategyEntry(Frozen):
    """A strategy that trades in the book."""

    share: Share = Field(1.0, description="share of the book's capital")
    sizing: Name = Field("weight", description="how its signals become weights")
    sizing_params: Params = Field(default_factory=dict, description="the sizing method's own parameters")
    params: Params = Field(default_factory=dict, description="the strategy's own parameters")
    exits: ExitPlan | None = Field(
        None,
        exclude_if=lambda value: value is None,  # a book without it keeps its configuration's hash
        description="what ends its positions beside its signals; what it leaves out is the strategy's own",
    )


class Target(Frozen):
    """What a figure of the book's result should be; see `nightdesk.performance.targets`.

    One bound with what is still acceptable, or two bounds: a range.
    """

    above: float | None = Field(None, description="met above it; with below: from it on")
    below: float | None = Field(None, description="met below it; with above: up to it")
    acceptable: float | None = Field(None, description="not met, but good enough from here on")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("a target is above a number, below one, or between both: give at least one")
        if self.above is not None and self.below is not None:
            if self.acceptable is not None:
                raise ValueError("acceptable: a range is met or missed; leave it out, or one of the bounds")
            if self.above >= self.below:
                raise ValueError(f"above {self.above:g} must be less than below {self.below:g}")
        elif self.acceptable is not None:
            least, most = self.above, self.below
            wrong = (least is not None and self.acceptable > least) or (
                most is not None and self.acceptable < most
            )
            if wrong:
                raise ValueError(
                    f"acceptable: {self.acceptable:g} asks for more than the target itself; "
                    "it says how much less is good enough"
                )
        return self


class Band(Frozen):
    """A market regime: the half-open range of VIX [below of the band before, below)."""

    name: str
    below: Positive | None = Field(None, description="first VIX value above the band; none for the last")
    confidence_factor: Share = Field(1.0, description="factor on the confidence of entries")
    entries: bool = Field(True, description="whether positions may be opened or added to")
    heat: Share | None = Field(None, description="share of NAV in positions, for limits.heat; none: no limit")
    strategies_off: tuple[Name, ...] = Field((), description="strategies that open nothing in this band")
    capital: dict[Name, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict,
        exclude_if=lambda value: not value,  # a book without it keeps its configuration's hash
        description="factors on the capital shares of strategies in this band; 1 where none is given",
    )


class Portfolio(Frozen):
    """How the strategies' wishes become one portfolio."""

    capital: Literal["split", "shared"] = Field(
        "split", description="each strategy has its share; or all of it is there for whoever comes first"
    )
    one_entry_per_symbol: bool = Field(False, description="of entries in one symbol the most confident wins")
    entry_correlation: Share | None = Field(
        None, description="no entry whose returns correlate above it with what is held or accepted"
    )
    entries: Literal["net", "each"] = Field(
        "net",
        exclude_if=lambda value: value == "net",  # a book without it keeps its configuration's hash
        description="what rules that forbid entries look at: what the book adds, or each strategy's own too",
    )
    volatility_target: Positive | None = Field(
        0.15, description="annualised; scaled down to it, never up; null: not scaled"
    )
    volatility_window: int = Field(60, ge=20, description="sessions behind the portfolio's volatility")
    var_window: int = Field(252, ge=20, description="sessions behind the value at risk of the risk report")
    buy_fraction: Share = Field(0.6, description="what a BUY is given of what a STRONG_BUY would be")


class WayBack(Frozen):
    """How a book comes back from a drawdown; see `nightdesk.risk.levels`."""

    volatility_window: int = Field(20, ge=2, description="sessions behind the wanted portfolio's volatility")
    calm_sessions: int = Field(5, ge=1, description="running under the volatility target, for the way back")
    low_sessions: int = Field(10, ge=1, description="without a new low of the drawdown, for the way back")
    ramp_step: float = Field(0.25, gt=0, le=1, description="size when recovery begins, and each step")
    ramp_sessions: int = Field(5, ge=1, description="sessions between the steps")
    recovery_leverage: Positive = Field(1.0, description="gross over NAV at most, until recovery ends")
    confirm_after_sessions: int = Field(
        5, ge=1, description="sessions after which the simulated person of a backtest answers"
    )


class _Depths(Frozen):
    """At which drawdowns levels hold, and what each of them does."""

    at: tuple[Share | None, Share | None, Share | None, Share | None] = Field(
        (0.05, 0.08, 0.12, 0.15), description="drawdowns from which levels 1 to 4 hold; null: no such level"
    )
    keep: tuple[Share, Share, Share, Share] = Field(
        (1.0, 0.75, 0.5, 0.0), description="what each level leaves of every position on entering it"
    )
    first_ends_below: Share = Field(0.04, description="drawdown under which level 1 ends")
    min_confidence: Share = Field(0.6, description="what an entry needs at level 1")
    havens: tuple[Symbol, ...] = Field((), description="symbols that may be bought at level 3")
    first_out: tuple[Symbol, ...] = Field(
        (), description="symbols that are not bought at level 1, and closed at levels 2 and 3"
    )
    average_correlation: Share = Field(0.5, description="average over the pairs; above it at least level 1")
    every_correlation: Share = Field(
        0.8, description="all pairs of at least 3 symbols above it: at least level 2"
    )


# The bases' order is that of the fields in the configuration, whose hash is stored: the last one comes first.
class Levels(WayBack, _Depths):
    """The drawdown levels of a book, and the way back from them; see `nightdesk.risk.levels`.

    Drawdowns are shares of the peak NAV; positions are cut once, on entering a level.
    """

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        known = [at for _, at in self.beyond(0)]
        if not known or known != sorted(set(known)) or known[0] <= 0:
            raise ValueError(f"at: drawdowns must rise from level to level; found {list(self.at)}")
        first = self.at[0]
        if first is not None and self.first_ends_below > first:
            raise ValueError(
                f"first_ends_below: level 1 begins at {first:g} and cannot end above it; "
                f"found {self.first_ends_below:g}"
            )
        return self

    def beyond(self, level: int) -> tuple[tuple[int, float], ...]:
        """The levels deeper than this one with the drawdowns from which they hold, ascending."""
        return tuple((n, at) for n, at in enumerate(self.at, 1) if n > level and at is not None)


class MaxDrawdownLimit(WayBack):
    """A drawdown from which on nothing is opened until the way back; a rule of `limits`."""

    limit: Share = Field(gt=0, lt=1, description="drawdown, share of the peak NAV")

    @property
    def levels(self) -> Levels:
        """The same as drawdown levels: the deepest one alone, which sells nothing."""
        return Levels(
            at=(None, None, None, self.limit),
            keep=(1.0, 1.0, 1.0, 1.0),
            average_correlation=1.0,
            every_correlation=1.0,
            **self.model_dump(exclude={"limit"}),
        )


class HourlyLimits(Frozen):
    """The limits of the checks of hourly bars, for an hourly book."""

    price_jump: Positive = Field(
        0.15, description="from the last accepted close, with no corporate action; share"
    )
    missing_hours: Share = Field(0.05, description="missing in the look-back, share")
    look_back: int = Field(60, ge=5, description="sessions whose hours are looked at")
    stale_hours: int = Field(3, ge=2, description="unchanged closes in a row that make a warning")


class QualityLimits(Frozen):
    """The limits of the data checks; their meaning is in the spec of the checks themselves."""

    price_jump: Positive = Field(
        0.50, description="from the last accepted close, with no corporate action; share, never more"
    )
    price_jump_sigmas: Positive = Field(
        25.0, description="the same in robust standard deviations of the symbol's returns over the look-back"
    )
    price_jump_floor: Positive = Field(
        0.10, description="the limit that follows the symbol's volatility is never below it, share"
    )
    adjustment_jump: Positive = Field(0.20, description="adjusted return away from the raw one, share")
    missing_sessions: Share = Field(0.05, description="missing in the look-back, share")
    look_back: int = Field(252, ge=20, description="sessions")
    source_deviation: Positive = Field(0.01, description="between two sources' closes, share")
    stale_sessions: int = Field(5, ge=2, description="unchanged closes in a row that make a warning")
    outlier_z: Positive = Field(10.0, description="robust z of the return before a warning")
    failed_share: Share = Field(0.20, description="of the listed universe; above it stops")
    reference_age: int = Field(3, ge=0, description="sessions that benchmark or VIX may be absent")
    hourly: HourlyLimits = Field(HourlyLimits(), description="the same of an hourly book's hours")

    @model_serializer(mode="wrap")
    def _without_usual_hours(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The usual limits of hours are no part of what a daily book decides by."""
        said: dict[str, Any] = whole(self)
        usual = self.hourly == HourlyLimits()
        return {name: value for name, value in said.items() if name != "hourly"} if usual else said


class Feeds(Frozen):
    """Where market data comes from."""

    daily: tuple[str, ...] = Field(
        ("sample",), min_length=1, description="in the order in which they are asked"
    )
    hourly: tuple[str, ...] = Field(
        (), description="of an hourly book's hours, in order; none: those of daily that have hours"
    )
    compare_with: str | None = Field(None, description="a second source whose closes are compared")
    news: tuple[str, ...] = Field((), description="sources of headlines, all of them asked; none: no news")

    @model_serializer(mode="wrap")
    def _without_hours(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A book that names no source of hours does not decide by any."""
        said: dict[str, Any] = whole(self)
        return said if self.hourly else {name: value for name, value in said.items() if name != "hourly"}


class SentimentTerms(Frozen):
    """How the headlines of `feeds.news` become numbers; see `nightdesk.sentiment`."""

    scorer: Literal["lexicon", "finbert"] = Field(
        "lexicon", description="a list of words; or a language model, where its weights are on this machine"
    )


class Tolerance(Frozen):
    """Differences to the broker that are booked, marked as such, and ask no person; none by default."""

    cash: Decimal = Field(Decimal(0), ge=0, decimal_places=2, description="dollars")
    quantity: Decimal = Field(Decimal(0), ge=0, decimal_places=8, description="units of each symbol")


#: Ten basis points are 0.10 %; a limit further away than this is a typo.
WIDEST_OFFSET_BPS = Decimal(2000)


class Orders(Frozen):
    """How the book's orders are sent; all of them alike, exits too."""

    type: Literal["market", "limit"] = "market"
    limit_offset_bps: Decimal = Field(
        Decimal(0),
        ge=-WIDEST_OFFSET_BPS,
        le=WIDEST_OFFSET_BPS,
        decimal_places=4,
        description="basis points by which a limit is worse than the decision's price; better where negative",
    )

    @model_validator(mode="after")
    def _offset_of_a_limit(self) -> Self:
        if self.type == "market" and self.limit_offset_bps:
            raise ValueError(
                f"limit_offset_bps: found {self.limit_offset_bps}, and a market order has no limit; "
                "set type to limit, or leave it out"
            )
        return self


class Tax(Frozen):
    """How gains and losses are counted for the tax; see `nightdesk.accounting.tax`."""

    taxpayer: str = Field(
        "", max_length=80, description="whose books are looked at together; empty: this book by itself"
    )
    lots: Literal["fifo", "lifo", "highest_cost", "specific"] = Field(
        "fifo",
        description="which lots a sale is of: the oldest, the newest, the costliest, or those named",
    )
    sales: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="specific: lots of a sale by its order id; else the oldest"
    )
    wash_sales_of_crypto: bool = Field(
        False, description="whether losses on crypto are disallowed too; the law asks it of securities only"
    )

    @model_validator(mode="after")
    def _named_for_specific(self) -> Self:
        if self.sales and self.lots != "specific":
            raise ValueError(f"sales: lots are named for sales, and lots is {self.lots}: set it to specific")
        return self


class IdleCash(Frozen):
    """What idle cash earns in a simulated account: the short form of a financing that only gives credit."""

    interest: float = Field(
        0.0, ge=0, lt=1, description="annual rate, actual/360 on cash before the day's trades; 0: none"
    )


class Financing(Frozen):
    """What borrowed money and borrowed shares cost in a simulated account, and what cash earns; rates a year.

    Each calendar day counts 1/360 of a year. A real broker's own entries are booked instead, and compared
    with these.
    """

    debit_rate: float = Field(ge=0, lt=1, description="on cash below 0, before the day's trades")
    credit_rate: float = Field(0.0, ge=0, lt=1, description="on cash above 0, proceeds of shorts included")
    borrow_rate: float = Field(ge=0, lt=10, description="on the value of shorts")


#: What each kind of margin asks for of a position's value: initial, maintenance of longs and of shorts.
MARGINS = {"cash": (1.0, 1.0, 1.0), "reg_t": (0.50, 0.25, 0.30), "portfolio": (0.15, 0.15, 0.15)}


class Margin(Frozen):
    """What part of a position's value its holder must put up; excess equity is NAV - initial × gross.

    The defaults are those of the kind: all of it in a cash account, Regulation T and FINRA rule 4210, or a
    broker's portfolio margin.
    """

    kind: Literal["cash", "reg_t", "portfolio"] = Field("cash", description="cash: nothing is borrowed")
    initial: Positive = Field(1.0, le=1, description="share of a position's value, to open it")
    maintenance: Positive = Field(1.0, le=1, description="share of a long position's value, to keep it")
    maintenance_short: Positive = Field(1.0, le=1, description="the same of a short position")

    @model_validator(mode="before")
    @classmethod
    def _of_kind(cls, found: Any) -> Any:
        """Fill in the numbers of the kind; what is no mapping is refused by its type."""
        if not isinstance(found, Mapping) or found.get("kind", "cash") not in MARGINS:
            return found
        initial, maintenance, short = MARGINS[found.get("kind", "cash")]
        said = found.get("maintenance", maintenance)
        least = max(short, said) if isinstance(said, int | float) else short
        return {"initial": initial, "maintenance": maintenance, "maintenance_short": least, **found}

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if not self.borrows and min(self.initial, self.maintenance, self.maintenance_short) < 1:
            raise ValueError(
                "a cash account puts up the whole value of its positions: leave initial and maintenance out, "
                "or set kind to reg_t or portfolio"
            )
        if max(self.maintenance, self.maintenance_short) > self.initial:
            raise ValueError(
                f"maintenance {max(self.maintenance, self.maintenance_short):g} is more than initial "
                f"{self.initial:g}: a position could not be kept as it was opened"
            )
        return self

    @property
    def borrows(self) -> bool:
        """Whether the account may borrow money and shares."""
        return self.kind != "cash"

    @property
    def most_gross(self) -> float:
        """Gross exposure over NAV that the initial margin allows at most."""
        return 1.0 / self.initial

    @property
    def words(self) -> str:
        """What it allows, in words."""
        return (
            f"{self.kind}, whose initial margin of {self.initial:.0%} allows a gross of {self.most_gross:.2f}"
        )


class BrokerEntry(Frozen):
    """Where orders go."""

    kind: Name = "paper"
    account: str = Field(min_length=1, description="one account serves one book")
    max_volume_share: Share | None = Field(
        0.10, description="paper: of the fill bar's volume that orders may take; null: without a bound"
    )
    live: bool = Field(False, description="real money; the environment must name the account as well")
    capital_limit: Decimal | None = Field(
        None, gt=0, decimal_places=2, description="dollars in positions that no order may lead beyond"
    )
    tolerance: Tolerance = Tolerance()

    @model_validator(mode="after")
    def _limited_when_live(self) -> Self:
        if self.live and self.capital_limit is None:
            raise ValueError("a live account wants a capital_limit, in dollars")
        return self


class Routes(Frozen):
    """Which routes an alert takes, by its level; where a route leads is set outside the book."""

    INFO: tuple[Name, ...] = ("mail",)
    WARNING: tuple[Name, ...] = ("mail", "chat")
    CRITICAL: tuple[Name, ...] = ("mail", "chat")
    EMERGENCY: tuple[Name, ...] = ("mail", "chat")


class Milestones(Frozen):
    """A day's profit or loss of which people are told, as shares of the NAV before; null: never."""

    profit: Positive | None = Field(0.02, description="told from this day's profit on")
    loss: float | None = Field(-0.02, lt=0, gt=-1, description="told from this day's loss on")


#: Limits of which people are told when they are near: those that no sizing fills on purpose.
WATCHED_LIMITS = (
    *("daily_loss", "period_loss", "drawdown_level", "max_drawdown", "stop_loss", "position_count"),
    *("gross_leverage", "maintenance_margin"),
)


class Alerts(Frozen):
    """How people are told, and of what."""

    routes: Routes = Routes()
    limit_share: float = Field(0.8, gt=0, le=1, description="told when so much of a limit's reach is used")
    limits: tuple[Name, ...] | None = Field(
        WATCHED_LIMITS, description="of which limits; null: of every one that has a distance"
    )
    milestones: Milestones = Milestones()
    band_sessions: int = Field(
        20, ge=5, le=252, description="sessions over which a strategy is compared with its backtest"
    )
    data_minutes: int = Field(
        60, gt=30, description="minutes after the close by which a session's bars are to be stored"
    )


class ScheduleEntry(Frozen):
    """When the book decides, `daily` or `hourly`; what hours ask for belongs to an hourly book alone."""

    rhythm: Literal["daily", "hourly"] = Field(
        "daily", description="at each session's close, or at the end of each hour's bar"
    )
    bar_delay_minutes: int = Field(5, ge=0, lt=60, description="an hour's bar is known so long after its end")
    wait_minutes: int = Field(
        10, ge=0, lt=60, description="how much longer a late bar is waited for; then its symbol is stale"
    )
    fill: Literal["mean", "open"] = Field(
        "mean",
        description="paper: an order fills at the mean of open, high, low and close of the next hour's bar, "
        "or at its open, for comparison; at the open where that bar begins a session",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_a_word(cls, given: Any) -> Any:
        """`schedule: hourly` is short for its rhythm with every other field at its default."""
        return {"rhythm": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _of_its_rhythm(self) -> Self:
        foreign = sorted(self.model_fields_set - {"rhythm"})
        if self.rhythm == "daily" and foreign:
            raise ValueError(
                f"{foreign[0]} belongs to an hourly book, and this one is daily; "
                "set rhythm to hourly, or leave it out"
            )
        if self.bar_delay_minutes + self.wait_minutes >= 60:
            raise ValueError(
                f"bar_delay_minutes {self.bar_delay_minutes} and wait_minutes {self.wait_minutes} leave no "
                "time: a decision's orders are meant for the hour that follows it"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_foreign(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A daily book says nothing of hours, so that they are no part of what it decides by."""
        said: dict[str, Any] = whole(self)
        return said if self.rhythm == "hourly" else {"rhythm": self.rhythm}


class Book(Frozen):
    """A named portfolio with a broker account of its own."""

    name: Name
    title: str
    description: str = ""
    calendar: str = "XNYS"
    currency: Literal["USD"] = "USD"
    origin: date | None = Field(
        None, description="first session of its factors; default: 504 sessions before inception"
    )
    inception: date | None = Field(
        None, description="first decided session; default: set when the book is started"
    )
    initial_capital: Decimal = Field(gt=0, decimal_places=2, description="dollars")
    benchmark: Symbol = "SPY"
    volatility_index: Symbol = "^VIX"
    schedule: ScheduleEntry = ScheduleEntry()
    feeds: Feeds = Feeds()
    sentiment: SentimentTerms = SentimentTerms()
    broker: BrokerEntry
    orders: Orders = Orders()
    universe: dict[Symbol, Instrument] = Field(min_length=1)
    strategies: dict[Name, StrategyEntry] = Field(min_length=1)
    regime: tuple[Band, ...] = Field(min_length=1)
    portfolio: Portfolio = Portfolio()
    limits: dict[Name, Params] = Field(description="the gate's rules by name, with their numbers")
    cash: IdleCash = IdleCash()
    margin: Margin = Margin()
    financing: Financing | None = Field(
        None,
        description="what borrowing costs and cash earns; none: cash.interest alone. A margin requires it",
    )
    tax: Tax = Tax()
    levels: Levels | None = Field(None, description="drawdown levels; none: the book has no levels")
    costs: Costs = Costs()
    quality: QualityLimits = QualityLimits()
    targets: dict[Figure, Target] = Field(
        default_factory=dict,
        description="what its results should be; they decide nothing, and none is hidden",
    )
    alerts: Alerts = Alerts()

    @model_validator(mode="before")
    @classmethod
    def _with_levels(cls, tree: Any) -> Any:
        """Give a book with a largest drawdown the level that it means; what is wrong is told elsewhere."""
        levels = cls._levels_meant(tree.get("limits")) if isinstance(tree, Mapping) else None
        return tree if levels is None or tree.get("levels") is not None else {**tree, "levels": levels}

    @staticmethod
    def _levels_meant(limits: Any) -> Levels | None:
        said = limits.get("max_drawdown") if isinstance(limits, Mapping) else None
        try:
            return None if said is None else MaxDrawdownLimit.model_validate(said).levels
        except ValidationError:
            return None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        meant = self._levels_meant(self.limits)
        if meant is not None and self.levels != meant:
            raise ValueError(
                "levels: limits.max_drawdown is a drawdown level of its own; leave one of the two out"
            )
        shares = sum(entry.share for entry in self.strategies.values())
        if shares > 1 + 1e-9 and self.portfolio.capital == "split":
            raise ValueError(
                f"strategies: the capital shares add up to {shares:g}, at most 1 is allowed; "
                "a book whose strategies draw on the same capital says portfolio.capital: shared"
            )
        edges = [band.below for band in self.regime if band.below is not None]
        if (
            len(edges) != len(self.regime) - 1
            or self.regime[-1].below is not None
            or edges != sorted(set(edges))
        ):
            raise ValueError(
                "regime: `below` must rise from band to band and be left out of the last one only"
            )
        for band in self.regime:
            for name in band.strategies_off:
                if name not in self.strategies:
                    raise ValueError(
                        f"regime.{band.name}.strategies_off: {name} is not a strategy of this book"
                    )
            self._check_capital(band)
        for key in () if self.levels is None else ("havens", "first_out"):
            for symbol in getattr(self.levels, key):
                if symbol not in self.universe:
                    raise ValueError(f"levels.{key}: {symbol} is no symbol of this book's universe")
        if self.margin.borrows and self.financing is None:
            raise ValueError(
                f"margin: {self.margin.kind} borrows money, and the book has no financing: say what that "
                "costs a year, such as financing: {debit_rate: 0.06, borrow_rate: 0.005}; it is never free"
            )
        if self.origin is not None and self.inception is not None and self.origin >= self.inception:
            raise ValueError(f"origin {self.origin} must lie before inception {self.inception}")
        return self

    @model_validator(mode="after")
    def _financed_once(self) -> Self:
        if self.financing is not None and self.cash.interest:
            raise ValueError(
                f"cash.interest: found {self.cash.interest:g} beside financing, whose credit_rate says the "
                "same; leave cash.interest out"
            )
        for symbol in () if self.financing is not None else self._own_borrow_rates:
            raise ValueError(
                f"universe.{symbol}.borrow_rate: the book has no financing that it belongs to; add one"
            )
        return self

    @property
    def _own_borrow_rates(self) -> dict[str, float]:
        rates = {symbol: one.borrow_rate for symbol, one in self.universe.items()}
        return {symbol: rate for symbol, rate in rates.items() if rate is not None}

    @property
    def rates(self) -> Financing:
        """Its financing; where none is stated, one in which idle cash earns what `cash.interest` says."""
        return self.financing or Financing(debit_rate=0, credit_rate=self.cash.interest, borrow_rate=0)

    @property
    def borrow_rates(self) -> dict[str, float]:
        """What shorting costs a year, a share of their value, by symbol."""
        return dict.fromkeys(self.universe, self.rates.borrow_rate) | self._own_borrow_rates

    def _check_capital(self, band: Band) -> None:
        """Raise `ValueError` where a band scales what is no strategy, or more capital than there is."""
        where = f"regime.{band.name}.capital"
        for name in band.capital:
            if name not in self.strategies:
                raise ValueError(f"{where}: {name} is not a strategy of this book")
        scaled = {name: one.share * band.capital.get(name, 1.0) for name, one in self.strategies.items()}
        name = max(scaled, key=scaled.__getitem__)
        if scaled[name] > 1 + 1e-9:
            raise ValueError(
                f"{where}: {name} would have {scaled[name]:g} of the capital "
                f"({self.strategies[name].share:g} × {band.capital[name]:g}), at most 1 is allowed"
            )
        if band.capital and self.portfolio.capital == "split" and sum(scaled.values()) > 1 + 1e-9:
            raise ValueError(
                f"{where}: the capital shares of this band add up to {sum(scaled.values()):g}, "
                "at most 1 is allowed; a book whose strategies draw on the same capital says "
                "portfolio.capital: shared"
            )

    @property
    def label(self) -> str:
        """Title and name: two books may carry one title, never one name."""
        return f"{self.title} ({self.name})"

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that may be traded, in the order of the file."""
        return tuple(self.universe)

    @property
    def groups(self) -> tuple[str, ...]:
        """What each symbol is counted with: its group, or else its asset class."""
        return tuple(one.group or one.asset_class for one in self.universe.values())

    @property
    def panel_symbols(self) -> tuple[str, ...]:
        """Every symbol whose bars are needed: the universe, then benchmark and volatility index."""
        extra = [one for one in (self.benchmark, self.volatility_index) if one not in self.universe]
        return (*self.universe, *dict.fromkeys(extra))

    @property
    def continuous_symbols(self) -> tuple[str, ...]:
        """The symbols whose markets never close."""
        return tuple(symbol for symbol, instrument in self.universe.items() if instrument.continuous)

    def costs_of(self, symbol: str) -> Costs:
        """The costs of trading `symbol`."""
        return self.universe[symbol].costs or self.costs

    @property
    def configuration(self) -> str:
        """All that the book decides by as JSON, independent of the file's layout and of who is told.

        Targets and tax classes decide nothing: they only say what a result is compared with and how it is
        taxed. A book without margin and financing is what it was before there were any.
        """
        of_symbols: dict[str, bool] = {"tax_class": True}
        left_out: dict[str, Any] = {"alerts": True, "targets": True, "universe": {"__all__": of_symbols}}
        if self.financing is None:
            left_out["financing"] = of_symbols["borrow_rate"] = True
        if self.margin == Margin():
            left_out["margin"] = True
        return self.model_dump_json(exclude=left_out)

    @property
    def config_hash(self) -> str:
        """SHA-256 of the book's configuration, hexadecimal."""
        return hashlib.sha256(self.configuration.encode()).hexdigest()


#: Sessions before inception from which factors are computed, when the book states no origin.
WARM_UP_SESSIONS = 504


def load_book(path: Path, overrides: Mapping[str, str] | None = None) -> Book:
    """Read and validate one book.

    Parameters
    ----------
    path : Path
        A YAML file.
    overrides : mapping of dotted key to YAML text, optional
        Values set over the file's, such as ``{"limits.trades_per_day.limit": "8"}``.

    Raises
    ------
    Refused
        With the file, the path of the key, what was found and what is allowed.
    """
    try:
        text = read_bytes(path, MOST_BYTES, "a book").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: not a text in UTF-8 ({error.reason}): write the book anew") from error
    tree = read_yaml(text, str(path))
    if not isinstance(tree, dict):
        raise Refused(f"{path}: a book is a mapping of keys to values, found {type(tree).__name__}")
    for key, text in (overrides or {}).items():
        _set_key(path, tree, key, read_yaml(text, f"{path}: {key}"))
    return parse_book(tree, str(path))


def parse_book(tree: Mapping[str, Any], source: str) -> Book:
    """Validate a book that was read already; `source` names it in errors."""
    try:
        return Book.model_validate(tree)
    except ValidationError as error:
        lines = [_describe(dict(one)) for one in error.errors()]
        raise Refused("\n".join(f"{source}: {line}" for line in lines)) from error


def _describe(error: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in error["loc"] if part != "[key]") or "the book"
    found = error.get("input")
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key{_suggestion(str(error['loc'][-1]))}; remove it or correct its name"
    if error["type"] == "missing":
        return f"{path}: missing; it must be given"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"]) if path == "the book" else f"{path}: {error['ctx']['error']}"
    words = f"{error['msg'][0].lower()}{error['msg'][1:]}{quoting_hint(error)}"
    return f"{path}: found {shortened(found)}; {words}"


def _suggestion(word: str) -> str:
    models = (
        Book,
        Instrument,
        Costs,
        StrategyEntry,
        ExitPlan,
        ExitDistance,
        Band,
        Portfolio,
        Levels,
        MaxDrawdownLimit,
        Stop,
        QualityLimits,
        HourlyLimits,
        Feeds,
        SentimentTerms,
        Orders,
        BrokerEntry,
        IdleCash,
        Margin,
        Financing,
        Tax,
        Tolerance,
        ScheduleEntry,
        Target,
        Alerts,
        Milestones,
        Routes,
    )
    known = {name for model in models for name in model.model_fields}
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _set_key(path: Path, tree: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    node: Any = tree
    for part in parents:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise Refused(f"{path}: {key} cannot be set: {part} holds a value, not keys")
    node[last] = value
