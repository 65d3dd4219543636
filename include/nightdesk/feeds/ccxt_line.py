"""A line to an exchange's public data: ccxt's own client, with every request bounded, sent once, to one host.

ccxt composes the requests and keeps to the exchange's weights. Its unified methods are left alone: they load
every market of an exchange before the first answer (several megabytes), and drop the instant at which a bar
closes. By itself it says of a refusal only its class, knows the addresses of dozens of services, and sends to
whichever of them a method is of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session

from nightdesk.bounded_http import NO_ANSWER, BoundedAdapter, is_on_this_machine, no_answer
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault, retrying
from nightdesk.feeds.vendor_answers import checked_address, fault_of_silence

#: Seconds for the whole answer to one request.
WHOLE_SECONDS = 60.0

#: Pages of one question; more have no end.
MOST_PAGES = 2_000

#: What an answer says of the exchange: of the response, its JSON, and what was asked for. None: it is one.
Verdict = Callable[[Response, Any, str], SourceFault | None]


class CcxtLine:
    """The line.

    Parameters
    ----------
    exchange : str
        As ccxt calls it: "binance".
    url : str or None
        Scheme and host in place of the exchange's own, for all of its services. Unencrypted ones lead to this
        machine alone.
    services : collection of str
        The groups of addresses, as ccxt calls them, that may be asked: "public", "fapiPublic".
    verdict : callable
        What answers of this exchange mean, whatever their status.
    timeout : float
        Seconds for the connection, and for each next byte.
    sleep : callable
        Waits some seconds between attempts.
    """

    def __init__(
        self,
        exchange: str,
        url: str | None,
        services: Collection[str],
        verdict: Verdict,
        *,
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._exchange, self._services = exchange, tuple(services)
        self._address = None if not url else checked_address(exchange, url, f"https://api.{exchange}.com")
        self._verdict, self._timeout, self._sleep = verdict, timeout, sleep

    def ask(self, wanted: str, method: str, params: Mapping[str, Any]) -> Any:
        """The JSON that one request is answered with.

        Parameters
        ----------
        wanted : str
            What is asked for, for errors: "klines".
        method : str
            ccxt's name of the endpoint, which gives its answer as it came: "publicGetKlines".
        params : mapping

        Raises
        ------
        SourceFault
            When the exchange does not give it: it refuses, fails, or answers something else.
        """
        return retrying(self._sleep)(self._once, wanted, method, params)

    def _once(self, wanted: str, method: str, params: Mapping[str, Any]) -> Any:
        fault: SourceFault
        client, session = self._client
        session.wanted = wanted
        try:
            answer = getattr(client, method)(dict(params))
            if isinstance(answer, dict | list):
                return answer
            # What the client cannot parse it gives back as text.
            fault = SourceFault(Fault.PASSING, f"the server answered no JSON where {wanted} were asked for")
        except SourceFault as error:
            fault = error
        except Exception as error:  # noqa: BLE001 - of ccxt, whatever it makes of an answer
            fault = SourceFault(
                Fault.PASSING,
                f"the server answered {wanted} that cannot be read ({type(error).__name__})",
            )
        raise fault from None  # outside of the handlers, so that no request hangs on it

    @cached_property
    def _client(self) -> tuple[Any, _HeldSession]:
        import ccxt

        client = getattr(ccxt, self._exchange)({"options": {"maxRetriesOnFailure": 0}})
        for service, own in client.urls["api"].items():
            path = urlsplit(client.implode_hostname(own)).path
            client.urls["api"][service] = f"{self._address}{path}" if self._address else own
        asked = [client.implode_hostname(client.urls["api"][service]) for service in self._services]
        hosts = frozenset(urlsplit(one).netloc for one in asked)
        # Weights are the exchange's: a server on this machine has none.
        client.enableRateLimit = not is_on_this_machine(asked[0])
        session = _HeldSession(hosts, self._timeout, self._verdict)
        session.trust_env = not is_on_this_machine(asked[0])
        client.session = session
        return client, session


class _HeldSession(Session):
    """Takes the place of the client's own session, and looks at each answer before the client does."""

    def __init__(self, hosts: frozenset[str], timeout: float, verdict: Verdict) -> None:
        super().__init__()
        self.wanted = "an answer"
        self.auth = _as_it_is  # else a ~/.netrc that names the host would add a login of its own
        self._hosts, self._timeout, self._verdict = hosts, timeout, verdict
        for scheme in ("https://", "http://"):
            self.mount(scheme, BoundedAdapter(timeout, timeout, WHOLE_SECONDS))

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> Response:
        """The answer; `SourceFault` where it is none."""
        host = urlsplit(str(url)).netloc
        if method != "GET" or host not in self._hosts:
            raise SourceFault(Fault.FINAL, f"its client would {method!s} at {host}, and only reads here")
        try:
            response = super().request(method, url, *args, **options)
        except NO_ANSWER as error:
            found = no_answer(error, host, read=self._timeout, whole=WHOLE_SECONDS)
            fault = fault_of_silence(found, self.wanted)
        else:
            found_fault = self._fault_of(response)
            if found_fault is None:
                return response
            fault = found_fault
        raise fault from None

    def _fault_of(self, response: Response) -> SourceFault | None:
        try:
            document = response.json()
        except (ValueError, RecursionError):
            document = None
        fault = self._verdict(response, document, self.wanted)
        if fault is not None or document is not None:
            return fault
        return SourceFault(
            Fault.PASSING, f"the server answered {_kind_of(response)} where {self.wanted} were asked for"
        )


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    return request


