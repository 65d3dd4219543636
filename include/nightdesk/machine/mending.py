"""Keeping a desk's processes running: what died is started again, what hangs is ended, and it is told.

The processes are known by their records on disk, so whoever looks finds those that somebody else has started.
A supervisor from PyPI keeps children: after its own death it would start all of them a second time.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING

from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.core.masking import mask
from nightdesk.machine import metrics_process, parts, postgres
from nightdesk.machine.airflow import ENDED_WITH_DATABASE, Airflow
from nightdesk.machine.heartbeat import PING_SECONDS, Heartbeat
from nightdesk.machine.home import Home, read_json, write_json
from nightdesk.machine.parts import POSTGRES, Part

if TYPE_CHECKING:
    from nightdesk.store.message_rows import Level

LOOK_SECONDS = 3.0
#: An event is over when all parts have been well for so long: what PostgreSQL takes along dies in this time.
CALM_SECONDS = 30.0
#: A part that runs is ended and started again after so many looks in a row at which it was not well. Counted,
#: not timed: a machine that slept, and all processes with it, has not hung.
UNWELL_LOOKS = 100
#: Pause before a part's second start within `WINDOW_SECONDS`, doubled with each further one.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 300.0
WINDOW_SECONDS = 3600.0
#: What was started so often within `WINDOW_SECONDS` keeps dying, which is told.
KEEPS_DYING = 5
SENDING_SECONDS = 120.0


class Restarts:
    """When a part may be started again: at once, then after pauses that double, never less than every 5 min.

    Parameters
    ----------
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: defaultdict[str, deque[float]] = defaultdict(deque)

    def count(self, part: str) -> int:
        """How often it was started in the last hour."""
        began = self._began[part]
        while began and self._clock() - began[0] > WINDOW_SECONDS:
            began.popleft()
        return len(began)

    def is_due(self, part: str) -> bool:
        """Whether its pause is over."""
        count = self.count(part)
        if count == 0:
            return True
        pause = min(FIRST_PAUSE_SECONDS * 2.0 ** (count - 1), LONGEST_PAUSE_SECONDS)
        return self._clock() - self._began[part][-1] >= pause

    def begin(self, part: str) -> None:
        """It is being started now."""
        self._began[part].append(self._clock())


