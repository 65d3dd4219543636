"""From verdicts to orders, from orders to fills, from fills to the ledger."""

from nightdesk.execution.actions import corporate_actions
from nightdesk.execution.fills import Expired, Fill, FillBars, FillTerms, Terms, fill_terms, open_session
from nightdesk.execution.ledger import Entry, Ledger, Mark, Position, capital, fold, mark
from nightdesk.execution.netting import allocate, cross, net
from nightdesk.execution.orders import Cross, Intent, Order, client_order_id
from nightdesk.execution.period import AccrualTerms, Period, accrual_terms
from nightdesk.execution.settlement import Opening, Settlement, at_the_open, settle
from nightdesk.execution.settling import cross_entries, fill_entries, orders_after, restate
from nightdesk.execution.slippage import Slippage, expected_price, slippage_of

__all__ = [
    "AccrualTerms",
    "Cross",
    "Entry",
    "Expired",
    "Fill",
    "FillBars",
    "FillTerms",
    "Intent",
    "Ledger",
    "Mark",
    "Opening",
    "Order",
    "Period",
    "Position",
    "Settlement",
    "Slippage",
    "Terms",
    "accrual_terms",
    "allocate",
    "at_the_open",
    "capital",
    "client_order_id",
    "corporate_actions",
    "cross",
    "cross_entries",
    "expected_price",
    "fill_entries",
    "fill_terms",
    "fold",
    "mark",
    "net",
    "open_session",
    "orders_after",
    "restate",
    "settle",
    "slippage_of",
]
