"""What a session has brought before a decision within it: what rules per day add up over."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from nightdesk.accounting.ledger import Mark
from nightdesk.orders.fills import Fill


@dataclass(frozen=True, slots=True)
class Today:
    """A session so far; as it is by default for a daily book, whose session holds one decision.

    Attributes
    ----------
    trades : int
        Orders executed in the session that the decision's orders are meant for: none for a decision at a
        close, whose orders meet a new session.
    notional : float
        Dollars of them.
    low : float
        Lowest return of the day at a mark of the session; infinite before the first.
    """

    trades: int = 0
    notional: float = 0.0
    low: float = math.inf

    def after(self, fills: Iterable[Fill], day_return: float) -> Today:
        """The session after some more executions and the mark that follows them."""
        new = tuple(fills)
        return Today(
            trades=self.trades + len({fill.client_order_id for fill in new}),
            notional=self.notional + float(sum(fill.notional for fill in new)),
            low=min(self.low, day_return),
        )

    def at_close(self) -> Today:
        """As the decision at the close counts it, whose orders meet the next session."""
        return Today(low=self.low)


def since_close(mark: Mark, closing: Mark | None) -> Mark:
    """A mark within a session, its day's return measured from the closing mark of the session before.

    Parameters
    ----------
    mark : Mark
    closing : Mark or None
        None in a book's first session, of which there is no return.
    """
    moved = 0.0 if closing is None or not closing.nav else float(mark.nav / closing.nav - 1)
    return replace(mark, day_return=moved)
