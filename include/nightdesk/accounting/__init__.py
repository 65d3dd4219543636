"""The ledger and what is booked in it: the settlement, its accruals, reconciliation, tax."""

from nightdesk.accounting.actions import corporate_actions
from nightdesk.accounting.booking import cross_entries, fill_entries, orders_after, restate
from nightdesk.accounting.ledger import Entry, Ledger, Mark, Position, capital, fold, mark
from nightdesk.accounting.period import (
    Accrual,
    AccrualTerms,
    Period,
    accrual_terms,
    accruals_of,
    register,
    routed,
)
from nightdesk.accounting.settlement import Opening, Settlement, at_the_open, settle
from nightdesk.accounting.transfers import Transfer

__all__ = [
    "Accrual",
    "AccrualTerms",
    "Entry",
    "Ledger",
    "Mark",
    "Opening",
    "Period",
    "Position",
    "Settlement",
    "Transfer",
    "accrual_terms",
    "accruals_of",
    "at_the_open",
    "capital",
    "corporate_actions",
    "cross_entries",
    "fill_entries",
    "fold",
    "mark",
    "orders_after",
    "register",
    "restate",
    "routed",
    "settle",
]
