"""The commands by which a person looks after a book's broker."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from tests.fakes.alpaca import KEY, SECRET, FakeAlpaca
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca
from tests.session.small_desk import SmallDesk, session
from typer.testing import CliRunner, Result

from nightdesk.cli import app
from nightdesk.session import reconcile
from nightdesk.store.db import DATABASE_VARIABLE


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch) -> AlpacaDesk:
    made = at_alpaca(make_desk(), fake)
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    made.be_the_desk_of_commands(monkeypatch)
    made.decide(0)
    return made


def nightdesk(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments], prog_name="nightdesk")
    assert result.exit_code == status, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result


def test_recover_says_what_it_found_and_what_to_run(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.live_through(1)
    desk.evening(1)
    desk.run_steps(1, "ingest", "quality")
    said = nightdesk("recover", desk.book).stdout
    assert said.startswith("small: recovered in ")
    assert said.count(": filled") == len(fake.orders)
    assert f"next: nightdesk run small --session {session(1)}" in said
    again = json.loads(nightdesk("recover", desk.book, "--json").stdout)["recovered"]
    assert again[0]["collected"]["moved"] == {}


def test_a_difference_is_taken_over_by_a_person_with_a_reason(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    fake.exchange.post("CSW", "-100")
    desk.live_through(1)
    desk.decide(1)
    assert "wants a reason" in nightdesk("adopt", desk.book, "--reason", " ", status=1).stderr
    said = nightdesk("adopt", desk.book, "--reason", "a withdrawal").stdout
    assert said == f"small: cash -100.00, booked by the settling of {session(2)}\n"
    desk.live_through(2)
    desk.decide(2)
    assert "found no difference" in nightdesk("adopt", desk.book, "--reason", "again", status=1).stderr
    assert desk.rows(
        "SELECT cash FROM nightdesk.ledger_entries WHERE kind = 'adjustment' AND symbol = ''"
    ) == [(Decimal("-100.00"),)]


def test_an_order_is_tried_again_by_its_id(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    waiting = [one for one in fake.orders if one["status"] == "accepted"]
    name = waiting[0]["client_order_id"]
    assert "has no order nobody" in nightdesk("resend", desk.book, "nobody", "--reason", "x", status=1).stderr
    assert "is submitted" in nightdesk("resend", desk.book, name, "--reason", "x", status=1).stderr
    said = nightdesk("kill", desk.book, "--reason", "drill", "--everything").stdout
    assert said.count("cancelled: ") == len(waiting)
    nightdesk("recover", desk.book)
    nightdesk("resume", desk.book, "--reason", "over")
    done = json.loads(nightdesk("resend", desk.book, name, "--reason", "the drill is over", "--json").stdout)
    assert (done["generation"], done["status"]) == (1, "submitted")
    assert fake.exchange.by_client_id(done["order"]) is not None


def test_an_order_is_disowned_by_its_id_and_sent_under_another(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    name = next(one["client_order_id"] for one in fake.orders if one["status"] == "accepted")
    said = nightdesk("resolve", desk.book, name, "--disown", "--reason", "it is not ours").stdout
    assert f"small: {name} is rejected, to buy" in said
    assert (
        json.loads(nightdesk("resend", desk.book, name, "--reason", "x", "--json").stdout)["generation"] == 1
    )
    again = nightdesk("resolve", desk.book, name, "--reason", "it is ours after all", "--json").stdout
    assert json.loads(again)["status"] == "submitted"
    [(body,)] = desk.rows("SELECT body FROM nightdesk.alerts WHERE alert_key = %s", f"disowned {name}")
    assert "it is not ours" in str(body)


def test_a_restored_book_is_rebuilt_by_a_command(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.live_through(1)
    desk.evening(1)
    desk.rows("UPDATE nightdesk.orders SET status = 'planned', attempts = 0 RETURNING 1")
    desk.rows("UPDATE nightdesk.runs SET status = 'open', closed_at = NULL RETURNING 1")
    said = nightdesk("rebuild-from-broker", desk.book, "--feed", desk.feed).stdout
    assert f"small: 1 decisions run again, {len(fake.orders)} orders made again" in said
    assert said.count(": as it is at the broker") == len(fake.orders)
    assert f"next: nightdesk run small --session {session(1)}" in said
    desk.price_coins(1)
    desk.run(1)
    assert desk.rows("SELECT item FROM nightdesk.reconciliations") == []
    again = json.loads(nightdesk("rebuild-from-broker", desk.book, "--json").stdout)
    assert (again["decisions"], again["orders"], again["to_run"]) == ([], [], None)


def test_a_book_whose_file_is_broken_can_be_stopped(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.book.write_text("name: [broken")
    said = nightdesk("kill", "small", "--reason", "everything looks wrong").stdout
    assert said.count("cancelled: ") == 2
    assert "accepted" not in {one["status"] for one in fake.orders}
    [(kind, reason)] = desk.rows("SELECT kind, reason FROM nightdesk.risk_events")
    assert (kind, reason) == ("kill", "everything looks wrong")


def test_a_desk_whose_database_is_away_is_stopped_at_its_broker(
    desk: AlpacaDesk, fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_VARIABLE, "postgresql://nightdesk@127.0.0.1:9/nightdesk")
    said = nightdesk("kill", desk.book, "--reason", "the machine fails", status=1).stderr
    assert "NOT STORED that book small is stopped" in said
    assert "PostgreSQL at nightdesk@127.0.0.1:9/nightdesk cannot be reached" in said
    assert "accepted" not in {one["status"] for one in fake.orders}


def test_credentials_that_are_missing_are_named_and_never_shown(
    desk: AlpacaDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NIGHTDESK_ACCOUNT_ALPACA_SMALL_SECRET")
    said = nightdesk("recover", desk.book, status=1).stderr
    assert "set NIGHTDESK_ACCOUNT_ALPACA_SMALL_SECRET in the environment" in said
    assert "Airflow connection nightdesk_account_alpaca_small" in said
    assert KEY not in said
    assert SECRET not in said
