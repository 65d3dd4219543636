"""Days of a book at IBKR whose statements are fetched: each once, and each fact in it booked once."""

import csv
import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.fakes.flex import QUERY, TOKEN, FlexWebService, told
from tests.fakes.ibkr import IbkrGateway
from tests.fakes.ibkr_flex import statement_of
from tests.session.ibkr_desk import IbkrDesk, at_ibkr
from tests.session.small_desk import INCEPTION, SmallDesk, session
from typer.testing import CliRunner, Result

from nightdesk.brokers import flex_service
from nightdesk.cli import app
from nightdesk.core.calendar import get_calendar
from nightdesk.session import reconcile
from nightdesk.session.account_statements import OVERDUE, fetch_when_due

NAMES = {
    "NIGHTDESK_ACCOUNT_IBKR_SMALL_FLEX_KEY": QUERY,
    "NIGHTDESK_ACCOUNT_IBKR_SMALL_FLEX_SECRET": TOKEN,
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(flex_service, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(flex_service, "PAUSE_SECONDS", 0.1)


@pytest.fixture
def gateway() -> Iterator[IbkrGateway]:
    with IbkrGateway(get_calendar().open_at(INCEPTION)) as server:
        yield server


@pytest.fixture
def service() -> Iterator[FlexWebService]:
    with FlexWebService(b"") as server:
        yield server


@pytest.fixture
def desk(
    make_desk: Callable[[], SmallDesk],
    gateway: IbkrGateway,
    service: FlexWebService,
    monkeypatch: pytest.MonkeyPatch,
) -> IbkrDesk:
    """A desk that has decided its first session."""
    made = at_ibkr(make_desk(), gateway)
    state(gateway, service, session(-1))
    made.be_the_desk_of_commands(monkeypatch)
    made.decide(0)
    return made


@pytest.fixture
def fetching(service: FlexWebService, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**NAMES, "NIGHTDESK_ACCOUNT_IBKR_SMALL_FLEX_URL": service.url}.items():
        monkeypatch.setenv(name, value)


def state(gateway: IbkrGateway, service: FlexWebService, last: date) -> None:
    """Let the service have the statement of the ten days up to one."""
    service.statement = statement_of(gateway, last - timedelta(days=9), last)


def nightdesk(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments], prog_name="nightdesk")
    assert result.exit_code == status, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result


def booked(desk: IbkrDesk) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT kind, session, cash FROM nightdesk.ledger_entries "
        "WHERE kind IN ('interest', 'fee', 'borrow') ORDER BY session, kind"
    )


