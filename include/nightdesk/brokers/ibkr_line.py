"""The line to one account at IBKR: the process's one connection to its TWS, and silence in the desk's terms.

A client id is taken by one connection at a time. Whoever talks to the same TWS in a process shares one, which
ends when the last of them has closed.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nightdesk.brokers.broker_interface import Unreachable, Unreadable
from nightdesk.tws_client import Heard
from nightdesk.tws_line import TwsLine
from nightdesk.tws_terms import TwsAddress, TwsPatience, TwsSilent, TwsUnreadable

if TYPE_CHECKING:
    from ib_async.client import Client

#: One question at a time, whoever asks.
_TALKING = threading.RLock()

#: The connections of this process, and how many use each.
_LINES: dict[TwsAddress, TwsLine] = {}
_USERS: Counter[TwsAddress] = Counter()
_OF_THE_PARENT: list[TwsLine] = []


class IbkrLine:
    """A connection that is made by the first question and shared; `close` gives it back.

    Parameters
    ----------
    account : str
        The book's name of it, for errors.
    address : TwsAddress
    patience : TwsPatience
        How long talking may take; that of whoever connects first.
    """

    def __init__(self, account: str, address: TwsAddress, patience: TwsPatience) -> None:
        self.account, self.address, self.patience = account, address, patience
        self._uses = False

    def managed(self) -> tuple[str, ...]:
        """The ids of the accounts that the connection manages; connects where there is none.

        Raises
        ------
        Unreachable, Unreadable
        """
        with _TALKING, self._in_words("the connection"):
            return self._line().open()

    def ask(
        self,
        what: str,
        send: Callable[[Client, int], object],
        *,
        takes: Collection[str],
        ends: str,
        numbered: bool = True,
    ) -> list[tuple[Any, ...]]:
        """The answer to a question; see `TwsLine.ask`.

        Raises
        ------
        TwsError
            When TWS answers by an error.
        Unreachable, Unreadable
        """
        with _TALKING, self._in_words(what):
            return self._line().ask(what, send, takes=takes, ends=ends, numbered=numbered)

    def listen(
        self,
        what: str,
        send: Callable[[Client], object],
        hear: Callable[[Heard], bool],
        within: float | None = None,
    ) -> None:
        """Send something once, and hear until it was all; see `TwsLine.listen`.

        Raises
        ------
        Unreachable, Unreadable
            Also when it was not all within so many seconds (default: those of the patience).
        """
        with _TALKING, self._in_words(what):
            self._line().listen(what, send, hear, within)

    def tell(self, what: str, send: Callable[[Client], object]) -> None:
        """Send something to which there is no answer; raises as `listen`."""
        with _TALKING, self._in_words(what):
            self._line().tell(what, send)

    def wait(
        self, what: str, send: Callable[[Client], object], hear: Callable[[Heard], bool], within: float
    ) -> bool:
        """Whether what is sent was answered within so many seconds; raises as `listen`, but for the time."""
        with _TALKING, self._in_words(what):
            return self._line().wait(what, send, hear, within)

    def number(self) -> int:
        """The number of the next question or order; raises as `managed`."""
        with _TALKING, self._in_words("the connection"):
            return self._line().number()

    def close(self) -> None:
        """Give the connection back; the last user ends it."""
        with _TALKING:
            if not self._uses:
                return
            self._uses = False
            _USERS[self.address] -= 1
            if _USERS[self.address] <= 0:
                del _USERS[self.address]
                line = _LINES.pop(self.address, None)
                if line is not None:
                    line.close()

    def _line(self) -> TwsLine:
        if not self._uses:
            self._uses = True
            _USERS[self.address] += 1
        whose = f"account {self.account} of ibkr"
        return _LINES.setdefault(self.address, TwsLine(self.address, whose, self.patience))

    @contextmanager
    def _in_words(self, what: str) -> Iterator[None]:
        """A block whose silence is the desk's `Unreachable` and `Unreadable`."""
        fault: Unreachable | Unreadable
        try:
            yield
            return
        except TwsSilent as error:
            fault = Unreachable(str(error))
        except TwsUnreadable as error:
            fault = Unreadable(f"{error} ({what})", {"answer": error.answer})
        raise fault


def _forget() -> None:
    """Leave the connections to the process that made them: this one is its child, with a lock of its own.

    They are kept, for their end here would reach into what both processes hold of them.
    """
    global _TALKING
    _TALKING = threading.RLock()
    _OF_THE_PARENT.extend(_LINES.values())
    _LINES.clear()
    _USERS.clear()


os.register_at_fork(after_in_child=_forget)
