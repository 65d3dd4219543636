"""Taxes and day trades: lots, wash sales, Form 8949, and what of it a decision must know."""

from nightdesk.accounting.tax.day_trades import DayTrades
from nightdesk.accounting.tax.form_8949 import Form, form_8949, settled_on
from nightdesk.accounting.tax.lots import Lot
from nightdesk.accounting.tax.tax_ledger import TaxLedger
from nightdesk.accounting.tax.tax_trades import TaxTrade, in_order, market_split, trades_of
from nightdesk.accounting.tax.tax_view import TaxView, tax_view
from nightdesk.accounting.tax.terms import TaxTerms, tax_terms
from nightdesk.accounting.tax.wash_sales import Disposal, long_term

__all__ = [
    "DayTrades",
    "Disposal",
    "Form",
    "Lot",
    "TaxLedger",
    "TaxTerms",
    "TaxTrade",
    "TaxView",
    "form_8949",
    "in_order",
    "long_term",
    "market_split",
    "settled_on",
    "tax_terms",
    "tax_view",
    "trades_of",
]
