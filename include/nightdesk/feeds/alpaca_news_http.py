"""The line to Alpaca's news: its own client, held to few seconds and a few tries.

The client by itself waits without end, and raises whatever the HTTP library raises, with the request's
headers, and the key among them, hanging on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, RequestException, Timeout

from nightdesk.bounded_http import BoundedAdapter, Moved, TooLarge, TooSlow, tls_words
from nightdesk.errors import Refused
from nightdesk.feeds.base import Fault

if TYPE_CHECKING:
    from alpaca.data.historical.news import NewsClient
    from tenacity import RetryCallState

#: Where the service is.
ADDRESS = "https://data.alpaca.markets"

ATTEMPTS = 3
LONGEST_WAIT_SECONDS = 30.0

#: For the whole answer to one request.
WHOLE_SECONDS = 60.0

#: Of 50 articles each; a server that tells the same page for ever would be asked for ever.
MOST_PAGES = 2_000


class PassingFault(Exception):
    """The service cannot answer now; `retry_after` is how many seconds it wants to be left alone, or None."""

    fault = Fault.PASSING

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Unfit(Exception):
    """The service refuses: asking again gives the same."""

    fault = Fault.FINAL


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
        if not all(one.isascii() and one.isprintable() and " " not in one for one in (key, secret)):
            raise Refused(
                "the news of alpaca: its key or secret holds a blank, a line break or a character that no "
                "key has; copy it again"
            )
        self._key, self._secret, self._address = key, secret, _checked(url or ADDRESS)
        self._timeout, self._sleep = timeout, sleep

    def ask(self, symbols: str, after: datetime, until: datetime) -> list[dict[str, Any]]:
        """The articles of some symbols (comma-separated), of all pages.

        Raises
        ------
        PassingFault, Unfit
            Neither holds anything of the request.
        """
        import tenacity

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_heals_in_time),
            wait=_wait,
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._once, symbols, after, until)

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
            fault = PassingFault("the server answered no articles where news were asked for")
        except APIError as error:
            fault = _fault_of(error.response)
        except TooLarge as error:
            fault = PassingFault(f"the server answered too much ({error})")
        except Moved as moved:
            fault = Unfit(f"the server answered a redirection ({moved.status})")
        except _Endless:
            fault = Unfit(f"the server's answer does not end within {MOST_PAGES:,} pages")
        except TooSlow:
            fault = PassingFault(f"the server's answer did not end within {WHOLE_SECONDS:g} s")
        except Timeout:
            fault = PassingFault(f"no answer within {self._timeout:g} s")
        except (ChunkedEncodingError, ContentDecodingError):
            fault = PassingFault("the server's answer ends in the middle")
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            # JSON's own error is of RequestException, too: an answer that is none comes first.
            fault = PassingFault("the server answered no JSON where news were asked for")
        except RequestException as error:
            tls = tls_words(error, urlsplit(self._address).netloc)
            fault = PassingFault(tls or "the server cannot be reached")
        raise fault  # outside of the handlers, so that no request with its headers hangs on it

    def _client(self) -> NewsClient:
        from alpaca.data.historical.news import NewsClient

        client = NewsClient(self._key, self._secret, raw_data=True, url_override=self._address)
        client._retry, client._retry_codes = 0, []
        for scheme in ("https://", "http://"):
            client._session.mount(scheme, _OneQuestion(self._timeout))
        client._session.trust_env = not _is_on_this_machine(self._address)
        client._session.auth = _as_it_is  # else a ~/.netrc that names the host would add a login of its own
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


def _fault_of(response: Response) -> Exception:
    """What a refusing status means."""
    status = response.status_code
    if status in (408, 425, 429) or status >= 500:
        after = _seconds(response.headers.get("Retry-After"))
        later = "" if after is None else f"; it wants to be asked again in {after:.0f} s"
        words = "asks for fewer requests" if status == 429 else "has an error of its own"
        return PassingFault(f"the server {words} ({status}{later})", after)
    if status in (401, 403):
        return Unfit(
            f"the server refuses access ({status}): its key and secret are unknown, or may not do this"
        )
    return Unfit(f"the server refuses the request ({status})")


def _checked(url: str) -> str:
    """Scheme, host and port of an address; `Refused` where the key would travel unencrypted."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise Refused(f"the news of alpaca: its address must be https:// and a host, such as {ADDRESS}")
    if parts.scheme == "http" and not _is_on_this_machine(url):
        raise Refused(
            f"the news of alpaca: http://{parts.hostname} would send the key unencrypted: write https://"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1beta1')}"


def _is_on_this_machine(url: str) -> bool:
    return (urlsplit(url).hostname or "") in ("127.0.0.1", "::1", "localhost")


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    return request


def _heals_in_time(error: BaseException) -> bool:
    if not isinstance(error, PassingFault):
        return False
    return error.retry_after is None or error.retry_after <= LONGEST_WAIT_SECONDS


def _wait(state: RetryCallState) -> float:
    """Seconds to the next attempt: exponential with jitter, never less than the server asked for."""
    import tenacity

    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after if isinstance(error, PassingFault) else None
    return max(asked or 0.0, tenacity.wait_random_exponential(multiplier=0.5, max=5)(state))


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` as seconds from now, whether it was given so or as a date; None when it says neither."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        wait = parsedate_to_datetime(retry_after) - datetime.now(UTC)
    except (ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())
