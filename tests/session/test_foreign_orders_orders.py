"""Two desks on one account: an order that is not ours is found before anything is sent, and answered."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.conftest import open_connection
from tests.fakes.alpaca import FakeAlpaca, Fault
from tests.fakes.alpaca_orders import receive
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca
from tests.session.small_desk import SmallDesk, session
from typer.testing import CliRunner, Result

from nightdesk.cli import app
from nightdesk.core.calendar import get_calendar
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import client_order_id, read_client_order_id
from nightdesk.session import reconcile
from nightdesk.store.execution_rows import add_executions

OTHER = "zzz999"


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch) -> AlpacaDesk:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    made = at_alpaca(make_desk(), fake)
    made.be_the_desk_of_commands(monkeypatch)
    return made


def mark_of(desk: AlpacaDesk) -> str:
    return str(desk.rows("SELECT mark FROM nightdesk.installation")[0][0])


def desk_id(mark: str, number: int = 0) -> str:
    """The id of an order that a desk with such a mark would send."""
    return client_order_id("small", get_calendar().close_at(session(number)), "GLD", "buy", "x", mark=mark)


def order(fake: FakeAlpaca, client_order_id: str, symbol: str = "GLD", limit: str = "1") -> None:
    """Somebody's own order, which is not executed."""
    body = {"symbol": symbol, "side": "buy", "qty": "1", "type": "limit", "limit_price": limit}
    receive(fake.exchange, body | {"time_in_force": "gtc", "client_order_id": client_order_id})


def alerts(desk: AlpacaDesk) -> list[tuple[str, str]]:
    rows = desk.rows(
        "SELECT level, body FROM nightdesk.alerts WHERE alert_key NOT LIKE 'mail %%' ORDER BY alert_id"
    )
    return [(str(level), str(body)) for level, body in rows]


def statuses(desk: AlpacaDesk, number: int = 0) -> set[object]:
    rows = desk.rows("SELECT DISTINCT status FROM nightdesk.orders WHERE session = %s", session(number))
    return {one for (one,) in rows}


def nightdesk(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments], prog_name="nightdesk")
    assert result.exit_code == status, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result


def resent(desk: AlpacaDesk) -> str:
    """What is said when the order in GLD is sent again."""
    [(name,)] = desk.rows("SELECT client_order_id FROM nightdesk.orders WHERE symbol = 'GLD'")
    return nightdesk("resend", desk.book, name, "--reason", "it was answered").stdout


