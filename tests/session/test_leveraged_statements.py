"""A session of `leveraged_five` at IBKR and the morning after it, when the statement of its day is there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest
from tests.conftest import Databases
from tests.fakes.flex import QUERY, TOKEN, FlexWebService
from tests.fakes.ibkr import IbkrGateway
from tests.fakes.ibkr_flex import statement_of
from tests.hourly import HOURLY
from tests.session.leveraged_desk import CASH, SESSION, LeveragedDesk, at, lay_out_leveraged
from tests.session.quick_checks import check_quickly

from nightdesk.feeds.sample import SampleFeed
from nightdesk.operations.verify import verify
from nightdesk.session import reconcile

LAST, MORNING, NEXT = 6, 7, 8
#: What the account pays in the night, of which its line tells nothing.
CHARGES = (
    (Decimal("-61.72"), "Broker Interest Paid", "USD DEBIT INT FOR JUN-2024", "interest"),
    (Decimal("-8.15"), "Broker Interest Paid", "USD BORROW FEES FOR JUN-2024", "borrow"),
    (Decimal("-10.00"), "Other Fees", "US SECURITIES SNAPSHOT", "fee"),
)


@dataclass
class Lived:
    """The desk after that, and how often its service was asked for a statement by each of some decisions."""

    desk: LeveragedDesk
    asked: dict[int, int]


@pytest.fixture(scope="module")
def lived(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder = tmp_path_factory.mktemp("stated")
    begins = HOURLY.calendar.open_at(SESSION) - timedelta(hours=1)
    with (
        pytest.MonkeyPatch.context() as patch,
        IbkrGateway(begins, CASH) as gateway,
        FlexWebService(b"") as service,
    ):
        check_quickly(patch)
        patch.setenv("NIGHTDESK_HOME", str(folder / "home"))
        for part, value in (("KEY", QUERY), ("SECRET", TOKEN), ("URL", service.url)):
            patch.setenv(f"NIGHTDESK_ACCOUNT_IBKR_FIVE_FLEX_{part}", value)
        patch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
        clock = property(lambda feed: lambda: gateway.now, lambda feed, now: None)
        patch.setattr(SampleFeed, "now", clock, raising=False)
        gateway.runs = True
        url = databases.new()
        yield live(LeveragedDesk(url, lay_out_leveraged(folder), gateway), service)
        databases.drop(url)


def live(desk: LeveragedDesk, service: FlexWebService) -> Lived:
    """Let the session and the night after it pass."""
    gateway, asked = desk.gateway, {}

    def decide(number: int) -> None:
        before = service.asked.count("/SendRequest")
        desk.decide(number)
        asked[number] = service.asked.count("/SendRequest") - before

    def state(last: date) -> None:
        service.statement = statement_of(gateway, last - timedelta(days=9), last)

    state(HOURLY.calendar.shift(SESSION, -1))
    for number in range(LAST + 1):
        decide(number)
    for amount, kind, words, _ in CHARGES:
        gateway.move_cash(amount, kind, words=words)
    state(SESSION)
    for number in (MORNING, NEXT):
        decide(number)
    return Lived(desk, asked)


def test_a_statement_is_fetched_by_the_first_decision_of_a_session_alone(lived: Lived) -> None:
    assert {number for number, times in lived.asked.items() if times} == {0, MORNING}
    assert set(lived.asked.values()) == {0, 1}


def test_what_the_account_paid_in_the_night_is_booked_in_the_morning_and_once(lived: Lived) -> None:
    rows = lived.desk.rows(
        "SELECT kind, cash, as_of FROM nightdesk.ledger_entries "
        "WHERE kind IN ('interest', 'borrow', 'fee') AND reference LIKE %s ORDER BY cash",
        "3258%",
    )
    assert rows == sorted(
        ((kind, amount, at(MORNING)) for amount, _, _, kind in CHARGES), key=lambda row: row[1]
    )


def test_executions_that_the_hours_have_booked_are_known_to_the_statement(lived: Lived) -> None:
    [(executions, left_out)] = lived.desk.rows(
        "SELECT executions, left_out FROM nightdesk.broker_statements WHERE last_day = %s", SESSION
    )
    booked = lived.desk.rows("SELECT count(*) FROM nightdesk.fills WHERE session = %s", SESSION)
    assert booked == [(executions,)]
    assert executions > 0
    assert left_out == {}


def test_ledger_and_broker_agree_to_the_cent(lived: Lived) -> None:
    assert lived.desk.rows("SELECT * FROM nightdesk.reconciliations") == []
    assert lived.desk.rows("SELECT subject FROM nightdesk.alerts WHERE subject LIKE %s", "%statement%") == []
    with lived.desk.at(NEXT) as context:
        assert verify(context.conn, "leveraged_five").differences == ()
