"""Rules of the law: purchases that would disallow a loss, day trades of a small account.

What they measure is worked out from the ledger by `nightdesk.accounting.tax` and comes in through the
situation.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen
from nightdesk.core.panel import Floats
from nightdesk.risk.rule import Rule, Ruling, register
from nightdesk.risk.rules.trading import by_size, sizes
from nightdesk.risk.situation import Situation, anywhere

#: FINRA replaced the day-trade rule by intraday margin standards from here on, for brokers that adopted them.
DAY_TRADE_RULE_ENDS = date(2026, 6, 4)


def _any_of(amounts: Floats | float) -> bool:
    return np.count_nonzero(amounts) > 0


@register
class WashSale(Rule):
    """Purchases of a symbol that was sold at a loss in the last 30 days: told of, or refused.

    The loss is not gone, it moves into the new lot; see `nightdesk.accounting.tax`. A sale at a loss shortly
    after a purchase is never held back: a reduction is worth more than its tax.
    """

    name = "wash_sale"
    order = 111
    subject = "entries"
    inputs: ClassVar = frozenset({"taxes"})
    sentence = "a purchase now disallows up to {value:,.2f} dollars of losses of the last 30 days (wash sale)"

    class Params(Frozen):
        """What it does."""

        purchases: Literal["flag", "refuse"] = Field(
            "flag", description="flag: they pass, and the verdict tells the loss; refuse: they are cut"
        )

    def concerns(self, situation: Situation) -> bool:
        """Whether any symbol has such a loss."""
        return _any_of(situation.wash_loss)

    def idle(self, situation: Situation) -> bool:
        """Where it only tells."""
        return bool(self.params.purchases == "flag")

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """What is bought undone, where there is a loss and the book refuses; short sales may be closed."""
        loss = np.broadcast_to(np.asarray(situation.wash_loss, dtype=np.float64), wanted.shape)
        buys = (loss > 0.0) & (wanted > held) & (wanted > 0.0)
        if self.params.purchases == "flag" or not anywhere(buys):
            return Ruling(wanted, loss, 0.0)
        return Ruling(np.where(buys, np.maximum(held, 0.0), wanted), loss, 0.0)


@register
class PatternDayTrader(Rule):
    """With too little equity, so many day trades in so many sessions, and not one more.

    A day trade closes what was opened in the same session. Orders of a daily book meet a session in which
    nothing was traded yet, so the rule has no word on them; it speaks where a decision falls within the
    session that its orders are filled in.
    """

    name = "pattern_day_trader"
    order = 112
    subject = "trades"
    inputs: ClassVar = frozenset({"taxes"})
    sentence = "day trade number {value:.0f} within the sessions that count, at most {limit:.0f} are allowed"

    class Params(Frozen):
        """Its numbers."""

        limit: int = Field(3, ge=0, description="day trades within `sessions`")
        sessions: int = Field(5, ge=1, description="sessions that count, that of the trade among them")
        equity: float = Field(25_000.0, gt=0, description="dollars of NAV from which the rule does not apply")
        in_force: Literal["until_2026_06_04", "always", "never"] = Field(
            "until_2026_06_04",
            description="until FINRA's rule ended; always, where the broker keeps to it; never",
        )

    def concerns(self, situation: Situation) -> bool:
        """Whether the account is small, the rule in force, and anything open that was opened today."""
        return (
            situation.nav < self.params.equity
            and self._in_force(situation.session)
            and _any_of(situation.opened_today)
        )

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """The day trades beyond the limit undone, the largest changes of weight come first."""
        closes = (wanted - held) * situation.opened_today < 0.0
        size = np.where(closes, sizes(wanted, held, situation), 0.0)
        order = by_size(size, situation)
        number = np.full_like(size, np.nan)
        number[order] = situation.day_trades + np.arange(1, len(order) + 1)
        limit: int = self.params.limit
        over = number > limit
        return Ruling(np.where(over, held, wanted) if anywhere(over) else wanted, number, float(limit))

    @property
    def trade_sessions(self) -> int:
        """Those that count but the one of the orders."""
        return max(1, int(self.params.sessions) - 1)

    def _in_force(self, session: date | None) -> bool:
        """Without a session it is not known that the rule has ended."""
        said = self.params.in_force
        return said == "always" or (
            said == "until_2026_06_04" and (session is None or session < DAY_TRADE_RULE_ENDS)
        )
