"""How requests reach Airflow's REST API, and what a refused or failed one means."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.machine.environment import Login

if TYPE_CHECKING:
    import httpx

#: The wait for the next byte, and that for the whole answer; and how large it may be.
TIMEOUT_SECONDS = 30.0
WHOLE_SECONDS = 120.0
MOST_BYTES = 64 * 1024 * 1024
PAGE = 100


class Rest:
    """A person's session with an API server; the login is sent with the first request.

    Parameters
    ----------
    address : str
        As ``http://127.0.0.1:8080``.
    login : Login
        The user in whose name it asks.
    timeout : float, optional
        Seconds to wait for an answer; by default `TIMEOUT_SECONDS`.
    """

    def __init__(self, address: str, login: Login, timeout: float | None = None) -> None:
        self.address = address
        self._login = login
        self._timeout = TIMEOUT_SECONDS if timeout is None else timeout
        self._http: httpx.Client | None = None

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        missing_is_none: bool = False,
        busy_is_none: bool = False,
        query: Mapping[str, str] | None = None,
        patience: float = 0.0,
    ) -> Any:
        """Send a request and return the document of the answer.

        Parameters
        ----------
        path : str
            Below ``/api/v2/``.
        missing_is_none, busy_is_none : bool
            Whether None stands for the answers 404 and 409, in place of an error.
        patience : float
            Seconds to wait for the answer beyond the usual ones, of a request that is long work.

        Raises
        ------
        Transient
            When the server does not answer, its answer does not end, or says that it is in trouble.
        Refused
            When it refuses the request.
        """
        import httpx

        try:
            answer = self._answer(
                method, path, json=body, params=dict(query or {}), timeout=self._timeout + patience
            )
        except httpx.TransportError as error:
            raise Transient(
                f"Airflow at {self.address} does not answer: {error}. Is it up (`nightdesk up`)?"
            ) from error
        if (answer.status_code == 404 and missing_is_none) or (answer.status_code == 409 and busy_is_none):
            return None
        if answer.is_success:
            return answer.json() if answer.content else None
        refusal = _refusal(answer.status_code)
        raise refusal(f"Airflow answered {answer.status_code} to {method} {path}: {answer.text[:500]}")

    def pages(self, path: str, key: str, **query: str) -> Iterator[dict[str, Any]]:
        """Every record of a list, page after page."""
        offset = 0
        while True:
            answer = self.send("GET", path, query={"limit": str(PAGE), "offset": str(offset), **query})
            yield from answer[key]
            offset += PAGE
            if offset >= answer["total_entries"]:
                return

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, read to its end, which must come in time and before it is too large."""
        ends, read = time.monotonic() + WHOLE_SECONDS, bytearray()
        with self._session().stream(method, f"/api/v2/{path}", **options) as answer:
            for piece in answer.iter_bytes():
                read += piece
                if len(read) > MOST_BYTES or time.monotonic() > ends:
                    raise Transient(
                        f"Airflow at {self.address}: its answer to {method} {path} does not end within "
                        f"{WHOLE_SECONDS:g} s and {MOST_BYTES:,} bytes"
                    )
        answer._content = bytes(read)  # as its own `read` does
        return answer

    def _session(self) -> httpx.Client:
        import httpx

        if self._http is None:
            # The server is on this machine: a proxy of the environment must not stand between.
            http = httpx.Client(base_url=self.address, timeout=self._timeout, trust_env=False)
            credentials = {"username": self._login.username, "password": self._login.password}
            answer = http.post("/auth/token", json=credentials)
            if not answer.is_success:
                refusal = _refusal(answer.status_code)
                raise refusal(f"Airflow at {self.address} does not take the login: {answer.status_code}")
            http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            self._http = http
        return self._http


def _refusal(status: int) -> type[NightdeskError]:
    """A server in trouble says nothing about the request."""
    return Transient if status >= 500 or status == 429 else Refused
