"""Taxes and day trades: lots, wash sales, Form 8949, and what of it a decision must know."""

from nightdesk.tax.account import TaxLedger
from nightdesk.tax.day_trades import DayTrades
from nightdesk.tax.form_8949 import Form, form_8949, settled_on
from nightdesk.tax.lots import Lot
from nightdesk.tax.terms import TaxTerms, tax_terms
from nightdesk.tax.trades import Trade, in_order, market_split, trades_of
from nightdesk.tax.view import TaxView, tax_view
from nightdesk.tax.wash_sales import Disposal, long_term

__all__ = [
    "DayTrades",
    "Disposal",
    "Form",
    "Lot",
    "TaxLedger",
    "TaxTerms",
    "TaxView",
    "Trade",
    "form_8949",
    "in_order",
    "long_term",
    "market_split",
    "settled_on",
    "tax_terms",
    "tax_view",
    "trades_of",
]
