"""The line to Bybit's public data: funding rates, and what its refusals mean."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from requests import Response

from nightdesk.core.masking import one_line
from nightdesk.feeds.ccxt_line import CcxtLine, in_pages, records, whole_number
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.vendor_answers import fault_of_status

#: The account whose address, in place of the exchange's own, the environment has; it needs no key.
ACCOUNT = "BYBIT_DATA"

#: Rows of one page, the most that the exchange gives.
ROWS_A_PAGE = 200

#: So long the exchange keeps out an address that asks too often (403).
SHUT_OUT_SECONDS = 600.0

#: Its codes of faults that pass: a time-out, a clock, too many requests, an error of its own.
_PASSING = frozenset((10000, 10002, 10006, 10016, 10018, 10429))
_WRONG_PARAMETER = 10001


class BybitLine:
    """The line.

    Parameters
    ----------
    url : str or None
        Scheme and host in place of Bybit's own.
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
        self._line = CcxtLine("bybit", url, ("public",), bybit_fault, timeout=timeout, sleep=sleep)

    def funding(self, name: str, first: int, last: int) -> list[Mapping[str, Any]]:
        """The rates of a perpetual as they came (``fundingRateTimestamp``, ``fundingRate``).

        A page holds the newest rates of its span, whatever its beginning says: they are asked for backwards.

        Parameters
        ----------
        name : str
            ``BTCUSDT``.
        first, last : int
            Milliseconds since 1970, both included.

        Raises
        ------
        SourceFault
            When the exchange does not give them.
        """
        names = ("symbol", "fundingRate", "fundingRateTimestamp")

        def page(start: int, end: int) -> list[Mapping[str, Any]]:
            span = {"startTime": start, "endTime": end, "limit": ROWS_A_PAGE}
            asked = {"category": "linear", "symbol": name, **span}
            answer = self._line.ask("funding rates", "publicGetV5MarketFundingHistory", asked)
            result = answer.get("result")
            rows = result.get("list") if isinstance(result, dict) else None
            return list(records(rows, names, "funding rates"))

        return in_pages(
            page,
            lambda one: whole_number(one["fundingRateTimestamp"], "funding rates"),
            (first, last),
            "funding rates",
            newest_first=True,
        )


def bybit_fault(response: Response, document: Any, wanted: str) -> SourceFault | None:
    """What an answer of Bybit's says; None where it is what was asked for."""
    status = response.status_code
    code, said = _said(document)
    words = f": {said}" if said else ""
    if status == 403:
        return _shut_out(response.text)
    if status != 200:
        return fault_of_status(response, "it refuses this address", said)
    if document is None or code == 0:
        return None
    if code in _PASSING:
        return SourceFault(Fault.PASSING, f"the server answered an error ({code}{words})")
    if code == _WRONG_PARAMETER and "symbol" in said.lower():
        return SourceFault(Fault.ABSENT, f"it has no such perpetual ({code}{words})")
    if code is None:
        return SourceFault(Fault.PASSING, f"the server answered no code where {wanted} were asked for")
    return SourceFault(Fault.FINAL, f"the server refuses the request ({code}{words})")


def _shut_out(text: str) -> SourceFault:
    """An address is kept out for a while that asks too often, for good where the exchange does not serve."""
    if "block access from your country" in text:
        return SourceFault(
            Fault.FINAL,
            "the server refuses access (403): it does not serve this place; name another address in "
            f"NIGHTDESK_ACCOUNT_{ACCOUNT}_URL, or another source",
        )
    return SourceFault(
        Fault.PASSING, "the server keeps this address out for asking too often (403)", SHUT_OUT_SECONDS
    )


def _said(document: Any) -> tuple[int | None, str]:
    if not isinstance(document, dict):
        return None, ""
    code = document.get("retCode")
    known = isinstance(code, int) and not isinstance(code, bool)
    return (code if known else None), one_line(str(document.get("retMsg") or ""))[:160]
