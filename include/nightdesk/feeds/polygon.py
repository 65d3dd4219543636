"""The `polygon` feed: daily and hourly bars, splits and dividends of Polygon, through its own client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nightdesk.core.names import NameChange
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.spellings import to_polygon
from nightdesk.feeds.stated_actions import GAINS, OTHER_CURRENCY
from nightdesk.feeds.vendor_answers import without_key
from nightdesk.feeds.vendor_feed import RawBar, VendorAction, VendorFeed, day_of

if TYPE_CHECKING:
    from nightdesk.feeds.polygon_http import PolygonLine

#: The account whose key, and address in place of the service's own, the environment has.
ACCOUNT = "POLYGON"


class PolygonFeed(VendorFeed):
    """Raw bars from Polygon, which states splits and payments in lists of their own."""

    name = "polygon"
    hourly = True

    @cached_property
    def line(self) -> PolygonLine:
        """The line to the service; `SourceFault` without a key."""
        from nightdesk.feeds.polygon_http import PolygonLine

        key = self.environ.get(f"NIGHTDESK_ACCOUNT_{ACCOUNT}_KEY")
        if not key:
            raise without_key(ACCOUNT, "KEY")
        url = self.environ.get(f"NIGHTDESK_ACCOUNT_{ACCOUNT}_URL")
        return PolygonLine(key, url, timeout=self.timeout, sleep=self.sleep)

    def former_names(self, symbol: str) -> tuple[NameChange, ...]:
        ticker = to_polygon(symbol)
        if ":" in ticker:
            return ()
        try:
            events = self.line.ticker_events(ticker)
        except SourceFault as error:
            if error.fault is Fault.ABSENT:
                return ()
            raise
        named = sorted((day_of(day).astype("datetime64[D]"), name) for day, name in events)
        ours = [(day, symbol if name == ticker else name) for day, name in named]
        return tuple(NameChange(old, new, day) for (_, old), (day, new) in pairwise(ours) if old != new)

    def ask(
        self, symbol: str, minutes: int, first: date, last: date
    ) -> tuple[Sequence[RawBar], Sequence[VendorAction], Mapping[str, int]]:
        ticker = to_polygon(symbol)
        bars = self.line.bars(ticker, minutes, first, last)
        rows = [(one.timestamp, one.open, one.high, one.low, one.close, one.volume) for one in bars]
        if ":" in ticker or not rows:
            return rows, (), {}
        splits, paid = self.line.splits(ticker, first, last), self.line.dividends(ticker, first, last)
        ours = [one for one in paid if (one.currency or "USD") == "USD"]
        foreign = len(paid) - len(ours)
        return rows, _stated(splits, ours), {OTHER_CURRENCY: foreign} if foreign else {}


def _stated(splits: Sequence[Any], payments: Sequence[Any]) -> list[VendorAction]:
    """Splits and payments; `SourceFault` where one lacks a number."""
    try:
        found = [
            VendorAction(day_of(one.execution_date), "split", one.split_to / one.split_from) for one in splits
        ]
        for one in payments:
            kind = "capital_gain" if one.dividend_type in GAINS else "dividend"
            found.append(VendorAction(day_of(one.ex_dividend_date), kind, float(one.cash_amount)))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise SourceFault(
            Fault.PASSING,
            f"the server answered splits or dividends that lack a number ({type(error).__name__})",
        ) from error
    return found
