"""The line to Binance's public data: klines and funding rates, and what its refusals mean."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from requests import Response

from nightdesk.core.masking import one_line
from nightdesk.feeds.ccxt_line import CcxtLine, finite_number, in_pages, records, whole_number
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.vendor_answers import fault_of_status
from nightdesk.retry_after import later_words, seconds_until

#: The account whose address, in place of the exchange's own, the environment has; it needs no key.
ACCOUNT = "BINANCE_DATA"

#: Rows of one page, the most that the exchange gives of klines and of rates.
ROWS_A_PAGE = 1_000

#: Its own names of a kline's length, by minutes; 0 is a day of UTC.
INTERVALS = {0: "1d", 30: "30m"}
DAY_MINUTES = 24 * 60

#: An address that goes on asking after a 429 is banned (418) for two minutes up to three days.
SHORTEST_BAN_SECONDS = 120.0
#: So long the exchange's firewall keeps out whom it has refused (403).
FIREWALL_SECONDS = 300.0

#: Its codes of faults that pass: a disconnection, too many requests, a time-out, an overload.
_PASSING = frozenset((-1000, -1001, -1003, -1006, -1007, -1008, -1016))
_UNKNOWN_PAIR = -1121

_ELSEWHERE = (
    "it does not serve this place: name another address in NIGHTDESK_ACCOUNT_BINANCE_DATA_URL, such as "
    "https://data-api.binance.vision for klines of coins, or another source"
)


class Kline(NamedTuple):
    """A bar: when it opens and closes in milliseconds since 1970, prices in the quote, volume in units."""

    opens: int
    closes: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class BinanceLine:
    """The line.

    Parameters
    ----------
    url : str or None
        Scheme and host in place of Binance's own.
    timeout : float
        Seconds for the connection, and for each next byte.
    sleep : callable
        Waits some seconds between attempts.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        services = ("public", "fapiPublic")
        self._line = CcxtLine("binance", url, services, binance_fault, timeout=timeout, sleep=sleep)

    def klines(self, pair: str, minutes: int, first: int, last: int, *, perpetual: bool) -> list[Kline]:
        """Bars of a pair that open from `first` to `last`, milliseconds since 1970, both included.

        Parameters
        ----------
        pair : str
            ``BTCUSDT``.
        minutes : int
            Length of a bar, 30; 0 for a day of UTC.
        first, last : int
        perpetual : bool
            Whether the perpetual future of that name is meant, and not the coin.

        Raises
        ------
        SourceFault
            When the exchange does not give them.
        """
        method = "fapiPublicGetKlines" if perpetual else "publicGetKlines"

        def page(start: int, end: int) -> list[Kline]:
            span = {"startTime": start, "endTime": end, "limit": ROWS_A_PAGE}
            rows = self._line.ask("klines", method, {"symbol": pair, "interval": INTERVALS[minutes], **span})
            return _klines(rows)

        return in_pages(page, lambda one: one.opens, (first, last), "klines", step=milliseconds_of(minutes))

    def funding(self, pair: str, first: int, last: int) -> list[Mapping[str, Any]]:
        """Funding rates as they came (``fundingTime``, ``fundingRate``); span and errors as `klines`."""
        names = ("symbol", "fundingTime", "fundingRate")

        def page(start: int, end: int) -> list[Mapping[str, Any]]:
            asked = {"symbol": pair, "startTime": start, "endTime": end, "limit": ROWS_A_PAGE}
            rows = self._line.ask("funding rates", "fapiPublicGetFundingRate", asked)
            return list(records(rows, names, "funding rates"))

        return in_pages(
            page,
            lambda one: whole_number(one["fundingTime"], "funding rates"),
            (first, last),
            "funding rates",
        )


def milliseconds_of(minutes: int) -> int:
    """The length of a kline."""
    return (minutes or DAY_MINUTES) * 60_000


def _klines(rows: Any) -> list[Kline]:
    if not isinstance(rows, list):
        raise SourceFault(Fault.PASSING, "the server's answer has no list of klines")
    found = []
    for row in rows:
        if not isinstance(row, list) or len(row) < 7:
            raise SourceFault(Fault.PASSING, "the server answered klines that lack a number or their instant")
        opens, closes = whole_number(row[0], "klines"), whole_number(row[6], "klines")
        found.append(Kline(opens, closes, *(finite_number(one, "klines") for one in row[1:6])))
    return found


def binance_fault(response: Response, document: Any, wanted: str) -> SourceFault | None:
    """What an answer of Binance's says; None where it is what was asked for."""
    status = response.status_code
    code, said = _said(document)
    words = f": {said}" if said else ""
    if status in (403, 418):
        return _shut_out(response, words)
    if status == 451:
        return SourceFault(Fault.FINAL, f"the server refuses the request (451): {_ELSEWHERE}")
    if code == _UNKNOWN_PAIR:
        return SourceFault(Fault.ABSENT, f"it has no such pair ({status}{words})")
    if status != 200 and code not in _PASSING:
        return fault_of_status(response, "it refuses this address", said)
    if isinstance(document, dict):  # what was asked for is a list
        after = seconds_until(response.headers.get("Retry-After"))
        fault = Fault.PASSING if code is None or code in _PASSING else Fault.FINAL
        return SourceFault(
            fault, f"the server answered an error ({status}{words}){later_words(after)}", after
        )
    return None


def _shut_out(response: Response, words: str) -> SourceFault:
    """A ban, or the firewall: whoever asks again before its end is kept out for longer."""
    asked = seconds_until(response.headers.get("Retry-After"))
    if response.status_code == 418:
        after = max(asked or 0.0, SHORTEST_BAN_SECONDS)
        why = "has banned this address for asking too often"
    else:
        after, why = asked or FIREWALL_SECONDS, "keeps this address out by its firewall"
    return SourceFault(
        Fault.PASSING, f"the server {why} ({response.status_code}{words}){later_words(after)}", after
    )


def _said(document: Any) -> tuple[int | None, str]:
    """Code and words of an error; no code where it has none."""
    if not isinstance(document, dict):
        return None, ""
    code = document.get("code")
    said = one_line(str(document.get("msg") or ""))[:160]
    return (code if isinstance(code, int) and not isinstance(code, bool) else None), said
