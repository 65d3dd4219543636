"""The desk's word to a watchdog outside, over real HTTP on loopback."""

import time
from collections.abc import Callable, Iterator

import pytest
from tests.fakes.watchdog import FakeWatchdog, watchdog

from nightdesk.core.errors import Refused
from nightdesk.machine import heartbeat
from nightdesk.machine.heartbeat import Heartbeat, heartbeat_address


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWatchdog]:
    monkeypatch.setattr(heartbeat, "RETRY_SECONDS", 0.05)
    with watchdog() as server:
        yield server


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_all_well_is_a_ping_a_minute_however_often_it_is_said(outside: FakeWatchdog) -> None:
    desk = Heartbeat(outside.url, [].append)
    for _ in range(20):
        desk.well()
    wait_until(lambda: outside.pings == 1)
    time.sleep(0.1)
    assert (outside.pings, outside.messages) == (1, [])


def test_a_death_is_one_message_and_the_ping_after_it_comes_as_soon_as_all_is_well(
    outside: FakeWatchdog,
) -> None:
    desk = Heartbeat(outside.url, [].append)
    desk.well()
    wait_until(lambda: outside.pings == 1)
    desk.fail("scheduler died")
    wait_until(lambda: outside.messages == ["scheduler died"])
    desk.well()
    wait_until(lambda: outside.pings == 2)
    assert outside.messages == ["scheduler died"]


def test_a_message_is_kept_until_the_watchdog_takes_it_and_its_trouble_is_logged_once(
    outside: FakeWatchdog,
) -> None:
    outside.status = 503
    logged: list[str] = []
    desk = Heartbeat(outside.url, logged.append)
    desk.fail("postgres died")
    wait_until(lambda: bool(logged))
    time.sleep(0.3)
    outside.status = 200
    wait_until(lambda: outside.messages == ["postgres died"])
    wait_until(lambda: len(logged) == 2)
    assert "does not take messages: it answers 503" in logged[0]
    assert "takes messages again" in logged[1]
    assert not any("1f0e" in line for line in logged), "whoever knows the whole address can ping"


def test_a_watchdog_that_refuses_for_good_is_not_asked_again(outside: FakeWatchdog) -> None:
    outside.status = 410
    logged: list[str] = []
    desk = Heartbeat(outside.url, logged.append)
    desk.fail("postgres died")
    wait_until(lambda: bool(logged))
    outside.status = 200
    desk.well()
    wait_until(lambda: outside.pings == 1)
    assert outside.messages == []


def test_a_watchdog_that_hangs_holds_nobody_up(outside: FakeWatchdog) -> None:
    outside.hangs = True
    desk = Heartbeat(outside.url, [].append)
    began = time.monotonic()
    for _ in range(100):
        desk.fail("scheduler died")
        desk.well()
    assert time.monotonic() - began < 1


def test_a_desk_without_a_watchdog_says_nothing_to_anybody() -> None:
    desk = Heartbeat(None, pytest.fail)
    desk.well()
    desk.fail("scheduler died")


@pytest.mark.parametrize(
    "text", ["hc-ping.com/secret", "ftp://host/secret", "https://", "https://host:x/secret"]
)
def test_an_address_that_is_none_is_refused_by_the_variables_name_without_showing_it(text: str) -> None:
    with pytest.raises(Refused, match="NIGHTDESK_HEARTBEAT_URL is not an address of HTTP") as refused:
        heartbeat_address({"NIGHTDESK_HEARTBEAT_URL": text})
    assert "secret" not in str(refused.value)


def test_no_address_is_no_watchdog() -> None:
    assert heartbeat_address({}) is None
    assert heartbeat_address({"NIGHTDESK_HEARTBEAT_URL": ""}) is None
