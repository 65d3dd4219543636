"""What cash earns in a simulated account, from one decision to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightdesk.execution.ledger import WHOLE_BOOK, Entry, Ledger
from nightdesk.execution.money import ZERO, to_cents

if TYPE_CHECKING:
    from nightdesk.execution.period import Period

#: Days of a year of interest: actual/360, as money markets count.
DAYS_A_YEAR = 360


def interest(ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    """The entry of a period's interest on the cash of its beginning, to the cent; none where it is 0.

    Every calendar day counts, weekends too. Cash below 0 earns and costs nothing.
    """
    earned = to_cents(max(ledger.cash, ZERO) * period.terms.rates.credit * period.days / DAYS_A_YEAR)
    if not earned:
        return ()
    reference = f"interest-{period.session}"
    return (Entry(period.session, "interest", WHOLE_BOOK, WHOLE_BOOK, ZERO, ZERO, earned, ZERO, reference),)
