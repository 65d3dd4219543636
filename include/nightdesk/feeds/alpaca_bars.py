"""The `alpaca` feed: daily and hourly bars and corporate actions of Alpaca, through its own clients."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.vendor_answers import without_key
from nightdesk.feeds.vendor_feed import RawBar, VendorAction, VendorFeed, day_of

if TYPE_CHECKING:
    from nightdesk.feeds.alpaca_data_line import AlpacaDataLine

#: The account whose key and secret, and address in place of the service's own, the environment has.
ACCOUNT = "ALPACA_DATA"


class AlpacaFeed(VendorFeed):
    """Raw bars from Alpaca, which states corporate actions of every kind in one list.

    It has shares and coins, and no index.
    """

    name = "alpaca"
    hourly = True

    @cached_property
    def line(self) -> AlpacaDataLine:
        """The line to the service; `SourceFault` without key and secret."""
        from nightdesk.feeds.alpaca_data_line import AlpacaDataLine

        parts = {
            part: self.environ.get(f"NIGHTDESK_ACCOUNT_{ACCOUNT}_{part}") for part in ("KEY", "SECRET", "URL")
        }
        key, secret = parts["KEY"], parts["SECRET"]
        if not key or not secret:
            raise without_key(ACCOUNT, *(part for part in ("KEY", "SECRET") if not parts[part]))
        return AlpacaDataLine(
            "the bars of alpaca", key, secret, parts["URL"] or None, timeout=self.timeout, sleep=self.sleep
        )

    def covers(self, symbol: str) -> bool:
        return not symbol.startswith("^")

    def ask(
        self, symbol: str, minutes: int, first: date, last: date
    ) -> tuple[Sequence[RawBar], Sequence[VendorAction], Mapping[str, int]]:
        if not self.covers(symbol):
            raise SourceFault(Fault.ABSENT, "it has no index")
        if self.is_continuous(symbol):
            return _rows(self.line.coin_bars(symbol.replace("-", "/"), minutes, first, last)), (), {}
        name = re.sub(r"[-/](?=[A-Z]$)", ".", symbol)
        rows = _rows(self.line.bars(name, minutes, first, last))
        if not rows:
            return rows, (), {}
        return rows, tuple(_stated(name, self.line.actions(name, first, last))), {}


def _rows(bars: Sequence[Mapping[str, Any]]) -> list[RawBar]:
    try:
        return [(_milliseconds(one["t"]), one["o"], one["h"], one["l"], one["c"], one["v"]) for one in bars]
    except (KeyError, TypeError, ValueError) as error:
        raise SourceFault(
            Fault.PASSING, "the server answered bars that lack a number or their instant"
        ) from error


def _milliseconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.timestamp() * 1000.0


def _stated(name: str, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[VendorAction]:
    """Its splits, payments, and what becomes of it."""
    try:
        for one in (*found.get("forward_splits", ()), *found.get("reverse_splits", ())):
            yield VendorAction(day_of(one["ex_date"]), "split", one["new_rate"] / one["old_rate"])
        for one in found.get("stock_dividends", ()):
            yield VendorAction(day_of(one["ex_date"]), "split", 1.0 + one["rate"])
        for one in found.get("cash_dividends", ()):
            yield VendorAction(day_of(one["ex_date"]), "dividend", float(one["rate"]))
        for one in found.get("name_changes", ()):
            if one["old_symbol"] == name != one["new_symbol"]:
                yield VendorAction(day_of(one["process_date"]), "symbol_change", 1.0, one["new_symbol"])
        for one in found.get("cash_mergers", ()):
            if one["acquiree_symbol"] == name:
                taker = one.get("acquirer_symbol") or ""
                yield VendorAction(day_of(one["effective_date"]), "merger", 0.0, taker, float(one["rate"]))
        for one in found.get("worthless_removals", ()):
            yield VendorAction(day_of(one["process_date"]), "delisting", 0.0)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise SourceFault(
            Fault.PASSING,
            f"the server answered corporate actions that cannot be read ({type(error).__name__})",
        ) from error
