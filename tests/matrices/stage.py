"""A desk and its broker at one moment, to which a test takes them back as often as it likes."""

import time

from tests.clock import set_clock
from tests.matrices.kept_rows import KeptRows
from tests.matrices.scenes import WatchedDesk

#: The database's clock goes on; after so many seconds it is set back.
_CLOCK_HOLDS = 60.0


class Stage:
    """How things stand when it is made, in the database and at the fake Alpaca.

    Parameters
    ----------
    desk : WatchedDesk
        The desk, at rest: nothing is on its way to the broker.
    """

    def __init__(self, desk: WatchedDesk) -> None:
        self.desk = desk
        exchange = desk.fake.exchange
        self._state, self._before = exchange.state, exchange.before
        self._told = dict(desk.fake.told)
        self._clock_set = 0.0
        with desk.connection() as conn:
            self._rows = KeptRows(conn)

    def restore(self) -> None:
        """Let everything be as it was; the broker answers well and has heard nothing since."""
        with self.desk.connection() as conn:
            self._rows.restore(conn)
        fake = self.desk.fake
        if fake.exchange.now != self._state.now or time.monotonic() > self._clock_set + _CLOCK_HOLDS:
            set_clock(self.desk.url, self._state.now)
            fake.exchange.set_at = time.monotonic()
            self._clock_set = time.monotonic()
        fake.heal()
        fake.exchange.state, fake.exchange.before = self._state, self._before
        fake.requests.clear()
        fake.told = dict(self._told)
        fake.created = fake.spoiled = 0
