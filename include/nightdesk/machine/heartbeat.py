"""The desk's word to a watchdog outside: a ping each minute while all is well, a message when a part dies.

It follows the published ping API of healthchecks.io, which others share: a GET of an address says that all is
well, a POST to the same address with ``/fail`` behind its path says in its body what is not. A watchdog that
hears nothing for longer than it was told to wait calls a person, so it hears of a machine without power too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from threading import Thread

from nightdesk.core.errors import Refused

VARIABLE = "NIGHTDESK_HEARTBEAT_URL"
PING_SECONDS = 60.0
RETRY_SECONDS = 20.0
TIMEOUT_SECONDS = 10.0
#: healthchecks.io keeps the first 100 kB of a body.
LONGEST_BODY = 20_000


def heartbeat_address(environ: Mapping[str, str]) -> str | None:
    """The address of the watchdog outside; None when there is none.

    Raises
    ------
    Refused
        When it is not an address of HTTP. It is not shown: whoever knows it can ping.
    """
    import httpx

    text = environ.get(VARIABLE) or None
    if text is None:
        return None
    try:
        address = httpx.URL(text.strip())
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in {"http", "https"} or not address.host:
        raise Refused(
            f"{VARIABLE} is not an address of HTTP: expected https://host/path, as hc-ping.com gives"
        )
    return str(address)


class Heartbeat:
    """Speaks to the watchdog outside, from a thread of its own: a server that hangs holds nobody up.

    Parameters
    ----------
    address : str or None
        As `heartbeat_address` gives it; with None nothing is sent.
    log : callable
        Takes a line when something could not be sent, and when it could be again.
    """

    def __init__(self, address: str | None, log: Callable[[str], None]) -> None:
        self._address = address
        self._log = log
        self._pinged: float | None = None
        self._outbox: SimpleQueue[str | None] = SimpleQueue()
        self._trouble: str | None = None
        Thread(target=self._work, name="heartbeat", daemon=True).start()

    def well(self) -> None:
        """All parts are well; heard outside once a minute, after any message that still waits."""
        moment = time.monotonic()
        if self._outbox.empty() and (self._pinged is None or moment - self._pinged >= PING_SECONDS):
            self._pinged = moment
            self._outbox.put(None)

    def fail(self, words: str) -> None:
        """Say what is not well; the next ping, which says that it is over, is sent as soon as all is."""
        self._pinged = None
        self._outbox.put(words[:LONGEST_BODY])

    def _work(self) -> None:
        while True:
            words = self._outbox.get()
            # A ping that is late says nothing more; a message is kept until somebody has it.
            while self._address is not None and not self._is_settled(words) and words is not None:
                time.sleep(RETRY_SECONDS)

    def _is_settled(self, words: str | None) -> bool:
        """Send a message, or a ping; whether it was taken, or refused for good."""
        try:
            status = _status_of(str(self._address), words)
            trouble = None if 200 <= status < 300 else f"it answers {status}"
            passing = status >= 500 or status in {408, 429}
        except Exception as error:  # noqa: BLE001 (whatever breaks, the next ping is sent)
            trouble, passing = str(error) or type(error).__name__, True
        if trouble != self._trouble:
            said = "takes messages again" if trouble is None else f"does not take messages: {trouble}"
            self._log(f"the watchdog of {VARIABLE} {said}")
            self._trouble = trouble
        return trouble is None or not passing


def _status_of(address: str, words: str | None) -> int:
    """What the watchdog answers to a message, or to a ping where that is None."""
    import httpx

    url = httpx.URL(address)
    method = "GET" if words is None else "POST"
    if words is not None:
        url = url.copy_with(path=url.path.rstrip("/") + "/fail")
    # The body of the answer is not read: its status says enough, and it may have no end.
    with httpx.stream(method, url, content=words, timeout=TIMEOUT_SECONDS) as answer:
        return answer.status_code