class Mender:
    """Looks at the parts of a desk and mends them.

    An *event* begins when a part has died, hangs, or was found dead after a supervisor that was killed, and
    ends when all parts have been well for `CALM_SECONDS`. It is one message to the watchdog outside, and one
    alert. The first start of a desk is no event.

    Parameters
    ----------
    home, environ
        The desk, and the environment of what is started.
    heartbeat : Heartbeat
        The watchdog outside.
    say : callable
        Takes a line for the log.
    crashed : bool
        Whether a supervisor before this one ended without being asked to.
    begin : callable, optional
        Called once, when all parts are well for the first time.
    """

    def __init__(
        self,
        home: Home,
        environ: Mapping[str, str],
        heartbeat: Heartbeat,
        say: Callable[[str], None],
        *,
        crashed: bool,
        begin: Callable[[], None] | None = None,
    ) -> None:
        self._home, self._environ = home, environ
        self._heartbeat, self._say, self._begin = heartbeat, say, begin
        self._restarts = Restarts()
        self._unwell: Counter[str] = Counter()
        # What is dead has died only where it ran before.
        self._was_well = self._dead_supervisor = crashed
        self._event: str | None = None
        self._told: set[str] = set()
        self._calm_since: float | None = None
        self._noted_at = 0.0
        self._trouble = ""

    def run(self, end: Event) -> None:
        """Look and mend until `end` is set."""
        while not end.is_set():
            trouble = ""
            try:
                self.look()
            except NightdeskError as error:
                trouble = str(error)
            except Exception as error:  # noqa: BLE001 (whatever breaks, what watches the desk goes on)
                trouble = f"{type(error).__name__}: {error}"
            if trouble and trouble != self._trouble:
                self._say(trouble)
            self._trouble = trouble
            end.wait(LOOK_SECONDS)

    def look(self) -> None:
        """Look once, start what is dead and due, end what hangs, and tell of it."""
        self._keep_metrics()
        seen = parts.look(self._home, self._environ)
        self._unwell = Counter(
            {part.name: self._unwell[part.name] + 1 for part in seen if part.state == "unwell"}
        )
        dead = [part.name for part in seen if part.state == "dead"]
        hung = [part for part in seen if self._unwell[part.name] >= UNWELL_LOOKS]
        if dead or hung or self._dead_supervisor:
            self._begin_event(dead, hung)
        if all(part.state == "well" for part in seen):
            self._be_well()
            return
        self._calm_since = None
        self._mend(seen, dead, hung)

    def _keep_metrics(self) -> None:
        """Start the exporter of figures where it is asked for and does not run; it is no part of an event."""
        if not self._restarts.is_due(metrics_process.NAME):
            return
        # On a full disk it cannot be started; what decides is mended all the same.
        with suppress(OSError):
            if metrics_process.start(self._home, self._environ):
                self._restarts.begin(metrics_process.NAME)
                self._say("the exporter of figures is started")

    def _mend(self, seen: Sequence[Part], dead: Collection[str], hung: Sequence[Part]) -> None:
        airflow = Airflow(self._home, postgres.addresses(self._home, self._environ), self._environ)
        # PostgreSQL may be reading its log after a crash, which takes its time: it is told, never killed.
        stuck = [part.name for part in hung if part.name != POSTGRES]
        if stuck:
            airflow.kill(stuck)
        due = [name for name in dead if self._restarts.is_due(name)]
        for name in due:
            self._tell_dying(name, self._trouble if name == POSTGRES else airflow.last_words(name))
        if POSTGRES in due:
            self._restarts.begin(POSTGRES)
            self._say("PostgreSQL is started")
            postgres.start(self._home, self._environ)
            # They would die of it by and by; this way they are back sooner.
            airflow.kill(ENDED_WITH_DATABASE)
        # Without its database a part of Airflow dies at once.
        elif due and seen[0].state == "well":
            # While `nightdesk up` starts them this one waits, which is no start that has failed.
            with suppress(Transient):
                self._start(airflow, due)

    def _start(self, airflow: Airflow, names: Collection[str]) -> None:
        try:
            started = airflow.start_missing(names, timeout=LOOK_SECONDS)
        except Refused:
            for name in names:
                self._restarts.begin(name)
            raise
        for name in started:
            self._restarts.begin(name)
        if started:
            self._say(f"{_listed(sorted(started))} started")

    def _begin_event(self, dead: Collection[str], hung: Sequence[Part]) -> None:
        """Tell of an event, once; a part that has not run since the desk was started is none."""
        if not self._was_well or self._event is not None:
            return
        died = [*(["the supervisor"] if self._dead_supervisor else []), *dead]
        said = [f"{_listed(died)} died"] if died else []
        said += [f"{part.name} hangs ({part.words})" for part in hung]
        seen = (read_json(self._home.up) or {}).get("well_at")
        since = f"; all was well at {seen}" if seen else ""
        self._event = " and ".join(said)
        self._dead_supervisor = False
        self._say(f"{self._event}{since}")
        self._heartbeat.fail(mask(f"{_desk(self._home)}: {self._event}{since}. What died is started again."))

    def _be_well(self) -> None:
        moment = time.monotonic()
        if self._begin is not None:
            self._begin()
            self._begin = None
        self._was_well = True
        if self._calm_since is None:
            self._calm_since = moment
        if self._event is not None:
            if moment - self._calm_since < CALM_SECONDS:
                return
            self._end_event(self._event)
        if moment - self._noted_at >= PING_SECONDS:
            self._noted_at = moment
            write_json(self._home.up, {"well_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"})
        self._heartbeat.well()

    def _end_event(self, event: str) -> None:
        self._event = None
        self._told.clear()
        self._say("all parts are well again")
        body = "It was started again, and all parts are well. `nightdesk health` shows how they stand."
        self._raise_alert("WARNING", f"{event}; all is well again", body)

    def _tell_dying(self, part: str, last_words: str) -> None:
        """Tell of a part that dies however often it is started, once an event."""
        if self._restarts.count(part) < KEEPS_DYING or part in self._told:
            return
        self._told.add(part)
        minutes = LONGEST_PAUSE_SECONDS / 60.0
        subject = f"{part} keeps dying"
        body = (
            f"{part} was started {KEEPS_DYING} times within an hour and died each time. It is tried again, "
            f"at least every {minutes:.0f} minutes. `nightdesk health` shows how all parts stand. "
            f"What it said last:\n{last_words}"
        )
        self._say(f"{subject}: {body}")
        self._heartbeat.fail(mask(f"{_desk(self._home)}: {subject}. {body}"))
        if self._raise_alert("CRITICAL", subject, body):
            self._send_alerts()

    def _raise_alert(self, level: Level, subject: str, body: str) -> bool:
        """Keep an alert for people, where the database takes it."""
        from nightdesk.store.connection import connect
        from nightdesk.store.message_rows import raise_alert

        key = f"desk {subject} {datetime.now(UTC).isoformat()}"
        try:
            with closing(connect(postgres.addresses(self._home, self._environ).nightdesk)) as connection:
                return raise_alert(connection, key, level, subject, body)
        except Exception as error:  # noqa: BLE001 (the database may be what died, or have no tables yet)
            self._say(f"no alert could be kept of it: {error}")
        return False

    def _send_alerts(self) -> None:
        """Send what waits: the DAG that does so may be what is dead."""
        command = [sys.executable, "-m", "nightdesk", "alerts", "--send"]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                command,
                cwd=self._home.root,
                env=self._home.environment(self._environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                timeout=SENDING_SECONDS,
                check=False,
            )


def _desk(home: Home) -> str:
    return f"the desk {home.state} on {socket.gethostname()}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
