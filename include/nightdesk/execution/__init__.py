"""From verdicts to orders, from orders to fills, from fills to the ledger."""

from nightdesk.execution.fills import Expired, Fill, FillBars, FillTerms, Terms, fill_terms, open_session
from nightdesk.execution.ledger import Entry, Ledger, Mark, Position, capital, fold, mark
from nightdesk.execution.netting import allocate, net
from nightdesk.execution.orders import Intent, Order, client_order_id
from nightdesk.execution.settling import corporate_actions, fill_entries, restate

__all__ = [
    "Entry",
    "Expired",
    "Fill",
    "FillBars",
    "FillTerms",
    "Intent",
    "Ledger",
    "Mark",
    "Order",
    "Position",
    "Terms",
    "allocate",
    "capital",
    "client_order_id",
    "corporate_actions",
    "fill_entries",
    "fill_terms",
    "fold",
    "mark",
    "net",
    "open_session",
    "restate",
]