def _kind_of(response: Response) -> str:
    if not response.content.strip():
        return "an empty page"
    return "an HTML page" if b"<html" in response.content.lower() else "no JSON"


def in_pages[T](
    ask: Callable[[int, int], Sequence[T]],
    instant: Callable[[T], int],
    span: tuple[int, int],
    wanted: str,
    *,
    step: int = 1,
    newest_first: bool = False,
) -> list[T]:
    """All rows of a span, asked page by page, until one is empty or nothing can follow.

    A page that is shorter than it could be ends nothing: a server may cut them as it likes.

    Parameters
    ----------
    ask : callable
        One page of the rows from a first to a last instant, milliseconds since 1970, both included.
    instant : callable
        That of a row, milliseconds since 1970.
    span : (int, int)
        The first and the last instant.
    wanted : str
        What is asked for, for errors.
    step : int
        Between two rows there are never less milliseconds.
    newest_first : bool
        Whether a page holds the newest rows of the span, and not the oldest.

    Raises
    ------
    SourceFault
        When a page holds rows that were not asked for (pages that do not go on do), or there is no end.
    """
    first, last = span
    found: list[T] = []
    for _ in range(MOST_PAGES):
        if first > last:
            return found
        page = ask(first, last)
        if not page:
            return found
        at = [instant(one) for one in page]
        if min(at) < first or max(at) > last:
            wrong = min(at) if min(at) < first else max(at)
            raise SourceFault(
                Fault.PASSING,
                f"the server answered {wanted} of {in_utc(wrong)}, and those from {in_utc(first)} to "
                f"{in_utc(last)} were asked for: its pages do not go on, or one of two clocks is wrong",
            )
        found += page
        if newest_first:
            last = min(at) - step
        else:
            first = max(at) + step
    raise SourceFault(Fault.PASSING, f"the server gives more than {MOST_PAGES:,} pages of {wanted}")


def in_utc(milliseconds: int) -> str:
    """An instant for people; as a number where no calendar has it."""
    from datetime import UTC, datetime

    try:
        return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)


def records(document: Any, names: Collection[str], wanted: str) -> Iterator[Mapping[str, Any]]:
    """The rows of a list of objects that have certain names; `SourceFault` where it is none."""
    if not isinstance(document, list):
        raise SourceFault(Fault.PASSING, f"the server's answer has no list of {wanted}")
    for one in document:
        if not isinstance(one, dict) or not all(name in one for name in names):
            raise SourceFault(Fault.PASSING, f"the server answered {wanted} without {', '.join(names)}")
        yield one


def whole_number(value: Any, wanted: str) -> int:
    """An instant or a count, as a number or in digits; `SourceFault` where it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    raise SourceFault(Fault.PASSING, f"the server answered {wanted} whose instants are no numbers")


def finite_number(value: Any, wanted: str) -> float:
    """A price or volume, as a number or in digits; `SourceFault` where it is none."""
    import math

    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise SourceFault(Fault.PASSING, f"the server answered {wanted} that are no numbers")
