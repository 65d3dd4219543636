"""When what died is started again, and what is told of it, without an Airflow."""

from itertools import pairwise

import pytest

from nightdesk.machine.mending import LONGEST_PAUSE_SECONDS, WINDOW_SECONDS, Restarts


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
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
