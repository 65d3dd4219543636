"""Kills a process of a desk at a statement boundary, lets another one go on, and looks at what came of it."""

import gc
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass

from ib_async.connection import Connection as TcpConnection
from tests.matrices.boundaries import Boundary, code_of, watching
from tests.matrices.checks import at_broker, decided, exactly_once, ledger_agrees, never_back, only_true_fills
from tests.matrices.scenes import WatchedDesk, WatchedIbkrDesk, look_ahead
from tests.matrices.stage import Stage
from tests.session.small_desk import begin_child, die, in_child, session, wait_for

from nightdesk.bounded_http import BoundedAdapter
from nightdesk.brokers import ibkr_sending
from nightdesk.brokers.alpaca import AlpacaBroker
from nightdesk.brokers.ibkr import IbkrBroker
from nightdesk.session import decide, submit, writing
from nightdesk.store import db, rows
from nightdesk.store import order_rows as orders

#: What is watched: the writing and the sending of orders, down to the statements that reach the database and
#: the request that reaches the broker.
WATCHED = code_of(
    submit,
    decide.write_orders,
    writing.saving,
    orders.begin_attempt,
    orders.move_order,
    orders.move_planned,
    orders._move,
    AlpacaBroker.submit,
    AlpacaBroker.order_by_client_id,
    IbkrBroker.submit,
    IbkrBroker._send,
    IbkrBroker.order_by_client_id,
    ibkr_sending.send,
)
SERVING = code_of(db._begin, db._execute, rows.write_all, BoundedAdapter.send, TcpConnection.sendMsg)

#: So many seconds after its boundary a process is killed at the latest.
LATEST = 0.030

#: What each stage runs: the orders are to be written; to be sent; to be sent where one answer was lost.
STEPS = {"planning": "orders", "sending": "submit", "sending again": "submit"}


@dataclass(frozen=True)
class Moment:
    """A boundary as a run passed it: from which stage, for the how manieth time, and so many seconds before
    the end of the run.

    How often a broker is asked before it answers differs from run to run, so that the boundaries in between
    are not counted.
    """

    boundary: Boundary
    stage: str
    index: int
    left: float


@dataclass(frozen=True)
class Seen:
    """What came of one kill and the process after it; see `tests.matrices.kill.Row`."""

    killed: bool
    orders: int
    sent_before: int
    found: int
    sent_after: int
    violations: tuple[str, ...]


