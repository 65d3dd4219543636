"""A book with its plug-ins resolved: what every decision of it needs, worked out once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nightdesk import accounting, factors, portfolio, risk, strategies
from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.contracts import PLAIN, Contract
from nightdesk.core.errors import Refused
from nightdesk.core.exit_plan import ExitDistance, ExitPlan, Stop
from nightdesk.core.panel import Floats
from nightdesk.core.protective_terms import ProtectiveTerms
from nightdesk.engine.entry_conditions import EntryConditions
from nightdesk.engine.protective_faults import check_protective
from nightdesk.orders.fills import FillTerms, fill_terms
from nightdesk.portfolio import Sizing, Units
from nightdesk.portfolio.atr_risk import ATR
from nightdesk.risk import Rule, Standing
from nightdesk.risk.rule import Input
from nightdesk.strategies import InTurn, Strategy
from nightdesk.strategies.learning import LearningStrategy
from nightdesk.strategies.strategy import NO_PLAN, SignalSide


@dataclass(frozen=True, slots=True)
class PlannedExits:
    """Distances of one kind of exit; arrays of shape (n_strategies, 1), 0 where a strategy has none so.

    `atr` is a number of average true ranges, `share` of the average entry price; `any_atr` and `any_share`
    say whether a strategy has one.
    """

    atr: Floats
    share: Floats
    any_atr: bool
    any_share: bool

    @classmethod
    def of(cls, planned: Sequence[ExitDistance | None]) -> Self:
        """One a strategy."""
        atr = np.array([[(one and one.atr) or 0.0] for one in planned])
        share = np.array([[(one and one.share) or 0.0] for one in planned])
        return cls(atr, share, bool(atr.any()), bool(share.any()))


@dataclass(frozen=True, slots=True)
class SizedTogether:
    """Strategies that are sized by one call of a method: their rows, or the row of one by itself.

    `carries` is whether the method carries anything on from a session to the next.
    """

    method: Sizing
    rows: int | slice | list[int]
    carries: bool


@dataclass(frozen=True, slots=True)
class BandTerms:
    """What a band of the regime makes of each strategy; arrays of shape (n_strategies, 1).

    `capital` scales its share of the capital, `entry_factor` the confidence of its entries.
    """

    capital: Floats
    entry_factor: Floats


@dataclass(frozen=True)
class Desk:
    """A book, the strategies, sizing methods and rules it names, and its symbols' numbers as arrays.

    Attributes
    ----------
    book : Book
    strategies : mapping of name to Strategy
        In the order of the book, which is that of every array of shape (n_strategies, n_symbols).
    sizing : mapping of strategy name to Sizing
    rules : tuple of Rule
        In the order of the gate.
    factor_names : tuple of str
        Every factor that strategies, exit plans, sizing, rules and conditions on entries ask for, sorted.
    look_back : int
        Sessions of bars that the longest of them needs.
    max_weight, volatility_target : ndarray of shape (n_symbols,)
    costs : ndarray of shape (n_symbols,)
        Commission and slippage of a trade, share of its notional, without what each unit costs.
    unit_costs : ndarray of shape (n_symbols,)
        Commission on top, dollars a unit.
    units : Units
    rank : ndarray of shape (n_symbols,)
        Places of the symbols in alphabetical order.
    unit_of : mapping of symbol to Decimal
        Smallest quantities.
    fill_terms : FillTerms
        How its orders are filled on paper.
    stops : mapping of symbol to Stop
        Empty where the book has no rule on stops.
    reported : tuple of str
        Factors that people are shown and that decide nothing.
    entry_conditions : EntryConditions
        What must hold for entries; empty where the book says nothing.
    """

    book: Book
    strategies: Mapping[str, Strategy]
    sizing: Mapping[str, Sizing]
    rules: tuple[Rule, ...]
    factor_names: tuple[str, ...]
    look_back: int
    max_weight: Floats
    volatility_target: Floats
    costs: Floats
    unit_costs: Floats
    units: Units
    rank: NDArray[np.int64]
    unit_of: Mapping[str, Decimal]
    fill_terms: FillTerms
    stops: Mapping[str, Stop]
    entry_conditions: EntryConditions
    reported: tuple[str, ...]

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that may be traded."""
        return self.book.symbols

    @cached_property
    def column(self) -> Mapping[str, int]:
        """Column of each symbol."""
        return {symbol: n for n, symbol in enumerate(self.symbols)}

    @cached_property
    def strategy_row(self) -> Mapping[str, int]:
        """Row of each strategy."""
        return {name: s for s, name in enumerate(self.strategies)}

    def asks_for(self, what: Input) -> bool:
        """Whether a rule of the book asks for it."""
        return what in self.inputs

    @cached_property
    def inputs(self) -> frozenset[Input]:
        """What the rules of the book ask for."""
        return frozenset(one for rule in self.rules for one in rule.inputs)

    @cached_property
    def group_names(self) -> tuple[str, ...]:
        """The groups of the universe, sorted."""
        return tuple(sorted(set(self.book.groups)))

    @cached_property
    def group_codes(self) -> NDArray[np.int64]:
        """The group of each symbol, as its place in `group_names`."""
        return np.searchsorted(np.array(self.group_names), np.array(self.book.groups)).astype(np.int64)

    @cached_property
    def most_gross(self) -> float:
        """Gross exposure over NAV within which the rules keep purchases; infinite where none does."""
        return min((rule.most_gross(self.book.margin) for rule in self.rules), default=math.inf)

    @cached_property
    def most_net(self) -> float:
        """The same of net exposure, absolute."""
        return min((rule.most_net(self.book.margin) for rule in self.rules), default=math.inf)

    @cached_property
    def accounts(self) -> tuple[str, ...]:
        """Its accounts by name."""
        return self.book.account_names

    @cached_property
    def account_of(self) -> Mapping[str, str]:
        """The account of each symbol; empty where all of them go to `main`."""
        return accounting.routed(self.book)

    @cached_property
    def account_codes(self) -> NDArray[np.int64]:
        """The account of each symbol, as its place in `accounts`."""
        places = [self.accounts.index(self.book.account_of(symbol)) for symbol in self.symbols]
        return np.array(places, dtype=np.int64)

    @cached_property
    def contracts(self) -> Mapping[str, Contract]:
        """What a unit of each option and perpetual stands for."""
        return self.book.contracts

    @cached_property
    def multiplier(self) -> Floats | float:
        """Dollars a unit for a dollar of price, of shape (n_symbols,); 1.0 where no symbol has another."""
        return self._by_contract(lambda one: one.multiplier)

    @cached_property
    def outlay(self) -> Floats | float:
        """Share of its value that a position takes from the cash; shaped as `multiplier`."""
        return self._by_contract(lambda one: one.collateral if one.on_margin else Decimal(1))

    @cached_property
    def last_sessions(self) -> Mapping[date, frozenset[str]]:
        """The options of the book by the session at whose close they expire."""
        calendar, out = get_calendar(self.book.calendar), dict[date, set[str]]()
        for symbol, one in self.contracts.items():
            if one.option is not None:
                at = int(np.searchsorted(calendar.sessions, np.datetime64(one.option.expiry), side="right"))
                out.setdefault(as_date(calendar.sessions[at - 1]), set()).add(symbol)
        return {session: frozenset(symbols) for session, symbols in out.items()}

    def _by_contract(self, number: Callable[[Contract], Decimal]) -> Floats | float:
        if not self.contracts:
            return 1.0
        return np.array([float(number(self.contracts.get(one, PLAIN))) for one in self.symbols])

    def costs_at(self, price: Floats) -> Floats:
        """All that a trade costs, share of its notional, at what a unit is worth."""
        if not np.count_nonzero(self.unit_costs):
            return self.costs
        each: Floats = np.divide(self.unit_costs, price, out=np.zeros_like(price), where=price > 0)
        return self.costs + each

    @cached_property
    def calm(self) -> Standing:
        """Where the risk of a book stands that nothing has happened to."""
        return Standing.calm(len(self.symbols))

    @cached_property
    def haven(self) -> NDArray[np.bool_]:
        """Symbols that may be bought at drawdown level 3."""
        return np.isin(self.symbols, self.book.levels.havens if self.book.levels else ())

    @cached_property
    def first_out(self) -> NDArray[np.bool_]:
        """Symbols that are not bought at drawdown level 1, and closed at levels 2 and 3."""
        return np.isin(self.symbols, self.book.levels.first_out if self.book.levels else ())

    @cached_property
    def carries(self) -> bool:
        """Whether a sizing method carries anything on from a session to the next."""
        return any(group.carries for group in self.sized_together)

    @cached_property
    def nothing(self) -> Floats:
        """Zeros of shape (n_strategies, n_symbols), not to be changed."""
        nothing = np.zeros((len(self.strategies), len(self.symbols)))
        nothing.flags.writeable = False
        return nothing

    @cached_property
    def sizes_by_stop(self) -> bool:
        """Whether a sizing method needs the stops of what is opened."""
        return any(method.by_stop for method in self.sizing.values())

    @cached_property
    def no_stops(self) -> Floats:
        """Stops that are not known, of shape (n_strategies, n_symbols), not to be changed."""
        unknown = np.full((len(self.strategies), len(self.symbols)), np.nan)
        unknown.flags.writeable = False
        return unknown

    @cached_property
    def ends_positions(self) -> bool:
        """Whether a strategy ends positions by age, stop or target."""
        return any(plan != NO_PLAN for plan in self.exit_plans.values())

    @cached_property
    def protective(self) -> Mapping[str, ProtectiveTerms]:
        """What rests for the positions of each strategy; those for which nothing does are absent.

        Bundles have none: a stop that fills on one leg would leave the others alone.
        """
        said = {name: one.protective or self.book.protective for name, one in self.book.strategies.items()}
        return {
            name: terms
            for name, terms in said.items()
            if terms is not None and terms.rests and not self.strategies[name].bundles
        }

    @cached_property
    def brackets(self) -> frozenset[str]:
        """The strategies whose entries bring their exits with them."""
        return frozenset(name for name, terms in self.protective.items() if terms.bracket)

    @cached_property
    def of_bundles(self) -> NDArray[np.bool_]:
        """Which strategies trade in bundles, of shape (n_strategies, 1)."""
        return np.array([[one.bundles] for one in self.strategies.values()], dtype=np.bool_)

    @cached_property
    def has_bundles(self) -> bool:
        """Whether a strategy says bundles."""
        return any(one.bundles for one in self.strategies.values())

    @cached_property
    def in_turn(self) -> Mapping[str, InTurn]:
        """The strategies that speak in turn."""
        return {name: one for name, one in self.strategies.items() if isinstance(one, InTurn)}

    @cached_property
    def stops_itself(self) -> NDArray[np.bool_]:
        """Whether a strategy's own signals end what loses too much, of shape (n_strategies, 1)."""
        return np.array([[one.stops_itself] for one in self.strategies.values()])

    @cached_property
    def tables_with_figures(self) -> frozenset[str]:
        """The tables of decisions whose rows have figures: of strategies, and of sizings and rules."""
        sizings, rules = self.sizing.values(), self.rules
        shown = {
            "signals": any(one.shows_figures for one in self.strategies.values()),
            "targets": any(one.shows_figures for one in sizings) or any(one.shows_figures for one in rules),
        }
        return frozenset(table for table, shows in shown.items() if shows)

    @cached_property
    def one_sided(self) -> NDArray[np.bool_]:
        """Whether a strategy opens on one side only, of shape (n_strategies, 1)."""
        return np.array([[len(one.sides) == 1] for one in self.strategies.values()])

    @cached_property
    def planned_exits(self) -> tuple[PlannedExits, PlannedExits]:
        """Stops and targets of the exit plans as arrays."""
        plans = list(self.exit_plans.values())
        return PlannedExits.of([one.stop for one in plans]), PlannedExits.of([one.target for one in plans])

    @cached_property
    def most_sessions(self) -> NDArray[np.float64]:
        """Sessions after which positions end by age, of shape (n_strategies, 1); infinite where none do."""
        return np.array([[one.sessions or math.inf] for one in self.exit_plans.values()])

    @cached_property
    def sized_together(self) -> tuple[SizedTogether, ...]:
        """The strategies by sizing method; see `Sizing.elementwise`."""
        groups: list[tuple[Sizing, list[int]]] = []
        for s, method in enumerate(self.sizing.values()):
            alike = [rows for one, rows in groups if method.elementwise and _alike(method, one)]
            if alike:
                alike[0].append(s)
            else:
                groups.append((method, [s]))
        return tuple(
            SizedTogether(method, _cut(rows) if method.elementwise else rows[0], method.carries)
            for method, rows in groups
        )

    @cached_property
    def shares(self) -> Floats:
        """Shares of the capital, of shape (n_strategies, 1)."""
        return np.array([[self.book.strategies[name].share] for name in self.strategies])

    @cached_property
    def band_terms(self) -> tuple[BandTerms, ...]:
        """What each band of the regime makes of the strategies."""
        return tuple(
            BandTerms(
                capital=np.array([[band.capital.get(name, 1.0)] for name in self.strategies]),
                entry_factor=np.array(
                    [
                        [0.0 if name in band.strategies_off else band.confidence_factor]
                        for name in self.strategies
                    ]
                ),
            )
            for band in self.book.regime
        )

    @cached_property
    def no_band(self) -> BandTerms:
        """The same where the band is not known: nothing is entered."""
        return BandTerms(capital=np.ones_like(self.shares), entry_factor=np.zeros_like(self.shares))

    @cached_property
    def exit_plans(self) -> Mapping[str, ExitPlan]:
        """What ends the positions of each strategy: what the book says, and else what the strategy does."""
        return {name: _exit_plan(self.book, name, one) for name, one in self.strategies.items()}

    @cached_property
    def band_floors(self) -> tuple[float, ...]:
        """Lower edges of the bands of the volatility index."""
        return (0.0, *(band.below for band in self.book.regime if band.below is not None))


