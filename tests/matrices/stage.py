"""A desk and its broker at one moment, to which a test takes them back as often as it likes."""

import time

from tests.clock import set_clock
from tests.matrices.kept_rows import KeptRows
from tests.matrices.scenes import WatchedDesk, WatchedIbkrDesk

#: The database's clock goes on; after so many seconds it is set back.
_CLOCK_HOLDS = 60.0


class Stage[Desk: (WatchedDesk, WatchedIbkrDesk)]:
    """How things stand when it is made, in the database and at the fake broker.

    Parameters
    ----------
    desk : WatchedDesk or WatchedIbkrDesk
        The desk, at rest: nothing is on its way to the broker.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._now = desk.account.now
        self._put_back = desk.account.keep()
        self._clock_set = 0.0
        with desk.connection() as conn:
            self._rows = KeptRows(conn)

    def restore(self) -> None:
        """Let everything be as it was; the broker answers well and has heard nothing since."""
        with self.desk.connection() as conn:
            self._rows.restore(conn)
        account = self.desk.account
        if account.now != self._now or time.monotonic() > self._clock_set + _CLOCK_HOLDS:
            set_clock(self.desk.url, self._now)
            account.restart_clock()
            self._clock_set = time.monotonic()
        self._put_back()
