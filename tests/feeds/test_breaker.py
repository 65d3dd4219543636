from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.feeds.breaker import FAILURES_TO_OPEN, OPEN_FOR, Circuit, SourceHealth

START = datetime(2024, 7, 1, 21, tzinfo=UTC)

#: (seconds since the start, event) and the state after it; None looks without an event.
STORY = [
    (0, "fails", Circuit.CLOSED, "degraded"),
    (1, "fails", Circuit.CLOSED, "degraded"),
    (2, "works", Circuit.CLOSED, "healthy"),
    (3, "fails", Circuit.CLOSED, "degraded"),
    (4, "fails", Circuit.CLOSED, "degraded"),
    (5, "fails", Circuit.CLOSED, "degraded"),
    (6, "fails", Circuit.CLOSED, "degraded"),
    (7, "fails", Circuit.OPEN, "open circuit"),
    (66, None, Circuit.OPEN, "open circuit"),
    (67, None, Circuit.HALF_OPEN, "degraded"),
    (68, "fails", Circuit.OPEN, "open circuit"),
    (127, None, Circuit.OPEN, "open circuit"),
    (128, None, Circuit.HALF_OPEN, "degraded"),
    (129, "works", Circuit.CLOSED, "healthy"),
    (130, "fails", Circuit.CLOSED, "degraded"),
]


def test_the_circuit_opens_after_five_failures_running_and_is_half_open_after_sixty_seconds():
    health = SourceHealth()
    for seconds, event, circuit, status in STORY:
        moment = START + timedelta(seconds=seconds)
        if event == "fails":
            health = health.failed(moment, "the server has an error of its own (500)")
        elif event == "works":
            health = health.succeeded(moment)
        assert (health.circuit(moment), health.status(moment)) == (circuit, status), seconds


def test_the_newest_success_and_failure_are_remembered():
    health = SourceHealth().succeeded(START).failed(START + timedelta(seconds=1), "no answer within 10 s")
    assert health.last_success == START
    assert health.last_failure == START + timedelta(seconds=1)
    assert health.last_error == "no answer within 10 s"


def test_how_long_the_newest_answer_took_is_remembered_over_failures():
    health = SourceHealth().succeeded(START, 1.5)
    assert health.answer_seconds == 1.5
    assert health.failed(START, "no answer").answer_seconds == 1.5
    assert health.succeeded(START).answer_seconds == 1.5
    assert SourceHealth.from_row(health.as_row()) == health


def test_health_survives_storage():
    health = SourceHealth().failed(START, "no answer")
    assert SourceHealth.from_row(health.as_row() | {"source": "yahoo"}) == health
    assert SourceHealth.from_row(None) == SourceHealth()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 90)), max_size=40))
def test_it_is_open_only_within_a_minute_of_the_last_of_five_failures(events):
    health, moment, running = SourceHealth(), START, 0
    for works, pause in events:
        moment += timedelta(seconds=pause)
        health = health.succeeded(moment) if works else health.failed(moment, "no answer")
        running = 0 if works else running + 1
        assert (health.circuit(moment) is Circuit.OPEN) == (running >= FAILURES_TO_OPEN)
        assert health.circuit(moment + OPEN_FOR) is not Circuit.OPEN
