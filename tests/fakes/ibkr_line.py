"""One connection of a client to the fake gateway."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from tests.fakes.ibkr_wire import Fields, framed


class Line:
    """The server's end of a connection; `client_id` is known once the client has started the API."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.client_id: int | None = None
        self._lock = threading.Lock()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def say(self, message: Fields) -> None:
        """Send a message, if the client is still there."""
        self.send(framed(message))

    def send(self, data: bytes) -> None:
        with self._lock, suppress(OSError):
            self.connection.sendall(data)

    def gone(self) -> bool:
        """Whether the client has closed its end, and nothing that it sent is left unread."""
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def pending(self) -> bool:
        """Whether something that the client sent is not read yet."""
        try:
            return bool(self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:
            return False

    def drop(self) -> None:
        """Close the connection, also where a forked process has a copy of it."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()
