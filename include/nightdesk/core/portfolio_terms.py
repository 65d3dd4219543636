"""How a book's capital goes to its strategies, in which regime, and how their wishes become one portfolio."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nightdesk.core.exit_plan import ExitPlan
from nightdesk.core.fields import Conditions, Frozen, Name, Params, Positive, Share
from nightdesk.core.protective_terms import ProtectiveTerms


class StrategyEntry(Frozen):
    """A strategy that trades in the book."""

    kind: Name | None = Field(
        None,
        exclude_if=lambda value: value is None,  # a book without it keeps its configuration's hash
        description="the strategy by its name; none: the name that stands before it",
    )
    share: Share = Field(1.0, description="share of the book's capital")
    sizing: Name = Field("weight", description="how its signals become weights")
    sizing_params: Params = Field(default_factory=dict, description="the sizing method's own parameters")
    params: Params = Field(default_factory=dict, description="the strategy's own parameters")
    exits: ExitPlan | None = Field(
        None,
        exclude_if=lambda value: value is None,  # a book without it keeps its configuration's hash
        description="what ends its positions beside its signals; what it leaves out is the strategy's own",
    )
    entry_condition: Conditions = Field(
        (),
        exclude_if=lambda value: not value,  # a book without it keeps its configuration's hash
        max_length=20,
        description="what must hold for its entries, beside portfolio.entry_condition; one or more",
    )
    protective: ProtectiveTerms | None = Field(
        None,
        exclude_if=lambda value: value is None,  # a book without it keeps its configuration's hash
        description="what rests for its positions, instead of the book's protective",
    )


class Band(Frozen):
    """A market regime: the half-open range of VIX [below of the band before, below)."""

    name: str = Field(description="how signals, pages and tables call the regime")
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
    entry_condition: Conditions = Field(
        (),
        exclude_if=lambda value: not value,  # a book without it keeps its configuration's hash
        max_length=20,
        description="what must hold of a symbol for a position in it to be opened or added to; one or more",
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
