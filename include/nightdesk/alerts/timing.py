"""When an alert is due: at once, after growing waits where that failed, an EMERGENCY until acknowledged."""

from __future__ import annotations

from datetime import datetime, timedelta

from nightdesk.store.delivery_rows import Delivery
from nightdesk.store.message_rows import Level

#: After the first failed attempt; each further one doubles it.
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
REPEATED_EVERY = timedelta(hours=1)

#: An alert of which nobody was told in a day, for lack of any address, is not sent when one is set.
FRESH_FOR = timedelta(days=1)


def is_due(level: Level, delivery: Delivery, now: datetime) -> bool:
    """Whether an alert that is not acknowledged is to be sent to one receiver now.

    Parameters
    ----------
    level : str
        INFO, WARNING, CRITICAL or EMERGENCY.
    delivery : Delivery
        What became of earlier attempts.
    now : datetime
        The database's clock.
    """
    if delivery.failures and delivery.last_attempt_at is not None:
        return now >= delivery.last_attempt_at + wait_after(delivery.failures)
    if delivery.sent_at is None:
        return True
    return level == "EMERGENCY" and now >= delivery.sent_at + REPEATED_EVERY


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many failed attempts in a row."""
    # Beyond ten doublings the power would only grow to be cut off.
    return min(FIRST_WAIT * (1 << min(failures - 1, 10)), LONGEST_WAIT)


def is_fresh(level: Level, created_at: datetime, now: datetime) -> bool:
    """Whether an alert that was brought to nobody yet is still worth sending."""
    return level == "EMERGENCY" or now - created_at <= FRESH_FOR
