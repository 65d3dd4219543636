"""The line to Alpaca: its own client, held to few seconds and one try.

The client by itself waits without end, repeats what was answered with 429 or 504 (orders too), and raises
whatever the HTTP library raises, with the request's headers hanging on it. Here a call ends in its answer or
in an error of the desk, which holds nothing of the request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests import Response

from nightdesk.bounded_http import (
    NO_ANSWER,
    BoundedAdapter,
    NoAnswer,
    hold_client,
    no_answer,
    refuse_unsendable,
)
from nightdesk.brokers.broker_interface import Unreachable, Unreadable
from nightdesk.brokers.credentials import Credentials
from nightdesk.core.errors import Refused
from nightdesk.core.masking import one_line
from nightdesk.retry_after import is_busy, later_words, seconds_until, waiting

if TYPE_CHECKING:
    from alpaca.trading.client import TradingClient

#: Alpaca's code for a key that is unknown or may not do this, also under status 403.
NOT_AUTHORISED = 40110000

_wait = waiting(multiplier=0.25, most=3.0)

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
        refuse_unsendable(f"account {account} of alpaca", *self._secrets)
        self._patience, self._host = patience, urlsplit(address).netloc
        client = TradingClient(credentials.key, credentials.secret, raw_data=True, url_override=address)
        hold_client(client, BoundedAdapter(patience.connect, patience.read, patience.whole), address)
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
        except (*NO_ANSWER, ValueError, RecursionError) as error:
            read, whole = self._patience.read, self._patience.whole
            fault = self._without(what, no_answer(error, self._host, read=read, whole=whole))
        if fault is not None:
            raise fault  # outside of the handlers, so that no request with its headers hangs on it
        return answer

    def _without(self, what: str, missing: NoAnswer) -> Exception:
        if missing.found:
            return self._unreadable(what, missing.found, missing.text)
        return Unreachable(f"account {self._account} of alpaca: {missing.why} ({what})")

    def _fault_of(self, what: str, response: Response) -> Exception:
        """What a refusing status means."""
        status, text = response.status_code, response.text
        if is_busy(status):
            after = seconds_until(response.headers.get("Retry-After"))
            later = later_words(after)
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
