"""A server on loopback that sends what a test says, byte by byte if need be, whatever it is asked."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

#: What is sent: pieces, each at once.
Sending = Callable[[], Iterator[bytes]]


class RawServer:
    """The server, a context manager.

    Parameters
    ----------
    sending : callable
        Gives what is sent to one request; the connection is closed after it.
    certificate : Path, optional
        Key and certificate in one file: connections are encrypted.
    """

    def __init__(self, sending: Sending, certificate: Path | None = None) -> None:
        self._sending = sending
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self._socket = socket.create_server(("127.0.0.1", 0))
        #: How many requests were read.
        self.requests = 0
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> RawServer:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                if not _read_request(connection):
                    return
                self.requests += 1
                for piece in self._sending():
                    connection.sendall(piece)
        except OSError:  # the client did not wait, or does not trust us
            connection.close()


def trickling(start: bytes, seconds: float, pause: float = 0.05) -> Sending:
    """A start at once, and then a byte after each pause, for so long."""

    def send() -> Iterator[bytes]:
        yield start
        for _ in range(int(seconds / pause)):
            time.sleep(pause)
            yield b" "

    return send


def sending(*pieces: bytes) -> Sending:
    """Some pieces."""
    return lambda: iter(pieces)


def _read_request(connection: socket.socket) -> bool:
    """Read a request to its end: to close with a part of it unread would reset the connection."""
    read = b""
    while True:
        head, complete, body = read.partition(b"\r\n\r\n")
        announced = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
        if complete and len(body) >= (int(announced[1]) if announced else 0):
            return True
        if read.startswith(b"\x16"):  # a greeting of TLS, which this server does not speak
            return True
        more = connection.recv(65_536)
        if not more:
            return False
        read += more