def resolve(book: Book) -> Desk:
    """Find and validate everything that a book names.

    Raises
    ------
    Refused
        When a strategy, sizing method, factor, rule or accrual is unknown, a parameter is unknown or
        impossible, a condition on entries cannot be read, a strategy cannot trade the book's symbols or lacks
        the stop that it is sized by, or it sells short in a book without a margin, with the path of the key.
    """
    made = {
        name: strategies.make(entry.kind or name, entry.params, path=f"strategies.{name}", called=name)
        for name, entry in book.strategies.items()
    }
    sizing = {
        name: portfolio.make(entry.sizing, entry.sizing_params, path=f"strategies.{name}.sizing")
        for name, entry in book.strategies.items()
    }
    for name, strategy in made.items():
        _check_symbols(book, name, strategy)
        if not strategy.sides <= sizing[name].sides:
            raise Refused(
                f"strategies.{name}.sizing: {name} opens {_named(strategy.sides)} positions, and "
                f"{sizing[name].name} sizes {_named(sizing[name].sides)} ones: name a method that sizes both"
            )
        stops = strategy.stops_itself or _exit_plan(book, name, strategy).stop is not None
        if sizing[name].by_stop and not stops:
            raise Refused(
                f"strategies.{name}.sizing: {sizing[name].name} sizes by the stop, and {name} has none; add "
                f"strategies.{name}.exits, such as {{stop: {{share: 0.02}}}}, or name another method"
            )
    _refuse_shorts_without_margin(book, made)
    _refuse_no_pairs(book, made)
    rules = risk.make_rules(book.limits, also=_rules_that_come_with(book))
    wanted = {name for strategy in made.values() for name in strategy.factors}
    wanted |= {name for method in sizing.values() for name in method.factors}
    plans = {name: _exit_plan(book, name, one) for name, one in made.items()}
    check_protective(book, made, plans)
    wanted |= {ATR for plan in plans.values() for distance in plan.distances if distance.atr is not None}
    wanted |= {name for rule in rules for name in rule.factors}
    conditions = EntryConditions.of(book)
    wanted |= set(conditions.factors)
    accounting.accruals_of(book)
    _refuse_shared_margin(book)
    _check(book, rules)
    instruments = book.universe.values()
    names = tuple(sorted(wanted))
    reported = _reported(book)
    every = tuple(dict.fromkeys((*names, *reported)))
    _refuse_another_clock(book, made, every)
    _refuse_unread_facts(book, every)
    _refuse_learning_from_members(book, made)
    return Desk(
        book=book,
        strategies=made,
        sizing=sizing,
        rules=rules,
        factor_names=names,
        look_back=max(
            factors.look_back(names),
            *(one.look_back for one in made.values() if isinstance(one, InTurn)),
            0,
        ),
        max_weight=np.array([one.max_weight for one in instruments], dtype=np.float64),
        volatility_target=np.array([one.volatility_target for one in instruments], dtype=np.float64),
        costs=np.array([book.costs_of(symbol).total for symbol in book.symbols], dtype=np.float64),
        unit_costs=np.array(
            [book.costs_of(symbol).commission_per_unit for symbol in book.symbols], dtype=np.float64
        ),
        units=Units.of([one.unit for one in instruments]),
        rank=np.argsort(np.argsort(np.array(book.symbols))),
        unit_of={symbol: one.unit for symbol, one in book.universe.items()},
        fill_terms=fill_terms(book),
        stops=_stops(book, rules),
        entry_conditions=conditions,
        reported=reported,
    )


