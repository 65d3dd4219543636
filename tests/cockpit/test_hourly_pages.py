"""Pages of a book that decides by the hour name each decision by its session and time of day."""

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient
from tests.cockpit.decided_desk import DecidedDesk, as_project
from tests.conftest import Databases, open_connection
from tests.session.hourly_desk import SESSION, HourlyDesk, at
from tests.session.quick_checks import check_quickly

from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session

BOOK = "hours_of_tests"
#: Decisions that were made, the first of the session included.
MADE = 3
RUN = "scheduled__hour"


@pytest.fixture(scope="module")
def hours_decided(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DecidedDesk]:
    """A desk whose book has decided three hours; only to be read."""
    folder = tmp_path_factory.mktemp("hours")
    with pytest.MonkeyPatch.context() as patch:
        check_quickly(patch)
        patch.setenv("NIGHTDESK_HOME", str(folder / "home"))
        desk = HourlyDesk(databases.new(), folder / "hourly")
        for number in range(MADE):
            with (
                open_connection(desk.url) as conn,
                open_context(
                    desk.book,
                    at(number),
                    conn=conn,
                    turn_seconds=0,
                    task=f"hourly__{BOOK}/{RUN}{number}/step/1",
                ) as context,
            ):
                run_session(context)
    root = as_project(folder / "project")
    (root / "books" / desk.book.name).symlink_to(desk.book)
    yield DecidedDesk(desk.url, root, folder / "home")
    databases.drop(desk.url)


@pytest.fixture
def hourly_browser(hours_decided: DecidedDesk, cockpit_of: Callable[[DecidedDesk], TestClient]) -> TestClient:
    return cockpit_of(hours_decided)


def word(number: int) -> str:
    return f"{at(number):%Y-%m-%dT%H:%M}Z"


def test_the_book_is_shown_as_of_its_newest_hour(hourly_browser: TestClient) -> None:
    page = hourly_browser.get(f"/books/{BOOK}").text
    assert "As of the newest closed decision" in page
    assert f">{SESSION} 12:00</a>" in page


@pytest.mark.parametrize("page", ["decision", "risk", "session", "trace/SPY"])
def test_the_hours_beside_a_decision_are_links(hourly_browser: TestClient, page: str) -> None:
    answer = hourly_browser.get(f"/books/{BOOK}/{page}", params={"as_of": word(1)})
    assert answer.status_code == 200
    assert f"Decision {SESSION} 11:00, decided" in answer.text
    for number in (0, 2):
        assert f"as_of={word(number).replace(':', '%3A')}" in answer.text


def test_a_session_means_the_last_of_its_decisions(hourly_browser: TestClient) -> None:
    page = hourly_browser.get(f"/books/{BOOK}/decision", params={"as_of": f"{SESSION}"}).text
    assert f"Decision {SESSION} 12:00, decided" in page


def test_the_trace_of_an_hour_shows_the_hours_that_it_knew(hourly_browser: TestClient) -> None:
    page = hourly_browser.get(f"/books/{BOOK}/trace/SPY", params={"as_of": word(1)}).text
    assert "Hours of the session as the decision knew them" in page
    assert f"to {at(1):%Y-%m-%d %H:%M} UTC" in page
    assert f"to {at(2):%Y-%m-%d %H:%M} UTC" not in page


def test_the_tab_of_a_run_shows_its_own_hour(hourly_browser: TestClient) -> None:
    page = hourly_browser.get("/run", params={"dag_id": f"hourly__{BOOK}", "run_id": f"{RUN}1"}).text
    assert "The run has made its decision." in page
    assert f"{SESSION} 11:00, decided" in page
    assert f"as_of={word(1).replace(':', '%3A')}" in page
