"""HTTP over `requests` with an end: every request is bounded in time and in size, and is sent once.

The library's own time-out bounds the wait for the next byte: a server that sends one a second is waited for
without end. And an answer of any size is read into memory.
"""

from __future__ import annotations

import http.client
import io
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import (
    ChunkedEncodingError,
    ContentDecodingError,
    JSONDecodeError,
    ReadTimeout,
    RequestException,
    Timeout,
)
from requests.exceptions import ConnectionError as BrokenConnection
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ReadTimeoutError

from nightdesk.core.errors import Refused

#: The largest answer that is read, in bytes once unpacked: several times the longest page that is asked for.
MOST_BYTES = 4 * 1024 * 1024

_PIECE = 16 * 1024


class Moved(Exception):
    """An answer with a 3xx status, which a client would take for a good one."""

    def __init__(self, status: int) -> None:
        super().__init__(f"redirected ({status})")
        self.status = status


class TooLarge(Exception):
    """An answer of more than `MOST_BYTES`."""


class TooSlow(ReadTimeout):
    """An answer that has begun and does not end in time."""


#: What a bounded request raises, beside what a client makes of an answer that it cannot read.
NO_ANSWER = (Moved, TooLarge, RequestException)


class BoundedAdapter(HTTPAdapter):
    """Gives every request an answer that ends, and lets none be sent twice or elsewhere.

    Parameters
    ----------
    connect, read : float
        Seconds for the connection, and for the wait for the next byte.
    whole : float
        Seconds for the whole answer, from when the request was sent.
    """

    def __init__(self, connect: float, read: float, whole: float) -> None:
        self._timeout = (connect, read)
        self._pools = _pools(whole)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """The answer, read to its end.

        Raises
        ------
        Moved, TooLarge
            None of the library's own errors.
        """
        options["timeout"] = self._timeout
        response = super().send(request, *args, **options)
        _read(response)
        return response


@dataclass(frozen=True)
class NoAnswer:
    """Why a request has no answer that can be read.

    Attributes
    ----------
    found : str
        What came where an answer was expected ("no JSON"); empty where nothing came to its end.
    why : str
        What kept it from coming; empty where something came.
    moved : bool
        Whether the server sent the request elsewhere, which asking again does not change.
    text : str
        What came, where it is text.
    """

    found: str = ""
    why: str = ""
    moved: bool = False
    text: str = ""


def no_answer(error: Exception, host: str, *, read: float, whole: float) -> NoAnswer:
    """What an error that a request of a held client raised means.

    Parameters
    ----------
    error : Exception
        Of `BoundedAdapter`, of `requests`, or of whatever the client made of an answer.
    host : str
        Who was asked.
    read, whole : float
        The bounds of the request in seconds, as `BoundedAdapter` has them.
    """
    match error:
        case TooLarge():
            return NoAnswer(found=f"too much ({error})")
        case Moved():
            return NoAnswer(found=f"a redirection ({error.status})", moved=True)
        case JSONDecodeError():  # of RequestException, too: an answer that is none comes first
            return NoAnswer(found="no JSON", text=error.doc)
        case ChunkedEncodingError() | ContentDecodingError():
            return NoAnswer(found="something that ends in the middle")
        case TooSlow():
            return NoAnswer(why=f"its answer did not end within {whole:g} s")
        case RequestException():
            tls = tls_words(error, host)
            silent = f"no answer within {read:g} s" if isinstance(error, Timeout) else "the connection failed"
            return NoAnswer(why=tls or silent)
        case _:
            return NoAnswer(found="no JSON")


def hold_client(client: Any, adapter: BoundedAdapter, address: str) -> None:
    """Hold a client of alpaca-py to an adapter's bounds and to one try.

    By itself it waits without end and repeats what was answered with 429 or 504, orders too.
    """
    client._retry, client._retry_codes = 0, []
    for scheme in ("https://", "http://"):
        client._session.mount(scheme, adapter)
    client._session.trust_env = not is_on_this_machine(address)
    client._session.auth = _as_it_is  # else a ~/.netrc that names the host would add a login of its own


def refuse_unsendable(what: str, *secrets: str) -> None:
    """Refuse a key or secret that no header can carry; `what` says whose it is, for the error."""
    if not all(one.isascii() and one.isprintable() and " " not in one for one in secrets):
        raise Refused(
            f"{what}: its key or secret holds a blank, a line break or a character that no key has; "
            "copy it again"
        )


def is_on_this_machine(url: str) -> bool:
    """Whether an address never leaves this machine."""
    return (urlsplit(url).hostname or "") in ("127.0.0.1", "::1", "localhost")


def tls_words(error: BaseException, host: str) -> str | None:
    """What is wrong with the encryption of a connection and what to do; None when something else is."""
    fault = _tls_error(error)
    if fault is None:
        return None
    if isinstance(fault, ssl.SSLCertVerificationError):
        return (
            f"the certificate that {host} shows is not accepted ({fault.verify_message.rstrip('.')}), and "
            "nothing was sent: check this machine's clock; where a proxy puts certificates of its own in "
            "place, name its authority in REQUESTS_CA_BUNDLE; else somebody may stand between"
        )
    return (
        f"no encrypted connection to {host} comes about ({fault.reason or 'TLS error'}): check that the "
        "address is one for https://, and what stands between"
    )


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    return request


def _tls_error(error: BaseException | None, depth: int = 8) -> ssl.SSLError | None:
    """The TLS error that an error of a library was made of."""
    if error is None or not depth or isinstance(error, ssl.SSLError):
        return error if isinstance(error, ssl.SSLError) else None
    inner = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
    found = (_tls_error(one, depth - 1) for one in inner if isinstance(one, BaseException))
    return next((one for one in found if one is not None), None)


def _read(response: Response) -> None:
    """Read the body to its end, as `Response.content` does; a response that is no good one is closed."""
    body = bytearray()
    try:
        if 300 <= response.status_code < 400:
            raise Moved(response.status_code)
        for piece in response.iter_content(_PIECE):
            body += piece
            if len(body) > MOST_BYTES:
                raise TooLarge(f"more than {MOST_BYTES:,} bytes")
    except BaseException as error:
        response.close()
        if isinstance(error, BrokenConnection) and isinstance(error.args[0], ReadTimeoutError):
            raise TooSlow(*error.args) from error
        raise
    response._content = bytes(body)


class _Ending(io.RawIOBase):
    """What a socket receives until an instant, however little comes at a time."""

    def __init__(self, raw: io.RawIOBase, sock: Any, ends: float) -> None:
        self._raw, self._sock, self._ends = raw, sock, ends
        self._patience: float | None = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer does not end")
        self._sock.settimeout(left if self._patience is None else min(left, self._patience))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _pools(whole: float) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools, by scheme, whose answers end within some seconds."""

    class Answer(http.client.HTTPResponse):
        def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            self.fp = io.BufferedReader(_Ending(self.fp.detach(), sock, time.monotonic() + whole))

    class Plain(HTTPConnection):
        response_class = Answer

    class Encrypted(HTTPSConnection):
        response_class = Answer

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}
