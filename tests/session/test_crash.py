"""Processes that are killed, and several that work at once: the tables end as after one clean run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from tests.session.small_desk import SmallDesk, begin_child, die, in_child, session, wait_for

from nightdesk.brokers.paper import PaperBroker
from nightdesk.session import close, decide, reconcile, settle, signals, submit, writing
from nightdesk.session.context import Context, ensure_started
from nightdesk.session.steps import run_session
from nightdesk.store import run_rows
from nightdesk.store.db import Connection

#: The parent's threads (of its numerical libraries) idle while it forks.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

Killing = Callable[[pytest.MonkeyPatch], None]


def after_broker_took_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(submit, "record_known", die)


def before_broker_is_called(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PaperBroker, "submit", die)


def at_second_order(patch: pytest.MonkeyPatch) -> None:
    send, calls = submit._send, []

    def once(context: Context, *rest: object) -> None:
        if calls:
            die()
        calls.append(1)
        send(context, *rest)  # type: ignore[arg-type]

    patch.setattr(submit, "_send", once)


def after_market_opened(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reconcile, "hear", die)


def within_settling(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settle, "keep", die)


def within_factors(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(writing, "write_all", die)


def within_orders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide, "intent_rows", die)


def before_gate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide, "_stored_targets", die)


def within_signals(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(signals, "session_view", die)


def before_close(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(close, "close_run", die)


@pytest.fixture
def clean(make_desk: Callable[[], SmallDesk]) -> dict[str, list[str]]:
    """The tables after two sessions in one process each."""
    desk = make_desk()
    desk.run(0)
    desk.run(1)
    return desk.dump()


def test_a_process_killed_anywhere_leaves_what_the_next_attempt_completes(
    make_desk: Callable[[], SmallDesk], clean: dict[str, list[str]]
) -> None:
    desk = make_desk()
    kills: dict[int, list[Killing]] = {
        0: [
            within_factors, within_signals, within_settling, before_gate, within_orders,
            before_broker_is_called, after_broker_took_it, at_second_order, before_close,
        ],
        1: [after_market_opened, within_settling, before_close],
    }  # fmt: skip
    for number, deaths in kills.items():
        for kill in deaths:

            def killed(number: int = number, kill: Killing = kill) -> None:
                with pytest.MonkeyPatch.context() as patch:
                    kill(patch)
                    desk.run(number)

            assert in_child(killed) == -9, kill.__name__
        desk.run(number)
    assert desk.dump() == clean
    sent = desk.rows("SELECT count(*), count(DISTINCT client_order_id) FROM nightdesk.paper_orders")
    assert sent[0][0] == sent[0][1]
    assert desk.rows("SELECT max(attempts) FROM nightdesk.orders")[0][0] >= 2  # type: ignore[operator]


def test_two_processes_on_one_session_leave_what_one_would(
    make_desk: Callable[[], SmallDesk], clean: dict[str, list[str]]
) -> None:
    desk = make_desk()
    desk.run(0)

    def work() -> None:
        desk.run(1, turn_seconds=30.0)

    first = begin_child(work)
    assert (in_child(work), wait_for(first)) == (0, 0)
    assert desk.dump() == clean


def test_a_stale_attempt_that_wakes_after_the_order_was_sent_writes_nothing(
    make_desk: Callable[[], SmallDesk],
) -> None:
    desk = make_desk()
    desk.run_steps(0, "ingest", "submit")
    before = desk.dump()
    desk.change_bar("GLD", desk.rows("SELECT session FROM nightdesk.runs")[0][0], 1.2)  # type: ignore[arg-type]
    desk.run_steps(0, "ingest", "orders")
    assert desk.dump() == before


def test_a_session_sealed_between_computing_and_saving_is_not_written(
    make_desk: Callable[[], SmallDesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    desk.run_steps(0, "ingest", "gate")
    before = desk.dump()
    real = run_rows.held_run

    @contextmanager
    def sealed_meanwhile(conn: Connection, book: str, session: date, **options: bool) -> Iterator[str | None]:
        with real(conn, book, session, **options) as sealed:
            yield sealed or "an order of it was sent"

    monkeypatch.setattr(writing, "held_run", sealed_meanwhile)
    desk.run_steps(0, "orders", "orders")
    assert desk.dump() == before


def test_all_steps_in_a_process_of_their_own_are_one_run(
    make_desk: Callable[[], SmallDesk], clean: dict[str, list[str]]
) -> None:
    desk = make_desk()
    for number in (0, 1):

        def whole(number: int = number) -> None:
            with desk.at(number) as context:
                run_session(context)

        assert in_child(whole) == 0
    assert desk.dump() == clean


def test_a_session_waits_for_the_one_before_and_goes_on_when_it_is_closed(
    make_desk: Callable[[], SmallDesk], clean: dict[str, list[str]]
) -> None:
    desk = make_desk()
    desk.run_steps(0, "ingest", "signals")
    desk.run_steps(1, "ingest", "signals")
    later = begin_child(lambda: desk.run_steps(1, "settle", "close", turn_seconds=30.0))
    desk.run_steps(0, "settle", "close")
    assert wait_for(later) == 0
    order = desk.rows(
        "SELECT max(ended_at) FILTER (WHERE session = %s AND step = 'close') "
        "< min(ended_at) FILTER (WHERE session = %s AND step = 'settle') FROM nightdesk.run_steps",
        session(0), session(1),
    )  # fmt: skip
    assert order == [(True,)]
    assert desk.dump() == clean


def test_sessions_whose_first_steps_run_side_by_side_end_as_in_order(
    make_desk: Callable[[], SmallDesk], clean: dict[str, list[str]]
) -> None:
    desk = make_desk()
    with desk.at(0) as context:
        ensure_started(context)
    children = [
        begin_child(lambda number=number: desk.run_steps(number, "ingest", "signals"))  # type: ignore[misc]
        for number in (1, 0)
    ]
    assert [wait_for(child) for child in children] == [0, 0]
    for number in (0, 1):
        desk.run_steps(number, "settle", "close")
    assert desk.dump() == clean