def test_orders_carry_the_mark_of_their_installation(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.decide(0)
    read = [read_client_order_id(one["client_order_id"]) for one in fake.orders]
    assert {one.mark for one in read if one is not None} == {mark_of(desk)}
    assert len(read) == 3


def test_a_session_that_was_planned_before_installations_had_marks_keeps_its_ids(desk: AlpacaDesk) -> None:
    desk.plan_first()
    [(name, as_of)] = desk.rows("SELECT client_order_id, as_of FROM nightdesk.orders WHERE symbol = 'GLD'")
    old = client_order_id("small", as_of, "GLD", "buy", "rebalance")  # type: ignore[arg-type]
    with desk.standing() as context, context.conn.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for table in ("orders", "order_intents", "order_events"):
            cursor.execute(
                f"UPDATE nightdesk.{table} SET client_order_id = %s WHERE client_order_id = %s", (old, name)
            )
    desk.run_steps(0, "orders", "close")
    assert desk.rows("SELECT client_order_id FROM nightdesk.orders WHERE symbol = 'GLD'") == [(old,)]
    desk.run_steps(0, "orders", "orders")
    assert desk.rows(
        "SELECT differences FROM nightdesk.run_steps WHERE step = 'orders' ORDER BY run_step_id DESC LIMIT 1"
    ) in ([([],)], [(None,)])


def test_beside_a_persons_order_no_risk_is_added_until_it_is_claimed(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.plan_first()
    order(fake, "my-own-order")
    desk.run_steps(0, "submit", "close")
    assert fake.asked("submit") == []
    assert statuses(desk) == {"suppressed"}
    [(level, body)] = alerts(desk)
    assert level == "CRITICAL"
    assert "buy 1 GLD, open since 2022-03-01 21:31 UTC, of a person or another program: my-own-order" in body
    assert 'nightdesk broker small --claim --reason "..."' in body
    assert "FOREIGN ORDER at its account: buy 1 GLD" in nightdesk("status").stdout
    assert "FOREIGN ORDER: buy 1 GLD" in nightdesk("broker", desk.book).stdout
    assert "wants a reason" in nightdesk("broker", desk.book, "--claim", status=1).stderr
    said = nightdesk("broker", desk.book, "--claim", "--reason", "my own stop, it stays").stdout
    assert "claimed: buy 1 GLD" in said
    assert "nothing bars it from trading" in said
    again = nightdesk("broker", desk.book, "--claim", "--reason", "again", status=1).stderr
    assert "has no order that book small did not send" in again
    assert "is submitted" in resent(desk)
    assert len(alerts(desk)) == 1


def test_a_foreign_order_that_is_cancelled_at_the_broker_bars_nothing_any_more(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.plan_first()
    order(fake, "my-own-order")
    desk.run_steps(0, "submit", "close")
    fake.exchange.cancel(fake.orders[0]["id"])
    assert "nothing bars it from trading" in nightdesk("broker", desk.book).stdout
    assert "is submitted" in resent(desk)


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (OTHER, "of another installation of the desk (mark zzz999, book small...)"),
        ("", "of another installation of the desk (mark none, book small...)"),
        (None, "of this installation, and unknown to this database"),
    ],
)
def test_beside_another_desk_nothing_is_sent(
    desk: AlpacaDesk, fake: FakeAlpaca, mark: str | None, words: str
) -> None:
    desk.plan_first()
    order(fake, desk_id(mark_of(desk) if mark is None else mark))
    desk.run_steps(0, "submit", "close")
    assert fake.asked("submit") == []
    assert statuses(desk) == {"suppressed"}
    [(level, body)] = alerts(desk)
    assert level == "EMERGENCY"
    assert words in body
    assert ("nightdesk rebuild-from-broker small" in body) == (mark is None)


def test_another_desk_is_found_by_what_was_executed_for_it(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.plan_first()
    two = [
        Fill(name, desk_id(OTHER), "GLD", "buy", Decimal(3), Decimal(170), Decimal(0), session(0))
        for name in ("one", "two")
    ]
    with open_connection(desk.url) as conn:
        corrected = [replace(two[0], execution_id="one.02", quantity=Decimal(2), corrects="one")]
        taken_back = [replace(two[0], execution_id="gone", client_order_id=desk_id(OTHER, 1))]
        taken_back += [replace(taken_back[0], execution_id="gone.02", quantity=Decimal(0), corrects="gone")]
        add_executions(conn, "small", "main", [*two, *corrected, *taken_back])  # as the settling does
    desk.run_steps(0, "submit", "close")
    assert statuses(desk) == {"suppressed"}
    [(level, body)] = alerts(desk)
    assert level == "EMERGENCY"
    assert body.count("executed since") == 1
    assert "buy 5 GLD, executed since 2022-03-01 21:00 UTC, of another installation" in body


def test_of_two_installations_on_one_account_the_second_sends_nothing(
    desk: AlpacaDesk, make_desk: Callable[[], SmallDesk], fake: FakeAlpaca
) -> None:
    second = at_alpaca(make_desk(), fake)
    with open_connection(second.url) as conn, conn.cursor() as cursor:
        cursor.execute("UPDATE nightdesk.installation SET mark = %s", (OTHER,))
    desk.plan_first()
    second.plan_first()
    desk.run_steps(0, "submit", "submit")
    second.run_steps(0, "submit", "submit")
    assert len(fake.asked("submit")) == 3
    assert (statuses(desk), statuses(second)) == ({"submitted"}, {"suppressed"})


def test_a_foreign_order_in_a_list_that_the_broker_does_not_find_is_none(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.plan_first()
    order(fake, desk_id(mark_of(desk)))
    fake.exchange.cancel(fake.orders[0]["id"])
    fake.fail("open_orders", Fault.STALE)
    desk.run_steps(0, "submit", "close")
    assert statuses(desk) == {"submitted"}
    assert alerts(desk) == []


def test_what_broker_says_is_json_too(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.decide(0)
    fake.exchange.standing.update(transfers_blocked=True, crypto_status="SUBMITTED")
    found = json.loads(nightdesk("broker", desk.book, "--json").stdout)
    assert found["mark"] == mark_of(desk)
    assert found["obstacles"] == {"crypto": ["its status for crypto is SUBMITTED"]}
    assert found["notes"] == ["transfers are blocked by Alpaca (transfers_blocked)"]
    assert found["foreign_orders"] == []
    said = nightdesk("broker", desk.book).stdout
    assert "CANNOT TRADE crypto: its status for crypto is SUBMITTED" in said
