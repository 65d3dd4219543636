"""What the desk is told when Alpaca answers badly, or not at all; nothing is sent twice for it."""

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.conftest import PROJECT
from tests.fakes.alpaca import FakeAlpaca, Fault

from nightdesk.brokers import DuplicateOrder, OrderState, RejectedOrder, Unreachable, Unreadable
from nightdesk.brokers.alpaca import AlpacaBroker
from nightdesk.brokers.alpaca_http import Busy, Denied, Patience
from nightdesk.brokers.credentials import Credentials
from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.orders.order import Intent, Order

DECIDED = date(2022, 3, 1)
QUICK = Patience(connect=0.5, read=0.5, tries=2, total=2.0)

#: What a failing line is, whatever was asked.
LINE: dict[Fault, type[NightdeskError]] = {
    Fault.REFUSED: Unreachable,
    Fault.TIMEOUT_BEFORE: Unreachable,
    Fault.TIMEOUT_AFTER: Unreachable,
    Fault.TAKEN_LATE: Unreachable,
    Fault.TOO_MANY: Unreachable,
    Fault.TOO_MANY_WAIT: Unreachable,
    Fault.SERVER_ERROR: Unreachable,
    Fault.BAD_GATEWAY: Unreachable,
    Fault.GATEWAY_TIMEOUT: Unreachable,
    Fault.NOT_JSON: Unreadable,
    Fault.TRUNCATED: Unreadable,
    Fault.EMPTY: Unreadable,
    Fault.REDIRECT: Unreadable,
    Fault.NOT_FOUND: Unreadable,
    Fault.UNAUTHORIZED: Refused,
    Fault.FORBIDDEN: Refused,
}


#: Those that take long, and are to a question what others are.
SLOW = {Fault.TIMEOUT_AFTER, Fault.TAKEN_LATE, Fault.TOO_MANY_WAIT}


@pytest.fixture(scope="module")
def book() -> Book:
    book = load_book(PROJECT / "books" / "multi_asset.yaml")
    return book.model_copy(update={"broker": BrokerEntry(kind="alpaca", account="alpaca-paper")})


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    with FakeAlpaca(datetime(2022, 3, 2, 0, 30, tzinfo=UTC), silence=0.9) as server:
        yield server


@pytest.fixture
def broker(book: Book, fake: FakeAlpaca) -> AlpacaBroker:
    return AlpacaBroker(book, Credentials(fake.key, fake.secret, fake.url), QUICK)


@pytest.fixture
def order() -> Order:
    as_of = get_calendar().close_at(DECIDED)
    intents = (Intent("time_series_momentum", "SPY", Decimal(10)),)
    return Order(
        "one", "multi_asset", DECIDED, as_of, "SPY", "buy", Decimal(10), "rebalance", Decimal(99), intents
    )


@pytest.fixture
def lived(broker: AlpacaBroker, fake: FakeAlpaca, order: Order) -> AlpacaBroker:
    """An account with two orders, executions of one of them, and two positions."""
    fake.exchange.hold("QQQ", 5, 300)
    broker.submit(order)
    broker.submit(replace(order, client_order_id="two", symbol="TLT"))
    fake.exchange.open_market({"SPY": 100}, volume={"SPY": 4})
    fake.exchange.trade("SPY", 101, 6)
    return broker


#: What can be asked, by the endpoint that answers it.
QUESTIONS: dict[str, Callable[[AlpacaBroker], Any]] = {
    "clock": lambda broker: broker.clock(),
    "account": lambda broker: broker.account(),
    "positions": lambda broker: broker.positions(),
    "query": lambda broker: broker.order_by_client_id("two"),
    "open_orders": lambda broker: broker.open_orders(),
    "fills": lambda broker: broker.fills_since(get_calendar().close_at(DECIDED)),
    "orders": lambda broker: broker.fills_since(get_calendar().close_at(DECIDED)),
    "movements": lambda broker: broker.movements_since(get_calendar().close_at(DECIDED)),
}


