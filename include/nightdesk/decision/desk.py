"""A book with its plug-ins resolved: what every decision of it needs, worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nightdesk import factors, portfolio, risk, strategies
from nightdesk.book import Book
from nightdesk.execution.fills import FillTerms, fill_terms
from nightdesk.panel import Floats
from nightdesk.portfolio import Sizing, Units
from nightdesk.risk import Rule
from nightdesk.strategies import Strategy


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
        Every factor that strategies and sizing ask for, sorted.
    look_back : int
        Sessions of bars that the longest of them needs.
    max_weight, volatility_target : ndarray of shape (n_symbols,)
    units : Units
    rank : ndarray of shape (n_symbols,)
        Places of the symbols in alphabetical order.
    unit_of : mapping of symbol to Decimal
        Smallest quantities.
    fill_terms : FillTerms
        How its orders are filled on paper.
    """

    book: Book
    strategies: Mapping[str, Strategy]
    sizing: Mapping[str, Sizing]
    rules: tuple[Rule, ...]
    factor_names: tuple[str, ...]
    look_back: int
    max_weight: Floats
    volatility_target: Floats
    units: Units
    rank: NDArray[np.int64]
    unit_of: Mapping[str, Decimal]
    fill_terms: FillTerms

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

    @cached_property
    def band_floors(self) -> tuple[float, ...]:
        """Lower edges of the bands of the volatility index."""
        return (0.0, *(band.below for band in self.book.regime if band.below is not None))


def resolve(book: Book) -> Desk:
    """Find and validate everything that a book names.

    Raises
    ------
    Refused
        When a strategy, sizing method, factor or rule is unknown, or a parameter is unknown or impossible,
        with the path of the key.
    """
    made = {
        name: strategies.make(name, entry.params, path=f"strategies.{name}")
        for name, entry in book.strategies.items()
    }
    sizing = {
        name: portfolio.make(entry.sizing, path=f"strategies.{name}.sizing")
        for name, entry in book.strategies.items()
    }
    rules = risk.make_rules(book.limits)
    wanted = {name for strategy in made.values() for name in strategy.factors}
    wanted |= {name for method in sizing.values() for name in method.factors}
    instruments = book.universe.values()
    names = tuple(sorted(wanted))
    return Desk(
        book=book,
        strategies=made,
        sizing=sizing,
        rules=rules,
        factor_names=names,
        look_back=factors.look_back(names),
        max_weight=np.array([one.max_weight for one in instruments], dtype=np.float64),
        volatility_target=np.array([one.volatility_target for one in instruments], dtype=np.float64),
        units=Units.of([one.unit for one in instruments]),
        rank=np.argsort(np.argsort(np.array(book.symbols))),
        unit_of={symbol: one.unit for symbol, one in book.universe.items()},
        fill_terms=fill_terms(book),
    )
