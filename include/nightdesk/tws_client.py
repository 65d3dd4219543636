"""The client of `ib_async`, made to hear each message as it came, on the loop that talks to it.

Its socket, framing, writing and reading of messages are used; what it keeps of orders, and its log, are not.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ib_async.client import Client

#: What `ib_async` takes for the zone of a time that came without one: none is guessed.
_NO_ZONE = "none came with a time, let TWS send times in UTC (its API settings)"


class Heard(NamedTuple):
    """One message: what `ib_async` calls it, and what it says."""

    name: str
    args: tuple[Any, ...]


def client_for(ear: TwsEar) -> Client:
    """A client of `ib_async`; each runs on the loop that talks to it, and not on the process's first one."""
    from ib_async import client, connection

    # It keeps the first loop that it sees for the whole process, which may be closed by then, or another's.
    client.getLoop = connection.getLoop = asyncio.get_running_loop
    made: Client = client.Client(ear)
    return made


async def hang_up(client: Client) -> None:
    """End a connection, what was sent before included; within a second."""
    transport = client.conn.transport
    if transport is None:
        return
    with suppress(Exception):
        client.disconnect()
    for _ in range(100):
        if client.conn.transport is None:
            return
        await asyncio.sleep(0.01)
    transport.abort()
    await asyncio.sleep(0)


class TwsEar:
    """What `ib_async` calls by the name of each message."""

    defaultTimezone = UTC  # noqa: N815 (its name there)
    ib = SimpleNamespace(TimezoneTWS=_NO_ZONE)

    def __init__(self, hear: Callable[[str, tuple[Any, ...]], None]) -> None:
        self._hear = hear

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_") or name in ("tcpDataArrived", "tcpDataProcessed"):
            raise AttributeError(name)
        return lambda *args: self._hear(name, args)


class TwsLog:
    """What stands in for the log of `ib_async`: it reports what it could not read there, and nowhere else."""

    def __init__(self, unread: Callable[[str], None]) -> None:
        self._unread = unread

    def exception(self, message: object, *args: object) -> None:
        self._unread(f"{sys.exc_info()[1]}; {message}")

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 (its name there)
        return False

    def debug(self, *args: object) -> None:
        return

    info = warning = error = debug
