"""A line to a service that has no client of its own: bounded requests, tried again while a fault passes."""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from nightdesk.bounded_http import (
    NO_ANSWER,
    BoundedAdapter,
    is_on_this_machine,
    no_answer,
    refuse_unsendable,
)
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault, retrying
from nightdesk.feeds.vendor_answers import checked_address, fault_of_silence, fault_of_status

#: Seconds for the whole answer to one request.
WHOLE_SECONDS = 60.0

_SHOWN = 160

_DECLARED = re.compile(rb"\s*<\?xml[^>]{0,100}encoding=[\"']([A-Za-z0-9._-]{1,30})[\"']")
#: Beside UTF-8; others are not written any more, and some of them hide what they hold.
_ENCODINGS = ("ascii", "iso8859-1", "iso8859-2", "iso8859-15", "cp1250", "cp1251", "cp1252", "utf-16")


class HttpLine:
    """The line.

    Parameters
    ----------
    what : str
        Who is asked, for errors: "fred".
    address : str
        Scheme, host and perhaps a path, to which those of requests are added. Unencrypted ones lead to this
        machine alone.
    secrets : mapping of str to str
        Parameters that each request carries and that show in no error and no representation, such as
        ``api_key``.
    headers : mapping of str to str
        The same of headers.
    access : str
        What a refusal of access says of the key.
    verdict : callable, optional
        What the text of an answer says beyond its status, such as that a limit is used up; None where
        nothing.
    one_address : bool
        Whether all that is asked for has one address, so that a 404 says nothing of a single thing: the
        service is another one by now.
    timeout : float
        Seconds for the connection, and for each next byte.
    sleep : callable
        Waits some seconds between attempts.
    """

    def __init__(
        self,
        what: str,
        address: str,
        *,
        secrets: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        access: str = "its key is unknown, or may not do this",
        verdict: Callable[[str], SourceFault | None] | None = None,
        one_address: bool = False,
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._secrets, self._headers = dict(secrets or {}), dict(headers or {})
        # A header's value may be a scheme and a key; no part of it holds what no header can carry.
        parts = [part for value in self._headers.values() for part in value.split(" ")]
        refuse_unsendable(what, *self._secrets.values(), *parts)
        self._address = checked_address(what, address, "https://api.example.com")
        self._access, self._verdict, self._one_address = access, verdict, one_address
        self._timeout, self._sleep = timeout, sleep

    def json(self, wanted: str, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The answer to one request as JSON.

        Parameters
        ----------
        wanted : str
            What is asked for, for errors: "observations".
        path : str
            Such as ``/series/observations``.
        params : mapping, optional
            The query, beside the secrets.

        Raises
        ------
        SourceFault
            When the service does not give it: it refuses, fails, or answers something else.
        """
        return retrying(self._sleep)(self._once, wanted, path, params or {}, True)

    def text(self, wanted: str, path: str, params: Mapping[str, Any] | None = None) -> str:
        """The same as text (a CSV, XML), in UTF-8 where an XML does not declare something else.

        An empty page, and one of HTML, are no answer.
        """
        answer: str = retrying(self._sleep)(self._once, wanted, path, params or {}, False)
        return answer

    def _once(self, wanted: str, path: str, params: Mapping[str, Any], as_json: bool) -> Any:
        from requests import Session

        fault: SourceFault
        with Session() as session:
            session.trust_env = not is_on_this_machine(self._address)
            session.auth = _as_it_is  # else a ~/.netrc that names the host would add a login of its own
            for scheme in ("https://", "http://"):
                session.mount(scheme, BoundedAdapter(self._timeout, self._timeout, WHOLE_SECONDS))
            try:
                response = session.get(
                    f"{self._address}{path}", params={**params, **self._secrets}, headers=self._headers
                )
                # To guess the encoding of a long answer takes seconds: only where somebody reads it.
                said_otherwise = self._verdict(response.text) if self._verdict else None
                if said_otherwise is not None:
                    raise said_otherwise
                if response.status_code == 404 and self._one_address:
                    raise SourceFault(Fault.FINAL, f"the server has no {wanted} at {path} (404)")
                if response.status_code != 200:
                    raise fault_of_status(response, self._access, self._said(response.text))
                return response.json() if as_json else _as_text(response.content, wanted)
            except SourceFault as error:
                fault = error
            except (*NO_ANSWER, ValueError, RecursionError) as error:
                host = urlsplit(self._address).netloc
                found = no_answer(error, host, read=self._timeout, whole=WHOLE_SECONDS)
                fault = fault_of_silence(found, wanted)
        raise fault from None  # outside of the handlers, so that no request with its key hangs on it

    def _said(self, text: str) -> str:
        """What a refusal says in its body, in one short line without a secret; nothing of a page of HTML."""
        from nightdesk.core.masking import one_line

        if "<html" in text.lower():
            return ""
        for secret in (*self._secrets.values(), *self._headers.values()):
            text = text.replace(secret, "***")
        return one_line(" ".join(text.split()))[:_SHOWN]


def _as_text(content: bytes, wanted: str) -> str:
    text = content.decode(_encoding_of(content), "replace")
    if not text.strip():
        raise SourceFault(Fault.PASSING, f"the server answered an empty page where {wanted} were asked for")
    if "<html" in text[:1000].lower():
        raise SourceFault(Fault.PASSING, f"the server answered an HTML page where {wanted} were asked for")
    return text


def _encoding_of(content: bytes) -> str:
    """What an XML says of itself at its beginning, where Python knows it as an encoding of text."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    said = _DECLARED.match(content)
    try:
        name = codecs.lookup(said[1].decode()).name if said else "utf-8"
    except LookupError:
        return "utf-8-sig"
    return name if name in _ENCODINGS else "utf-8-sig"


def _as_it_is(request: Any) -> Any:
    return request