class Killing:
    """A desk whose orders are still to be decided, and the moments at which its process can be killed.

    Parameters
    ----------
    desk : WatchedDesk or WatchedIbkrDesk
        A new one.
    seed : int
        Of the random moments.

    Attributes
    ----------
    number : int
        The session that is decided; of the first, purchases, of which at Alpaca the one in crypto is executed
        when it arrives.
    watched : frozenset of code
    """

    number = 0
    watched = WATCHED
    #: Orders of the desk's that one request to the broker is.
    at_once = 1

    def __init__(self, desk: WatchedDesk | WatchedIbkrDesk, seed: int = 0) -> None:
        self._desk = desk
        self._random = random.Random(seed)
        self._begin()
        desk.evening(self.number)
        desk.price_coins(self.number)
        # In a process of its own: what the checks of data import would make every later fork slower.
        assert in_child(self._decide) == 0
        self._stages = {"planning": Stage(desk)}
        desk.run_steps(self.number, "orders", "orders")
        self._stages["sending"] = Stage(desk)
        desk.run_steps(self.number, "submit", "submit")
        self._wanted = decided(desk, self.number)
        wrong = self._wrong()
        assert not wrong, wrong
        moments = [*self._passed("planning"), *self._passed("sending")]
        self._lose_an_answer(moments)
        self._stages["sending again"] = Stage(desk)
        moments += self._passed("sending again")
        #: Every boundary with the moments at which a run passed it, in order.
        self.points: dict[Boundary, list[Moment]] = {}
        for one in moments:
            self.points.setdefault(one.boundary, []).append(one)
        #: How often the next session was settled.
        self.settled = 0
        self._known: set[object] = set()
        gc.collect()
        gc.freeze()

    def delay(self, moment: Moment) -> float:
        """Random seconds, within which the run will probably not end by itself."""
        return self._random.uniform(0.0, min(LATEST, moment.left))

    def kill(self, moment: Moment, delay: float | None) -> Seen:
        """Kill a process at a moment or `delay` seconds after it, and let another one run the step again."""
        desk, step = self._desk, STEPS[moment.stage]
        self._stages[moment.stage].restore()
        status = self._run_and_kill(moment, delay)
        wrong = self._wrong_meanwhile()
        before = self._sent()
        again = in_child(lambda: desk.run_steps(self.number, step, "submit", turn_seconds=20.0))
        wrong += self._wrong() + never_back(desk)
        if again != 0:
            wrong.append(f"the process after it ended with {again}")
        if status not in ((-signal.SIGKILL,) if delay is None else (-signal.SIGKILL, 0)):
            wrong.append(f"the process ended with {status} and was to be killed")
        cause = "found at the broker%"
        [(found,)] = desk.rows("SELECT count(*) FROM nightdesk.order_events WHERE cause LIKE %s", cause)
        return Seen(
            killed=status == -signal.SIGKILL,
            orders=len(self._wanted),
            sent_before=before,
            found=int(str(found)),
            sent_after=self._sent() - before,
            violations=tuple(f"{moment.stage}, {_words(delay)}: {one}" for one in wrong),
        )

    def settle(self, moment: Moment, *, always: bool) -> list[str]:
        """Let the market open and close and settle the next session; what does not agree then.

        Parameters
        ----------
        moment : Moment
            Of the kill before.
        always : bool
            Also where the orders stand as they did at an earlier settling.
        """
        desk = self._desk
        stand = (
            frozenset(desk.rows("SELECT client_order_id, status, attempts FROM nightdesk.orders")),
            frozenset((one.client_order_id, one.status) for one in desk.account.orders()),
        )
        if stand in self._known and not always:
            return []
        self._known.add(stand)
        self.settled += 1
        desk.run_steps(self.number, "report", "close")
        self._live_on()
        desk.evening(self.number + 1)
        desk.run_steps(self.number + 1, "settle", "settle")
        wrong = ledger_agrees(desk, self.number + 1) + only_true_fills(desk) + never_back(desk)
        return [f"{moment.stage}, settled: {one}" for one in wrong]

    def _begin(self) -> None:
        """What was before the session that is decided."""

    def _live_on(self) -> None:
        """Let the next session open and close."""
        self._desk.live_through(self.number + 1)

    def _wrong(self) -> list[str]:
        """What is not as it must be once the orders are sent."""
        return exactly_once(self._desk, self.number, self._wanted)

    def _wrong_meanwhile(self) -> list[str]:
        """The same of a moment at which a process was killed."""
        return []

    def _sent(self) -> int:
        """How many orders of the session the broker has, counted as often as it took them."""
        earlier = self._desk.rows(
            "SELECT client_order_id FROM nightdesk.orders WHERE session < %s", session(self.number)
        )
        return sum((one.client_order_id,) not in earlier for one in at_broker(self._desk))

    def _run_and_kill(self, moment: Moment, delay: float | None) -> int:
        """The exit status of a process that is killed."""
        heard, tell = os.pipe()

        def work() -> None:
            passed = 0

            def reached(boundary: Boundary) -> None:
                nonlocal passed
                if boundary != moment.boundary:
                    return
                if passed == moment.index:
                    if delay is None:
                        die()
                    os.write(tell, b".")
                passed += 1

            with watching(self.watched, SERVING, reached):
                self._run(moment.stage)

        child = begin_child(work)
        os.close(tell)
        if delay is not None and os.read(heard, 1):
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
        os.close(heard)
        return wait_for(child)

    def _run(self, stage: str) -> None:
        self._desk.run_steps(self.number, STEPS[stage], STEPS[stage])

    def _passed(self, stage: str) -> list[Moment]:
        """The boundaries that a run from a stage passes, in order."""
        self._stages[stage].restore()
        passed: list[tuple[Boundary, float]] = []

        def reached(boundary: Boundary) -> None:
            passed.append((boundary, time.perf_counter()))

        with watching(self.watched, SERVING, reached):
            self._run(stage)
        end = time.perf_counter()
        before = Counter[Boundary]()
        moments = []
        for boundary, at in passed:
            moments.append(Moment(boundary, stage, before[boundary], end - at))
            before[boundary] += 1
        return moments

    def _lose_an_answer(self, moments: list[Moment]) -> None:
        """Kill the process that has sent the first order before it could write that down."""
        self._stages["sending"].restore()
        lost = next(one for one in moments if one.boundary.function == "record_known")
        assert self._run_and_kill(lost, None) == -signal.SIGKILL
        assert self._sent() == self.at_once

    def _decide(self) -> None:
        self._desk.run_steps(self.number, "ingest", "gate")
        look_ahead(self._desk, self.number + 1)


def _words(delay: float | None) -> str:
    return "exactly there" if delay is None else f"{delay * 1000:.1f} ms later"
