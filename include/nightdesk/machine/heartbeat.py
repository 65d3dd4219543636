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

from nightdesk.errors import Refused

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
        if address is not None:
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
            while not self._send(words) and words is not None:
                time.sleep(RETRY_SECONDS)

    def _send(self, words: str | None) -> bool:
        """Whether it needs no further try."""
        import httpx

        assert self._address is not None
        url = httpx.URL(self._address)
        try:
            if words is None:
                request = httpx.Request("GET", url)
            else:
                fail = url.copy_with(path=url.path.rstrip("/") + "/fail")
                request = httpx.Request("POST", fail, content=words.encode())
            with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
                # The body of the answer is not read: its status says enough, and it may have no end.
                answer = client.send(request, stream=True)
                answer.close()
            status = answer.status_code
            trouble = None if answer.is_success else f"it answers {status}"
            final = status < 500 and status not in {408, 429}
        except httpx.HTTPError as error:
            trouble, final = str(error) or type(error).__name__, False
        if trouble != self._trouble:
            said = "takes messages again" if trouble is None else f"does not take messages: {trouble}"
            self._log(f"the watchdog of {VARIABLE} at {url.host} {said}")
            self._trouble = trouble
        return trouble is None or final
