"""When New York trades, for fakes of brokers."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np

NEW_YORK = ZoneInfo("America/New_York")


@cache
def _hours() -> tuple[Any, Any]:
    """Opens and closes of New York, `datetime64[s]` in UTC."""
    calendar = exchange_calendars.get_calendar("XNYS", start="2005-01-03")
    opens = calendar.opens.dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    closes = calendar.closes.dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    return opens, closes


def next_open(now: datetime) -> datetime:
    """The first open after an instant."""
    return _after(_hours()[0], now)


def next_close(now: datetime) -> datetime:
    """The first close after an instant."""
    return _after(_hours()[1], now)


def is_open(now: datetime) -> bool:
    """Whether New York trades at an instant."""
    return next_close(now) < next_open(now)


def _after(moments: Any, now: datetime) -> datetime:
    wanted = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us")
    found: datetime = moments[int(np.searchsorted(moments, wanted, side="right"))].item()
    return found.replace(tzinfo=UTC)
