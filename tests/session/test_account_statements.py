"""Statements of an account at a real broker: what its line told stays, what is new is booked once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.fakes.alpaca import FakeAlpaca
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca
from tests.session.small_desk import INCEPTION, SmallDesk, session

from nightdesk.brokers import AccountStatement, Movement, alpaca_http
from nightdesk.core.calendar import get_calendar
from nightdesk.core.money import ZERO
from nightdesk.orders.fills import Fill
from nightdesk.session import reconcile
from nightdesk.session.account_statements import BEFORE_INCEPTION, StatementTaken, keep_statement
from nightdesk.store.execution_rows import add_executions, executions_since

MADE = datetime(2022, 3, 3, 6, tzinfo=UTC)


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch) -> AlpacaDesk:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(alpaca_http, "_wait", lambda state: 0.0)
    made = at_alpaca(make_desk(), fake)
    made.decide(0)
    made.live_through(1)
    made.decide(1)
    return made


def take(desk: AlpacaDesk, fills: Sequence[Fill] = (), moved: Sequence[Movement] = ()) -> StatementTaken:
    with desk.standing() as context:
        statement = AccountStatement("A1", session(0), session(1), MADE, tuple(fills), tuple(moved))
        return keep_statement(context, "main", statement)


def pay_silently(fake: FakeAlpaca, dollars: str) -> None:
    """Let the account have paid something of which its line tells nothing."""
    state = fake.exchange.state
    fake.exchange.state = replace(state, cash=state.cash - Decimal(dollars))


def told(desk: AlpacaDesk) -> tuple[Fill, ...]:
    with desk.connection() as conn:
        return executions_since(conn, "small", "main", date(2022, 1, 1))


def moved(number: int, kind: str = "interest", cash: str = "-12.34", key: str = "m1") -> Movement:
    return Movement(key, kind, "", ZERO, Decimal(cash), session(number), "Broker Interest Paid: MAR")  # type: ignore[arg-type]


def test_what_the_line_told_is_known_and_is_booked_once(desk: AlpacaDesk) -> None:
    before, booked = told(desk), desk.rows("SELECT * FROM nightdesk.fills ORDER BY 1, 2, 3")
    assert before
    taken = take(desk, before)
    assert (taken.executions, taken.known, taken.differing) == (0, len(before), ())
    assert told(desk) == before
    desk.live_through(2)
    desk.decide(2)
    assert (
        desk.rows("SELECT * FROM nightdesk.fills WHERE session <= %s ORDER BY 1, 2, 3", session(1)) == booked
    )
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []


def test_interest_that_only_the_statement_tells_is_booked_by_the_next_settling_once(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    pay_silently(fake, "12.34")
    for _ in range(2):
        taken = take(desk, moved=[moved(1)])
    assert taken.movements == 0
    desk.live_through(2)
    desk.decide(2)
    entries = desk.rows(
        "SELECT cash, session FROM nightdesk.ledger_entries WHERE kind = 'interest' AND reference = 'm1'"
    )
    assert entries == [(Decimal("-12.34"), session(2))]
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []


def test_without_the_statement_the_same_interest_stops_the_book(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    pay_silently(fake, "12.34")
    desk.live_through(2)
    desk.decide(2)
    assert [row[0] for row in desk.rows("SELECT item FROM nightdesk.reconciliations")] == ["cash"]


def test_an_execution_that_the_line_never_told_is_kept_with_its_order(desk: AlpacaDesk) -> None:
    [one, *_] = told(desk)
    new = replace(one, execution_id="0000e0d5.1.01.01")
    taken = take(desk, [new])
    assert (taken.executions, taken.known) == (1, 0)
    assert new in told(desk)


def test_the_statement_completes_a_commission_that_is_pending(desk: AlpacaDesk) -> None:
    [one, *_] = told(desk)
    pending = replace(one, execution_id="p.01", commission=ZERO, commission_pending=True)
    with desk.connection() as conn:
        add_executions(conn, "small", "main", [pending])
    stated = replace(pending, commission=Decimal("1.05"), commission_pending=False)
    assert take(desk, [stated]).executions == 1
    assert stated in told(desk)
    assert take(desk, [replace(stated, commission=Decimal("9.99"))]).executions == 0
    assert stated in told(desk)


def test_an_execution_that_is_stated_otherwise_stays_as_it_was_told_and_people_hear_of_it(
    desk: AlpacaDesk,
) -> None:
    before = told(desk)
    [one, *_] = before
    taken = take(desk, [replace(one, quantity=one.quantity + 1)])
    [words] = taken.differing
    assert one.execution_id in words
    assert told(desk) == before
    [(level, body)] = desk.rows(
        "SELECT level, body FROM nightdesk.alerts WHERE subject LIKE %s", "%otherwise%"
    )
    assert level == "WARNING"
    assert words in str(body)


def test_what_was_before_the_book_is_left_out(desk: AlpacaDesk) -> None:
    [one, *_] = told(desk)
    early = get_calendar().shift(INCEPTION, -1)
    taken = take(
        desk,
        [replace(one, execution_id="e.01", session=early)],
        [replace(moved(0, key="e"), session=early)],
    )
    assert (taken.executions, taken.movements) == (0, 0)
    assert taken.left_out == {BEFORE_INCEPTION: 2}


def test_what_is_too_old_to_be_booked_is_named(desk: AlpacaDesk) -> None:
    for number in range(2, 9):
        desk.live_through(number)
        desk.decide(number)
    [one, *_] = told(desk)
    old = replace(one, execution_id="o.01", session=session(1))
    taken = take(desk, [old], [moved(1, key="o"), moved(8, key="n"), moved(1, "dividend", "5.00", "d")])
    assert taken.too_old == ("o.01", "o")


def test_a_statement_is_kept_with_its_days(desk: AlpacaDesk) -> None:
    take(desk, moved=[moved(1)])
    take(desk, moved=[moved(1)])
    assert desk.rows(
        "SELECT account, first_day, last_day, generated_at, executions, movements "
        "FROM nightdesk.broker_statements"
    ) == [("main", session(0), session(1), MADE, 0, 1)]


def test_nothing_of_a_statement_is_kept_where_a_part_cannot_be(desk: AlpacaDesk) -> None:
    before = told(desk)
    [one, *_] = before
    broken = replace(moved(1), kind="nonsense")  # type: ignore[arg-type]
    with pytest.raises(Exception, match="movements_kind_check"):
        take(desk, [replace(one, execution_id="x.01")], [broken])
    assert told(desk) == before
    assert desk.rows("SELECT * FROM nightdesk.broker_statements") == []
