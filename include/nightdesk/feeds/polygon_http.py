"""The line to Polygon: its own client, with every request bounded, sent once, and every answer looked at.

The client by itself takes an answer that is no data for one without data, says of a refusal only its text,
ignores its own time-out, and follows pages wherever and as often as they lead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests import Response, Session

from nightdesk.bounded_http import (
    NO_ANSWER,
    BoundedAdapter,
    is_on_this_machine,
    no_answer,
    refuse_unsendable,
)
from nightdesk.core.masking import one_line
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault, retrying
from nightdesk.feeds.vendor_answers import checked_address, fault_of_silence, fault_of_status

if TYPE_CHECKING:
    from polygon import RESTClient

#: Where the service is.
ADDRESS = "https://api.polygon.io"

#: Seconds for the whole answer to one request.
WHOLE_SECONDS = 60.0

#: Rows of one page, the most that the service gives of bars and of actions.
BARS_A_PAGE, ACTIONS_A_PAGE = 50_000, 1_000

#: Pages of one question; more have no end.
MOST_PAGES = 500

_ACCESS = "its key is unknown, or its plan does not hold this"


class PolygonLine:
    """The line.

    Parameters
    ----------
    key : str
        It shows in no representation and no error.
    url : str or None
        Scheme and host in place of Polygon's own.
    timeout : float
        Seconds for the connection, and for each next byte.
    sleep : callable
        Waits some seconds between attempts.
    """

    def __init__(
        self,
        key: str,
        url: str | None = None,
        *,
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        refuse_unsendable("polygon", key)
        self._key = key
        self._address = checked_address("polygon", url or ADDRESS, ADDRESS)
        self._timeout, self._sleep = timeout, sleep

    def bars(self, ticker: str, minutes: int, first: date, last: date) -> list[Any]:
        """The raw bars of so many minutes each, of a day where `minutes` is 0; both ends included.

        Raises
        ------
        SourceFault
            When the service does not give them: it refuses, fails, or answers something else.
        """
        span = (minutes, "minute") if minutes else (1, "day")
        how = {"adjusted": False, "sort": "asc", "limit": BARS_A_PAGE}
        return self._asked(
            "bars",
            lambda client: client.list_aggs(ticker, *span, first.isoformat(), last.isoformat(), **how),
            {"ticker": ticker, "adjusted": False},
        )

    def splits(self, ticker: str, first: date, last: date) -> list[Any]:
        """The splits executed in a span; raises as `bars`."""
        span = {"execution_date_gte": first.isoformat(), "execution_date_lte": last.isoformat()}
        return self._asked(
            "splits", lambda client: client.list_splits(ticker=ticker, limit=ACTIONS_A_PAGE, **span)
        )

    def dividends(self, ticker: str, first: date, last: date) -> list[Any]:
        """The payments whose ex-date is in a span; raises as `bars`."""
        span = {"ex_dividend_date_gte": first.isoformat(), "ex_dividend_date_lte": last.isoformat()}
        return self._asked(
            "dividends", lambda client: client.list_dividends(ticker=ticker, limit=ACTIONS_A_PAGE, **span)
        )

    def ticker_events(self, ticker: str) -> list[tuple[str, str]]:
        """From which days on the instrument of a ticker was called how; raises as `bars`."""

        def question(client: RESTClient) -> Iterator[Any]:
            found = client.get_ticker_events(ticker, types="ticker_change")
            if isinstance(found, list):  # the client's word for an answer without any
                raise SourceFault(Fault.PASSING, "the server answered no changes of ticker")
            for event in getattr(found, "events", None) or ():
                yield event["date"], event["ticker_change"]["ticker"]

        said = self._asked("changes of ticker", question, {"results": dict})
        if not all(isinstance(part, str) and part for event in said for part in event):
            raise SourceFault(Fault.PASSING, "the server answered a change of ticker without day or name")
        return said

    def details(self, ticker: str, day: date) -> Any:
        """What it says of a ticker on a day; raises as `bars`, also where it lists none."""
        found = self._asked(
            "details",
            lambda client: iter([client.get_ticker_details(ticker, day.isoformat())]),
            {"results": dict},
        )
        if isinstance(found[0], list):  # the client's word for an answer without any
            raise SourceFault(Fault.PASSING, "the server answered no details where they were asked for")
        return found[0]

    def delisted(self, ticker: str) -> list[Any]:
        """The listings under a ticker that have ended; raises as `bars`."""
        return self._asked(
            "listings",
            lambda client: client.list_tickers(ticker=ticker, active=False, limit=ACTIONS_A_PAGE),
        )

    def tickers(self, active: bool) -> list[Any]:
        """All stocks and funds that it lists, or all that have ended; raises as `bars`."""
        how = {"market": "stocks", "active": active, "sort": "ticker", "order": "asc"}
        return self._asked("listings", lambda client: client.list_tickers(limit=ACTIONS_A_PAGE, **how))

    def quotes(self, ticker: str, since: datetime, until: datetime, count: int) -> list[Any]:
        """So many of the newest quotes of a span, the newest first; raises as `bars`."""
        first, last = (round(one.timestamp()) * 1_000_000_000 for one in (since, until))
        span = {"timestamp_gte": first, "timestamp_lte": last}
        how = {"limit": count, "sort": "timestamp", "order": "desc"}
        # By itself the client would follow the pages through the whole session.
        return self._asked("quotes", lambda client: islice(client.list_quotes(ticker, **span, **how), count))

    def _asked(
        self,
        wanted: str,
        question: Callable[[RESTClient], Iterator[Any]],
        expected: Mapping[str, Any] | None = None,
    ) -> list[Any]:
        return retrying(self._sleep)(self._once, wanted, question, expected or {})

    def _once(
        self,
        wanted: str,
        question: Callable[[RESTClient], Iterator[Any]],
        expected: Mapping[str, Any],
    ) -> list[Any]:
        from polygon import RESTClient

        fault: Exception
        client = RESTClient(self._key, retries=0, base=self._address)
        with _Pages(wanted, self._address, self._timeout, expected) as pages:
            client.client = pages
            try:
                return list(question(client))
            except SourceFault as error:
                fault = error
            except (ValueError, TypeError, AttributeError, KeyError) as error:
                fault = SourceFault(
                    Fault.PASSING,
                    f"the server answered {wanted} that cannot be read ({type(error).__name__})",
                )
        raise fault from None  # outside of the handlers, so that no request with its key hangs on it


@dataclass(frozen=True)
class _Page:
    """What the client looks at of an answer."""

    status: int
    data: bytes
    headers: Mapping[str, str]


class _Pages:
    """Takes the place of the client's own connections for one question and looks at each of its pages."""

    def __init__(self, wanted: str, address: str, timeout: float, expected: Mapping[str, Any]) -> None:
        self._wanted, self._host, self._timeout = wanted, urlsplit(address).netloc, timeout
        self._expected = expected
        self._seen: set[str] = set()
        self._session = Session()
        self._session.trust_env = not is_on_this_machine(address)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, BoundedAdapter(timeout, timeout, WHOLE_SECONDS))

    def __enter__(self) -> _Pages:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def request(
        self, method: str, url: str, fields: Mapping[str, Any] | None = None, headers: Any = None
    ) -> _Page:
        """One page, as urllib3 would give it to the client; `SourceFault` where it is none."""
        if fields is None or not fields:
            self._refuse_endless(url)
        try:
            response = self._session.request(method, url, params=fields, headers=headers)
        except NO_ANSWER as error:
            found = no_answer(error, self._host, read=self._timeout, whole=WHOLE_SECONDS)
            fault = fault_of_silence(found, self._wanted)
        else:
            found_fault = self._fault_of(response)
            if found_fault is None:
                return _Page(response.status_code, response.content, response.headers)
            fault = found_fault
        raise fault from None

    def _refuse_endless(self, url: str) -> None:
        if url in self._seen or len(self._seen) >= MOST_PAGES:
            again = "the same page again" if url in self._seen else f"more than {MOST_PAGES} pages"
            raise SourceFault(Fault.PASSING, f"the server gives {again} of {self._wanted}: they have no end")
        self._seen.add(url)

    def _fault_of(self, response: Response) -> SourceFault | None:
        """What is wrong with a page; None where it has what was asked for, or says that there is nothing."""
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if response.status_code != 200:
            said = answer.get("message") or answer.get("error") or "" if isinstance(answer, dict) else ""
            return fault_of_status(response, _ACCESS, one_line(str(said)))
        if not isinstance(answer, dict):
            what = "an HTML page" if b"<html" in response.content.lower() else "no JSON object"
            if not response.content.strip():
                what = "an empty page"
            return SourceFault(
                Fault.PASSING, f"the server answered {what} where {self._wanted} were asked for"
            )
        return self._fault_in(answer)

    def _fault_in(self, answer: Mapping[str, Any]) -> SourceFault | None:
        status = answer.get("status")
        if status not in ("OK", "DELAYED"):
            said = one_line(str(answer.get("error") or answer.get("message") or ""))
            return SourceFault(
                Fault.PASSING, f"the server's answer has the status {status!r}{said and f': {said}'}"
            )
        for name, value in self._expected.items():
            if isinstance(value, type):
                continue
            if answer.get(name, value) != value:
                return SourceFault(
                    Fault.FINAL,
                    f"the server answered {self._wanted} whose {name} is {one_line(repr(answer[name]))}, and "
                    f"{value!r} was asked for",
                )
        results = answer.get("results")
        if results is None and not answer.get("resultsCount"):
            return None
        if self._expected.get("results") is dict and isinstance(results, dict):
            return None
        if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
            return SourceFault(Fault.PASSING, f"the server's answer has no list of {self._wanted}")
        return None
