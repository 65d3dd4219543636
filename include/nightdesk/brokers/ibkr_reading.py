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
from nightdesk.brokers.ibkr_orders import TARGET, desk_name, references_of
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

        The two exits of a pair are one order here: of each what the lists have of it.

        Raises
        ------
        Riddle
            When there are two: IBKR checks no reference, and which of them is ours nobody can say. One that
            ended without an execution does not count beside another.
        """
        found = {one: known for one in references_of(name) if (known := self._referred(one)) is not None}
        alone, exits = found.pop(name, None), tuple(found.values())
        if alone is not None and exits:
            raise Riddle(
                f"IBKR has an order under the reference {name}, and exits of that name beside it: cancel the "
                "wrong ones in TWS",
                {"orderRef": name},
            )
        return _pair(name, exits) if exits else alone

    def is_half(self, name: str) -> bool:
        """Whether one exit of a pair is told and not the other."""
        told = {one.order_ref for one in self.told} | {one.order_ref for one in self.executed}
        return len(told & set(references_of(name)[1:])) == 1

    def _referred(self, reference: str) -> BrokerOrder | None:
        """The order of one reference."""
        told = [one for one in self.told if one.order_ref == reference]
        executed = [one for one in self.executed if one.order_ref == reference]
        each = [self._numbered(reference, number) for number in _numbers(told, executed)]
        counts = [one for one in each if one.filled or not one.state.ended]
        if len(counts) > 1:
            numbers = ", ".join(str(one.answer["perm_id"]) for one in counts)
            raise Riddle(
                f"IBKR has several orders under the reference {reference} (permanent ids {numbers}): cancel "
                "the wrong one in TWS; while more than one is open, or was executed, nothing is concluded",
                {"orderRef": reference, "permIds": numbers},
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

    def opened(self, name: str) -> list[ToldOrder]:
        """The order as the list of open ones has it: itself, or the exits of a pair."""
        return [one for one in self.told if desk_name(one.order_ref) == name and not one.over]

    def names(self, *, opened: bool = False) -> list[str]:
        """The client order ids of all orders, or of those on the list of open ones, the oldest first."""
        ages: dict[str, int] = {}
        for told in self.told:
            if not (opened and told.over):
                ages.setdefault(desk_name(told.order_ref), told.perm_id)
        if not opened:
            for executed in self.executed:
                ages.setdefault(desk_name(executed.order_ref), executed.perm_id)
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


def _pair(name: str, exits: Sequence[BrokerOrder]) -> BrokerOrder:
    """Two exits of which one takes the place of the other, as one order; also where one is told alone.

    IBKR takes off the one what is executed of the other, so that the larger tells of how many units they are
    while they work, and the one that is filled ends both. Where both were filled all the same it is told so.

    Raises
    ------
    Riddle
        When a target has ended without having been filled, and nothing is told of the stop that was sent
        before it: the stop may be at work.
    """
    first = exits[0]
    alone = len(exits) == 1 and first.client_order_id.endswith(TARGET)
    if alone and first.state.ended and first.state is not OrderState.FILLED:
        raise Riddle("its target has ended, and no list has its stop", {"orderRef": name})
    if {(one.symbol, one.side) for one in exits} != {(first.symbol, first.side)}:
        raise Riddle("its exits are in different symbols, or on different sides", {"orderRef": name})
    filled, states = sum((one.filled for one in exits), ZERO), [one.state for one in exits]
    quantity = max(
        *(one.quantity for one in exits), filled
    )  # of what is over IBKR tells what was filled alone
    working = any(not one.ended for one in states)
    if OrderState.FILLED in states and (not working or filled == quantity):
        state = OrderState.FILLED
    elif working:
        state = OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED
    else:
        state = OrderState.REJECTED if OrderState.REJECTED in states and not filled else OrderState.CANCELLED
    said = {"perm_id": first.answer["perm_id"], "exits": [dict(one.answer) for one in exits]}
    return BrokerOrder(name, first.symbol, first.side, quantity, state, filled, said)


def _by_executions(name: str, executed: Sequence[ToldExecution], filled: Decimal) -> BrokerOrder:
    """An order that only its executions tell of: it is over, and what they add up to is all that it was."""
    first = executed[0]
    said = {"perm_id": first.perm_id, "words": "told by its executions alone"}
    return BrokerOrder(name, first.symbol, first.side, filled, OrderState.FILLED, filled, said)
