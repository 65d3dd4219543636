"""The tab of a run of Airflow shows the decision that it made, or why it made none."""

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient
from tests.cockpit.conftest import Door
from tests.cockpit.decided_desk import BROKEN, DECIDED, SMALL, TWOFOLD, WAITING, DecidedDesk, run_id, session
from tests.conftest import Databases, open_connection

from nightdesk.store.failure_rows import keep_failure
from nightdesk.store.message_rows import raise_alert


def tab(browser: TestClient, dag_id: str, run: str) -> str:
    answer = browser.get("/run", params={"dag_id": dag_id, "run_id": run})
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize("book", [SMALL, TWOFOLD])
def test_a_run_shows_the_page_of_its_own_session(browser: TestClient, book: str) -> None:
    page = tab(browser, f"daily__{book}", run_id(session(3)))
    assert "The run has made its decision." in page
    assert f"/cockpit/books/{book}/session/stored?as_of={session(3)}T21%3A00Z" in page
    assert f"{session(3)}, decided" in page
    assert ">ingest</th>" in page
    assert ">close</th>" in page


def test_a_run_that_failed_says_which_step_and_why(browser: TestClient) -> None:
    page = tab(browser, f"daily__{SMALL}", run_id(session(DECIDED)))
    assert "Step settle failed: Refused:" in page
    assert "<iframe" not in page


def test_a_run_that_has_done_nothing_says_so(browser: TestClient) -> None:
    for name in (SMALL, WAITING):
        page = tab(browser, f"daily__{name}", "manual__2026-01-01T00:00:00+00:00")
        assert "The run has decided nothing yet" in page
        assert "its note in Airflow says why" in page
    assert "unheard" in tab(browser, f"daily__{BROKEN}", "manual__1")


def test_a_run_of_which_the_name_begins_like_anothers_is_not_that_one(browser: TestClient) -> None:
    page = tab(browser, f"daily__{SMALL}", run_id(session(3))[:-1])
    assert "The run has decided nothing yet" in page


@pytest.mark.parametrize(
    ("dag_id", "said"),
    [
        ("fills", "books fills"),
        ("alerts", "sends alerts"),
        ("upkeep", "looks after the desk"),
        (f"resume__{SMALL}", "a person answers"),
        ("research__backtest", "computes research"),
        ("<b>other</b>", "&lt;b&gt;other&lt;/b&gt; is no DAG that decides"),
        (f"daily__{SMALL}/x", "is no DAG that decides"),
        ("", "one of them is missing"),
    ],
)
def test_a_dag_that_decides_nothing_says_what_it_does(browser: TestClient, dag_id: str, said: str) -> None:
    page = tab(browser, dag_id, "manual__1")
    assert said in page
    assert "<b>other" not in page


def test_a_run_that_has_walked_many_decisions_names_them_and_shows_the_newest(
    decided_desk: DecidedDesk, databases: Databases, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> None:
    url = databases.copy(decided_desk.url)
    desk = DecidedDesk(url, decided_desk.root, decided_desk.home)
    with open_connection(url) as conn, conn.cursor() as cursor:
        cursor.execute(
            "UPDATE nightdesk.run_steps SET task = 'replay__small/manual__1/chunk[0]/1' "
            "WHERE book = %s AND session BETWEEN %s AND %s",
            (SMALL, session(1), session(5)),
        )
    page = tab(cockpit_of(desk), f"replay__{SMALL}", "manual__1")
    assert "5 decisions of this run" in page
    assert f"{session(5)}, decided" in page
    for number in range(1, 6):
        assert f">{session(number)}</a>" in page
    assert f">{session(6)}</a>" not in page
    assert page.count(">ingest</th>") == 1
    databases.drop(url)


def test_a_run_of_a_hidden_book_is_not_shown(browser: TestClient, door: Door) -> None:
    door.hidden.add(SMALL)
    page = tab(browser, f"daily__{SMALL}", run_id(session(3)))
    assert "that you may see" in page
    assert "<iframe" not in page


@pytest.fixture
def alerted(decided_desk: DecidedDesk, databases: Databases) -> Iterator[DecidedDesk]:
    """The desk, and a run of it that was refused before its first step."""
    url = databases.copy(decided_desk.url)
    with open_connection(url) as conn:
        for key in ("task:daily__small/refused/ingest/1", "task:daily__small/refused__later/ingest/1"):
            raise_alert(
                conn, key, "CRITICAL", f"small: {key} failed", "no bars: <i>ask</i> the feed", book=SMALL
            )
            keep_failure(conn, key, key, "")
    yield DecidedDesk(url, decided_desk.root, decided_desk.home)
    databases.drop(url)


def test_a_run_that_was_refused_before_its_first_step_is_told_by_its_alert(
    alerted: DecidedDesk, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> None:
    page = tab(cockpit_of(alerted), f"daily__{SMALL}", "refused")
    assert "a task of it failed, as told below" in page
    assert "no bars: &lt;i&gt;ask&lt;/i&gt; the feed" in page
    assert "refused__later" not in page
