"""A backtest's sales as the lines of Form 8949."""

from __future__ import annotations

from collections.abc import Iterator

from nightdesk.execution.money import exact
from nightdesk.research.backtest import Result
from nightdesk.tax import TaxLedger, form_8949, in_order, market_split, tax_terms, trades_of
from nightdesk.tax.form_8949 import COLUMNS


def tax_ledger(result: Result) -> TaxLedger:
    """Lots and sales of a whole backtest, which knows its own book alone."""
    book, market = result.desk.book, result.market
    splits = [
        market_split(symbol, market.sessions[one.t], exact(ratio))
        for one in result.decided
        for symbol, ratio in market.splits(one.t).items()
    ]
    trades = trades_of(book.name, result.entries)
    return TaxLedger({book.name: tax_terms(book)}).apply(in_order((*splits, *trades)))


def form_rows(result: Result) -> Iterator[tuple[object, ...]]:
    """The lines of all years by date of sale, without totals."""
    ledger = tax_ledger(result)
    disposals = ledger.disposals
    for year in sorted({one.sold.year for one in disposals}):
        for row in form_8949(disposals, year, ledger.terms).rows:
            yield tuple(getattr(row, name) for name in COLUMNS)