def _check_symbols(book: Book, name: str, strategy: Strategy) -> None:
    """Refuse a strategy that names symbols which the book need not hold."""
    if book.members is None:
        strategy.check(book.symbols, f"strategies.{name}")
        return
    try:
        strategy.check(book.members.always, f"strategies.{name}")
    except Refused as error:
        raise Refused(
            f"{error}; the universe is a list whose members change: what a strategy names by itself stands "
            "under universe.always"
        ) from error


def _refuse_no_pairs(book: Book, made: Mapping[str, Strategy]) -> None:
    """Refuse strategies of pairs that a screen finds in a book whose universe looks for none."""
    for name, one in made.items():
        if one.needs_found_pairs and (book.screen is None or book.screen.pairs is None):
            raise Refused(
                f"strategies.{name}: there is no pair for it; name some under its params.pairs, "
                "such as [[KO, PEP]], or let the universe's screen look for them: universe.screen.pairs"
            )


def _rules_that_come_with(book: Book) -> tuple[str, ...]:
    """The rules that a book has for its drawdown levels, and for its list of members."""
    of_levels = () if book.levels is None else risk.LEVEL_RULES
    return of_levels if book.members is None else (*of_levels, risk.MEMBER_RULE)


def _refuse_learning_from_members(book: Book, made: Mapping[str, Strategy]) -> None:
    """Refuse strategies that learn, which would learn from what became a member later."""
    for name, one in made.items():
        if book.members is not None and isinstance(one, LearningStrategy):
            raise Refused(
                f"strategies.{name}: it learns from the bars of all symbols, and the universe is a list "
                "whose members change: list the symbols in the universe, or take another strategy"
            )


