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
def old_desk(decided_desk: DecidedDesk, databases: Databases) -> Iterator[DecidedDesk]:
    url = databases.copy(decided_desk.url)
    # the newest of its own, which failed, is one of them
    stretch(url, (SMALL,), EARLIER + DECIDED + 1)
    yield DecidedDesk(url, decided_desk.root, decided_desk.home)
    databases.drop(url)


def test_pictures_have_the_newest_sessions_and_all_of_them_where_asked(
    old_desk: DecidedDesk, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> None:
    ((closed,),) = old_desk.rows(
        "SELECT count(*) FROM nightdesk.runs WHERE book = %s AND status = 'closed'", SMALL
    )
    assert closed > 500
    browser = cockpit_of(old_desk)
    for path in (f"/books/{SMALL}", f"/books/{SMALL}/risk"):
        for asked, points in (("", 250), ("60", 60), ("all", closed)):
            page = browser.get(path, params={"sessions": asked}).text
            (times,) = set(re.findall(r'"x":\[([0-9,]+)\]', page))
            assert len(times.split(",")) == points


def test_an_early_decision_is_found_by_its_session_and_by_its_run(
    old_desk: DecidedDesk, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> None:
    ((early,),) = old_desk.rows("SELECT min(session) FROM nightdesk.runs WHERE book = %s", SMALL)
    assert early == get_calendar().shift(session(0), -EARLIER)
    browser = cockpit_of(old_desk)
    for page in ("decision", "risk", "session", "trace/GLD"):
        answer = browser.get(f"/books/{SMALL}/{page}", params={"as_of": f"{early}"})
        assert answer.status_code == 200
        assert "the first session" in answer.text
    told = browser.get("/run", params={"dag_id": f"daily__{SMALL}", "run_id": f"scheduled__{early}"}).text
    assert f"{early}, decided" in told
    assert f"{session(0)}, decided" in (
        browser.get("/run", params={"dag_id": f"daily__{SMALL}", "run_id": run_id(session(0))}).text
    )
