"""A server on loopback that answers as Bybit does: funding rates of linear perpetuals.

Paths, parameters, forms and codes follow the exchange's published description: a page holds the newest rates
up to `endTime`, the newest first, at most `limit`, and a `startTime` without an end is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

HISTORY = "/v5/market/funding/history"

UNKNOWN_SYMBOL = Bad(
    200, '{"retCode":10001,"retMsg":"Not supported symbols","result":{},"time":1709891679050}'
)
TOO_MANY_VISITS = Bad(200, '{"retCode":10006,"retMsg":"Too many visits!","result":{},"time":1709891679050}')
TOO_FREQUENT = Bad(403, "403, access too frequent")
BLOCKED = Bad(
    403, "<HTML>The Amazon CloudFront distribution is configured to block access from your country.</HTML>"
)


def history_of(pair: str, rates: Sequence[tuple[int, str]]) -> dict[str, Any]:
    """An answer with some rates, the newest first."""
    rows = [
        {"symbol": pair, "fundingRate": rate, "fundingRateTimestamp": str(at)}
        for at, rate in sorted(rates, reverse=True)
    ]
    return {
        "retCode": 0,
        "retMsg": "OK",
        "result": {"category": "linear", "list": rows},
        "retExtInfo": {},
        "time": 1709891679050,
    }


class FakeBybit(ScriptedServer):
    """The server, a context manager: `rates` of each pair, as (milliseconds since 1970, rate in text)."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: dict[str, Sequence[tuple[int, str]]] = {}
        self.rows_a_page = 200

    @property
    def environ(self) -> dict[str, str]:
        """What names this server to the source."""
        return {"NIGHTDESK_ACCOUNT_BYBIT_DATA_URL": self.url}

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        if path != HISTORY:
            return Bad(404, "404 page not found")
        pair = query.get("symbol", "")
        if query.get("category") != "linear" or pair not in self.rates:
            return UNKNOWN_SYMBOL
        if "startTime" in query and "endTime" not in query:
            return Bad(200, '{"retCode":10001,"retMsg":"params error: endTime is required","result":{}}')
        within = [
            one for one in self.rates[pair] if int(query["startTime"]) <= one[0] <= int(query["endTime"])
        ]
        page = sorted(within, reverse=True)[: min(self.rows_a_page, int(query["limit"]))]
        return Bad(200, json.dumps(history_of(pair, page)), {"Content-Type": "application/json"})
