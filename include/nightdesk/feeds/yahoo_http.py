"""The HTTP session that yfinance works through.

yfinance hides what went wrong: a 429, a 500 and an unknown symbol all come back as an empty frame. This
session keeps what the server said of the newest chart, sets a time-out on every request and can send all of
them to another host.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from curl_cffi import CurlECode, CurlOpt, requests
from curl_cffi.requests.exceptions import RequestException, Timeout

from nightdesk import bounded_http
from nightdesk.core.masking import one_line
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.retry_after import is_busy, seconds_until

CHART = "/v8/finance/chart/"

_TLS = (CurlECode.SSL_CONNECT_ERROR, CurlECode.PEER_FAILED_VERIFICATION)


class WatchedSession(requests.Session[Any]):
    """A session that remembers in `failure` what went wrong with the newest chart; None when nothing did.

    Parameters
    ----------
    base_url : str or None
        Scheme and host that take the place of Yahoo's own; None leaves these.
    timeout : float
        Seconds for each request, from the first byte to the last one of its answer.
    """

    def __init__(self, base_url: str | None, timeout: float) -> None:
        most = {CurlOpt.MAXFILESIZE_LARGE: bounded_http.MOST_BYTES}
        super().__init__(impersonate="chrome", curl_options=most)
        self.base_url = base_url
        self.patience = timeout
        self.failure: SourceFault | None = None

    def forget(self) -> None:
        """Begin a new question: nothing has gone wrong with it yet."""
        self.failure = None

    def request(self, method: Any, url: str, *args: Any, **options: Any) -> Any:
        is_chart = CHART in url
        target = url if self.base_url is None else _moved(url, self.base_url)
        options["timeout"] = self.patience
        try:
            response = super().request(method, target, *args, **options)
        except RequestException as error:
            if is_chart:
                self.failure = _no_answer(error, self.patience)
            raise
        if is_chart:
            self.failure = failure_of(
                response.status_code, response.headers.get("Retry-After"), response.text
            )
            if self.failure is not None and self.failure.fault is Fault.PASSING:
                raise self.failure
        return response


def failure_of(status: int, retry_after: str | None, body: str) -> SourceFault | None:
    """What an answer to a request for a chart says of the source; None when it holds a chart."""
    if is_busy(status):
        words = {429: "asks for fewer requests", 408: "timed out"}.get(status, "has an error of its own")
        return SourceFault(Fault.PASSING, f"the server {words} ({status})", seconds_until(retry_after))
    if status in (401, 403):
        return SourceFault(Fault.FINAL, f"the server refuses access ({status})")
    if status in (400, 404):
        return SourceFault(Fault.ABSENT, f"the server has no such bars ({status}{_description(body)})")
    if status >= 300:
        return SourceFault(Fault.FINAL, f"the server refuses the request ({status})")
    try:
        chart = json.loads(body)["chart"]
    except (ValueError, KeyError, TypeError):
        what = (
            "an HTML page" if "<html" in body.lower() else "an empty page" if not body.strip() else "no chart"
        )
        return SourceFault(Fault.PASSING, f"the server answered {what} where data was asked for ({status})")
    if isinstance(chart, dict) and chart.get("error"):
        return SourceFault(Fault.ABSENT, f"the server has no such bars ({status}{_description(body)})")
    return None


def _no_answer(error: RequestException, patience: float) -> SourceFault:
    if isinstance(error, Timeout):
        return SourceFault(Fault.PASSING, f"no answer within {patience:g} s")
    if error.code == CurlECode.FILESIZE_EXCEEDED:
        most = f"more than {bounded_http.MOST_BYTES:,} bytes"
        return SourceFault(Fault.PASSING, f"the server answered too much ({most})")
    if error.code in _TLS:
        return SourceFault(
            Fault.PASSING,
            f"no encrypted connection comes about, or the certificate is not accepted ({error}): check this "
            "machine's clock, and what stands between",
        )
    return SourceFault(Fault.PASSING, "the server cannot be reached")


def _moved(url: str, base_url: str) -> str:
    base, parts = urlsplit(base_url), urlsplit(url)
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + parts.path, parts.query, ""))


def _description(body: str) -> str:
    try:
        return one_line(f": {json.loads(body)['chart']['error']['description']}")
    except (ValueError, KeyError, TypeError):
        return ""
