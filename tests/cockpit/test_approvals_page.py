"""What waits for a person, with its numbers, and what was said before."""

import re
from html import unescape

import pytest
from starlette.testclient import TestClient
from tests.cockpit.conftest import Door
from tests.cockpit.decided_desk import DECIDED, SMALL, TWOFOLD, session
from tests.cockpit.own_desk import OwnDesk
from tests.conftest import open_connection

from nightdesk.cockpit import approvals_page
from nightdesk.operations.approval import answer


@pytest.fixture
def waiting_desk(own_desk: OwnDesk) -> OwnDesk:
    """A desk whose book waits at level 3."""
    own_desk.run(
        "UPDATE nightdesk.risk_state SET level = 3, since = %(since)s, peak_nav = 120000, "
        "highest_nav = 120000, "
        "drawdown = 0.1312, calm = 4, since_low = 7 WHERE book = %(book)s AND session = %(newest)s",
        book=SMALL,
        since=session(DECIDED - 2),
        newest=session(DECIDED - 1),
    )
    own_desk.run(
        "INSERT INTO nightdesk.risk_events (book, session, kind, reason, who, event_key) "
        "VALUES (%(book)s, %(since)s, 'ask', 'level 3', 'gate', 'ask')",
        book=SMALL,
        since=session(DECIDED - 2),
    )
    return own_desk


def test_a_book_that_is_stopped_can_be_released(browser: TestClient) -> None:
    page = browser.get("/approvals").text
    assert f"{TWOFOLD}</a> is stopped" in page
    assert "a &lt;b&gt;drill&lt;/b&gt;" in page
    assert f"/cockpit/actions/resume?book={TWOFOLD}&what=switch" in unescape(page)
    assert "Nobody was ever asked." in page


def test_an_empty_desk(empty_browser: TestClient) -> None:
    page = empty_browser.get("/approvals").text
    assert "Nothing waits for a person." in page


def test_a_book_that_waits_shows_its_numbers_and_what_a_yes_means(waiting_desk: OwnDesk) -> None:
    page = unescape(waiting_desk.page("/approvals"))
    assert f"{SMALL}</a> waits at drawdown level 3" in page
    assert f"since {session(DECIDED - 2)} and waits for a person to review" in page
    ((nav,),) = waiting_desk.run(
        "SELECT nav FROM nightdesk.portfolio WHERE book = %(book)s ORDER BY as_of DESC LIMIT 1", book=SMALL
    )
    for words in (
        f"${nav:,.2f}",
        "$120,000.00",
        "13.12 %",
        "the book may come back. It does so in the first decision",
    ):
        assert words in page
    for said in ("yes", "no"):
        assert f"/cockpit/actions/resume?book={SMALL}&what=level&answer={said}" in page
    run = f"/dags/resume__{SMALL}/runs/level_3_since_{session(DECIDED - 2)}"
    assert f'<a data-leave href="{run}">' in page
    assert re.search(r"a person was asked.*level 3", page, re.S)


def test_a_no_goes_on_waiting_and_a_yes_is_read_by_the_next_decision(waiting_desk: OwnDesk) -> None:
    with open_connection(waiting_desk.desk.url) as conn:
        answer(conn, SMALL, approved=False, reason="not <yet>", who="ann")
    page = waiting_desk.page("/approvals")
    assert "ann has said no before: not &lt;yet&gt;" in page
    assert "rejected: it stays where it is" in page
    with open_connection(waiting_desk.desk.url) as conn:
        answer(conn, SMALL, approved=True, reason="calm now", who="bob")
    page = waiting_desk.page("/approvals")
    assert "waits at drawdown level" not in page
    assert "approved by bob (calm now)" in page
    said = re.findall(
        r"<td>([^<]+)</td><td><a class=\"figure\" href=\"[^\"]+\">[\d-]+</a></td><td>(\w+)</td>", page
    )
    assert said == [
        ("reviewed: it may come back", "bob"),
        ("rejected: it stays where it is", "ann"),
        ("a person was asked", "gate"),
    ]


def test_orders_that_are_not_the_desks_wait_for_a_person_too(own_desk: OwnDesk) -> None:
    own_desk.run(
        "INSERT INTO nightdesk.foreign_orders (book, client_order_id, origin, symbol, side, "
        "quantity, executed, found_at, "
        "account) VALUES (%(book)s, '<b>x</b>', 'unmarked', 'GLD', 'buy', 3, false, now(), 'main')",
        book=SMALL,
    )
    page = own_desk.page("/approvals")
    assert "Orders that are not the desk" in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page


def test_past_answers_are_paged(waiting_desk: OwnDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals_page, "ROWS_A_PAGE", 2)
    for n in range(4):
        waiting_desk.run(
            "INSERT INTO nightdesk.risk_events (book, session, kind, reason, who, event_key, level) "
            "VALUES (%(book)s, %(day)s, 'level', %(why)s, 'ann', %(why)s, 2)",
            book=TWOFOLD,
            day=session(n),
            why=f"reason {n}",
        )
    seen, path = [], "/approvals"
    while path:
        page = waiting_desk.page(path)
        seen += re.findall(r"reason \d", page)
        older = re.search(r'<a href="([^"]+)">Older</a>', page)
        path = unescape(older[1]).removeprefix("/cockpit") if older else ""
    assert seen == ["reason 3", "reason 2", "reason 1", "reason 0"]
    assert waiting_desk.browser.get("/approvals", params={"before": "x"}).status_code == 409


def test_a_hidden_book_waits_for_others(waiting_desk: OwnDesk, door: Door) -> None:
    door.hidden.add(SMALL)
    page = waiting_desk.page("/approvals")
    assert SMALL not in page
    assert TWOFOLD in page