def _alike(one: Sizing, other: Sizing) -> bool:
    return type(one) is type(other) and one.params == other.params


def _cut(rows: list[int]) -> slice | list[int]:
    """Ascending rows, as a slice where they follow each other: that copies nothing."""
    return slice(rows[0], rows[-1] + 1) if rows[-1] - rows[0] + 1 == len(rows) else rows


def _exit_plan(book: Book, name: str, strategy: Strategy) -> ExitPlan:
    """What ends the positions of a strategy: what rests for them, what the book says, what it says itself."""
    entry = book.strategies[name]
    plan = strategy.exit_plan if entry.exits is None else entry.exits.or_else(strategy.exit_plan)
    terms = None if strategy.bundles else entry.protective or book.protective
    return plan if terms is None else terms.exits.or_else(plan)


def _named(sides: Iterable[SignalSide]) -> str:
    return " and ".join(side.name.lower() for side in sorted(sides, reverse=True))


def _refuse_shorts_without_margin(book: Book, made: Mapping[str, Strategy]) -> None:
    """Refuse strategies that sell short in a cash account, which lends nothing."""
    shorts = [name for name, strategy in made.items() if SignalSide.SHORT in strategy.sides]
    if shorts and not book.margin.borrows:
        raise Refused(
            "\n".join(
                f"strategies.{name}: it sells short, and the book's margin, {book.margin.kind}, lends "
                "no shares; add margin: {kind: reg_t}, financing: {debit_rate: 0.06, borrow_rate: 0.005} and "
                "limits.gross_leverage, or take a strategy that opens longs alone"
                for name in shorts
            )
        )


