"""What is said of TWS by whoever talks to it: where it is, how long it is waited for, and what goes wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nightdesk.core.errors import Refused

#: TWS has lost its own connection to IBKR: what it tells is old, and nothing should be sent.
LOST = frozenset({502, 504, 1100, 1300})
#: That connection is back, without or with the data that was subscribed to before.
RESTORED = frozenset({1101, 1102})
#: Another connection has the client id.
CLIENT_IN_USE = 326

_ADDRESS = re.compile(
    r"ib://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):(?P<port>\d{1,5})/(?P<client>\d{1,9})"
)


class TwsSilent(Exception):
    """TWS gave no answer: no connection, a time-out, a connection that broke, none from it to IBKR."""


class TwsClientInUse(TwsSilent):
    """Another connection has the client id."""


class TwsUnreadable(Exception):
    """TWS sent something that cannot be understood; `answer` is how it begins."""

    def __init__(self, message: str, answer: str) -> None:
        super().__init__(message)
        self.answer = answer


class TwsError(Exception):
    """TWS answers a question by one of its numbered errors."""

    def __init__(self, what: str, code: int, text: str) -> None:
        super().__init__(f"{what}: {text} ({code})")
        self.code, self.text = code, text


@dataclass(frozen=True)
class TwsAddress:
    """Where TWS or Gateway listens, and under which client id it is talked to."""

    host: str
    port: int
    client_id: int

    def __str__(self) -> str:
        return f"ib://{self.host}:{self.port}/{self.client_id}"


@dataclass(frozen=True)
class TwsPatience:
    """Seconds that talking may take.

    Attributes
    ----------
    connect : float
        For the connection and the handshake.
    in_use : float
        For another connection to give its client id back; then this one is refused.
    answer : float
        For the whole answer to a question.
    """

    connect: float = 10.0
    in_use: float = 20.0
    answer: float = 20.0


def tws_address(text: str, whose: str) -> TwsAddress:
    """The address that a text says.

    Parameters
    ----------
    text : str
        Such as ib://127.0.0.1:4002/17.
    whose : str
        Whose address it is, for the error.

    Raises
    ------
    Refused
        When it is none.
    """
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or not 0 < int(found["port"]) < 65536 or not 0 < int(found["client"]) < 2**31:
        raise Refused(
            f"{whose}: found the address {text.strip()!r}; expected ib://host:port/clientId with a client id "
            "from 1 on of its own, such as ib://127.0.0.1:4002/17 (paper: port 4002 of Gateway, 7497 of TWS)"
        )
    return TwsAddress(found["host"].strip("[]"), int(found["port"]), int(found["client"]))


def is_news(code: int) -> bool:
    """Whether an error is none: how the data farms are, what a subscription lacks, that a day's order was
    made one of the day (10349), or a remark on an order (399).
    """
    return 2100 <= code < 2200 or code in (399, 10167, 10349)