def differences(desk: IbkrDesk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT item, session FROM nightdesk.reconciliations ORDER BY session, item")


def warnings(desk: IbkrDesk) -> list[str]:
    rows = desk.rows("SELECT body FROM nightdesk.alerts WHERE subject LIKE %s", "%statement does not come%")
    return [str(body) for (body,) in rows]


def orders_for_statements(service: FlexWebService) -> int:
    return service.asked.count("/SendRequest")


def charge(gateway: IbkrGateway) -> None:
    """Let the account pay what its line tells nothing of."""
    gateway.move_cash(Decimal("-12.34"), "Broker Interest Paid", words="USD DEBIT INT FOR FEB-2022")
    gateway.move_cash(Decimal("-3.21"), "Broker Interest Paid", words="USD BORROW FEES FOR FEB-2022")
    gateway.move_cash(Decimal("-1.50"), "Other Fees", words="NYSE MARKET DATA")


@pytest.mark.usefixtures("fetching")
def test_what_the_line_does_not_tell_is_fetched_and_booked_once(
    desk: IbkrDesk, gateway: IbkrGateway, service: FlexWebService
) -> None:
    state(gateway, service, session(0))
    desk.live_through(1)
    desk.decide(1)
    charge(gateway)
    state(gateway, service, session(1))
    desk.live_through(2)
    desk.decide(2)
    assert sorted(booked(desk)) == [
        ("borrow", session(2), Decimal("-3.21")),
        ("fee", session(2), Decimal("-1.50")),
        ("interest", session(2), Decimal("-12.34")),
    ]
    assert differences(desk) == []
    desk.live_through(3)
    state(gateway, service, session(2))  # it overlaps the one before
    desk.decide(3)
    assert len(booked(desk)) == 3
    assert differences(desk) == []
    days = desk.rows("SELECT last_day FROM nightdesk.broker_statements ORDER BY 1")
    assert days == [(session(number),) for number in (-1, 0, 1, 2)]
    assert warnings(desk) == []


def test_without_statements_the_same_stops_the_book(desk: IbkrDesk, gateway: IbkrGateway) -> None:
    desk.live_through(1)
    desk.decide(1)
    charge(gateway)
    desk.live_through(2)
    desk.decide(2)
    assert differences(desk) == [("cash", session(2))]


@pytest.mark.usefixtures("fetching")
def test_a_statement_is_fetched_once_a_session(
    desk: IbkrDesk, gateway: IbkrGateway, service: FlexWebService
) -> None:
    state(gateway, service, session(0))
    desk.live_through(1)
    before = orders_for_statements(service)
    desk.decide(1)
    assert orders_for_statements(service) == before + 1
    with desk.standing() as context:
        for _ in range(3):
            fetch_when_due(context, "main")
    assert orders_for_statements(service) == before + 1


@pytest.mark.usefixtures("fetching")
def test_executions_that_the_line_tells_no_more_come_from_the_statement(
    desk: IbkrDesk, gateway: IbkrGateway, service: FlexWebService
) -> None:
    state(gateway, service, session(0))
    desk.live_through(1)  # nobody asks on the day
    gateway.forget_old_executions()
    desk.live_through(2)
    state(gateway, service, session(1))
    executed = len(gateway.state.executions)
    assert executed
    desk.evening(2)
    desk.run(1)
    desk.decide(2)
    assert desk.rows("SELECT count(*) FROM nightdesk.fills") == [(executed,)]
    assert differences(desk) == []


@pytest.mark.usefixtures("fetching")
def test_a_service_that_fails_stops_nothing_and_is_asked_again_after_half_an_hour(
    desk: IbkrDesk, service: FlexWebService
) -> None:
    service.always("/SendRequest", told("1009", "The server is under heavy load."))
    desk.live_through(1)
    desk.decide(1)
    assert desk.rows("SELECT count(*) FROM nightdesk.runs WHERE status = 'closed'") == [(2,)]
    asked = orders_for_statements(service)
    with desk.standing() as context:
        fetch_when_due(context, "main")
        assert orders_for_statements(service) == asked
        desk.go_to(desk.gateway.now + timedelta(minutes=31))
        fetch_when_due(context, "main")
        assert orders_for_statements(service) > asked
        assert warnings(desk) == []
        desk.go_to(desk.gateway.now + OVERDUE)
        fetch_when_due(context, "main")
    [words] = warnings(desk)
    assert "under heavy load" in words
    assert "nightdesk statement small --file F" in words


@pytest.mark.usefixtures("fetching")
def test_a_query_whose_period_ends_too_early_is_told_after_a_day(
    desk: IbkrDesk, gateway: IbkrGateway, service: FlexWebService
) -> None:
    desk.live_through(1)  # the service goes on with a statement up to before the inception
    desk.decide(1)
    assert warnings(desk) == []
    desk.live_through(2)
    desk.decide(2)
    desk.live_through(3)
    desk.decide(3)
    [words] = warnings(desk)
    assert f"ends on {session(-1)}" in words
    assert "its query's period ends too early" in words


@pytest.mark.usefixtures("fetching")
def test_a_token_that_has_expired_is_told_at_once_and_shows_nowhere(
    desk: IbkrDesk, gateway: IbkrGateway, service: FlexWebService
) -> None:
    service.always("/SendRequest", told("1012", "Token has expired."))
    desk.live_through(1)
    desk.decide(1)
    [words] = warnings(desk)
    assert "make a new one, and give it to the desk" in words
    assert TOKEN not in str(desk.dump())
    service.heal()
    desk.live_through(2)
    state(gateway, service, session(1))
    desk.decide(2)
    assert desk.rows("SELECT failing_since, last_error FROM nightdesk.statement_health") == [(None, "")]


def test_a_person_gives_a_file_and_hears_what_it_brought(
    desk: IbkrDesk, gateway: IbkrGateway, tmp_path: Path
) -> None:
    desk.live_through(1)
    desk.decide(1)
    charge(gateway)
    file = tmp_path / "statement.xml"
    file.write_bytes(statement_of(gateway, session(0), session(1)))
    executed = len(gateway.state.executions)
    first = json.loads(nightdesk("statement", desk.book, "--file", file, "--json").stdout)
    assert (first["executions"], first["known"], first["movements"]) == (0, executed, 3)
    again = nightdesk("statement", desk.book, "--file", file).stdout
    assert f"0 executions and 0 movements of cash are new, {executed} executions were known" in again
    desk.live_through(2)
    desk.decide(2)
    assert len(booked(desk)) == 3
    assert differences(desk) == []


def test_a_statement_of_another_account_is_refused_and_nothing_of_it_kept(
    desk: IbkrDesk, gateway: IbkrGateway, tmp_path: Path
) -> None:
    charge(gateway)
    whole = statement_of(gateway, session(0), session(1))
    file = tmp_path / "statement.xml"
    file.write_bytes(whole.replace(gateway.account.encode(), b"U7654321"))
    refused = nightdesk("statement", desk.book, "--file", file, status=1).stderr
    assert "it is of U7654321" in refused
    file.write_bytes(whole[: len(whole) // 2])
    assert "no whole XML" in nightdesk("statement", desk.book, "--file", file, status=1).stderr
    assert desk.rows("SELECT * FROM nightdesk.movements") == []
    assert desk.rows("SELECT * FROM nightdesk.broker_statements") == []


def test_the_command_says_what_it_lacks(desk: IbkrDesk, tmp_path: Path) -> None:
    for arguments in ((), ("--file", tmp_path / "x", "--fetch")):
        assert "one of the two" in nightdesk("statement", desk.book, *arguments, status=1).stderr
    absent = nightdesk("statement", desk.book, "--file", tmp_path / "none.xml", status=1).stderr
    assert "cannot be read (No such file" in absent
    lacking = nightdesk("statement", desk.book, "--fetch", status=1).stderr
    assert all(name in lacking for name in NAMES)


@pytest.mark.usefixtures("fetching")
def test_a_person_has_one_fetched(desk: IbkrDesk, gateway: IbkrGateway, service: FlexWebService) -> None:
    desk.live_through(1)
    charge(gateway)
    service.unready = 2
    state(gateway, service, session(1))
    shown = nightdesk("statement", desk.book, "--fetch").stdout
    assert "3 movements of cash are new" in shown


def test_a_contract_is_named_by_a_person(desk: IbkrDesk) -> None:
    nightdesk("broker", desk.book, "--contract", "SPY=756733")
    rows = "SELECT symbol, contract_id FROM nightdesk.broker_contracts WHERE symbol = 'SPY'"
    assert desk.rows(rows) == [("SPY", 756733)]
    foreign = nightdesk("broker", desk.book, "--contract", "NVDA=4815747", status=1).stderr
    assert "trades no NVDA" in foreign


@pytest.mark.usefixtures("fetching")
def test_a_commission_that_the_line_never_told_comes_from_the_statement(
    desk: IbkrDesk, gateway: IbkrGateway, service: FlexWebService
) -> None:
    state(gateway, service, session(0))
    gateway.commission_reports += ["never"]
    desk.live_through(1)
    desk.decide(1)
    pending = "SELECT execution_id FROM nightdesk.executions WHERE commission_pending"
    [(execution,)] = desk.rows(pending)
    state(gateway, service, session(1))
    desk.live_through(2)
    desk.decide(2)
    assert desk.rows(pending) == []
    assert differences(desk) == []
    told = {one.exec_id: one.commission for one in gateway.state.executions}
    [(commission,)] = desk.rows(
        "SELECT commission FROM nightdesk.executions WHERE execution_id = %s", execution
    )
    assert commission == told[str(execution)].quantize(Decimal("0.01"))
    [(cash,)] = desk.rows("SELECT cash FROM nightdesk.portfolio WHERE session = %s", session(2))
    assert cash == gateway.state.cash.quantize(Decimal("0.01"))


@pytest.mark.usefixtures("fetching")
def test_a_correction_that_the_line_did_not_tell_comes_from_the_statement(
    desk: IbkrDesk, gateway: IbkrGateway, service: FlexWebService
) -> None:
    state(gateway, service, session(0))
    desk.live_through(1)
    desk.decide(1)
    first = gateway.state.executions[0]
    gateway.correct(first.exec_id, price=first.price + Decimal("0.10"))
    gateway.forget_old_executions()
    state(gateway, service, session(1))
    desk.live_through(2)
    desk.decide(2)
    assert desk.rows("SELECT corrects FROM nightdesk.fills WHERE corrects <> ''") == [(first.exec_id,)]
    assert differences(desk) == []


def pay_in_the_file(desk: IbkrDesk, symbol: str, number: int, dollars: float) -> None:
    """Let the vendor's file tell of a dividend of a session: a column of its own."""
    with desk.bars.open() as file:
        rows = list(csv.reader(file))
    paid = [str(dollars) if row[:2] == [str(session(number)), symbol] else "0" for row in rows[1:]]
    with desk.bars.open("w", newline="") as file:
        csv.writer(file).writerows(
            [[*row, value] for row, value in zip(rows, ["dividend", *paid], strict=True)]
        )


@pytest.mark.usefixtures("fetching")
def test_a_dividend_is_owed_until_the_statement_says_that_it_was_paid_and_what_was_withheld(
    desk: IbkrDesk, gateway: IbkrGateway, service: FlexWebService
) -> None:
    state(gateway, service, session(0))
    desk.live_through(1)
    desk.decide(1)
    symbol = max(gateway.state.positions, key=lambda name: gateway.state.positions[name].units)
    pay_in_the_file(desk, symbol, 2, 0.50)
    desk.live_through(2)
    state(gateway, service, session(1))
    desk.decide(2)  # booked on its ex-date, and owed
    assert differences(desk) == []
    [(owed,)] = desk.rows("SELECT sum(cash) FROM nightdesk.ledger_entries WHERE kind = 'dividend'")
    assert owed > 0
    gateway.pay_dividend(symbol, 0.50)
    gateway.move_cash(-owed * Decimal("0.15"), "Withholding Tax", symbol, f"{symbol} - US TAX")
    desk.live_through(3)
    state(gateway, service, session(2))
    desk.decide(3)
    assert differences(desk) == []
    kinds = desk.rows("SELECT kind, symbol FROM nightdesk.movements ORDER BY kind")
    assert kinds == [("dividend", symbol), ("fee", symbol)]
    [(cash,)] = desk.rows("SELECT cash FROM nightdesk.portfolio WHERE session = %s", session(3))
    assert cash == gateway.state.cash.quantize(Decimal("0.01"))
