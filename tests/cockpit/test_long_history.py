"""Pages of a book that has decided for years are as bounded as those of a young one."""

import re
from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient
from tests.cockpit.decided_desk import DECIDED, SMALL, DecidedDesk, run_id, session
from tests.cockpit.stretched_history import stretch
from tests.conftest import Databases

from nightdesk.core.calendar import get_calendar

#: Sessions before the first that was decided.
EARLIER = 600


@pytest.fixture
def old_desk(
    decided_desk: DecidedDesk, databases: Databases, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> Iterator[TestClient]:
    url = databases.copy(decided_desk.url)
    stretch(url, (SMALL,), EARLIER + DECIDED)
    yield cockpit_of(DecidedDesk(url, decided_desk.root, decided_desk.home))
    databases.drop(url)


def test_pictures_have_the_newest_sessions_and_all_of_them_where_asked(old_desk: TestClient) -> None:
    for path in (f"/books/{SMALL}", f"/books/{SMALL}/risk"):
        for asked, points in (("", 250), ("60", 60), ("all", EARLIER + DECIDED)):
            page = old_desk.get(path, params={"sessions": asked}).text
            (times,) = set(re.findall(r'"x":\[([0-9,]+)\]', page))
            assert len(times.split(",")) == points


def test_an_early_decision_is_found_by_its_session_and_by_its_run(old_desk: TestClient) -> None:
    early = get_calendar().shift(session(0), -EARLIER)
    for page in ("decision", "risk", "session", "trace/GLD"):
        answer = old_desk.get(f"/books/{SMALL}/{page}", params={"as_of": f"{early}"})
        assert answer.status_code == 200
        assert "the first session" in answer.text
    told = old_desk.get("/run", params={"dag_id": f"daily__{SMALL}", "run_id": f"scheduled__{early}"}).text
    assert f"{early}, decided" in told
    assert f"{session(0)}, decided" in (
        old_desk.get("/run", params={"dag_id": f"daily__{SMALL}", "run_id": run_id(session(0))}).text
    )
