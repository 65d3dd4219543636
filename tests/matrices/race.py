"""Two processes run the submit step of one book at the same moment."""

import os
from dataclasses import dataclass

from tests.matrices.checks import decided, exactly_once, never_back
from tests.matrices.scenes import WatchedDesk
from tests.matrices.stage import Stage
from tests.session.small_desk import begin_child, wait_for

from nightdesk.core.errors import NotYet
from nightdesk.session import steps

#: The session that is decided, with three orders.
NUMBER = 0

#: How a process ends that leaves the work to the other one.
GAVE_WAY = 75


@dataclass(frozen=True)
class Race:
    """How the two processes ended, and what is wrong after them."""

    ended: tuple[int, int]
    violations: tuple[str, ...]


class Racing:
    """A desk whose orders are planned.

    Parameters
    ----------
    desk : WatchedDesk
        A new one.
    """

    def __init__(self, desk: WatchedDesk) -> None:
        self._desk = desk
        desk.evening(NUMBER)
        desk.price_coins(NUMBER)
        desk.run_steps(NUMBER, "ingest", "orders")
        self._planned = Stage(desk)
        self._wanted = decided(desk, NUMBER)
        desk.run_steps(NUMBER, "submit", "submit")  # whatever is imported late is imported now

    def run(self, turn_seconds: float) -> Race:
        """Let both begin at once; who comes second waits so many seconds for the first."""
        self._planned.restore()
        fake = self._desk.fake
        ready, told = os.pipe()
        waits, goes = os.pipe()

        def work() -> None:
            os.close(goes)
            with self._desk.at(NUMBER, turn_seconds=turn_seconds) as context:
                os.write(told, b".")
                os.read(waits, 1)  # ends for both at once, when the parent closes the other side
                try:
                    steps.submit(context)
                except NotYet:
                    os._exit(GAVE_WAY)

        children = [begin_child(work), begin_child(work)]
        for _ in children:
            os.read(ready, 1)
        os.close(goes)
        first, second = (wait_for(child) for child in children)
        for end in (ready, told, waits):
            os.close(end)
        wrong = exactly_once(self._desk, NUMBER, self._wanted) + never_back(self._desk)
        if 0 not in (first, second) or not {first, second} <= {0, GAVE_WAY}:
            wrong.append(f"the processes ended with {first} and {second}")
        if len(fake.asked("submit")) != len(self._wanted):
            wrong.append(f"{len(fake.asked('submit'))} requests for {len(self._wanted)} orders")
        return Race((first, second), tuple(wrong))
