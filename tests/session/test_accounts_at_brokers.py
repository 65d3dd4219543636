"""A book with one account at Alpaca and one on paper: each has its own orders, troubles and answers."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from tests.fakes.alpaca import FakeAlpaca
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca, trade_by_hand
from tests.session.small_desk import SmallDesk, session
from tests.session.two_accounts import IN_OTHER, OTHER, with_two_accounts
from typer.testing import CliRunner, Result

from nightdesk.brokers import Unreachable, alpaca_http
from nightdesk.cli import app
from nightdesk.core.errors import Refused, Transient
from nightdesk.operations.adopt import adopt
from nightdesk.operations.collect import collect
from nightdesk.operations.kill_switch import kill
from nightdesk.operations.recover import recover
from nightdesk.session import reconcile
from nightdesk.session.foreign_orders import claim

#: What goes to the account on paper, of those that the first session buys.
ON_PAPER = "QQQ"


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch) -> AlpacaDesk:
    made = at_alpaca(make_desk(), fake)
    with_two_accounts(made, ON_PAPER)
    fake.exchange.post("CSW", f"-{IN_OTHER}")  # what lies in the other account
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(alpaca_http, "_wait", lambda state: 0.0)
    made.be_the_desk_of_commands(monkeypatch)
    return made


def nightdesk(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments], prog_name="nightdesk")
    assert result.exit_code == status, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result


def standing_of(desk: AlpacaDesk, number: int) -> dict[object, str]:
    """The states of a session's orders, by account."""
    rows = desk.rows("SELECT account, status FROM nightdesk.orders WHERE session = %s", session(number))
    out: dict[object, str] = {}
    for account, status in sorted(rows):  # type: ignore[type-var]
        out[account] = f"{out.get(account, '')} {status}".strip()
    return out


