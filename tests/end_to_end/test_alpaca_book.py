"""A book at Alpaca under a real Airflow: the past never trades, the newest session once, nothing is told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from cryptography.fernet import Fernet
from tests.end_to_end.alpaca_project import ALPACA_BOOK, FOREIGN, LOUD, PRINTS, TELLS
from tests.end_to_end.at_alpaca import ANN, BOB, DAG, SECRETS, AtAlpaca, desk_at_alpaca, planted
from tests.end_to_end.desk import sessions
from tests.end_to_end.planted import answers_of, files_of, tables_of
from tests.fakes.alpaca import Request

from nightdesk.core.calendar import get_calendar
from nightdesk.machine import postgres
from nightdesk.machine.home import read_json

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(500)]

#: Decided by a backfill, by a logical date, and by a form in whose evening the broker denies orders.
FIRST, SECOND, THIRD, NEWEST = sessions(4)
NEXT_MORNING = get_calendar().shift(NEWEST, 1)


@pytest.fixture(scope="module")
def at_alpaca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtAlpaca]:
    with desk_at_alpaca(tmp_path_factory.mktemp("mail")) as standing:
        yield standing


@dataclass(frozen=True)
class Denied:
    """The third evening: what reached the broker, and the run that it denied."""

    sent: tuple[Request, ...]
    run: str
    states: dict[str, str | None]


@pytest.fixture(scope="module")
def denied(at_alpaca: AtAlpaca) -> Denied:
    """Two past sessions are decided in two ways, and the broker denies the orders of the newest one.

    At the same time the loud book and the foreign DAG write down all that they can read.
    """
    airflow = at_alpaca.desk.airflow
    loud = airflow.trigger(f"daily__{LOUD}", FIRST)
    foreign = airflow.trigger(FOREIGN)
    at_alpaca.fake.denies = True
    airflow.backfill(DAG, FIRST, FIRST)
    second = at_alpaca.trigger_on(datetime.combine(SECOND, time(), UTC))
    third = at_alpaca.trigger(THIRD)
    ended = at_alpaca.ended()
    assert {run: state for run, state in ended.items() if state != "success"} == {third: "failed"}
    assert ended.keys() >= {second, at_alpaca.run_of(FIRST)}
    assert set(at_alpaca.ended(loud, dag=f"daily__{LOUD}").values()) == {"success"}
    assert set(at_alpaca.ended(foreign, dag=FOREIGN).values()) == {"success"}
    return Denied(tuple(at_alpaca.sent()), third, airflow.task_states(DAG, third))


@dataclass(frozen=True)
class Past:
    """The fourth evening, before its own session is decided: what reached the broker since the third."""

    sent: tuple[Request, ...]
    dry_run: str
    again: tuple[str, ...]


@pytest.fixture(scope="module")
def past(at_alpaca: AtAlpaca, denied: Denied) -> Past:
    """The broker takes orders again, and runs of the past are repeated; the newest session is only tried."""
    at_alpaca.go_to_evening(NEWEST)
    at_alpaca.fake.denies = False
    airflow, before = at_alpaca.desk.airflow, len(at_alpaca.sent())
    airflow.clear(DAG, denied.run, ["submit"])
    first = at_alpaca.run_of(FIRST)
    airflow.clear(DAG, first, ["orders"])
    again = at_alpaca.trigger(SECOND)
    in_new_york = at_alpaca.trigger_on(datetime.combine(SECOND, time(), ZoneInfo("America/New_York")))
    dry_run = at_alpaca.trigger(NEWEST, dry_run=True)
    runs = (denied.run, first, again, in_new_york, dry_run)
    assert set(at_alpaca.ended(*runs).values()) == {"success"}
    return Past(tuple(at_alpaca.sent()[before:]), dry_run, (first, again, in_new_york))


@dataclass(frozen=True)
class Newest:
    """The newest session after its run and after the same run again: the orders that reached the broker."""

    sent: tuple[Request, ...]
    sent_again: tuple[Request, ...]


@pytest.fixture(scope="module")
def newest(at_alpaca: AtAlpaca, past: Past) -> Newest:
    before = len(at_alpaca.sent())
    run = at_alpaca.trigger(NEWEST)
    assert at_alpaca.ended(run) == {run: "success"}
    after = len(at_alpaca.sent())
    at_alpaca.desk.airflow.clear(DAG, run, ["orders"])
    assert at_alpaca.ended(run) == {run: "success"}
    assert at_alpaca.counts(run, "submit")["sealed"]
    return Newest(tuple(at_alpaca.sent()[before:after]), tuple(at_alpaca.sent()[after:]))


@pytest.fixture(scope="module")
def morning(at_alpaca: AtAlpaca, newest: Newest) -> None:
    """The market opens, the DAG `fills` asks, and the chat takes messages again."""
    at_alpaca.open_market(NEXT_MORNING)
    at_alpaca.hook.status = 200
    for dag in ("fills", "alerts"):
        run = at_alpaca.desk.airflow.trigger(dag)
        assert at_alpaca.ended(run, dag=dag) == {run: "success"}


@pytest.mark.parametrize("session", [FIRST, SECOND], ids=["backfill", "logical date"])
def test_a_past_session_plans_orders_and_suppresses_them_whatever_started_its_run(
    at_alpaca: AtAlpaca, denied: Denied, session: object
) -> None:
    orders = at_alpaca.orders(session)
    assert orders
    assert set(orders.values()) == {
        ("suppressed", 0, f"session {session} is past (the newest is {THIRD}): never for real")
    }
    assert not {one.body["client_order_id"] for one in denied.sent} & orders.keys()


def test_an_order_that_was_denied_in_its_evening_is_not_sent_by_clearing_its_run_later(
    at_alpaca: AtAlpaca, denied: Denied, past: Past
) -> None:
    assert {task for task, state in denied.states.items() if state == "failed"} == {"submit", "close"}
    orders = at_alpaca.orders(THIRD)
    [tried] = denied.sent
    assert tried.status == 401
    reason = f"session {THIRD} is past (the newest is {NEWEST}): never for real"
    assert orders
    assert orders == {
        name: ("suppressed", int(name == tried.body["client_order_id"]), reason) for name in orders
    }
    assert past.sent == ()


def test_a_cleared_run_a_form_and_a_date_of_the_past_and_a_dry_run_send_nothing(
    at_alpaca: AtAlpaca, past: Past
) -> None:
    assert past.sent == ()
    for run in past.again:
        counts = at_alpaca.counts(run, "submit")
        assert counts["sealed"], "the session is closed: it is only compared"
        assert counts.keys() == {"sealed", "differs"}
    assert at_alpaca.counts(past.dry_run, "orders")["orders"] > 0
    assert at_alpaca.counts(past.dry_run, "submit").keys() == {"suppressed"}


def test_the_newest_session_sends_each_of_its_orders_once_and_nothing_when_it_is_run_again(
    at_alpaca: AtAlpaca, newest: Newest
) -> None:
    planned = at_alpaca.rows(
        "SELECT client_order_id FROM nightdesk.orders WHERE book = %s AND session = %s ORDER BY 1",
        ALPACA_BOOK,
        NEWEST,
    )
    assert len(planned) > 1
    assert sorted(one.body["client_order_id"] for one in newest.sent) == [name for (name,) in planned]
    assert {one.status for one in newest.sent} == {200}
    assert newest.sent_again == ()
    assert at_alpaca.fake.created == len(at_alpaca.fake.orders) == len(planned)


@pytest.mark.usefixtures("morning")
def test_in_the_morning_the_dag_fills_collects_what_was_executed(at_alpaca: AtAlpaca) -> None:
    orders = at_alpaca.orders(NEWEST)
    assert {status for status, _, _ in orders.values()} == {"filled"}
    executed = dict(
        at_alpaca.rows(
            "SELECT client_order_id, sum(quantity) FROM nightdesk.executions WHERE book = %s GROUP BY 1",
            ALPACA_BOOK,
        )
    )
    assert executed == dict(
        at_alpaca.rows(
            "SELECT client_order_id, quantity FROM nightdesk.orders WHERE session = %s AND book = %s",
            NEWEST,
            ALPACA_BOOK,
        )
    )


@pytest.mark.usefixtures("morning")
def test_everything_that_may_be_told_was_told_to_those_who_are_to_hear_of_it(at_alpaca: AtAlpaca) -> None:
    """Else the search for secrets would find nothing because nothing was written."""
    told = [subject for _, subject in _mails(at_alpaca)]
    assert [one for one in told if f"{LOUD} {FIRST}: signals.{TELLS} failed" in one]
    assert [one for one in told if f"{ALPACA_BOOK} {THIRD}: submit failed" in one]
    assert {to for to, _ in _mails(at_alpaca)} == {ANN}
    errors = dict(
        at_alpaca.rows("SELECT receiver, max(last_error) FROM nightdesk.alert_deliveries GROUP BY 1")
    )
    assert "535" in errors[BOB]
    assert at_alpaca.rows(
        "SELECT DISTINCT times_sent > 0 FROM nightdesk.alert_deliveries WHERE route = 'chat'"
    ) == [(True,)]
    refused, taken = at_alpaca.hook.received[0], at_alpaca.hook.received[-1]
    assert SECRETS["chat"] in refused[0]
    assert refused[0] == taken[0]
    failed = at_alpaca.rows(
        "SELECT error FROM nightdesk.run_steps WHERE step IN ('submit', %s) AND status = 'failed'",
        f"signals:{TELLS}",
    )
    assert len(failed) == 2
    assert all("***" in error or "401" in error for (error,) in failed)


@pytest.mark.usefixtures("morning")
@pytest.mark.parametrize(
    ("dag", "task"),
    [(f"daily__{LOUD}", f"signals.{PRINTS}"), (FOREIGN, "show")],
    ids=["a strategy", "a DAG of another"],
)
def test_a_task_that_writes_its_environment_down_shows_names_and_no_values(
    at_alpaca: AtAlpaca, dag: str, task: str
) -> None:
    airflow = at_alpaca.desk.airflow
    [run] = [one.run_id for one in airflow.runs(dag)]
    for log in (airflow.task_log(dag, run, task), (at_alpaca.desk.home.logs / "scheduler.log").read_text()):
        assert "'NIGHTDESK_VENDOR_TOKEN': '***'" in log
        assert "'NIGHTDESK_DATABASE_URL': 'postgresql://postgres:***@" in log


@pytest.mark.usefixtures("morning")
def test_no_planted_secret_is_found_in_a_file_a_table_an_answer_or_a_message(at_alpaca: AtAlpaca) -> None:
    desk, found = at_alpaca.desk, planted()
    texts = [*files_of(desk.home.state, desk.home.root)]
    for name in postgres.DATABASES:
        with desk.database(name) as connection:
            texts += tables_of(connection)
    texts += answers_of(at_alpaca.rest)
    texts += [(f"mail {n}", got.as_string()) for n, (_, got) in enumerate(at_alpaca.mail.received)]
    texts += [(f"post {n}", body) for n, (_, body) in enumerate(at_alpaca.hook.received)]
    texts += _said_by_commands(at_alpaca)
    assert found.places(texts) == []
    # The search itself finds what the processes were given.
    given = repr(desk.airflow.environment)
    assert found.found_in(given) == {"database", "mail", "refused mail", "vendor"}
    places = [place for place, _ in texts]
    for one in (
        "scheduler.log",
        "nightdesk.order_events",
        "public.connection",
        "eventLogs",
        "mail 0",
        "post 0",
    ):
        assert [place for place in places if one in place], f"{one} was not looked at"


@pytest.mark.usefixtures("morning")
def test_the_secrets_are_where_they_must_be_and_encrypted_there(at_alpaca: AtAlpaca) -> None:
    with at_alpaca.desk.database("airflow") as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT password, extra FROM connection WHERE conn_id = 'nightdesk_account_alpaca_e2e'"
        )
        [stored] = cursor.fetchall()
    fernet = Fernet(read_json(at_alpaca.desk.home.secrets)["fernet_key"])
    password, extra = (fernet.decrypt(one.encode()).decode() for one in stored)
    assert (password, json.loads(extra)) == (SECRETS["secret"], {"api_key": SECRETS["key"]})


def _mails(at_alpaca: AtAlpaca) -> list[tuple[str, str]]:
    return [(to, got["Subject"]) for to, got in at_alpaca.mail.received]


def _said_by_commands(at_alpaca: AtAlpaca) -> list[tuple[str, str]]:
    """What the desk's own command says on its two channels, of everything that went wrong."""
    commands = [
        ["status", "--json"],
        ["alerts", "--json"],
        ["trace", ALPACA_BOOK, str(THIRD), "SPY", "--json"],
        # Has no key: connections are Airflow's.
        ["recover", ALPACA_BOOK],
    ]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "nightdesk", *command],
            env=at_alpaca.desk.airflow.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in commands
    ]
    return [(" ".join(command), one.communicate()[0]) for command, one in zip(commands, running, strict=True)]
