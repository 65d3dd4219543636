"""IBKR's Flex web service: a statement is ordered by its query, and fetched once it is made.

The client that comes with ibflex reads answers of any length, repeats requests, and raises errors that hold
the token. Here each request is bounded and sent once, and all of it ends within `PATIENCE_SECONDS`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nightdesk.bounded_http import (
    NO_ANSWER,
    BoundedAdapter,
    is_on_this_machine,
    no_answer,
    refuse_unsendable,
)
from nightdesk.brokers.broker_interface import Unreachable, Unreadable
from nightdesk.core.errors import Refused
from nightdesk.core.masking import one_line
from nightdesk.retry_after import is_busy

if TYPE_CHECKING:
    from requests import PreparedRequest

#: Where the service is.
ADDRESS = "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService"

#: From the order of a statement to its last byte, in seconds.
PATIENCE_SECONDS = 60.0
#: Between two questions; the service wants at most one a second, and ten a minute.
PAUSE_SECONDS = 8.0

#: Seconds for the connection and each next byte, and for a whole answer.
READ_SECONDS = 15.0
WHOLE_SECONDS = 45.0
#: So long a request has in any case.
SHORTEST_SECONDS = 1.0

#: What the service says while a statement is made, or while it is asked for too much: it is asked again.
NOT_YET = ("1001", "1004", "1005", "1006", "1007", "1008", "1009", "1018", "1019", "1021")

#: What a person has to put right, by the service's code.
REMEDIES: Mapping[str, str] = {
    "1003": "the query has no statement for its period: choose a period with business days in it",
    "1010": "make an Activity Flex Query in place of the old one",
    "1011": "switch the Flex web service of the account on",
    "1012": "the token has expired: make a new one, and give it to the desk",
    "1013": "the token is bound to another IP address: make one for this machine's",
    "1014": "the query's id is wrong: it stands beside the query's name",
    "1015": "the token is unknown: copy it again, or make a new one",
    "1016": "the query is of another account",
    "1020": "check token and query id",
}

_QUOTED = 160
_HEAD = 1000


class FlexService:
    """The service, for one account.

    Parameters
    ----------
    account : str
        The account's name in the book, for errors.
    token, query : str
        The token shows in no representation and no error.
    url : str or None
        Scheme, host and path in place of IBKR's own.
    sleep : callable
        Waits some seconds between questions.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self,
        account: str,
        token: str,
        query: str,
        url: str | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = f"the Flex statement of account {account}"
        refuse_unsendable(self._what, token, query)
        self._token, self._query = token, query
        self._address = _checked(self._what, url or ADDRESS)
        self._sleep, self._clock = sleep, clock

    def fetch(self) -> bytes:
        """The statement as XML, for `nightdesk.brokers.flex_statements.read_flex`.

        Raises
        ------
        Unreachable
            When nothing came in time: the service is busy, or is still at work on it.
        Unreadable
            When it answered something else.
        Refused
            When it will not give one, with what to put right.
        """
        ends = self._clock() + PATIENCE_SECONDS
        reference = self._until(ends, "SendRequest", self._query)
        said = _answer_of(reference)
        number = said.get("ReferenceCode", "")
        if said.get("Status") != "Success" or not number.isdecimal():
            raise self._unreadable(reference)
        statement = self._until(ends, "GetStatement", number)
        if b"<FlexQueryResponse" not in statement[:_HEAD]:
            raise self._unreadable(statement)
        return statement

    def _until(self, ends: float, step: str, about: str) -> bytes:
        """The answer to one step that is none of `NOT_YET`."""
        while True:
            answer = self._ask(step, about, max(ends - self._clock(), SHORTEST_SECONDS))
            said = _answer_of(answer)
            if said.get("Status") in (None, "Success"):
                return answer
            code, words = said.get("ErrorCode", ""), one_line(said.get("ErrorMessage", ""))[:_QUOTED]
            told = f"{self._what}: IBKR says: {words} ({code})"
            if code not in NOT_YET:
                remedy = REMEDIES.get(code)
                raise Refused(f"{told}; {remedy}" if remedy else told)
            if self._clock() + PAUSE_SECONDS >= ends:
                raise Unreachable(f"{told}; asked for {PATIENCE_SECONDS:.0f} s")
            self._sleep(PAUSE_SECONDS)

    def _ask(self, step: str, about: str, left: float) -> bytes:
        """The answer to one request, of which all ends within the seconds that are left."""
        from requests import Session

        fault: Exception
        read, whole = min(READ_SECONDS, left), min(WHOLE_SECONDS, left)
        with Session() as session:
            session.trust_env = not is_on_this_machine(self._address)
            session.auth = _as_it_is  # else a ~/.netrc that names the host would add a login of its own
            for scheme in ("https://", "http://"):
                session.mount(scheme, BoundedAdapter(read, read, whole))
            try:
                response = session.get(
                    f"{self._address}/{step}",
                    params={"t": self._token, "q": about, "v": "3"},
                    headers={"User-Agent": f"Python/{sys.version_info.major}.{sys.version_info.minor}"},
                )
                if response.status_code == 200:
                    return response.content
                fault = self._refused(response.status_code)
            except (*NO_ANSWER, ValueError) as error:
                host = urlsplit(self._address).netloc
                found = no_answer(error, host, read=read, whole=whole)
                why = found.why or f"it answered {found.found}"
                fault = (
                    Refused(f"{self._what}: {why}") if found.moved else Unreachable(f"{self._what}: {why}")
                )
        raise fault from None  # outside of the handlers, so that no request with its token hangs on it

    def _refused(self, status: int) -> Exception:
        if is_busy(status):
            return Unreachable(f"{self._what}: the service has an error of its own ({status})")
        return Refused(f"{self._what}: the service refuses the request ({status})")

    def _unreadable(self, answer: bytes) -> Unreadable:
        start = one_line(answer[:_QUOTED].decode("utf-8", "replace")).replace(self._token, "***")
        return Unreadable(f"{self._what}: something else came in place of it: {start!r}")


def _answer_of(content: bytes) -> dict[str, str]:
    """What a `FlexStatementResponse` says, by its element; nothing of anything else."""
    from xml.etree import ElementTree

    if b"<FlexStatementResponse" not in content[:_HEAD] or b"<!DOCTYPE" in content:
        return {}
    try:
        root = ElementTree.XML(content)
    except ElementTree.ParseError:
        return {}
    return {child.tag: (child.text or "").strip() for child in root}


def _checked(what: str, url: str) -> str:
    """Scheme, host and path; `Refused` where the token would travel unencrypted."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise Refused(f"{what}: its address must be https://, a host and a path, such as {ADDRESS}")
    if parts.scheme == "http" and not is_on_this_machine(url):
        raise Refused(f"{what}: http://{parts.hostname} would send the token unencrypted: write https://")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    return request