def test_each_order_goes_to_the_account_of_its_symbol_and_comes_home_from_there(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.decide(0)
    sent = {one["symbol"] for one in fake.orders}
    assert sent
    assert ON_PAPER not in sent
    assert desk.rows("SELECT symbol FROM nightdesk.paper_orders") == [(ON_PAPER,)]
    ids = [str(one) for (one,) in desk.rows("SELECT client_order_id FROM nightdesk.orders")]
    assert all(len(one) <= 36 for one in ids)
    for number in (1, 2):
        desk.live_through(number)
        desk.decide(number)
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []
    fills = dict(desk.rows("SELECT symbol, account FROM nightdesk.fills"))
    assert fills[ON_PAPER] == OTHER
    assert set(fills.values()) == {"main", OTHER}
    [(cash,)] = desk.rows(
        "SELECT cash FROM nightdesk.account_marks WHERE account = 'main' AND session = %s", session(2)
    )
    assert cash == fake.exchange.state.cash
    shown = json.loads(nightdesk("broker", desk.book, "--json").stdout)["accounts"]
    assert {one["name"]: one["simulated"] for one in shown} == {"main": False, OTHER: True}
    assert "account main:" in nightdesk("broker", desk.book).stdout


def test_where_one_broker_is_down_its_orders_wait_and_those_of_the_other_go(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.plan_first()
    with fake.away(), pytest.raises(Unreachable, match="account main: "):
        desk.run_steps(0, "submit", "submit")
    first = standing_of(desk, 0)
    assert first[OTHER] == "submitted"
    assert set(first["main"].split()) == {"planned"}
    desk.run_steps(0, "submit", "close")
    assert set(" ".join(standing_of(desk, 0).values()).split()) == {"submitted"}
    desk.live_through(1)
    desk.evening(1)
    desk.run_steps(1, "ingest", "signals")
    with fake.away(), pytest.raises(Unreachable, match="account main: "):
        desk.run_steps(1, "settle", "settle")
    assert desk.rows("SELECT count(*) FROM nightdesk.fills") == [(0,)], "nothing is half booked"
    desk.run_steps(1, "settle", "settle")
    assert {account for (account,) in desk.rows("SELECT DISTINCT account FROM nightdesk.fills")} == {
        "main",
        OTHER,
    }
    health = desk.rows("SELECT account, failing_since FROM nightdesk.broker_health")
    assert health == [("main", None)], "it answers again, and of a paper account nothing is kept"


def test_the_switch_cancels_in_all_accounts_and_one_that_is_away_stops_no_other(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.plan_first()
    desk.run_steps(0, "submit", "close")
    alive = [one["client_order_id"] for one in fake.orders if one["status"] == "accepted"]
    assert alive
    with (
        fake.away(),
        desk.connection() as conn,
        pytest.raises(Transient, match="account main: ") as told,
    ):
        kill(conn, "small", reason="drill", who="ann", file=desk.book, environ=desk.environ)
    [(ours,)] = desk.rows("SELECT client_order_id FROM nightdesk.paper_orders WHERE status = 'cancelled'")
    assert str(ours) in str(told.value), "what was cancelled is said, beside what was not"
    with desk.connection() as conn:
        done = kill(conn, "small", reason="drill", who="ann", file=desk.book, environ=desk.environ)
    assert set(done.cancelled) == set(alive)
    desk.live_through(1)
    desk.decide(1)
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []


def test_a_difference_in_one_account_is_told_with_its_name_and_taken_over_there(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.decide(0)
    fake.exchange.post("CSW", "-250.00")
    desk.live_through(1)
    desk.decide(1)
    found = desk.rows("SELECT account, item, broker_value - ledger_value FROM nightdesk.reconciliations")
    assert found == [("main", "cash", Decimal("-250.00"))]
    [(body,)] = desk.rows(
        "SELECT body FROM nightdesk.alerts WHERE subject = 'small: ledger and broker differ'"
    )
    assert "account main: cash: ledger" in str(body)
    with desk.standing() as context:
        done = adopt(context, reason="a withdrawal", who="ann")
    assert done.amounts == {"cash of account main": Decimal("-250.00")}
    desk.live_through(2)
    desk.decide(2)
    assert desk.rows(
        "SELECT account, cash FROM nightdesk.ledger_entries WHERE kind = 'adjustment' AND symbol = ''"
    ) == [("main", Decimal("-250.00"))]
    assert desk.rows("SELECT session FROM nightdesk.reconciliations") == [(session(1),)]


def test_a_symbol_of_the_other_account_is_a_difference_that_is_not_taken_over(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.decide(0)
    desk.live_through(1)
    trade_by_hand(fake, "buy", ON_PAPER, 3, 100.0)
    desk.decide(1)
    found = dict(desk.rows("SELECT account || ' ' || item, broker_value FROM nightdesk.reconciliations"))
    assert found[f"main {ON_PAPER}"] == 3
    with desk.standing() as context, pytest.raises(Refused, match=f"which book small sends to {OTHER}"):
        adopt(context, reason="x", who="ann")


def test_a_foreign_order_bars_its_own_account_alone(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.plan_first()
    trade_by_hand_waiting(fake)
    desk.run_steps(0, "submit", "submit")
    states = standing_of(desk, 0)
    assert states[OTHER] == "submitted"
    assert "suppressed" in states["main"]
    assert desk.rows("SELECT DISTINCT account FROM nightdesk.foreign_orders") == [("main",)]
    [(body,)] = desk.rows("SELECT body FROM nightdesk.alerts WHERE alert_key LIKE 'foreign orders%%'")
    assert str(body).startswith("Account alpaca-small has buy 1 SPY")
    with desk.standing() as context:
        assert len(claim(context, reason="mine", who="ann")) == 1
        with pytest.raises(Refused, match="has no order that book small did not send"):
            claim(context, reason="mine", who="ann")


def trade_by_hand_waiting(fake: FakeAlpaca) -> None:
    """Let a person have an order at the account that waits."""
    from tests.fakes.alpaca_orders import receive

    body = {"symbol": "SPY", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    assert receive(fake.exchange, body)["status"] == "accepted"


def test_recovering_and_collecting_ask_the_real_account_alone(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.plan_first()
    desk.run_steps(0, "submit", "close")
    desk.open_market(1)
    with desk.standing() as context:
        found = collect(context)
    assert found.moved
    assert not {str(one) for (one,) in desk.rows("SELECT client_order_id FROM nightdesk.paper_orders")} & set(
        found.moved
    )
    with desk.standing() as context:
        assert recover(context).collected.unknown_to_broker == ()


def test_only_a_real_account_bars_a_session_from_being_decided_anew(desk: AlpacaDesk) -> None:
    desk.decide(0)
    said = nightdesk("replay", desk.book, "--from", session(0), "--rebuild", status=1).stderr
    assert "trades with alpaca" in said


def orders_of(desk: AlpacaDesk, account: str) -> list[str]:
    """Client ids of the orders of an account."""
    found = desk.rows("SELECT client_order_id FROM nightdesk.orders WHERE account = %s ORDER BY 1", account)
    return [str(name) for (name,) in found]


def test_what_was_held_back_is_sent_again_to_the_account_that_it_was_of(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.plan_first()
    nightdesk("kill", desk.book, "--reason", "drill")
    desk.run_steps(0, "submit", "close")
    assert set(" ".join(standing_of(desk, 0).values()).split()) == {"suppressed"}
    nightdesk("resume", desk.book, "--reason", "over")
    for account in (OTHER, "main"):
        for name in orders_of(desk, account):
            real = len(fake.orders)
            done = json.loads(nightdesk("resend", desk.book, name, "--reason", "over", "--json").stdout)
            assert done["order"] in orders_of(desk, account)
            # on paper the switch counts as it was at the decision, so that a rerun comes out the same
            assert (done["generation"], done["status"]) == (1, STANDS[account])
            assert (len(fake.orders) - real, on_paper_orders(desk)) == (account == "main", 0)
    desk.live_through(1)
    desk.decide(1)
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []
    again = desk.rows("SELECT DISTINCT account, status FROM nightdesk.orders WHERE generation = 1")
    assert dict(again) == {"main": "filled", OTHER: "suppressed"}


#: What becomes of a second try of an order that the kill switch held back, by account.
STANDS = {"main": "submitted", OTHER: "suppressed"}


def on_paper_orders(desk: AlpacaDesk) -> int:
    [(count,)] = desk.rows("SELECT count(*) FROM nightdesk.paper_orders")
    return int(str(count))


def test_an_order_is_disowned_and_taken_over_in_its_own_account(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.plan_first()
    desk.run_steps(0, "submit", "close")
    [on_paper] = orders_of(desk, OTHER)
    real = next(one for one in fake.orders if one["status"] == "accepted")["client_order_id"]
    before, held = len(fake.orders), on_paper_orders(desk)
    for name in (on_paper, real):
        disowned = nightdesk("resolve", desk.book, name, "--disown", "--reason", "not ours", "--json")
        assert json.loads(disowned.stdout)["status"] == "rejected"
        again = nightdesk("resolve", desk.book, name, "--reason", "it is ours after all", "--json")
        assert json.loads(again.stdout)["status"] == "submitted"
    assert (len(fake.orders), on_paper_orders(desk)) == (before, held), "nothing was sent"
    desk.live_through(1)
    desk.decide(1)
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []
    assert standing_of(desk, 0) == {
        "main": " ".join(["filled"] * len(orders_at(desk, "main", 0))),
        OTHER: "filled",
    }


def orders_at(desk: AlpacaDesk, account: str, number: int) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT 1 FROM nightdesk.orders WHERE account = %s AND session = %s", account, session(number)
    )


@pytest.mark.parametrize("paper_was_restored", [True, False])
def test_a_restored_book_is_rebuilt_from_its_real_account_and_its_paper_account_as_it_was_restored(
    desk: AlpacaDesk, fake: FakeAlpaca, paper_was_restored: bool
) -> None:
    desk.decide(0)
    desk.live_through(1)
    desk.evening(1)
    # the backup was made when the orders were planned; or when the one on paper was sent already
    lost = "" if paper_was_restored else OTHER
    desk.rows(
        "UPDATE nightdesk.orders SET status = 'planned', attempts = 0 "
        "WHERE account IN ('main', %s) RETURNING 1",
        lost,
    )
    if lost:
        desk.rows("DELETE FROM nightdesk.paper_orders RETURNING 1")
    desk.rows("UPDATE nightdesk.runs SET status = 'open', closed_at = NULL RETURNING 1")
    said = nightdesk("rebuild-from-broker", desk.book, "--feed", desk.feed).stdout
    assert f"small: 1 decisions run again, {len(fake.orders)} orders made again" in said
    assert standing_of(desk, 0)[OTHER] == "submitted", "a past session simulates"
    desk.price_coins(1)
    desk.run(1)
    assert desk.rows("SELECT item FROM nightdesk.reconciliations") == []
    filled = dict(desk.rows("SELECT symbol, account FROM nightdesk.fills"))
    traded = {one["symbol"].replace("/", "-") for one in fake.orders if one["status"] == "filled"}
    assert filled == {**dict.fromkeys(traded, "main"), ON_PAPER: OTHER}
    again = json.loads(nightdesk("rebuild-from-broker", desk.book, "--json").stdout)
    assert (again["decisions"], again["orders"], again["to_run"]) == ([], [], None)
