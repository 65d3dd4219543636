"""A server on loopback that answers as Binance does: klines of coins and perpetuals, and funding rates.

Paths, parameters, forms and codes follow the exchange's published description: rows from `startTime` to
`endTime`, the oldest first, at most `limit`; an unknown pair is a 400 with the code -1121.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

SPOT, FUTURES, FUNDING = "/api/v3/klines", "/fapi/v1/klines", "/fapi/v1/fundingRate"
LENGTHS = {"30m": 30 * 60_000, "1d": 24 * 60 * 60_000}

UNKNOWN_PAIR = Bad(400, '{"code":-1121,"msg":"Invalid symbol."}')
TOO_MUCH_WEIGHT = '{"code":-1003,"msg":"Too much request weight used; current limit is 6000 per 1 MINUTE."}'
BANNED = Bad(418, '{"code":-1003,"msg":"Way too much request weight used; IP banned until 1717646400000."}')
ELSEWHERE = Bad(
    451,
    '{"code":0,"msg":"Service unavailable from a restricted location according to \'b. Eligibility\'."}',
)

#: When it opens, o, h, l, c, volume.
Candle = tuple[datetime, float, float, float, float, float]


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return round(moment.timestamp() * 1000)


def kline(candle: Candle, length: int) -> list[Any]:
    """One as it is published: prices in text."""
    opens, *prices, volume = candle
    start = milliseconds(opens)
    text = [f"{one:.8f}" for one in (*prices, volume)]
    quote = f"{prices[3] * volume:.8f}"
    return [start, *text, start + length - 1, quote, 12, text[4], quote, "0"]


class FakeBinance(ScriptedServer):
    """The server, a context manager: what the dictionaries hold are its good answers.

    Attributes
    ----------
    candles : dict of (path, pair, interval) to sequence of Candle
    rates : dict of pair to sequence of (milliseconds since 1970, rate in text)
    rows_a_page : int
        More are never given, whatever the limit asks for.
    stuck : bool
        Every page begins where the first one did.
    """

    def __init__(self) -> None:
        super().__init__()
        self.candles: dict[tuple[str, str, str], Sequence[Candle]] = {}
        self.rates: dict[str, Sequence[tuple[int, str]]] = {}
        self.rows_a_page = 1_000
        self.stuck = False

    @property
    def environ(self) -> dict[str, str]:
        """What names this server to the feed."""
        return {"NIGHTDESK_ACCOUNT_BINANCE_DATA_URL": self.url}

    def heal(self) -> None:
        """From now on every answer is good."""
        super().heal()
        self.stuck = False

    def trade(self, pair: str, candles: Sequence[Candle], interval: str = "1d", path: str = SPOT) -> None:
        """What there is of a pair."""
        self.candles[path, pair, interval] = candles

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        pair = query.get("symbol", "")
        if path in (SPOT, FUTURES):
            if not any(known[:2] == (path, pair) for known in self.candles):
                return UNKNOWN_PAIR
            length = LENGTHS[query["interval"]]
            given = self.candles.get((path, pair, query["interval"]), ())
            rows = [(milliseconds(one[0]), kline(one, length)) for one in given]
        elif path == FUNDING:
            if pair not in self.rates:
                return UNKNOWN_PAIR
            rows = [
                (at, {"symbol": pair, "fundingRate": rate, "fundingTime": at, "markPrice": "34287.54619963"})
                for at, rate in self.rates[pair]
            ]
        else:
            return Bad(404, "<html><h2>404 Not found</h2></html>")
        start = 0 if self.stuck else int(query["startTime"])
        within = [row for at, row in rows if start <= at <= int(query["endTime"])]
        page = within[: min(self.rows_a_page, int(query["limit"]))]
        return Bad(200, json.dumps(page), {"Content-Type": "application/json"})
