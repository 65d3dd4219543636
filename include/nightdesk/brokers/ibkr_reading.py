"""One reading of an account's orders at IBKR, out of its three lists: open ones, completed ones, executions.

None of the lists has all. An order that ends between two of them is in the later one, so that they are read
in this order; IBKR forgets the second at its restart, and of the third keeps some days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from nightdesk.brokers.ibkr_answers import (
    Riddle,
    ToldExecution,
    ToldOrder,
    completed_order,
    executions,
    open_order,
    standing,
)
from nightdesk.brokers.ibkr_contracts import IbkrNames
from nightdesk.brokers.ibkr_questions import IbkrQuestions
from nightdesk.core.money import ZERO
from nightdesk.orders.broker_account import BrokerOrder, OrderState


@dataclass(frozen=True)
class IbkrReading:
    """What the lists say of an account: orders with open ones first, and executions."""

    told: tuple[ToldOrder, ...]
    executed: tuple[ToldExecution, ...]

    def find(self, name: str) -> BrokerOrder | None:
        """The order under a client order id; None where no list has it.

        Raises
        ------
        Riddle
            When there are two: IBKR checks no reference, and which of them is ours nobody can say. One that
            ended without an execution does not count beside another.
        """
        told = [one for one in self.told if one.order_ref == name]
        executed = [one for one in self.executed if one.order_ref == name]
        each = [self._numbered(name, number) for number in _numbers(told, executed)]
        counts = [one for one in each if one.filled or not one.state.ended]
        if len(counts) > 1:
            numbers = ", ".join(str(one.answer["perm_id"]) for one in counts)
            raise Riddle(
                f"IBKR has several orders under the reference {name} (permanent ids {numbers}): cancel the "
                "wrong one in TWS; while more than one is open, or was executed, nothing is concluded",
                {"orderRef": name, "permIds": numbers},
            )
        return next(iter(reversed(counts or each)), None)

    def _numbered(self, name: str, number: int) -> BrokerOrder:
        """The order of one permanent id, by all that is told of it."""
        told = [one for one in self.told if (one.order_ref, one.perm_id) == (name, number)]
        executed = [one for one in self.executed if (one.order_ref, one.perm_id) == (name, number)]
        filled = sum((one.quantity for one in standing(executed)), ZERO)
        if not told:
            return _by_executions(name, executed, filled)
        return told[-1].known(filled, corrected=any(one.execution_id != one.first_id for one in executed))

    def open_order(self, name: str) -> ToldOrder | None:
        """The order as the list of open ones has it."""
        return next((one for one in self.told if one.order_ref == name and not one.over), None)

    def names(self, *, opened: bool = False) -> list[str]:
        """The client order ids of all orders, or of those on the list of open ones, the oldest first."""
        ages: dict[str, int] = {}
        for told in self.told:
            if not (opened and told.over):
                ages.setdefault(told.order_ref, told.perm_id)
        if not opened:
            for executed in self.executed:
                ages.setdefault(executed.order_ref, executed.perm_id)
        return sorted(ages, key=lambda name: ages[name])


def read_orders(
    questions: IbkrQuestions, account_id: str, names: IbkrNames, *, commissions: bool
) -> IbkrReading:
    """Read the lists of an account, and wait for commissions that are late or not.

    Raises
    ------
    Riddle
        When one of them cannot be understood.
    Unreachable, Unreadable
    """
    opened, statuses = questions.open_orders()
    completed = questions.completed_orders()
    told, reports = questions.executions(account_id, commissions=commissions)
    return IbkrReading(
        (
            *(open_order(one, statuses, names) for one in opened if one[2].account == account_id),
            *(completed_order(one, names) for one in completed if one[1].account == account_id),
        ),
        tuple(executions(told, reports, account_id, names)),
    )


def _numbers(told: Sequence[ToldOrder], executed: Sequence[ToldExecution]) -> list[int]:
    """The permanent ids of orders, the oldest first; an order that has none yet is another one without it."""
    return sorted({one.perm_id for one in told} | {one.perm_id for one in executed})


def _by_executions(name: str, executed: Sequence[ToldExecution], filled: Decimal) -> BrokerOrder:
    """An order that only its executions tell of: it is over, and what they add up to is all that it was."""
    first = executed[0]
    said = {"perm_id": first.perm_id, "words": "told by its executions alone"}
    return BrokerOrder(name, first.symbol, first.side, filled, OrderState.FILLED, filled, said)
