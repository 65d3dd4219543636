"""The `fred` feed: the close of the volatility index, of which FRED has a single number a day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from nightdesk.feeds.feed import WITHOUT_PRICE, Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.vendor_answers import without_key
from nightdesk.feeds.vendor_facts import NEW_YORK
from nightdesk.feeds.vendor_feed import RawBar, VendorAction, VendorFeed

if TYPE_CHECKING:
    from nightdesk.feeds.fred_http import FredLine

#: FRED's series of a symbol.
SERIES: Mapping[str, str] = {"^VIX": "VIXCLS"}


class FredFeed(VendorFeed):
    """Daily closes of ^VIX.

    FRED has the close alone: open, high and low of its bars are that same number, and there is no volume.
    The desk reads nothing but the close of this index, which is not traded. FRED tells a close on the next
    morning, so it serves histories and the sessions before, not the evening of the session itself.
    """

    name = "fred"

    @cached_property
    def line(self) -> FredLine:
        """The line to the service; `SourceFault` without a key."""
        from nightdesk.feeds.fred_http import ACCOUNT, FredLine

        key = self.environ.get(f"NIGHTDESK_ACCOUNT_{ACCOUNT}_KEY")
        if not key:
            raise without_key(ACCOUNT, "KEY")
        url = self.environ.get(f"NIGHTDESK_ACCOUNT_{ACCOUNT}_URL")
        return FredLine(key, url or None, timeout=self.timeout, sleep=self.sleep)

    def covers(self, symbol: str) -> bool:
        return symbol in SERIES

    def ask(
        self, symbol: str, minutes: int, first: date, last: date
    ) -> tuple[Sequence[RawBar], Sequence[VendorAction], Mapping[str, int]]:
        if minutes or not self.covers(symbol):
            raise SourceFault(Fault.ABSENT, f"it has daily closes of {', '.join(SERIES)} alone")
        rows: list[RawBar] = []
        without = 0
        for one in self.line.observations(SERIES[symbol], first, last):
            if math.isnan(one.value):
                without += 1
                continue
            start = datetime(one.period.year, one.period.month, one.period.day, tzinfo=NEW_YORK)
            close = one.value
            rows.append((start.timestamp() * 1000.0, close, close, close, close, math.nan))
        return rows, (), {WITHOUT_PRICE: without} if without else {}
