"""When what died is started again, and what is told of it, without an Airflow."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from tests.fakes.watchdog import FakeWatchdog, watchdog

from nightdesk.core.errors import Refused, Transient
from nightdesk.machine import mending
from nightdesk.machine.airflow import COMPONENTS, Airflow
from nightdesk.machine.heartbeat import Heartbeat
from nightdesk.machine.home import Home, read_json
from nightdesk.machine.mending import KEEPS_DYING, LONGEST_PAUSE_SECONDS, WINDOW_SECONDS, Mender, Restarts
from nightdesk.machine.parts import Part, State
from nightdesk.store.connection import connect
from nightdesk.store.message_rows import alerts_of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def starts_within(restarts: Restarts, clock: Clock, seconds: int, part: str = "scheduler") -> list[int]:
    """The seconds at which a part is started that dies at once each time."""
    began, found = clock.now, []
    for second in range(seconds):
        clock.now = began + second
        if restarts.is_due(part):
            restarts.begin(part)
            found.append(second)
    return found


def test_what_dies_is_started_at_once_then_after_pauses_that_double_up_to_the_longest(clock: Clock) -> None:
    found = starts_within(Restarts(clock), clock, 1500)
    assert found[:6] == [0, 5, 15, 35, 75, 155]
    assert {later - earlier for earlier, later in pairwise(found[6:])} == {LONGEST_PAUSE_SECONDS}


def test_a_part_that_lived_for_an_hour_is_started_at_once_again(clock: Clock) -> None:
    restarts = Restarts(clock)
    starts_within(restarts, clock, 100)
    clock.now += WINDOW_SECONDS + 1
    assert restarts.is_due("scheduler")
    assert restarts.count("scheduler") == 0


def test_each_part_has_pauses_of_its_own(clock: Clock) -> None:
    restarts = Restarts(clock)
    starts_within(restarts, clock, 100)
    assert not restarts.is_due("scheduler")
    assert restarts.is_due("triggerer")


class Machine:
    """The parts of a desk as a test sets them, and a mender that looks at them each three seconds."""

    def __init__(
        self, folder: Path, environ: dict[str, str], outside: FakeWatchdog, clock: Clock, *, crashed: bool
    ) -> None:
        self.states: dict[str, State] = dict.fromkeys(["postgres", *COMPONENTS], "well")
        self.started: list[str] = []
        self.logged: list[str] = []
        self.held = False
        self.home = Home(root=folder, state=folder / "state")
        self._clock = clock
        heartbeat = Heartbeat(outside.url, self.logged.append)
        self.mender = Mender(self.home, environ, heartbeat, self.logged.append, crashed=crashed)

    def look(self, *_: object) -> tuple[Part, ...]:
        return tuple(Part(name, state, "as it is") for name, state in self.states.items())

    def start(self, names: list[str]) -> set[str]:
        if self.held:
            raise Transient("another nightdesk process holds the lock")
        self.started += names
        return set(names)

    def go_on(self, seconds: int) -> None:
        for _ in range(0, seconds, 3):
            self._clock.now += 3
            self.mender.look()


@pytest.fixture
def outside() -> Iterator[FakeWatchdog]:
    with watchdog() as server:
        yield server


@pytest.fixture
def machine(
    tmp_path: Path, database: str, outside: FakeWatchdog, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    environ = {"NIGHTDESK_DATABASE_URL": database, "NIGHTDESK_AIRFLOW_DATABASE_URL": database}
    made = Machine(tmp_path, environ, outside, clock, crashed=False)
    monkeypatch.setattr(mending, "time", clock)
    made.mender._restarts = Restarts(clock)
    monkeypatch.setattr(mending.parts, "look", made.look)
    monkeypatch.setattr(Airflow, "start_missing", lambda _, names, **__: made.start(names))
    monkeypatch.setattr(Airflow, "kill", lambda _, names: made.states.update(dict.fromkeys(names, "dead")))
    monkeypatch.setattr(Airflow, "last_words", lambda *_: "ModuleNotFoundError")
    return made


def messages(outside: FakeWatchdog, count: int) -> list[str]:
    from tests.machine.test_heartbeat import wait_until

    wait_until(lambda: len(outside.messages) >= count)
    return outside.messages


def alerts(database: str) -> list[tuple[str, str]]:
    connection = connect(database)
    try:
        return [(row["level"], row["subject"]) for row in alerts_of(connection)]
    finally:
        connection.close()


def test_the_first_start_of_a_desk_is_no_event(
    machine: Machine, outside: FakeWatchdog, database: str
) -> None:
    machine.states |= dict.fromkeys(COMPONENTS, "dead")
    machine.go_on(3)
    assert set(machine.started) == set(COMPONENTS)
    machine.states |= dict.fromkeys(COMPONENTS, "well")
    machine.go_on(60)
    assert outside.messages == []
    assert alerts(database) == []
    assert "well_at" in read_json(machine.home.up)


def test_all_that_dies_in_one_event_is_one_message_and_one_alert(
    machine: Machine, outside: FakeWatchdog, database: str
) -> None:
    machine.go_on(9)
    machine.states["scheduler"] = "dead"
    machine.go_on(3)
    machine.states |= {"scheduler": "well", "triggerer": "dead"}
    machine.go_on(3)
    machine.states["triggerer"] = "well"
    machine.go_on(24)
    assert alerts(database) == [], "it is not over before all parts were well for a while"
    machine.go_on(12)
    assert machine.started == ["scheduler", "triggerer"]
    (message,) = messages(outside, 1)
    assert "scheduler died; all was well at " in message
    assert alerts(database) == [("WARNING", "scheduler died; all is well again")]


def test_what_keeps_dying_is_told_once_with_its_last_words_and_tried_again(
    machine: Machine, outside: FakeWatchdog, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bool] = []
    monkeypatch.setattr(Mender, "_send_alerts", lambda _: sent.append(True))
    machine.go_on(3)
    machine.states["scheduler"] = "dead"
    machine.go_on(1800)
    assert len(machine.started) > KEEPS_DYING + 3
    died, dying = messages(outside, 2)
    assert "scheduler died" in died
    assert "scheduler keeps dying" in dying
    assert "ModuleNotFoundError" in dying
    assert len(outside.messages) == 2
    assert alerts(database) == [("CRITICAL", "scheduler keeps dying")]
    assert sent == [True], "the DAG that sends alerts may be what is dead"


def test_while_somebody_else_starts_the_parts_nothing_is_counted_as_a_start_that_failed(
    machine: Machine, outside: FakeWatchdog
) -> None:
    machine.go_on(3)
    machine.states["scheduler"] = "dead"
    machine.held = True
    machine.go_on(300)
    machine.held = False
    machine.go_on(3)
    assert machine.started == ["scheduler"]
    assert len(messages(outside, 1)) == 1


def test_what_hangs_is_ended_and_started_and_what_cannot_be_judged_is_left(
    machine: Machine, outside: FakeWatchdog
) -> None:
    machine.go_on(3)
    machine.states |= {"api-server": "unwell", "scheduler": "doubt"}
    machine.go_on(3 * (mending.UNWELL_LOOKS - 1))
    assert machine.started == []
    machine.go_on(6)
    assert machine.started == ["api-server"]
    (message,) = messages(outside, 1)
    assert "api-server hangs (as it is)" in message


def test_what_a_killed_database_takes_along_is_not_waited_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: object) -> None:
        machine.started.append("postgres")
        machine.states["postgres"] = "well"

    monkeypatch.setattr(mending.postgres, "start", start)
    machine.go_on(3)
    machine.states["postgres"] = "dead"
    machine.go_on(6)
    assert machine.started[0] == "postgres"
    assert set(machine.started[1:]) == {"scheduler", "dag-processor", "triggerer"}


def test_a_database_that_does_not_answer_is_told_and_never_ended_and_nothing_is_started_without_it(
    machine: Machine, outside: FakeWatchdog
) -> None:
    machine.go_on(3)
    machine.states |= {"postgres": "unwell", "scheduler": "dead"}
    machine.go_on(900)
    assert machine.started == []
    assert machine.states["postgres"] == "unwell"
    assert len(messages(outside, 1)) == 1


def test_a_look_that_fails_ends_no_watch_and_is_logged_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Event

    looks = iter([Refused("torn"), Refused("torn"), ValueError("a defect"), None])
    end = Event()

    def look() -> None:
        error = next(looks)
        if error is None:
            end.set()
        else:
            raise error

    monkeypatch.setattr(mending, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(machine.mender, "look", look)
    machine.mender.run(end)
    assert machine.logged == ["torn", "ValueError: a defect"]
