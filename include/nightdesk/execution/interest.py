"""Interest on idle cash of simulated accounts: one convention for backtest, paper broker and settling."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from nightdesk.execution.ledger import WHOLE_BOOK, Entry
from nightdesk.execution.money import ZERO, exact, to_cents

#: Days of a year of interest: actual/360, as money markets count.
DAYS_A_YEAR = 360


def interest_entries(cash: Decimal, rate: float, before: date, session: date) -> tuple[Entry, ...]:
    """The entry of the interest from one session to the next, to the cent; none where it is 0.

    Parameters
    ----------
    cash : Decimal
        Settled at the end of the session before, dollars. Cash below 0 earns and costs nothing here.
    rate : float
        Annual, a share: 0.03 is 3 %.
    before, session : date
        The session before, and the one that books it: every day between them counts, weekends too.
    """
    days = (session - before).days
    earned = to_cents(max(cash, ZERO) * exact(rate) * days / DAYS_A_YEAR)
    if not earned:
        return ()
    reference = f"interest-{session}"
    return (Entry(session, "interest", WHOLE_BOOK, WHOLE_BOOK, ZERO, ZERO, earned, ZERO, reference),)
