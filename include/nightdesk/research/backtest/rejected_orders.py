"""What becomes of orders that a broker rejects, in a simulation."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace

from nightdesk.accounting.settlement import Accrued, Executed
from nightdesk.orders import Expired

#: Why such an order was not filled.
REJECTED = "the broker has rejected it"


def rejecting(execute: Callable[[Accrued], Executed], sent: Container[str]) -> Callable[[Accrued], Executed]:
    """An execution in which the orders of some ids are rejected, and the others meet the market.

    Parameters
    ----------
    execute : callable
        What the others become; see `nightdesk.accounting.settle`.
    sent : container of str
        Client order ids of what the broker is sent for this session; what rests there is not rejected.
    """

    def executed(accrued: Accrued) -> Executed:
        rejected = [one for one in accrued.orders if one.client_order_id in sent]
        others = tuple(one for one in accrued.orders if one.client_order_id not in sent)
        met = execute(replace(accrued, orders=others))
        ended = tuple(Expired(one.client_order_id, one.symbol, one.quantity, REJECTED) for one in rejected)
        return replace(met, expired=(*ended, *met.expired))

    return executed
