from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.schedule import daily, hourly
from nightdesk.machine import whole_desk
from nightdesk.machine.dag_runs import DagRun, read_run
from nightdesk.machine.home import Home
from nightdesk.machine.waiting import deciding
from nightdesk.store.book_rows import book_record
from nightdesk.store.db import Connection, now

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def book():
    return load_book(PROJECT / "books" / "multi_asset.yaml")


def test_a_fresh_book_begins_with_the_newest_three_completed_sessions(conn: Connection, book) -> None:
    calendar = get_calendar(book.calendar)
    newest = calendar.latest_completed(now(conn))
    span = whole_desk.start_book(conn, book)
    assert span.dag_id == "daily__multi_asset"
    expected = calendar.between(newest - timedelta(days=30), newest)[-3:]
    assert span.decisions == tuple(calendar.close_at(as_date(session)) for session in expected)
    record = book_record(conn, book.name)
    assert record is not None
    assert calendar.close_at(record.inception) == span.decisions[0]
    assert len(calendar.between(record.origin, record.inception)) == 505


def test_a_started_book_keeps_its_beginning_and_owes_every_session_since(conn: Connection, book) -> None:
    calendar = get_calendar(book.calendar)
    newest = calendar.latest_completed(now(conn))
    inception = calendar.shift(newest, -20)
    first = whole_desk.start_book(conn, book.model_copy(update={"inception": inception}))
    again = whole_desk.start_book(conn, book)
    assert first == again
    ends = (again.decisions[0], again.decisions[-1])
    assert (*ends, len(again.decisions)) == (*map(calendar.close_at, (inception, newest)), 21)


def test_the_dags_that_serve_all_books_are_there_to_be_switched_on() -> None:
    assert {"alerts", "drill", "fills", "gates", "upkeep"} == set(whole_desk.DESK_DAGS)
    assert all((PROJECT / "dags" / f"{name}.py").is_file() for name in whole_desk.DESK_DAGS)


def test_a_project_without_a_book_is_refused_with_the_folder(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"no book in .*books"):
        whole_desk._load_books(Home(root=tmp_path, state=tmp_path))


def test_a_bad_book_is_told_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    good = (PROJECT / "books" / "multi_asset.yaml").read_text()
    (tmp_path / "books" / "multi_asset.yaml").write_text(good)
    (tmp_path / "books" / "torn.yaml").write_text("name: torn\nunknown: 1\n")
    books, refused = whole_desk._load_books(Home(root=tmp_path, state=tmp_path))
    assert [book.name for book in books] == ["multi_asset"]
    (reason,) = refused
    assert "torn.yaml" in reason


class Recorded:
    """An Airflow that holds these runs."""

    def __init__(self, *runs: DagRun) -> None:
        self.made = list(runs)
        self.backfilled: list[tuple[date, date]] = []

    def runs(self, dag_id: str) -> list[DagRun]:
        return self.made

    def backfill(self, dag_id: str, first: date, last: date) -> None:
        self.backfilled.append((first, last))

    def unpause(self, dag_id: str) -> None: ...


MONDAY, TUESDAY, WEDNESDAY = date(2025, 1, 6), date(2025, 1, 7), date(2025, 1, 8)
DAILY = daily(get_calendar())


def test_only_what_nothing_decides_is_backfilled() -> None:
    airflow = Recorded(
        DagRun("by hand", "manual", "success", MONDAY),
        DagRun("only a dry run", "manual", "success", TUESDAY, {"dry_run": True}),
        DagRun("of nothing", "manual", "failed", None, {"session": "soon"}),
    )
    close = DAILY.last_of
    span = whole_desk.DueDecisions("daily__one", DAILY, tuple(map(close, (MONDAY, TUESDAY, WEDNESDAY))))
    whole_desk._decide(airflow, span, closed={close(WEDNESDAY)})
    assert airflow.backfilled == [(TUESDAY, TUESDAY)]
    assert [run.run_id for run in deciding(airflow, span)] == ["by hand"]
    whole_desk._decide(airflow, span, closed={close(TUESDAY), close(WEDNESDAY)})
    assert airflow.backfilled == [(TUESDAY, TUESDAY)]


@pytest.mark.parametrize(
    ("conf", "logical_date", "session"),
    [
        ({"session": "2025-01-06"}, None, MONDAY),
        ({"session": "2025-01-06"}, "2025-01-07T00:00:00Z", MONDAY),
        ({"session": None}, "2025-01-06T00:00:00Z", MONDAY),
        ({"session": None}, "2025-01-06T19:48:12Z", None),
        ({"session": "soon"}, None, None),
        (None, None, None),
    ],
    ids=["form", "form first", "logical date", "the instant of a click", "no day", "nothing"],
)
def test_a_run_tells_its_session_by_its_form_or_a_logical_date_at_midnight(
    conf: dict[str, object] | None, logical_date: str | None, session: date | None
) -> None:
    record = {"dag_run_id": "one", "run_type": "manual", "state": "success"}
    assert read_run(record | {"conf": conf, "logical_date": logical_date}).session == session


TEN = datetime(2025, 1, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("conf", "logical_date", "decision"),
    [
        ({"as_of": "2025-01-08T10:00:00-05:00"}, None, TEN),
        ({"as_of": "2025-01-08T15:00:00"}, "2025-01-08T15:00:00Z", TEN),
        ({"as_of": None}, "2025-01-08T14:30:00Z", TEN),
        ({"as_of": None}, "2025-01-08T19:48:12Z", None),
        ({"as_of": "soon"}, None, None),
        ({"dry_run": True}, "2025-01-08T14:30:00Z", None),
        (None, None, None),
    ],
    ids=[
        "form",
        "form first",
        "the begin of a bar",
        "the instant of a click",
        "no instant",
        "dry",
        "nothing",
    ],
)
def test_a_run_by_the_hour_tells_its_decision_by_its_form_or_the_begin_of_its_bar(
    conf: dict[str, object] | None, logical_date: str | None, decision: datetime | None
) -> None:
    record = {"dag_run_id": "one", "run_type": "manual", "state": "success"}
    run = read_run(record | {"conf": conf, "logical_date": logical_date})
    assert run.decision(hourly(get_calendar())) == decision


def test_taking_down_a_desk_that_never_stood_ends_nothing_and_makes_nothing(tmp_path: Path) -> None:
    assert whole_desk.down(home=Home(root=tmp_path, state=tmp_path / "state")) == []
    assert list(tmp_path.iterdir()) == []
