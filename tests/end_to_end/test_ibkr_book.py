"""The leveraged book at IBKR under a real Airflow: a session of seven decisions, three of them not as wanted.

At the first decision nobody lends a stock that it sells short; at the second the margin does not bear what it
wants; the fifth is made when its hour is over. All is told, each decision after them starts from what was
truly executed, and at the end the ledger is what the broker has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.at_ibkr import ANN, DAG, AtIbkr, desk_at_ibkr
from tests.end_to_end.browser import signed_in
from tests.fakes.ibkr_account import MarginRates
from tests.fakes.smtp import text_of
from tests.session.leveraged_desk import BOOK, SESSION, at

from nightdesk.machine.environment import login
from nightdesk.operations.verify import verify
from nightdesk.store.message_rows import report_html

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1800)]

#: What is decided when: no shares to borrow; no margin; all well; too late; all well until the close.
UNBORROWED, BEYOND_MARGIN, WELL, LATE, LAST = 0, 1, 2, 4, 6
#: From six minutes past the hour to two minutes past the next one, whose bar is not known yet.
LATENESS = timedelta(minutes=56)
NOT_TAKEN = ("rejected", "expired")
SHORT = "MSFT"
#: Where pictures of the pages are put, for a person who wants to look at them.
SHOTS = "NIGHTDESK_SHOTS"


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtIbkr]:
    """The desk after the session."""
    with desk_at_ibkr(tmp_path_factory.mktemp("five")) as desk:
        gateway = desk.gateway
        gateway.shortable[SHORT] = Decimal(0)
        desk.decide(UNBORROWED)
        del gateway.shortable[SHORT]
        usual, gateway.rates = gateway.rates, MarginRates(Decimal(20), Decimal(20))
        desk.decide(BEYOND_MARGIN)
        gateway.rates = usual
        for number in range(WELL, LAST + 1):
            desk.decide(number, late=LATENESS if number == LATE else timedelta(0))
        told = desk.desk.airflow.trigger("alerts")
        desk.desk.airflow.wait("alerts", [told], timeout=200)
        yield desk


def of_short(passed: AtIbkr, number: int) -> dict[str, Any]:
    """The order of a decision in the stock that it sells short."""
    [order] = [one for one in passed.orders(number) if one["symbol"] == SHORT]
    return order


def page_of(passed: AtIbkr, number: int) -> str:
    with passed.desk.database() as connection:
        html = report_html(connection, BOOK, at(number))
    assert html is not None
    return html


def test_the_seven_decisions_of_the_session_are_made_and_closed_in_order(passed: AtIbkr) -> None:
    assert [run.state for _, run in sorted(passed.runs.items())] == ["success"] * 7
    notes = [passed.desk.airflow.note(DAG, passed.runs[number].run_id) for number in range(7)]
    assert notes == [f"Session {SESSION} {hour}:00, decided" for hour in range(10, 17)]
    closed = passed.rows("SELECT as_of FROM nightdesk.runs WHERE status = 'closed' ORDER BY closed_at")
    assert [as_of for (as_of,) in closed] == [at(number) for number in range(7)]


@pytest.mark.parametrize(
    ("number", "words"),
    [(UNBORROWED, "IBKR has 0 shares to lend"), (BEYOND_MARGIN, "beyond the equity")],
    ids=["nobody lends", "no margin"],
)
def test_what_ibkr_does_not_take_is_rejected_and_told_by_alert_mail_and_page(
    passed: AtIbkr, number: int, words: str
) -> None:
    order = of_short(passed, number)
    assert (order["side"], order["status"], order["filled_quantity"]) == ("sell", "rejected", 0)
    assert words in order["cause"]
    told = passed.rows(
        "SELECT level, subject, body FROM nightdesk.alerts WHERE alert_key LIKE %s AND body LIKE %s",
        f"unsent {BOOK} %",
        f"%{order['client_order_id']}%",
    )
    [(level, subject, body)] = told
    assert level == "CRITICAL"
    assert words in body
    assert f"before {SESSION} {11 + number}:00, `nightdesk resend {BOOK} ORDER" in body
    mails = [text_of(mail) for to, mail in passed.mail.received if to == ANN and subject in mail["Subject"]]
    assert [words in text for text in mails] == [True]
    assert words in page_of(passed, number)
    refused = [one["status"] for one in passed.orders(number)].count("rejected")
    assert f"{2 - refused} of 2 orders for the next hour" in page_of(passed, number)
    assert words not in page_of(passed, WELL)
    [day] = [text_of(mail) for to, mail in passed.mail.received if "First session" in mail["Subject"]]
    assert f"- CRITICAL: {subject}" in day


def test_the_decision_after_a_refusal_starts_from_what_was_truly_executed(passed: AtIbkr) -> None:
    assert SHORT not in passed.held(BEYOND_MARGIN)
    assert SHORT not in passed.held(WELL)
    every = [passed.orders(number) for number in range(LAST + 1)]
    for number, orders in enumerate(every[:LAST]):
        wanted, before, after = (
            passed.held(number, "gated"),
            passed.held(number),
            passed.held(number + 1),
        )
        for order in orders:
            symbol = order["symbol"]
            reached = before if order["status"] in NOT_TAKEN else wanted
            assert order["status"] in (*NOT_TAKEN, "filled")
            assert after.get(symbol, 0) == reached.get(symbol, 0), (number, symbol)
    assert {one["status"] for one in passed.orders(WELL)} == {"filled"}
    assert passed.held(WELL + 1)[SHORT] == passed.held(WELL, "gated")[SHORT] < 0
    rejected = [{one["symbol"] for one in orders if one["status"] == "rejected"} for orders in every]
    assert rejected[UNBORROWED] == {SHORT}
    assert SHORT in rejected[BEYOND_MARGIN]
    assert not any(rejected[WELL:])


def test_an_hour_that_is_decided_after_its_time_sends_nothing_and_says_so(passed: AtIbkr) -> None:
    orders = passed.orders(LATE)
    assert orders
    assert {(one["status"], one["filled_quantity"]) for one in orders} == {("expired", 0)}
    over = f"its bar at {at(LATE + 1):%Y-%m-%d %H:%M} UTC has passed at the broker"
    assert {one["cause"] for one in orders} == {over}
    [(level, body)] = passed.rows(
        "SELECT level, body FROM nightdesk.alerts WHERE alert_key LIKE %s", f"unsent {BOOK} {SESSION} 14:00%"
    )
    assert level == "CRITICAL"
    assert over in body
    assert over in page_of(passed, LATE)
    assert passed.held(LATE + 1) == passed.held(LATE)
    assert {one["status"] for one in passed.orders(LATE + 1)} <= {"filled"}


def test_each_order_is_once_at_the_broker_and_the_ledger_is_what_the_broker_has(passed: AtIbkr) -> None:
    every = [one for number in range(7) for one in passed.orders(number)]
    sent = sorted(one["client_order_id"] for one in every if one["status"] not in NOT_TAKEN)
    assert sorted(one.client_order_id for one in passed.account.orders()) == sent
    assert len(set(sent)) == len(sent)
    # Orders of the last hour wait for the next open.
    assert {one["status"] for one in passed.orders(LAST)} <= {"submitted"}
    assert passed.held(LAST) == {name: units for name, units in passed.account.holdings().items() if units}
    [(cash,)] = passed.rows(
        "SELECT cash FROM nightdesk.portfolio WHERE book = %s AND as_of = %s", BOOK, at(LAST)
    )
    assert cash == passed.account.cash
    assert passed.rows("SELECT * FROM nightdesk.reconciliations") == []
    assert passed.rows("SELECT * FROM nightdesk.risk_events WHERE kind = 'kill'") == []
    with passed.desk.database() as connection:
        assert verify(connection, BOOK).differences == ()


def test_nothing_else_is_grave_than_what_was_not_sent_or_not_taken(passed: AtIbkr) -> None:
    grave = passed.rows("SELECT alert_key FROM nightdesk.alerts WHERE level = 'CRITICAL' ORDER BY alert_key")
    assert [key.rpartition(" ")[0] for (key,) in grave] == [
        f"unsent {BOOK} {SESSION} {hour}:00" for hour in (10, 11, 14)
    ]


@pytest.mark.browser
def test_the_page_of_a_refused_decision_says_why_in_the_cockpit(passed: AtIbkr, tmp_path: Path) -> None:
    airflow, shots = passed.desk.airflow, Path(os.environ.get(SHOTS, tmp_path))
    with signed_in(airflow.address, login(passed.desk.home)) as page:
        for number, words in ((UNBORROWED, "shares to lend"), (BEYOND_MARGIN, "beyond the equity")):
            as_of = f"{at(number):%Y-%m-%dT%H:%M:%SZ}"
            page.goto(f"{airflow.address}/cockpit/books/{BOOK}/session?as_of={as_of}")
            frame = page.frame_locator("iframe.session")
            frame.get_by_text(words).first.wait_for()
            page.goto(f"{airflow.address}/cockpit/books/{BOOK}/session/stored?as_of={as_of}")
            page.get_by_text(words).first.wait_for()
            page.screenshot(path=shots / f"ibkr_{number}.png", full_page=True)
