"""A refusal is told: on the page, in the status of the desk, and as one alert."""

from collections.abc import Callable

import pytest
from tests.fakes.alpaca import FakeAlpaca
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca
from tests.session.small_desk import SmallDesk, session
from typer.testing import CliRunner

from nightdesk.brokers import Unreadable
from nightdesk.cli import app
from nightdesk.operations.kill_switch import kill
from nightdesk.operations.resend import resend
from nightdesk.session import reconcile


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch) -> AlpacaDesk:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    made = at_alpaca(make_desk(), fake)
    made.be_the_desk_of_commands(monkeypatch)
    return made


def alerts(desk: AlpacaDesk) -> list[tuple[str, str, str]]:
    rows = desk.rows(
        "SELECT level, subject, body FROM nightdesk.alerts "
        "WHERE alert_key NOT LIKE 'mail %%' ORDER BY alert_id"
    )
    return [(str(level), str(subject), str(body)) for level, subject, body in rows]


def statuses(desk: AlpacaDesk, number: int = 0) -> dict[object, object]:
    return dict(desk.rows("SELECT symbol, status FROM nightdesk.orders WHERE session = %s", session(number)))


def page(desk: AlpacaDesk, number: int = 0) -> str:
    [(html,)] = desk.rows("SELECT html FROM nightdesk.reports WHERE session = %s", session(number))
    return str(html)


def status() -> str:
    return CliRunner().invoke(app, ["status"], prog_name="nightdesk").stdout


def test_an_account_that_cannot_trade_is_sent_nothing_and_told_once(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.plan_first()
    fake.exchange.standing.update(trading_blocked=True)
    desk.run_steps(0, "submit", "close")
    desk.run_steps(0, "submit", "close")
    assert fake.asked("submit") == []
    assert set(statuses(desk).values()) == {"rejected"}
    [(level, subject, body)] = alerts(desk)
    assert (level, subject) == ("CRITICAL", f"small: 3 orders of {session(0)} not in the market")
    for text in (body, page(desk), status()):
        assert "account alpaca-small cannot trade: orders are blocked by Alpaca (trading_blocked)" in text
    assert f"before the open of {session(1)}, `nightdesk resend small ORDER" in body
    assert "else the next session decides anew" in body


def test_what_an_account_was_barred_from_is_sent_again_and_the_next_session_is_decided(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    fake.exchange.standing["status"] = "ACCOUNT_UPDATED"
    desk.decide(0)
    fake.exchange.standing.clear()
    [(name,)] = desk.rows("SELECT client_order_id FROM nightdesk.orders WHERE symbol = 'GLD'")
    with desk.standing() as context:
        assert resend(context, str(name), reason="it trades again", who="somebody").status == "submitted"
    desk.live_through(1)
    desk.decide(1)
    assert desk.rows("SELECT count(*) FROM nightdesk.fills") == [(1,)]
    assert "NOT IN THE MARKET" not in status()
    assert len(alerts(desk)) == 1


def test_an_account_that_may_not_trade_crypto_is_sent_the_rest(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    fake.exchange.standing["crypto_status"] = "INACTIVE"
    desk.decide(0)
    found = statuses(desk)
    assert found.pop("BTC-USD") == "rejected"
    assert set(found.values()) == {"submitted"}
    [(_, subject, body)] = alerts(desk)
    assert subject == f"small: 1 order of {session(0)} not in the market"
    assert "its status for crypto is INACTIVE" in body


def test_what_the_broker_refuses_for_lack_of_buying_power_is_told(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.plan_first()
    for symbol, price in desk.prices(0, 5).items():
        fake.exchange.price(symbol, price)
    fake.exchange.margin = 1
    fake.exchange.post("CSW", "-99000")
    desk.run_steps(0, "submit", "close")
    refused = [symbol for symbol, state in statuses(desk).items() if state == "rejected"]
    assert refused
    [(level, _, body)] = alerts(desk)
    assert level == "CRITICAL"
    assert body.count("insufficient buying power") == len(refused)
    assert "insufficient buying power" in page(desk)
    assert "NOT IN THE MARKET: " in status()


def test_an_order_that_is_refused_after_it_was_accepted_is_told_the_evening_after(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.decide(0)
    name = next(one["client_order_id"] for one in fake.orders if one["symbol"] == "GLD")
    fake.exchange.reject(name)
    desk.live_through(1)
    desk.decide(1)
    [(level, body)] = [(level, body) for level, subject, body in alerts(desk) if "rejected buy" in subject]
    assert level == "CRITICAL"
    assert f"Order {name} of session {session(0)} was accepted" in body
    assert f"`nightdesk trace small {session(0)} GLD` shows" in body


def test_what_a_person_holds_back_is_told_as_a_warning(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.plan_first()
    with desk.standing() as context:
        kill(context.conn, "small", reason="a drill", who="somebody", file=desk.book)
    desk.run_steps(0, "submit", "close")
    assert set(statuses(desk).values()) == {"suppressed"}
    [(level, _, body)] = alerts(desk)
    assert level == "WARNING"
    assert "kill switch set by somebody: a drill" in body


def test_of_an_account_that_cannot_be_read_nothing_is_concluded(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.plan_first()
    fake.exchange.standing["trading_blocked"] = "perhaps"
    with pytest.raises(Unreadable, match="its trading_blocked is 'perhaps', neither true nor false"):
        desk.run_steps(0, "submit", "submit")
    assert set(statuses(desk).values()) == {"planned"}
    fake.exchange.standing.clear()
    desk.run_steps(0, "submit", "submit")
    assert set(statuses(desk).values()) == {"submitted"}


def test_a_dry_run_and_a_past_session_tell_of_no_refusal(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.evening(1)
    desk.price_coins(1)
    desk.run(0)
    assert set(statuses(desk).values()) == {"suppressed"}
    assert alerts(desk) == []
    assert "never for real" in page(desk)
