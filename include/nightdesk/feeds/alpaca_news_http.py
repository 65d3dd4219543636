"""The line to Alpaca's news: its own client, held to few seconds and a few tries.

The client by itself waits without end, and raises whatever the HTTP library raises, with the request's
headers, and the key among them, hanging on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response

from nightdesk.bounded_http import (
    NO_ANSWER,
    BoundedAdapter,
    hold_client,
    no_answer,
    refuse_unsendable,
)
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault, retrying
from nightdesk.feeds.vendor_answers import checked_address, fault_of_silence, fault_of_status

if TYPE_CHECKING:
    from alpaca.data.historical.news import NewsClient

#: Where the service is.
ADDRESS = "https://data.alpaca.markets"

#: For the whole answer to one request.
WHOLE_SECONDS = 60.0

_ACCESS = "its key and secret are unknown, or may not do this"

#: Of 50 articles each; a server that tells the same page for ever would be asked for ever.
MOST_PAGES = 2_000


class NewsLine:
    """The line.

    Parameters
    ----------
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
        key: str,
        secret: str,
        url: str | None = None,
        *,
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        refuse_unsendable("the news of alpaca", key, secret)
        self._key, self._secret, self._address = key, secret, _address_of(url)
        self._timeout, self._sleep = timeout, sleep

    def ask(self, symbols: str, after: datetime, until: datetime) -> list[dict[str, Any]]:
        """The articles of some symbols (comma-separated), of all pages.

        Raises
        ------
        SourceFault
            When the service does not give them.
        """
        return retrying(self._sleep)(self._once, symbols, after, until)

    def _once(self, symbols: str, after: datetime, until: datetime) -> list[dict[str, Any]]:
        from alpaca.common.exceptions import APIError
        from alpaca.data.requests import NewsRequest

        wanted = NewsRequest(start=after, end=until, sort="asc", symbols=symbols, include_content=False)
        fault: Exception
        try:
            answer = self._client().get_news(wanted)
            articles = answer["news"]
            if isinstance(articles, list) and all(isinstance(one, dict) for one in articles):
                return articles
            fault = SourceFault(Fault.PASSING, "the server answered no articles where news were asked for")
        except APIError as error:
            fault = fault_of_status(error.response, _ACCESS)
        except _Endless:
            fault = SourceFault(Fault.FINAL, f"the server's answer does not end within {MOST_PAGES:,} pages")
        except (*NO_ANSWER, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            host = urlsplit(self._address).netloc
            fault = fault_of_silence(no_answer(error, host, read=self._timeout, whole=WHOLE_SECONDS), "news")
        raise fault  # outside of the handlers, so that no request with its headers hangs on it

    def _client(self) -> NewsClient:
        from alpaca.data.historical.news import NewsClient

        client = NewsClient(self._key, self._secret, raw_data=True, url_override=self._address)
        hold_client(client, _OneQuestion(self._timeout), self._address)
        return client


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


def _address_of(url: str | None) -> str:
    """The address that the client completes by itself."""
    return checked_address("the news of alpaca", url or ADDRESS, ADDRESS).removesuffix("/v1beta1")
