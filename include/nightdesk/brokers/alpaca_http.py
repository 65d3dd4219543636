"""The line to Alpaca: its own client, held to few seconds and one try.

The client by itself waits without end, repeats what was answered with 429 or 504 (orders too), and raises
whatever the HTTP library raises, with the request's headers hanging on it. Here a call ends in its answer or
in an error of the desk, which holds nothing of the request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.exceptions import (
    ChunkedEncodingError,
    ContentDecodingError,
    JSONDecodeError,
    RequestException,
    Timeout,
)

from nightdesk.bounded_http import BoundedAdapter, Moved, TooLarge, TooSlow, tls_words
from nightdesk.brokers.alpaca_address import is_on_this_machine
from nightdesk.brokers.base import Unreachable, Unreadable
from nightdesk.brokers.credentials import Credentials
from nightdesk.errors import Refused
from nightdesk.masking import one_line

if TYPE_CHECKING:
    from alpaca.trading.client import TradingClient
    from tenacity import RetryCallState

#: Alpaca's code for a key that is unknown or may not do this, also under status 403.
NOT_AUTHORISED = 40110000

#: So much of an answer is quoted in an error, and so much of each of its texts is kept at all.
_QUOTED = 300
_KEPT = 1000


@dataclass(frozen=True)
class Patience:
    """How long a call may take, in seconds.

    `connect`, `read` and `whole` bound each request: its connection, the wait for its next byte, and all of
    its answer. A question, which changes nothing, is asked up to `tries` times while less than `total` has
    passed; what changes something is sent once, whatever comes of it.
    """

    connect: float = 5.0
    read: float = 15.0
    whole: float = 30.0
    tries: int = 3
    total: float = 10.0


class Denied(Refused):
    """Alpaca understood a request and will not do it: its `status`, `code` and whole `answer`."""

    def __init__(self, message: str, status: int, code: int, answer: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.answer = dict(answer)


class Busy(Unreachable):
    """Alpaca cannot answer now; `retry_after` is how many seconds it wants to be left alone, or None."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AlpacaLine:
    """One account's line.

    Parameters
    ----------
    account : str
        Its name, for errors.
    credentials : Credentials
    address : str
        See `nightdesk.brokers.alpaca_address`.
    patience : Patience
    """

    def __init__(self, account: str, credentials: Credentials, address: str, patience: Patience) -> None:
        from alpaca.trading.client import TradingClient

        self._account = account
        self._secrets = (credentials.key, credentials.secret)
        if not all(one.isascii() and one.isprintable() and " " not in one for one in self._secrets):
            raise Refused(
                f"account {account} of alpaca: its key or secret holds a blank, a line break or a character "
                "that no key has; copy it again"
            )
        self._patience, self._host = patience, urlsplit(address).netloc
        client = TradingClient(credentials.key, credentials.secret, raw_data=True, url_override=address)
        client._retry, client._retry_codes = 0, []
        for scheme in ("https://", "http://"):
            client._session.mount(scheme, BoundedAdapter(patience.connect, patience.read, patience.whole))
        client._session.trust_env = not is_on_this_machine(address)
        client._session.auth = _as_it_is  # else a ~/.netrc that names the host would add a login of its own
        self._client: TradingClient = client

    def ask(self, what: str, question: Callable[[TradingClient], Any]) -> Any:
        """The answer to a question, which is repeated while Alpaca cannot answer.

        Parameters
        ----------
        what : str
            What is asked, for errors.
        question : callable
            Asks it of the client; it must change nothing at Alpaca.

        Raises
        ------
        Unreachable, Unreadable, Denied, Refused
            See the module; plain `Refused` when the credentials do not open the account.
        """
        import tenacity

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unreachable),
            wait=_wait,
            stop=tenacity.stop_after_attempt(self._patience.tries)
            | tenacity.stop_before_delay(self._patience.total),
            sleep=time.sleep,
            reraise=True,
        )
        return retrying(self.tell, what, question)

    def tell(self, what: str, request: Callable[[TradingClient], Any]) -> Any:
        """The answer to a request that is sent once; raises as `ask`."""
        from alpaca.common.exceptions import APIError

        fault: Exception | None = None
        answer: Any = None
        try:
            answer = self._clean(request(self._client))
        except APIError as error:
            fault = self._fault_of(what, error.response)
        except TooLarge as error:
            fault = self._unreadable(what, f"too much ({error})", "")
        except Moved as error:
            fault = self._unreadable(what, f"a redirection ({error.status})", "")
        except JSONDecodeError as error:
            fault = self._unreadable(what, "no JSON", error.doc)
        except (ChunkedEncodingError, ContentDecodingError):
            fault = self._unreadable(what, "something that ends in the middle", "")
        except RequestException as error:
            fault = self._no_answer(what, error)
        except (ValueError, RecursionError):
            fault = self._unreadable(what, "no JSON", "")
        if fault is not None:
            raise fault  # outside of the handlers, so that no request with its headers hangs on it
        return answer

    def _no_answer(self, what: str, error: RequestException) -> Exception:
        tls = tls_words(error, self._host)
        if tls is not None:
            why = tls
        elif isinstance(error, TooSlow):
            why = f"its answer did not end within {self._patience.whole:g} s"
        elif isinstance(error, Timeout):
            why = f"no answer within {self._patience.read:g} s"
        else:
            why = "the connection failed"
        return Unreachable(f"account {self._account} of alpaca: {why} ({what})")

    def _fault_of(self, what: str, response: Response) -> Exception:
        """What a refusing status means."""
        status, text = response.status_code, response.text
        if status in (408, 425, 429) or status >= 500:
            after = _seconds(response.headers.get("Retry-After"))
            later = "" if after is None else f"; it wants to be asked again in {after:.0f} s"
            why = "too many requests" if status == 429 else "it has an error of its own"
            return Busy(f"account {self._account} of alpaca: {why} ({what}: {status}{later})", after)
        try:
            said = self._clean(response.json())
        except (ValueError, RecursionError):
            said = None
        code = said.get("code") if isinstance(said, dict) else None
        if status == 401 or (status == 403 and code in (None, NOT_AUTHORISED)):
            return Refused(
                f"account {self._account} of alpaca does not open ({what}: {status}): its key and secret are "
                "unknown, or are those of the other service; paper and live have keys of their own"
            )
        # A page of something between here and Alpaca has no code, and settles nothing.
        if not isinstance(said, dict) or not isinstance(code, int) or isinstance(code, bool):
            return self._unreadable(what, f"a refusal ({status}) that is not of its own", text)
        message = one_line(str(said.get("message", "")))[:_QUOTED]
        return Denied(
            f"account {self._account} of alpaca refuses {what}: {message} ({code})", status, code, said
        )

    def _unreadable(self, what: str, found: str, text: str) -> Unreadable:
        start = self._clean(text)[:_QUOTED]
        quoted = f": {start!r}" if start else ""
        return Unreadable(
            f"account {self._account} of alpaca answered {found} where {what} was asked for{quoted}",
            {"answer": start},
        )

    def _clean(self, value: Any) -> Any:
        """The same without key and secret, should Alpaca or something on the way repeat them, and with no
        text that is longer than any of Alpaca's.
        """
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, "***")
            return value if len(value) <= _KEPT else f"{value[:_KEPT]}…"
        if isinstance(value, dict):
            return {self._clean(name): self._clean(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._clean(one) for one in value]
        return value


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    return request


def _wait(state: RetryCallState) -> float:
    """Seconds to the next try: exponential with jitter, never less than Alpaca asked for."""
    import tenacity

    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after if isinstance(error, Busy) else None
    return max(asked or 0.0, tenacity.wait_random_exponential(multiplier=0.25, max=3)(state))


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
