"""The `alpaca` source of closing quotes, through Alpaca's own client."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nightdesk.core.facts import QUOTES
from nightdesk.feeds.alpaca_bars import ACCOUNT
from nightdesk.feeds.closing_quotes import QUOTES_ASKED, ROUND_LOT, ClosingQuotes, VendorQuote, size_of
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.vendor_answers import without_key
from nightdesk.feeds.vendor_facts import number_of

if TYPE_CHECKING:
    from nightdesk.feeds.alpaca_data_line import AlpacaDataLine

_INSTANT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?Z")


class AlpacaFacts(ClosingQuotes):
    """Closing quotes of Alpaca. Its sizes are round lots of 100 shares, and shares from November 2025 on."""

    name = "alpaca"
    kinds = (QUOTES,)
    account = ACCOUNT
    unit_of_sizes = (ROUND_LOT, 1.0)

    @cached_property
    def line(self) -> AlpacaDataLine:
        """The line to the service; `SourceFault` without key and secret."""
        from nightdesk.feeds.alpaca_data_line import AlpacaDataLine

        key, secret = self.part("KEY"), self.part("SECRET")
        if key is None or secret is None:
            lacking = [name for name, value in (("KEY", key), ("SECRET", secret)) if value is None]
            raise without_key(ACCOUNT, *lacking)
        return AlpacaDataLine(
            "the quotes of alpaca", key, secret, self.part("URL"), timeout=self.timeout, sleep=self.sleep
        )

    def newest(self, symbol: str, since: datetime, until: datetime) -> Sequence[VendorQuote]:
        name = re.sub(r"[-/](?=[A-Z]$)", ".", symbol)
        found = self.line.quotes(name, since, until, QUOTES_ASKED)
        # The service gives the newest first: of one instant, the first is the last.
        return [_quote(one, -at) for at, one in enumerate(found)]


def _quote(found: Mapping[str, Any], order: int) -> VendorQuote:
    at = _nanoseconds(found.get("t"))
    bid, ask, bid_size, ask_size = (number_of(found.get(name)) for name in ("bp", "ap", "bs", "as"))
    if at is None or math.isnan(bid + ask + bid_size + ask_size):
        raise SourceFault(Fault.PASSING, "the server answered quotes that lack a number or their instant")
    return VendorQuote(at, bid, ask, size_of(bid_size), size_of(ask_size), order)


def _nanoseconds(text: Any) -> int | None:
    """An instant of RFC 3339 as nanoseconds since 1970; None where it is none."""
    found = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    try:
        whole = datetime.fromisoformat(f"{found[1]}+00:00")
    except ValueError:
        return None
    return round(whole.timestamp()) * 1_000_000_000 + int((found[2] or "0").ljust(9, "0"))
