"""Brokers: where orders go, behind one interface."""

from nightdesk.brokers.base import (
    Account,
    Broker,
    BrokerOrder,
    DuplicateOrder,
    MarketDay,
    OrderState,
    RejectedOrder,
)
from nightdesk.brokers.registry import make

__all__ = [
    "Account",
    "Broker",
    "BrokerOrder",
    "DuplicateOrder",
    "MarketDay",
    "OrderState",
    "RejectedOrder",
    "make",
]
