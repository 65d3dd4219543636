"""When an alert is sent, sent again, and not sent any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nightdesk.alerts.timing import is_due, is_fresh, wait_after
from nightdesk.store.delivery_rows import Delivery

NOW = datetime(2026, 11, 19, 21, 30, tzinfo=UTC)
NEW = Delivery("mail", "ops@example.com")
SENT = replace(NEW, attempts=1, times_sent=1, last_attempt_at=NOW, sent_at=NOW)


@pytest.mark.parametrize("level", ["INFO", "WARNING", "CRITICAL", "EMERGENCY"])
def test_what_nobody_tried_to_send_is_due_at_once(level) -> None:
    assert is_due(level, NEW, NOW)


@pytest.mark.parametrize("level", ["INFO", "WARNING", "CRITICAL"])
def test_what_was_sent_is_never_due_again(level) -> None:
    assert not is_due(level, SENT, NOW + timedelta(days=365))


def test_an_emergency_is_due_again_an_hour_after_it_was_sent() -> None:
    assert not is_due("EMERGENCY", SENT, NOW + timedelta(minutes=59, seconds=59))
    assert is_due("EMERGENCY", SENT, NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (7, 900), (100_000, 900)]
)
def test_after_each_failure_the_wait_doubles_up_to_a_quarter_of_an_hour(failures: int, seconds: int) -> None:
    assert wait_after(failures) == timedelta(seconds=seconds)
    failed = replace(NEW, attempts=failures, failures=failures, last_attempt_at=NOW)
    assert not is_due("CRITICAL", failed, NOW + timedelta(seconds=seconds - 1))
    assert is_due("CRITICAL", failed, NOW + timedelta(seconds=seconds))


def test_an_emergency_whose_repetition_failed_is_tried_again_before_the_hour_is_over() -> None:
    failed = replace(SENT, attempts=2, failures=1, last_attempt_at=NOW + timedelta(hours=1))
    assert is_due("EMERGENCY", failed, NOW + timedelta(hours=1, seconds=30))


def test_what_nobody_had_an_address_for_in_a_day_is_history_but_for_an_emergency() -> None:
    old = NOW - timedelta(days=1, seconds=1)
    assert [is_fresh(level, old, NOW) for level in ("CRITICAL", "EMERGENCY")] == [False, True]
    assert is_fresh("INFO", NOW - timedelta(days=1), NOW)