def _check(book: Book, rules: Sequence[Rule]) -> None:
    """Refuse limits that mean nothing in the book, and a margin that nothing bounds."""
    faults = [line for rule in rules for line in rule.faults(book)]
    if book.margin.borrows and not any(math.isfinite(rule.most_gross(book.margin)) for rule in rules):
        faults.append(
            f"margin: the book may borrow ({book.margin.kind}), and none of its limits bounds what it buys; "
            "add limits.gross_leverage"
        )
    if faults:
        raise Refused("\n".join(faults))


def _refuse_another_clock(book: Book, made: Mapping[str, Strategy], names: Sequence[str]) -> None:
    """Refuse factors over hours in a daily book, and strategies of sessions in an hourly one."""
    hourly = [name for name in names if name.startswith(factors.HOURLY)]
    if book.schedule.rhythm == "daily" and hourly:
        ways = [
            f", or set strategies.{name}.params.{one.without_hours}"
            for name, one in made.items()
            if one.without_hours and any(factor in hourly for factor in one.factors)
        ]
        raise Refused(
            f"schedule: found daily, and factors over hours are asked for ({', '.join(hourly)}); "
            f"set it to hourly, or take others{''.join(ways)}"
        )
    for name, one in made.items() if book.schedule.rhythm == "hourly" else ():
        if isinstance(one, LearningStrategy | InTurn):
            by = "learns from" if isinstance(one, LearningStrategy) else "measures"
            raise Refused(
                f"strategies.{name}: it {by} sessions, and the book decides hourly; "
                "set schedule to daily, or take another strategy"
            )


