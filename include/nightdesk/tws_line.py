"""The line to TWS or IB Gateway through `ib_async`: every question ends, and the line is always closed.

Of `ib_async` its client is used (socket, framing, writing and reading of messages), and not the picture of
orders that it keeps beside: that goes by order numbers, which TWS begins anew, so that two orders could
become one; and it takes every notice about an order for its cancel. Here each message is heard as it came.

A question is asked one at a time, in the thread of the caller, on an event loop of the line's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nightdesk.tws_client import Heard, TwsEar, TwsLog, client_for, hang_up
from nightdesk.tws_terms import (
    CLIENT_IN_USE,
    LOST,
    RESTORED,
    TwsAddress,
    TwsClientInUse,
    TwsError,
    TwsPatience,
    TwsSilent,
    TwsUnreadable,
    is_news,
)

if TYPE_CHECKING:
    from ib_async.client import Client

#: So much of a message that cannot be read is quoted.
_QUOTED = 300


class TwsLine:
    """One connection to TWS or Gateway; it is made by the first question, and ends with `close`.

    Parameters
    ----------
    address : TwsAddress
    whose : str
        Whose line it is, for errors: "account ibkr-paper of ibkr".
    patience : TwsPatience, optional
    """

    def __init__(self, address: TwsAddress, whose: str, patience: TwsPatience | None = None) -> None:
        self.address, self.whose = address, whose
        self.patience = TwsPatience() if patience is None else patience
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Client | None = None
        self._listener: Callable[[Heard], None] | None = None
        self._fault: Exception | None = None
        self._lost = ""
        self._broken = ""
        self._unfinished = False

    def open(self) -> tuple[str, ...]:
        """Connect where there is no connection; the ids of the accounts that it manages.

        Raises
        ------
        TwsSilent
            When there is no connection within the patience; `TwsClientInUse` when another one has the id.
        TwsUnreadable
            When something else than TWS answers.
        """
        if self._loop is not None:
            # What TWS has told since the last question: that it hung up, lost IBKR, or has it back.
            self._loop.run_until_complete(asyncio.sleep(0.001))
        # What an unfinished answer still brings would be taken for that to the next question.
        if self._client is None or self._broken or (self._unfinished and not self._lost):
            self.close()
            self._connect_when_free()
        assert self._client is not None
        return tuple(self._client.getAccounts())

    def close(self) -> None:
        """End the connection; a line that is closed may be opened again."""
        loop, client = self._loop, self._client
        self._loop = self._client = self._listener = self._fault = None
        self._lost = self._broken = ""
        self._unfinished = False
        if loop is None or loop.is_closed():
            return
        loop.set_exception_handler(lambda *_: None)
        try:
            if client is not None:
                client.conn.disconnected -= self._ended
                loop.run_until_complete(hang_up(client))
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=1.0))
        finally:
            loop.close()

    def number(self) -> int:
        """A number for a question or an order, higher than all that TWS has told of."""
        self.open()
        assert self._client is not None
        return int(self._client.getReqId())

    def ask(
        self,
        what: str,
        send: Callable[[Client, int], object],
        *,
        takes: Collection[str],
        ends: str,
        numbered: bool = True,
        within: float | None = None,
    ) -> list[tuple[Any, ...]]:
        """What TWS answers to a question.

        Parameters
        ----------
        what : str
            What is asked, for errors.
        send : callable
            Asks it of the client, under a number.
        takes : collection of str
            Names of the messages that are the answer.
        ends : str
            Name of the message after which no more of it comes; may be one of `takes`.
        numbered : bool
            Whether the messages begin with the number, so that those of other questions are left out.
        within : float, optional
            Seconds for the whole answer (default: that of the patience).

        Returns
        -------
        list of tuple
            What each message of the answer says, in their order.

        Raises
        ------
        TwsError
            When TWS answers by an error.
        TwsSilent, TwsUnreadable
            When it does not answer, or in no way that can be understood.
        """
        number, found = self.number(), list[tuple[Any, ...]]()

        def hear(one: Heard) -> bool:
            if one.name == "error" and one.args[0] == number and not is_news(one.args[1]):
                raise TwsError(what, one.args[1], one.args[2])
            if numbered and one.args[:1] != (number,):
                return False
            if one.name in takes:
                found.append(one.args)
            return one.name == ends

        self.listen(what, lambda client: send(client, number), hear, within)
        return found

    def listen(
        self,
        what: str,
        send: Callable[[Client], object],
        hear: Callable[[Heard], bool],
        within: float | None = None,
    ) -> None:
        """Send something, and hear what comes until `hear` says that it was all; raises as `ask`, and what
        `hear` raises.

        What is sent is sent once, and not at all where the line is known to be cut. After an answer that was
        not whole the next question goes over a connection of its own.
        """
        patience = self.patience.answer if within is None else within
        if not self._heard_all(what, send, hear, patience):
            self._unfinished = True
            raise TwsSilent(f"{self.whose}: no answer within {patience:g} seconds ({what})")

    def wait(
        self, what: str, send: Callable[[Client], object], hear: Callable[[Heard], bool], within: float
    ) -> bool:
        """The same where an answer need not come, and a late one could be taken for no other: whether it was
        all within so many seconds. Raises as `listen`, but for the time.
        """
        return self._heard_all(what, send, hear, within)

    def tell(self, what: str, send: Callable[[Client], object]) -> None:
        """Send something to which there is no answer, such as that no more is wanted; raises as `listen`."""
        self.listen(what, lambda client: (send(client), client.reqCurrentTime()), _is_time)

    def _heard_all(
        self, what: str, send: Callable[[Client], object], hear: Callable[[Heard], bool], within: float
    ) -> bool:
        self.open()
        assert self._loop is not None
        try:
            return self._run(self._converse(what, send, hear, within))
        except TwsError:
            raise
        except BaseException:  # a task's own time-out too
            self._unfinished = True
            raise

    def _run[T](self, doing: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        task = self._loop.create_task(doing)
        try:
            return self._loop.run_until_complete(task)
        finally:
            task.cancel()  # where the caller was interrupted it would go on with the next question

    async def _converse(
        self, what: str, send: Callable[[Client], object], hear: Callable[[Heard], bool], within: float
    ) -> bool:
        self._check(what)
        assert self._client is not None
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def heard(one: Heard) -> None:
            if ended.done():
                return
            try:
                if hear(one):
                    ended.set_result(None)
                else:
                    self._check(what)
            except (AttributeError, IndexError, TypeError, ValueError) as error:
                words = f"{self.whose}: a message {one.name} has another shape than TWS's ({error}; {what})"
                ended.set_exception(TwsUnreadable(words, one.name))
            except Exception as error:  # noqa: BLE001 (goes to the caller, not into the client)
                ended.set_exception(error)

        self._listener = heard
        try:
            send(self._client)
            await asyncio.wait_for(ended, within)
            return True
        except TimeoutError:
            return False
        except ConnectionError as error:
            raise TwsSilent(f"{self.whose}: {error} ({what})") from None
        finally:
            self._listener = None
            self._fault = None

    def _check(self, what: str) -> None:
        """Raise what keeps TWS from answering well."""
        if self._fault is not None:
            raise self._fault
        if self._broken:
            raise TwsSilent(f"{self.whose}: the connection to {self.address} broke: {self._broken} ({what})")
        if self._lost:
            raise TwsSilent(
                f"{self.whose}: TWS has no connection to IBKR ({what}): {self._lost}. It comes back by "
                "itself after the daily restart; after the weekly one somebody logs in"
            )

    def _connect_when_free(self) -> None:
        import time

        until = time.monotonic() + self.patience.in_use
        while True:
            try:
                self._connect()
                return
            except TwsClientInUse:
                if time.monotonic() >= until:
                    raise
            time.sleep(0.5)

    def _connect(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._strayed)
        client = client_for(TwsEar(self._hear))
        # Its own words say less than the errors here, and would name accounts in logs.
        log: Any = TwsLog(self._unread)
        client._logger = client.decoder.logger = log
        client.conn.disconnected += self._ended
        self._client = client
        try:
            self._run(self._shake_hands(client))
        except BaseException:
            self.close()
            raise

    async def _shake_hands(self, client: Client) -> None:
        where, within = self.address, self.patience.connect
        refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def heard(one: Heard) -> None:
            if refused.done():
                return
            if one.name == "error" and one.args[1] == CLIENT_IN_USE:
                words = (
                    f"{self.whose}: client id {where.client_id} is in use at {where.host}:{where.port}: one "
                    "process talks at a time; a book and a feed have an id each, which nothing else uses"
                )
                refused.set_exception(TwsClientInUse(words))
            elif one.name == "broken":
                words = f"{self.whose}: {where.host}:{where.port} hung up before the handshake was over"
                refused.set_exception(TwsSilent(words))

        self._listener = heard
        shaking = asyncio.ensure_future(client.connectAsync(where.host, where.port, where.client_id, within))
        try:
            await asyncio.wait({shaking, refused}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                refused.result()
            if self._fault is not None:
                raise self._fault
            if not shaking.done() or isinstance(shaking.exception(), TimeoutError):
                raise TwsSilent(
                    f"{self.whose}: {where.host}:{where.port} does not finish its handshake within "
                    f"{within:g} seconds: is TWS logged in, its API enabled, this machine a trusted one?"
                )
            error = shaking.exception()
            if error is not None:
                raise TwsSilent(
                    f"{self.whose}: nothing answers at {where.host}:{where.port} ({_reason(error)}): is TWS "
                    "or Gateway running and logged in, and its API enabled?"
                )
        finally:
            self._listener = None
            shaking.cancel()
            refused.cancel()
            with suppress(Exception, asyncio.CancelledError):
                await shaking

    def _hear(self, name: str, args: tuple[Any, ...]) -> None:
        """Take a message: what it says of the line itself, then whoever listens."""
        if name == "error" and args[1] in LOST:
            self._lost = f"{args[2]} ({args[1]})"
        elif name == "error" and args[1] in RESTORED:
            self._lost = ""
        elif name == "openOrder" and self._client is not None:
            self._client.updateReqId(args[0] + 1)
        if self._listener is not None:
            self._listener(Heard(name, args))

    def _unread(self, words: str) -> None:
        """Keep that a message could not be read, until somebody listens."""
        quoted = " ".join(words.split())[:_QUOTED]
        self._fault = TwsUnreadable(f"{self.whose}: TWS sent something that cannot be read: {quoted}", quoted)
        self._hear("unread", ())

    def _ended(self, words: str) -> None:
        self._broken = words or "TWS closed it"
        self._hear("broken", ())

    def _strayed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What was raised while bytes were read: the loop ends the connection after it."""
        self._unread(str(context.get("exception") or context.get("message")))


def _is_time(one: Heard) -> bool:
    return one.name == "currentTime"


def _reason(error: BaseException) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error) or type(error).__name__
