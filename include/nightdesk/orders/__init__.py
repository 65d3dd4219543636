"""From intents to orders, from orders to fills: netting, costs, the simulation of fills."""

from nightdesk.orders.fills import (
    Expired,
    Fill,
    FillBars,
    FillTerms,
    Terms,
    expected_price,
    fill_terms,
    open_session,
)
from nightdesk.orders.netting import allocate, cross, net
from nightdesk.orders.order import Cross, Intent, Order, client_order_id
from nightdesk.orders.slippage import Slippage, slippage_of

__all__ = [
    "Cross",
    "Expired",
    "Fill",
    "FillBars",
    "FillTerms",
    "Intent",
    "Order",
    "Slippage",
    "Terms",
    "allocate",
    "client_order_id",
    "cross",
    "expected_price",
    "fill_terms",
    "net",
    "open_session",
    "slippage_of",
]
