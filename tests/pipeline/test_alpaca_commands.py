"""The commands by which a person looks after a book's broker."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from tests.fakes.alpaca import KEY, SECRET, FakeAlpaca
from tests.pipeline.alpaca_desk import AlpacaDesk, at_alpaca
from tests.pipeline.small_desk import INCEPTION, SmallDesk, session
from typer.testing import CliRunner, Result

from nightdesk.calendar import get_calendar
from nightdesk.cli import app
from nightdesk.pipeline import sides
from nightdesk.store.db import DATABASE_VARIABLE


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    with FakeAlpaca(get_calendar().open_at(INCEPTION)) as server:
        yield server


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch) -> AlpacaDesk:
    made = at_alpaca(make_desk(), fake)
    monkeypatch.setattr(sides, "PAUSE_SECONDS", 0.0)
    for name, value in {**fake.environ("alpaca-small"), DATABASE_VARIABLE: made.url}.items():
        monkeypatch.setenv(name, value)
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


def test_a_book_whose_file_is_broken_can_be_stopped(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    desk.book.write_text("name: [broken")
    said = nightdesk("kill", "small", "--reason", "everything looks wrong", status=1).stderr
    assert "book small is stopped; orders at the broker were not cancelled: there is no book 'small'" in said
    [(kind, reason)] = desk.rows("SELECT kind, reason FROM nightdesk.risk_events")
    assert (kind, reason) == ("kill", "everything looks wrong")


def test_credentials_that_are_missing_are_named_and_never_shown(
    desk: AlpacaDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NIGHTDESK_ACCOUNT_ALPACA_SMALL_SECRET")
    said = nightdesk("recover", desk.book, status=1).stderr
    assert "set NIGHTDESK_ACCOUNT_ALPACA_SMALL_SECRET in the environment" in said
    assert "Airflow connection nightdesk_account_alpaca_small" in said
    assert KEY not in said
    assert SECRET not in said
