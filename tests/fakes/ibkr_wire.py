"""The wire protocol of TWS and IB Gateway: frames of text fields, each with a zero byte after it.

A frame is its length (four bytes, the highest first) and so many bytes. The first frame of a client stands
after ``API`` and a zero byte, and names the versions that it speaks.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

#: The version that this server speaks: the newest that `ib_async` 2.0.1 accepts.
SERVER_VERSION = 178
#: What a number that is not set is written as.
UNSET_DOUBLE = "1.7976931348623157E308"
UNSET_INTEGER = "2147483647"
UNSET_LONG = "9223372036854775807"
#: The time zone in which the gateway writes times, by the name that it uses.
ZONE = "US/Eastern"

_EASTERN = ZoneInfo(ZONE)

#: Requests by their number.
REQUESTS = {
    1: "reqMktData",
    2: "cancelMktData",
    3: "placeOrder",
    4: "cancelOrder",
    5: "reqOpenOrders",
    6: "reqAccountUpdates",
    7: "reqExecutions",
    8: "reqIds",
    9: "reqContractDetails",
    14: "setServerLogLevel",
    15: "reqAutoOpenOrders",
    16: "reqAllOpenOrders",
    17: "reqManagedAccts",
    20: "reqHistoricalData",
    25: "cancelHistoricalData",
    49: "reqCurrentTime",
    58: "reqGlobalCancel",
    59: "reqMarketDataType",
    61: "reqPositions",
    62: "reqAccountSummary",
    63: "cancelAccountSummary",
    64: "cancelPositions",
    71: "startApi",
    76: "reqAccountUpdatesMulti",
    77: "cancelAccountUpdatesMulti",
    99: "reqCompletedOrders",
}

Fields = list[object]


class Unreadable(Exception):
    """A request whose fields are not what the protocol says."""


class Reader:
    """The fields of one request, taken one after another.

    Parameters
    ----------
    fields : list of str
        Without the number of the request.
    """

    def __init__(self, fields: list[str]) -> None:
        self._left = list(fields)

    def text(self) -> str:
        if not self._left:
            raise Unreadable("the request ends too early")
        return self._left.pop(0)

    def whole(self) -> int:
        return int(self.text() or 0)

    def number(self) -> Decimal | None:
        """A number; None where it is not set."""
        text = self.text()
        return Decimal(text) if text and text != UNSET_DOUBLE else None

    def flag(self) -> bool:
        return self.text() in ("1", "True")

    def skip(self, count: int) -> None:
        for _ in range(count):
            self.text()

    def end(self) -> None:
        """Nothing may be left: fields in another order would show here."""
        if self._left:
            raise Unreadable(f"the request has {len(self._left)} fields too many: {self._left}")


def framed(fields: Fields) -> bytes:
    """A message as bytes."""
    body = "".join(f"{written(field)}\0" for field in fields).encode()
    return struct.pack(">I", len(body)) + body


def written(field: object) -> str:
    """A field as text."""
    if field is None:
        return ""
    if isinstance(field, bool):
        return "1" if field else "0"
    if isinstance(field, Decimal):
        text = f"{field:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(field)


def local(moment: datetime) -> str:
    """An instant as the gateway writes it, in the time of New York with the zone behind it."""
    return f"{moment.astimezone(_EASTERN):%Y%m%d %H:%M:%S} {ZONE}"


def moment_of(text: str) -> datetime:
    """An instant as a client writes it: with a zone behind it, ``yyyymmdd-hh:mm:ss`` in UTC, or local time.

    Raises
    ------
    Unreadable
        Where it is none of these.
    """
    day, _, rest = text.partition("-") if "-" in text[:9] else text.partition(" ")
    clock, _, zone = rest.strip().partition(" ")
    try:
        place = ZoneInfo(zone) if zone else UTC if "-" in text[:9] else _EASTERN
        naive = datetime.strptime(f"{day} {clock}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007 - its zone follows
    except (ValueError, OSError) as error:
        raise Unreadable(f"{text!r} is no time") from error
    return naive.replace(tzinfo=place).astimezone(UTC)


def greeting(connection: socket.socket) -> tuple[int, int] | None:
    """The versions that a client speaks, from its first bytes; None where it leaves before it said so."""
    start = _exactly(connection, 4)
    if start is None:
        return None
    if start != b"API\0":
        raise Unreadable(f"a client begins with API and a zero byte, not with {start!r}")
    body = _frame(connection)
    if body is None:
        return None
    lowest, _, highest = body.decode().split(" ")[0].removeprefix("v").partition("..")
    return int(lowest), int(highest or lowest)


def requests(connection: socket.socket) -> Iterator[list[str]]:
    """The requests of a client until it leaves."""
    while True:
        body = _frame(connection)
        if body is None:
            return
        yield body.decode().split("\0")[:-1]


def _frame(connection: socket.socket) -> bytes | None:
    prefix = _exactly(connection, 4)
    return None if prefix is None else _exactly(connection, struct.unpack(">I", prefix)[0])


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    read = b""
    while len(read) < count:
        more = connection.recv(count - len(read))
        if not more:
            return None
        read += more
    return read
