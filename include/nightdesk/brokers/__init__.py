"""Brokers: where orders go, behind one interface."""

from nightdesk.brokers.account_statement import AccountStatement, StatementSource
from nightdesk.brokers.broker_interface import (
    Broker,
    Capabilities,
    DuplicateOrder,
    RejectedOrder,
    Unreachable,
    Unreadable,
)
from nightdesk.brokers.broker_registry import (
    BROKERS,
    BrokerKind,
    capabilities,
    make,
    open_account,
    register,
    statements_of,
)
from nightdesk.orders.broker_account import Account, BrokerOrder, BrokerSnapshot, Movement, OrderState

__all__ = [
    "BROKERS",
    "Account",
    "AccountStatement",
    "Broker",
    "BrokerKind",
    "BrokerOrder",
    "BrokerSnapshot",
    "Capabilities",
    "DuplicateOrder",
    "Movement",
    "OrderState",
    "RejectedOrder",
    "StatementSource",
    "Unreachable",
    "Unreadable",
    "capabilities",
    "make",
    "open_account",
    "register",
    "statements_of",
]
