"""What people do from the cockpit: done once, by whom who may, and kept whatever comes of it."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from httpx import Response
from starlette.testclient import TestClient
from tests.cockpit.conftest import Door
from tests.cockpit.decided_desk import DECIDED, SMALL, TWOFOLD, DecidedDesk, session
from tests.conftest import Databases, open_connection

from nightdesk.cockpit.person_actions import ALL
from nightdesk.store.kill_switch_rows import kill_switch
from nightdesk.store.message_rows import raise_alert

OWN = {"X-Nightdesk": "cockpit", "Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def desk(decided_desk: DecidedDesk, databases: Databases) -> Iterator[DecidedDesk]:
    """A copy of the decided desk, to be written to."""
    made = replace(decided_desk, url=databases.copy(decided_desk.url))
    yield made
    databases.drop(made.url)


@pytest.fixture
def browser(desk: DecidedDesk, cockpit_of: Callable[[DecidedDesk], TestClient]) -> TestClient:
    return cockpit_of(desk)


def send(browser: TestClient, action: str, headers: dict[str, str] = OWN, **fields: str) -> Response:
    fields.setdefault("request", str(uuid4()))
    return browser.post(f"/actions/{action}", data=fields, headers=headers)


def kept(desk: DecidedDesk) -> list[dict[str, Any]]:
    with open_connection(desk.url) as conn, conn.cursor() as cur:
        cur.execute(
            "SELECT action, book, who, reason, state, words FROM nightdesk.manual_actions ORDER BY asked_at"
        )
        names = [one.name for one in cur.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cur.fetchall()]


def is_stopped(desk: DecidedDesk, book: str) -> bool:
    from datetime import date

    with open_connection(desk.url) as conn:
        return kill_switch(conn, book, date.max).on


def test_stop_and_release(browser: TestClient, desk: DecidedDesk) -> None:
    done = send(browser, "kill", book=SMALL, reason="prices <b>look</b> wrong")
    assert (done.status_code, done.json()["state"]) == (200, "done"), done.text
    assert is_stopped(desk, SMALL)
    released = send(browser, "resume", book=SMALL, what="what stops it", answer="yes", reason="corrected")
    assert released.json()["state"] == "done", released.text
    assert not is_stopped(desk, SMALL)
    assert [(one["action"], one["who"], one["state"]) for one in kept(desk)] == [
        ("kill", "ann", "done"),
        ("resume", "ann", "done"),
    ]
    page = browser.get("/actions").text
    assert "prices &lt;b&gt;look&lt;/b&gt; wrong" in page
    assert "<b>look</b>" not in page


def test_a_form_acts_once(browser: TestClient, desk: DecidedDesk) -> None:
    """A double click, and the same form sent by many at once, do one thing."""
    number = str(uuid4())
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: send(browser, "kill", book=SMALL, reason="twice", request=number), range(4))
        )
    assert {one.json()["state"] for one in answers} <= {"done", "begun"}
    assert [one["state"] for one in kept(desk)] == ["done"]
    again = send(browser, "kill", book=SMALL, reason="twice", request=number)
    assert (
        again.json()["words"] == next(one for one in answers if one.json()["state"] == "done").json()["words"]
    )
    other = send(browser, "resume", book=SMALL, what="switch", answer="yes", reason="x", request=number)
    assert (other.status_code, other.json()["state"]) == (409, "refused")


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "Only the cockpit's own pages"),
        ({**OWN, "X-Nightdesk": "1"}, "Only the cockpit's own pages"),
        ({**OWN, "Sec-Fetch-Site": "cross-site"}, "another site"),
        ({**OWN, "Sec-Fetch-Site": "same-site"}, "another site"),
        ({**OWN, "Origin": "http://testserver:8081"}, "http://testserver:8081"),
        ({**OWN, "Origin": "null"}, "null"),
    ],
)
def test_a_forged_request_is_refused(
    browser: TestClient, desk: DecidedDesk, headers: dict[str, str], words: str
) -> None:
    answer = send(browser, "kill", headers, book=SMALL, reason="forged")
    assert answer.status_code == 403
    assert words in answer.json()["words"]
    assert kept(desk) == []
    assert not is_stopped(desk, SMALL)


def test_who_may_not_act_is_refused_and_kept(browser: TestClient, desk: DecidedDesk, door: Door) -> None:
    door.locked = {SMALL, ""}
    for action in ALL:
        answer = send(browser, action.name, book=SMALL, reason="I try")
        assert answer.status_code == 403, action.name
        assert "You may not act" in answer.json()["words"]
    assert [one["state"] for one in kept(desk)] == ["refused"] * len(ALL)
    assert not is_stopped(desk, SMALL)
    assert "You may look, and not act" in browser.get(f"/actions/kill?book={SMALL}").text


def test_who_is_not_logged_in_sees_and_does_nothing(
    browser: TestClient, door: Door, desk: DecidedDesk
) -> None:
    door.name = ""
    for route in browser.app.routes:  # type: ignore[attr-defined] # a FastAPI
        path = re.sub(r"\{[^}]*\}", "1", route.path)
        for method in route.methods:
            assert browser.request(method, path, headers=OWN).status_code == 401, (method, path)
    assert kept(desk) == []


def test_another_book_cannot_be_reached(browser: TestClient, desk: DecidedDesk, door: Door) -> None:
    door.hidden = {TWOFOLD}
    assert TWOFOLD not in browser.get("/").text
    assert browser.get(f"/books/{TWOFOLD}").status_code == 403
    answer = send(browser, "kill", book=TWOFOLD, reason="not mine")
    assert answer.json()["state"] == "refused"
    assert "expected one of small" in answer.json()["words"]


LONG = "x" * 10_000
RUBBISH = ["", "  ", "two\nlines", "a\x00b", LONG, "\N{LINE SEPARATOR}"]


@pytest.mark.parametrize("text", RUBBISH)
def test_a_reason_is_one_short_line(browser: TestClient, desk: DecidedDesk, text: str) -> None:
    answer = send(browser, "kill", book=SMALL, reason=text)
    assert (answer.status_code, answer.json()["state"]) == (409, "refused")
    assert answer.json()["words"].startswith("Reason: ")
    assert not is_stopped(desk, SMALL)
    assert [one["state"] for one in kept(desk)] == ["refused"]


@pytest.mark.parametrize(
    ("action", "fields", "words"),
    [
        ("kill", {"book": "nobody"}, "Book: found 'nobody'"),
        ("kill", {"book": "<script>"}, "Book: found '<script>'"),
        ("kill", {"book": LONG}, "Book: 10,000 characters"),
        ("kill", {"book": SMALL, "everything": "maybe"}, "ticked or left out"),
        ("kill", {"book": SMALL, "other": "1"}, "'other' is no field"),
        ("resume", {"book": SMALL, "what": "all", "answer": "yes"}, "expected one of"),
        ("resume", {"book": SMALL, "what": "what stops it", "answer": "yes"}, "is not stopped"),
        ("level", {"book": SMALL, "level": "9"}, "expected one of 1, 2, 3, 4"),
        ("acknowledge", {"alert": "999999"}, "there is no alert 999999"),
        ("acknowledge", {"alert": "1.5"}, "whole number"),
        ("acknowledge", {"alert": "9" * 17}, "no alert"),
        ("accept", {"book": SMALL, "symbol": "NOPE", "session": "2016-01-04"}, "NOPE"),
        ("accept", {"book": SMALL, "symbol": "AAA", "session": "yesterday"}, "expected a date"),
        ("accept", {"book": SMALL, "symbol": "AAA", "session": "1789-07-14"}, "outside 1990"),
        ("state", {"kind": "split", "symbol": "AAA", "session": "2016-01-05"}, "a split needs ratio"),
        ("state", {"kind": "split", "symbol": "AAA", "session": "2016-01-05", "ratio": "0"}, "ratio 0"),
        ("state", {"kind": "split", "symbol": "AAA", "session": "2016-01-05", "ratio": "-2"}, "0 or more"),
        ("state", {"kind": "merger", "symbol": "A", "session": "2016-01-05", "into": "A", "ratio": "1"},
         "is the symbol itself"),
    ],
)  # fmt: skip
def test_rubbish_is_refused_in_words(
    browser: TestClient, desk: DecidedDesk, action: str, fields: dict[str, str], words: str
) -> None:
    answer = send(browser, action, **({"reason": "rubbish"} | fields))
    assert (answer.status_code, answer.json()["state"]) == (409, "refused"), answer.text
    assert words in answer.json()["words"]
    assert [one["state"] for one in kept(desk)] == ["refused"]
    assert browser.get("/actions").status_code == 200


def test_a_form_without_its_number(browser: TestClient, desk: DecidedDesk) -> None:
    assert send(browser, "kill", book=SMALL, reason="x", request="1").json()["state"] == "refused"
    assert kept(desk) == []


def test_acknowledged_by_two(browser: TestClient, desk: DecidedDesk, door: Door) -> None:
    with open_connection(desk.url) as conn:
        raise_alert(conn, "a test", "WARNING", "Something", "happened")
        with conn.cursor() as cur:
            cur.execute("SELECT max(alert_id) FROM nightdesk.alerts")
            number = str(cur.fetchone()[0])  # type: ignore[index] # there is one
    assert send(browser, "acknowledge", alert=number, reason="seen").json()["state"] == "done"
    door.name = "bob"
    again = send(browser, "acknowledge", alert=number, reason="seen as well")
    assert "acknowledged by ann before" in again.json()["words"]


def test_a_symbol_is_limited_and_let_go(browser: TestClient, desk: DecidedDesk) -> None:
    fields = {"book": SMALL, "symbol": "GLD", "kind": "max-size", "reason": "too much"}
    until = str(session(DECIDED + 20))
    for wrong, words in (
        ({"size": "5", "until": until}, "no share of NAV"),
        ({"until": until}, "max-size wants a share"),
        ({"size": "0.05", "until": "2001-01-02"}, "would end before it counts"),
        ({"size": "0.05", "until": until, "symbol": "NOPE"}, "not a symbol that book small trades"),
    ):
        answer = send(browser, "limit", **(fields | wrong)).json()
        assert (answer["state"], words in answer["words"]) == ("refused", True), answer
    done = send(browser, "limit", size="0.05", until=until, **fields).json()
    assert done["state"] == "done", done
    assert "GLD" in browser.get(f"/books/{SMALL}").text
    ended = {"book": SMALL, "symbol": "GLD", "kind": "all of them", "reason": "well again"}
    assert send(browser, "unlimit", **ended).json()["state"] == "done"
    assert "nothing to end" in send(browser, "unlimit", **ended).json()["words"]


def test_an_action_is_recorded_and_taken_back(browser: TestClient) -> None:
    fields = {"kind": "dividend", "symbol": "GLD", "session": str(session(DECIDED - 1)), "reason": "seen"}
    done = send(browser, "state", amount="0.25", **fields).json()
    assert (done["state"], "It is stated" in done["words"]) == ("done", True), done
    assert "stated so already" in send(browser, "state", amount="0.25", **fields).json()["words"]
    assert "is withdrawn" in send(browser, "withdraw", **fields).json()["words"]
    assert "no dividend of GLD" in send(browser, "withdraw", **fields).json()["words"]


def test_a_level_that_is_set_stands_against_the_book_before_the_decision(browser: TestClient) -> None:
    assert (
        send(browser, "level", book=TWOFOLD, level="2", reason="the broker may fail").json()["state"]
        == "done"
    )
    assert "drawdown level 2 by ann" in browser.get("/").text


def test_a_backtest_is_begun_in_the_name_of_who_asks(browser: TestClient, desk: DecidedDesk) -> None:
    fields = {"book": SMALL, "from": "2022-01-03", "to": "2022-02-01", "reason": "before a change"}
    assert "no Airflow is here" in send(browser, "backtest", **fields).json()["words"]
    begun: list[tuple[str, dict[str, object], str]] = []

    def start(dag_id: str, form: dict[str, object], user: str) -> str:
        begun.append((dag_id, form, user))
        return "manual__1"

    app = browser.app
    app.state.guards = replace(app.state.guards, start_run=start)  # type: ignore[attr-defined] # a FastAPI
    wrong = send(browser, "backtest", **(fields | {"to": "2021-01-04"})).json()
    assert "ends (2021-01-04) before it begins" in wrong["words"]
    assert send(browser, "backtest", capital="50000", **fields).json()["state"] == "done"
    form = {"books": [SMALL], "from": "2022-01-03", "to": "2022-02-01", "capital": 50000.0}
    assert begun == [("research__backtest", form | {"note": "ann: before a change"}, "ann")]


def test_no_database(browser: TestClient, desk: DecidedDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop cancels all the same and says what is not stored; nothing else is done."""
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    answer = send(browser, "resume", book=SMALL, what="switch", answer="yes", reason="x")
    assert answer.status_code == 503
    assert "the database cannot be reached" in answer.json()["words"]
    assert "NOT STORED" in send(browser, "kill", book=SMALL, reason="x").json()["words"]


def test_every_action_has_a_form(browser: TestClient) -> None:
    for action in ALL:
        page = browser.get(f"/actions/{action.name}", params={"book": SMALL, "reason": '"><script>'})
        assert page.status_code == 200
        assert "&#34;&gt;&lt;script&gt;" in page.text
        for field in action.form:
            assert f'name="{field.name}"' in page.text
