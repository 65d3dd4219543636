"""The line to Alpaca's data: its own clients, held to few seconds and a few tries.

A client by itself waits without end, and raises whatever the HTTP library raises, with the request's
headers, and the key among them, hanging on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from requests import PreparedRequest, Response

from nightdesk.bounded_http import (
    NO_ANSWER,
    BoundedAdapter,
    hold_client,
    no_answer,
    refuse_unsendable,
)
from nightdesk.core.masking import one_line
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault, retrying
from nightdesk.feeds.vendor_answers import checked_address, fault_of_silence, fault_of_status

NEW_YORK = ZoneInfo("America/New_York")

#: Where the service is.
ADDRESS = "https://data.alpaca.markets"

#: For the whole answer to one request.
WHOLE_SECONDS = 60.0

_ACCESS = "its key and secret are unknown, or may not do this"

#: A server that tells the same page for ever would be asked for ever.
MOST_PAGES = 2_000


class AlpacaDataLine:
    """The line.

    Parameters
    ----------
    what : str
        What is asked for over it, for errors: "the news of alpaca".
    key, secret : str
        They show in no representation and no error.
    url : str or None
        Scheme and host in place of Alpaca's own.
    timeout : float
        Seconds for the connection, and for each next byte.
    sleep : callable
        Waits some seconds between attempts.
    """

    def __init__(
        self,
        what: str,
        key: str,
        secret: str,
        url: str | None = None,
        *,
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        refuse_unsendable(what, key, secret)
        self._key, self._secret = key, secret
        # The client completes it by itself.
        self._address = checked_address(what, url or ADDRESS, ADDRESS).removesuffix("/v1beta1")
        self._timeout, self._sleep = timeout, sleep

    def news(self, symbols: str, after: datetime, until: datetime) -> list[dict[str, Any]]:
        """The articles of some symbols (comma-separated), of all pages.

        Raises
        ------
        SourceFault
            When the service does not give them.
        """
        from alpaca.data.historical.news import NewsClient
        from alpaca.data.requests import NewsRequest

        wanted = NewsRequest(start=after, end=until, sort="asc", symbols=symbols, include_content=False)
        return self._asked(
            "news",
            NewsClient,
            lambda client: _records(client.get_news(wanted)["news"], "articles", "news"),
        )

    def bars(self, symbol: str, minutes: int, first: date, last: date) -> list[dict[str, Any]]:
        """Raw bars of a share of so many minutes each, of a day where that is 0; raises as `news`."""
        from alpaca.data.historical.stock import StockHistoricalDataClient
        from alpaca.data.requests import StockBarsRequest

        wanted = StockBarsRequest(
            symbol_or_symbols=symbol, adjustment="raw", **_span(minutes, first, last, NEW_YORK)
        )
        return self._asked(
            "bars",
            StockHistoricalDataClient,
            lambda client: _of_symbol(symbol, client.get_stock_bars(wanted), "bars"),
        )

    def coin_bars(self, symbol: str, minutes: int, first: date, last: date) -> list[dict[str, Any]]:
        """Bars of a coin, such as BTC/USD; as `bars`."""
        from alpaca.data.historical.crypto import CryptoHistoricalDataClient
        from alpaca.data.requests import CryptoBarsRequest

        wanted = CryptoBarsRequest(symbol_or_symbols=symbol, **_span(minutes, first, last, ZoneInfo("UTC")))
        return self._asked(
            "bars",
            CryptoHistoricalDataClient,
            lambda client: _of_symbol(symbol, client.get_crypto_bars(wanted), "bars"),
        )

    def quotes(self, symbol: str, since: datetime, until: datetime, count: int) -> list[dict[str, Any]]:
        """So many of the newest quotes of a share in a span, the newest first; raises as `news`."""
        from alpaca.common.enums import Sort
        from alpaca.data.historical.stock import StockHistoricalDataClient
        from alpaca.data.requests import StockQuotesRequest

        wanted = StockQuotesRequest(
            symbol_or_symbols=symbol, start=since, end=until, limit=count, sort=Sort.DESC
        )
        return self._asked(
            "quotes",
            StockHistoricalDataClient,
            lambda client: _of_symbol(symbol, client.get_stock_quotes(wanted), "quotes"),
        )

    def actions(self, symbol: str, first: date, last: date) -> dict[str, list[dict[str, Any]]]:
        """Corporate actions of a share by their kind, such as ``forward_splits``; raises as `news`."""
        from alpaca.data.historical.corporate_actions import CorporateActionsClient
        from alpaca.data.requests import CorporateActionsRequest

        # By its default the client ends after a thousand, and says nothing.
        wanted = CorporateActionsRequest(symbols=[symbol], start=first, end=last, limit=None)
        return self._asked(
            "corporate actions",
            CorporateActionsClient,
            lambda client: {
                kind: _records(rows, "list", "corporate actions")
                for kind, rows in client.get_corporate_actions(wanted).items()
            },
        )

    def _asked[T](self, wanted: str, client: type[Any], question: Callable[[Any], T]) -> T:
        answer: T = retrying(self._sleep)(self._once, wanted, client, question)
        return answer

    def _once[T](self, wanted: str, kind: type[Any], question: Callable[[Any], T]) -> T:
        from alpaca.common.exceptions import APIError

        fault: Exception
        client = kind(self._key, self._secret, raw_data=True, url_override=self._address)
        hold_client(client, _OneQuestion(self._timeout), self._address)
        try:
            return question(client)
        except SourceFault as error:
            fault = error
        except APIError as error:
            fault = fault_of_status(error.response, _ACCESS)
        except _Endless:
            fault = SourceFault(Fault.FINAL, f"the server's answer does not end within {MOST_PAGES:,} pages")
        except (*NO_ANSWER, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            host = urlsplit(self._address).netloc
            fault = fault_of_silence(no_answer(error, host, read=self._timeout, whole=WHOLE_SECONDS), wanted)
        raise fault from None  # outside of the handlers, so that no request with its headers hangs on it


def _span(minutes: int, first: date, last: date, zone: ZoneInfo) -> dict[str, Any]:
    """The size of bars, and the days of a zone's clock from the first to the last."""
    from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

    size = TimeFrame(minutes, TimeFrameUnit.Minute) if minutes else TimeFrame(1, TimeFrameUnit.Day)
    start = datetime(first.year, first.month, first.day, tzinfo=zone)
    end = datetime(last.year, last.month, last.day, 23, 59, 59, tzinfo=zone)
    return {"timeframe": size, "start": start, "end": end, "sort": "asc"}


def _of_symbol(symbol: str, answer: dict[str, Any], wanted: str) -> list[dict[str, Any]]:
    """The rows of a symbol, none where the answer does not name it; `SourceFault` where it names another."""
    other = [name for name in answer if name != symbol]
    if other:
        raise SourceFault(
            Fault.FINAL, f"the server answered {wanted} of {one_line(other[0])}, and {symbol} was asked for"
        )
    return _records(answer.get(symbol) or [], "list", wanted)


def _records(rows: Any, found: str, wanted: str) -> list[dict[str, Any]]:
    """A list of rows; `SourceFault` where it is none."""
    if isinstance(rows, list) and all(isinstance(one, dict) for one in rows):
        return rows
    raise SourceFault(Fault.PASSING, f"the server answered no {found} where {wanted} were asked for")


class _Endless(Exception):
    """More pages than any question has."""


class _OneQuestion(BoundedAdapter):
    """Gives one question an end, too."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds, seconds, WHOLE_SECONDS)
        self._sent = 0

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        self._sent += 1
        if self._sent > MOST_PAGES:
            raise _Endless
        return super().send(request, *args, **options)
