"""Brokers: where orders go, behind one interface."""

from nightdesk.brokers.base import (
    Broker,
    Capabilities,
    DuplicateOrder,
    RejectedOrder,
    Unreachable,
    Unreadable,
)
from nightdesk.brokers.registry import capabilities, make, open_account
from nightdesk.execution.account import Account, BrokerOrder, BrokerSnapshot, Movement, OrderState

__all__ = [
    "Account",
    "Broker",
    "BrokerOrder",
    "BrokerSnapshot",
    "Capabilities",
    "DuplicateOrder",
    "Movement",
    "OrderState",
    "RejectedOrder",
    "Unreachable",
    "Unreadable",
    "capabilities",
    "make",
    "open_account",
]
