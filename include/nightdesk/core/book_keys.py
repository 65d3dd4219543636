"""The keys of a book's file, each with what it says, and which account a symbol goes to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from nightdesk.core.account_terms import MAIN, AccountEntry, BrokerEntry, Orders, Tax
from nightdesk.core.costs import Costs, Financing, IdleCash
from nightdesk.core.data_terms import Feeds, MacroTerms, PositioningTerms, QualityLimits, SentimentTerms
from nightdesk.core.drawdown_levels import Levels
from nightdesk.core.feed_order import INDEX, of_symbol
from nightdesk.core.fields import Frozen, Name, Params, Symbol
from nightdesk.core.kill_terms import KillTerms
from nightdesk.core.margin import Margin
from nightdesk.core.member_terms import MemberTerms
from nightdesk.core.portfolio_terms import Band, Portfolio, StrategyEntry
from nightdesk.core.protective_terms import ProtectiveTerms
from nightdesk.core.reporting_terms import Alerts, Figure, Report, Target
from nightdesk.core.routes import route_of
from nightdesk.core.schedule_entry import ScheduleEntry
from nightdesk.core.screen_terms import ScreenTerms
from nightdesk.core.universe import Instrument


def _none_said(value: Any) -> bool:
    return not value


class BookKeys(Frozen):
    """What a book's file says, before its parts were held against each other."""

    name: Name = Field(description="by which commands, tables and orders know it: a-z, 0-9 and _")
    title: str = Field(description="how pages and mails call it")
    description: str = Field("", description="what it does, for people")
    calendar: str = Field("XNYS", description="the exchange whose sessions it decides in")
    currency: Literal["USD"] = Field("USD", description="what its money is counted in")
    origin: date | None = Field(
        None,
        description="first session of its factors; default: 504 sessions before inception, or what they need",
    )
    inception: date | None = Field(
        None, description="first decided session; default: set when the book is started"
    )
    initial_capital: Decimal = Field(gt=0, decimal_places=2, description="dollars")
    benchmark: Symbol = Field("SPY", description="what its results are compared with")
    volatility_index: Symbol = Field("^VIX", description="whose closes say the regime")
    schedule: ScheduleEntry = Field(
        ScheduleEntry(), description="when it decides: daily, hourly, or the keys of an hourly one"
    )
    feeds: Feeds = Field(Feeds(), description="where bars, corporate actions and headlines come from")
    sentiment: SentimentTerms = Field(SentimentTerms(), description="how headlines become numbers")
    macro: MacroTerms = Field(
        MacroTerms(),
        exclude_if=lambda value: value == MacroTerms(),  # a book without it keeps its configuration's hash
        description="which series of the economy it reads",
    )
    positioning: PositioningTerms = Field(
        PositioningTerms(),
        exclude_if=lambda value: value == PositioningTerms(),
        description="which futures say what traders think of its symbols",
    )
    broker: BrokerEntry | None = Field(
        None, description="where its orders go: the short form of one account, called main"
    )
    accounts: dict[Name, AccountEntry] = Field(
        default_factory=dict,
        exclude_if=_none_said,  # a book without them keeps its configuration's hash
        description="its broker accounts by name, in place of broker",
    )
    routes: dict[str, Name] = Field(
        default_factory=dict,
        exclude_if=_none_said,
        description="the account by symbol or asset class, a symbol's own first; default: all others",
    )
    orders: Orders = Field(Orders(), description="how its orders are sent")
    protective: ProtectiveTerms | None = Field(
        None,
        exclude_if=lambda value: value is None,  # a book without it keeps its configuration's hash
        description="what rests at the broker for its positions; none: nothing does",
    )
    universe: dict[Symbol, Instrument] = Field(
        description="what may be traded: instruments by symbol, or the keys of a list of members"
    )
    members: MemberTerms | None = Field(
        None,
        exclude_if=lambda value: value is None,  # a book that lists its symbols keeps its hash
        description="never written: what `universe` says where it names a list of members",
    )
    strategies: dict[Name, StrategyEntry] = Field(
        min_length=1, description="what trades in it: strategies by name"
    )
    regime: tuple[Band, ...] = Field(min_length=1, description="bands of the volatility index, ascending")
    portfolio: Portfolio = Field(Portfolio(), description="how the strategies' wishes become one portfolio")
    limits: dict[Name, Params] = Field(description="the gate's rules by name, with their numbers")
    kill_switch: KillTerms = Field(
        KillTerms(),
        exclude_if=lambda value: value == KillTerms(),  # a book without it keeps its configuration's hash
        description="what stops it by itself, beside its limits and a broker that is silent",
    )
    cash: IdleCash = Field(IdleCash(), description="what idle cash earns, without a financing")
    margin: Margin = Field(Margin(), description="what part of a position it puts up itself")
    financing: Financing | None = Field(
        None,
        description="what borrowing costs and cash earns; none: cash.interest alone. A margin requires it",
    )
    accruals: dict[Name, Params] = Field(
        default_factory=dict,
        exclude_if=_none_said,
        description="what else every night costs or brings on paper, by name, with its numbers: plug-ins",
    )
    tax: Tax = Field(Tax(), description="how gains and losses are counted for the tax")
    levels: Levels | None = Field(None, description="drawdown levels; none: the book has no levels")
    costs: Costs = Field(Costs(), description="what a trade costs, where a symbol says nothing else")
    quality: QualityLimits = Field(QualityLimits(), description="limits of the data checks")
    targets: dict[Figure, Target] = Field(
        default_factory=dict,
        description="what its results should be; they decide nothing, and none is hidden",
    )
    report: Report = Field(Report(), description="what people are shown beside what was decided")
    alerts: Alerts = Field(Alerts(), description="how people are told, and of what")

    @property
    def screen(self) -> ScreenTerms | None:
        """What the screen of its pool asks; None in a book whose universe is found by no screen."""
        return None if self.members is None else self.members.screen

    @property
    def account_names(self) -> tuple[str, ...]:
        """Its accounts by name, in the order of the file; `main` alone in the short form."""
        return tuple(self.accounts) or (MAIN,)

    def entry_of(self, account: str) -> BrokerEntry:
        """Where the orders of one of its accounts go."""
        if self.broker is not None:
            return self.broker
        return self.accounts[account]

    def account_of(self, symbol: str) -> str:
        """The account that a symbol of the universe goes to; of one that it does not name, the first."""
        if self.broker is not None or symbol not in self.universe:
            return self.account_names[0]
        named = route_of(symbol, self.universe[symbol].asset_class, self.account_names, self.routes)
        return named or self.account_names[0]

    def class_of(self, symbol: str) -> str:
        """Its asset class; `index` of the volatility index, and of another that is only looked at."""
        if symbol in self.universe:
            return self.universe[symbol].asset_class
        if symbol == self.volatility_index or symbol.startswith("^"):
            return INDEX
        return "crypto" if symbol.endswith("-USD") else "etf"

    def feeds_of(self, symbol: str) -> tuple[str, ...]:
        """The sources that are asked for daily bars of a symbol, in order."""
        return of_symbol(self.feeds.daily, symbol, self.class_of(symbol)) or ()

    def hour_feeds_of(self, symbol: str) -> tuple[str, ...]:
        """The sources that may be asked for its hours, in order; those without hours have none to give."""
        return of_symbol(self.feeds.hourly, symbol, self.class_of(symbol)) or self.feeds_of(symbol)

    def second_sources(self, symbols: Iterable[str]) -> dict[str, list[str]]:
        """The symbols that are compared with each second source of closes, by its name."""
        found: dict[str, list[str]] = {}
        for symbol in symbols:
            name = of_symbol(self.feeds.compare_with, symbol, self.class_of(symbol))
            if name is not None:
                found.setdefault(name, []).append(symbol)
        return found

    @property
    def own_borrow_rates(self) -> dict[str, float]:
        """The borrow rates that symbols have of their own, a year."""
        rates = {symbol: one.borrow_rate for symbol, one in self.universe.items()}
        return {symbol: rate for symbol, rate in rates.items() if rate is not None}