def _refuse_unread_facts(book: Book, names: Sequence[str]) -> None:
    """Refuse factors of facts that the book does not read."""
    faults = []
    for name, (kind, series) in factors.facts_needed(names).items():
        if not getattr(book.feeds, kind):
            faults.append(
                f"feeds.{kind}: missing, and the factor {name} is asked for; name a source, such as "
                "files:facts"
            )
        elif series and series not in book.macro.series:
            near = difflib.get_close_matches(series, book.macro.series, n=1)
            hint = f"did you mean {near[0]}?" if near else f"add {series}, or take another factor"
            listed = ", ".join(book.macro.series)
            faults.append(f"macro.series: found {listed}, and the factor {name} is asked for; {hint}")
    if faults:
        raise Refused("\n".join(faults))


def _refuse_shared_margin(book: Book) -> None:
    """Refuse a perpetual among several strategies: an account on margin has one average entry a contract."""
    margined = [symbol for symbol, one in book.contracts.items() if one.on_margin]
    if margined and len(book.strategies) > 1:
        raise Refused(
            f"universe.{margined[0]}: a perpetual is held by one strategy, whose profit its account "
            f"realises, and the book has {len(book.strategies)}: give it a book of its own"
        )


def _reported(book: Book) -> tuple[str, ...]:
    """The factors that its pages show, each once and without blanks."""
    names = ("".join(one.split()) for one in book.report.factors)
    out = tuple(dict.fromkeys(names))
    for name in out:
        try:
            factors.resolve(name)
        except Refused as error:
            raise Refused(f"report.factors: {error}") from error
    return out


def _stops(book: Book, rules: Sequence[Rule]) -> dict[str, Stop]:
    """Each symbol's own stop, or that of the book's rule."""
    stops = {symbol: stop for rule in rules for symbol, stop in rule.stops(book).items()}
    own = [symbol for symbol, one in book.universe.items() if one.stop is not None and symbol not in stops]
    if own:
        raise Refused(f"universe.{own[0]}.stop: the book has no limits.stop_loss that it belongs to; add one")
    return stops