def raised(fault: type[NightdeskError], call: Callable[[], Any]) -> NightdeskError:
    """What a call raises, which is exactly of this kind and no rejection."""
    with pytest.raises(fault) as caught:
        call()
    assert isinstance(caught.value, Transient) == issubclass(fault, Transient)
    assert not isinstance(caught.value, RejectedOrder | DuplicateOrder | Denied)
    return caught.value


@pytest.mark.parametrize("fault", LINE, ids=lambda fault: fault.name)
def test_an_order_whose_line_fails_is_unknown_and_was_sent_once(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order, fault: Fault
) -> None:
    fake.fail("submit", fault)
    raised(LINE[fault], lambda: broker.submit(order))
    time.sleep(fake.silence if fault is Fault.TAKEN_LATE else 0.0)
    assert len(fake.asked("submit")) == 1
    assert fake.created == (1 if fault.accepted else 0)
    known = broker.order_by_client_id(order.client_order_id)
    assert (known is not None) == fault.accepted
    if fault.accepted:
        with pytest.raises(DuplicateOrder):
            broker.submit(order)
    else:
        assert broker.submit(order).state is OrderState.ACCEPTED
    assert fake.created == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault.UNKNOWN_STATUS,
        Fault.NEGATIVE_FILL,
        Fault.OVERSIZED_FILL,
        Fault.OUT_OF_ORDER,
        Fault.UNKNOWN_ORDER,
        Fault.WRONG_SYMBOL,
    ],
    ids=lambda fault: fault.name,
)
def test_an_order_with_a_wrong_answer_is_unknown_until_it_is_looked_up(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order, fault: Fault
) -> None:
    fake.fail("submit", fault)
    error = raised(Unreadable, lambda: broker.submit(order))
    assert isinstance(error, Unreadable)
    assert error.answer["qty"] == "10"
    known = broker.order_by_client_id(order.client_order_id)
    assert known is not None
    assert known.state is OrderState.ACCEPTED
    assert fake.created == 1


@pytest.mark.parametrize("endpoint", QUESTIONS)
@pytest.mark.parametrize("fault", sorted(LINE.keys() - SLOW, key=str), ids=lambda fault: fault.name)
def test_a_question_whose_line_fails_has_no_answer(
    lived: AlpacaBroker, fake: FakeAlpaca, endpoint: str, fault: Fault
) -> None:
    fake.fail_always(endpoint, fault)
    error = raised(LINE[fault], lambda: QUESTIONS[endpoint](lived))
    assert "account alpaca-paper of alpaca" in str(error)
    assert len(fake.asked(endpoint)) == (2 if LINE[fault] is Unreachable else 1)


@pytest.mark.parametrize("endpoint", QUESTIONS)
def test_a_question_is_asked_again_when_the_line_fails_once(
    lived: AlpacaBroker, fake: FakeAlpaca, endpoint: str
) -> None:
    expected = QUESTIONS[endpoint](lived)
    before = len(fake.asked(endpoint))
    fake.fail(endpoint, Fault.BAD_GATEWAY)
    assert QUESTIONS[endpoint](lived) == expected
    assert len(fake.asked(endpoint)) > before


@pytest.mark.parametrize(
    ("endpoint", "fault"),
    [
        ("query", Fault.UNKNOWN_STATUS),
        ("query", Fault.NEGATIVE_FILL),
        ("query", Fault.OVERSIZED_FILL),
        ("query", Fault.OUT_OF_ORDER),
        ("query", Fault.UNKNOWN_ORDER),
        ("open_orders", Fault.UNKNOWN_STATUS),
        ("open_orders", Fault.NEGATIVE_FILL),
        ("open_orders", Fault.OVERSIZED_FILL),
        ("positions", Fault.UNKNOWN_STATUS),
        ("positions", Fault.NEGATIVE_FILL),
        ("fills", Fault.UNKNOWN_STATUS),
        ("fills", Fault.OUT_OF_ORDER),
    ],
)
def test_a_wrong_answer_to_a_question_is_none(
    lived: AlpacaBroker, fake: FakeAlpaca, endpoint: str, fault: Fault
) -> None:
    fake.fail(endpoint, fault)
    error = raised(Unreadable, lambda: QUESTIONS[endpoint](lived))
    assert isinstance(error, Unreadable)
    assert error.answer
    QUESTIONS[endpoint](lived)  # and the next answer is good


def test_an_answer_that_was_given_to_another_question_is_none(lived: AlpacaBroker, fake: FakeAlpaca) -> None:
    lived.order_by_client_id("one")
    fake.fail("query", Fault.DUPLICATE)
    raised(Unreadable, lambda: lived.order_by_client_id("two"))


def test_a_page_of_executions_that_comes_twice_is_no_end_of_the_list(
    lived: AlpacaBroker, fake: FakeAlpaca
) -> None:
    fake.fail("fills", Fault.DUPLICATE)  # shows in the second page: before it there is nothing to repeat
    error = raised(Unreadable, lambda: lived.fills_since(get_calendar().close_at(DECIDED)))
    assert "the same page was told again" in str(error)
    assert len(lived.fills_since(get_calendar().close_at(DECIDED))) == 2


@pytest.mark.parametrize(
    ("fault", "quantities", "symbols"),
    [
        (Fault.NEGATIVE_FILL, [-4, -6], {"SPY"}),
        (Fault.OVERSIZED_FILL, [40, 60], {"SPY"}),
        (Fault.WRONG_SYMBOL, [4, 6], {"WRONG"}),
        (Fault.UNKNOWN_ORDER, [4, 6, 6], {"SPY"}),
        (Fault.STALE, [4], {"SPY"}),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_impossible_executions_are_told_as_they_came(
    lived: AlpacaBroker, fake: FakeAlpaca, fault: Fault, quantities: list[int], symbols: set[str]
) -> None:
    fake.fail("fills", fault)
    if fault is Fault.STALE:
        fake.fail("fills", fault)  # the page after it too
    fills = lived.fills_since(get_calendar().close_at(DECIDED))
    assert [fill.quantity for fill in fills] == quantities
    assert {fill.symbol for fill in fills} == symbols
    assert [fill.quantity for fill in lived.fills_since(get_calendar().close_at(DECIDED))] == [4, 6]


@pytest.mark.parametrize("fault", sorted(set(LINE) - {Fault.EMPTY}, key=str), ids=lambda fault: fault.name)
def test_a_cancel_whose_line_fails_is_unknown_and_was_sent_once(
    lived: AlpacaBroker, fake: FakeAlpaca, fault: Fault
) -> None:
    fake.fail("cancel", fault)
    raised(LINE[fault], lambda: lived.cancel("two"))
    time.sleep(fake.silence if fault is Fault.TAKEN_LATE else 0.0)
    assert len(fake.asked("cancel")) == 1
    assert lived.cancel("two").state is OrderState.CANCELLED


def test_a_cancel_needs_no_words_in_its_answer(lived: AlpacaBroker, fake: FakeAlpaca) -> None:
    fake.fail("cancel", Fault.EMPTY)
    assert lived.cancel("two").state is OrderState.CANCELLED


@pytest.mark.parametrize("fault", [Fault.UNKNOWN_STATUS, Fault.OUT_OF_ORDER], ids=lambda fault: fault.name)
def test_a_cancel_whose_order_cannot_be_read_afterwards_is_unknown(
    lived: AlpacaBroker, fake: FakeAlpaca, fault: Fault
) -> None:
    fake.fail("cancel", fault)
    raised(Unreadable, lambda: lived.cancel("two"))
    assert lived.cancel("two").state is OrderState.CANCELLED


def test_a_stale_look_up_does_not_know_the_order_and_a_second_one_is_refused_by_its_id(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    fake.fail("submit", Fault.TIMEOUT_AFTER)
    raised(Unreachable, lambda: broker.submit(order))
    fake.fail("query", Fault.STALE)
    assert broker.order_by_client_id(order.client_order_id) is None
    with pytest.raises(DuplicateOrder):
        broker.submit(order)
    assert fake.created == 1


def test_a_service_that_is_away_is_unreachable_and_answers_when_it_is_back(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    with fake.away():
        raised(Unreachable, broker.account)
        raised(Unreachable, lambda: broker.submit(order))
    assert broker.account().cash == 100_000
    assert broker.submit(order).state is OrderState.ACCEPTED


def test_a_time_out_ends_a_call_in_the_seconds_that_it_was_given(
    broker: AlpacaBroker, fake: FakeAlpaca, order: Order
) -> None:
    fake.fail("submit", Fault.TIMEOUT_BEFORE)
    began = time.monotonic()
    error = raised(Unreachable, lambda: broker.submit(order))
    assert time.monotonic() - began < fake.silence
    assert "no answer within 0.5 s (order one)" in str(error)


def test_a_question_waits_as_long_as_alpaca_asks_for(broker: AlpacaBroker, fake: FakeAlpaca) -> None:
    fake.fail("clock", Fault.TOO_MANY_WAIT)
    began = time.monotonic()
    broker.clock()
    assert time.monotonic() - began >= 1.0
    assert [one.status for one in fake.asked("clock")] == [429, 200]


def test_a_question_is_given_up_at_once_when_alpaca_asks_for_more_than_there_is(
    book: Book, fake: FakeAlpaca
) -> None:
    hasty = AlpacaBroker(book, Credentials(fake.key, fake.secret, fake.url), replace(QUICK, total=0.5))
    fake.fail_always("clock", Fault.TOO_MANY_WAIT)
    began = time.monotonic()
    error = raised(Unreachable, hasty.clock)
    assert time.monotonic() - began < 0.5
    assert isinstance(error, Busy)
    assert error.retry_after == 1.0
    assert len(fake.asked("clock")) == 1


@pytest.mark.parametrize(
    "fault",
    [one for one in Fault if one not in (Fault.TIMEOUT_AFTER, Fault.TAKEN_LATE)],
    ids=lambda one: one.name,
)
def test_key_and_secret_are_in_nothing_that_a_fault_leaves_behind(
    lived: AlpacaBroker, fake: FakeAlpaca, order: Order, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    lived = AlpacaBroker(lived._book, Credentials(fake.key, fake.secret, fake.url), replace(QUICK, tries=1))
    calls = {
        "submit": lambda: lived.submit(replace(order, client_order_id="three")),
        "cancel": lambda: lived.cancel("two"),
        **{name: lambda ask=ask: ask(lived) for name, ask in QUESTIONS.items()},  # type: ignore[misc]
    }
    causes: list[BaseException | None] = []
    left = [repr(lived), repr(lived._line), str(vars(lived)), repr(Credentials(fake.key, fake.secret))]
    for endpoint, call in calls.items():
        fake.heal()
        fake.fail_always(endpoint, fault)
        try:
            left.append(repr(call()))
        except NightdeskError as error:
            told = traceback.TracebackException.from_exception(error, capture_locals=True)
            left += [repr(error), str(vars(error)), *told.format(chain=True)]
            causes.append(error.__cause__)
    left += [record.getMessage() for record in caplog.records]
    text = "\n".join(left)
    assert "alpaca-paper" in text
    assert set(causes) <= {None}
    assert fake.key not in text
    assert fake.secret not in text


def test_what_alpaca_repeats_of_key_and_secret_is_struck_out(broker: AlpacaBroker, fake: FakeAlpaca) -> None:
    fake.exchange.hold(fake.key, 1, 1)
    fake.exchange.post("FEE", "-1", description=f"for {fake.secret.upper()} or {fake.secret}")
    assert broker.positions() == {"***": Decimal(1)}
    [fee] = broker.movements_since(get_calendar().close_at(DECIDED))
    assert fee.words == f"FEE for {fake.secret.upper()} or ***"
