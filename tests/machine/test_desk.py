from datetime import timedelta
from pathlib import Path

import pytest

from nightdesk.book import load_book
from nightdesk.calendar import as_date, get_calendar
from nightdesk.errors import Refused
from nightdesk.machine import desk
from nightdesk.machine.home import Home
from nightdesk.store.books import book_record
from nightdesk.store.db import Connection, now

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def book():
    return load_book(PROJECT / "books" / "multi_asset.yaml")


def test_a_fresh_book_begins_with_the_newest_five_completed_sessions(conn: Connection, book) -> None:
    calendar = get_calendar(book.calendar)
    newest = calendar.latest_completed(now(conn))
    span = desk.start_book(conn, book)
    assert span.dag_id == "daily__multi_asset"
    expected = calendar.between(newest - timedelta(days=30), newest)[-5:]
    assert span.sessions == tuple(as_date(session) for session in expected)
    record = book_record(conn, book.name)
    assert record is not None
    assert record.inception == span.sessions[0]
    assert len(calendar.between(record.origin, record.inception)) == 505


def test_a_started_book_keeps_its_beginning_and_owes_every_session_since(conn: Connection, book) -> None:
    calendar = get_calendar(book.calendar)
    newest = calendar.latest_completed(now(conn))
    inception = calendar.shift(newest, -20)
    first = desk.start_book(conn, book.model_copy(update={"inception": inception}))
    again = desk.start_book(conn, book)
    assert first == again
    assert (again.sessions[0], again.sessions[-1], len(again.sessions)) == (inception, newest, 21)


def test_a_project_without_a_book_is_refused_with_the_folder(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"no book in .*books"):
        desk._load_books(Home(root=tmp_path, state=tmp_path))


def test_a_bad_book_is_told_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    good = (PROJECT / "books" / "multi_asset.yaml").read_text()
    (tmp_path / "books" / "multi_asset.yaml").write_text(good)
    (tmp_path / "books" / "torn.yaml").write_text("name: torn\nunknown: 1\n")
    books, refused = desk._load_books(Home(root=tmp_path, state=tmp_path))
    assert [book.name for book in books] == ["multi_asset"]
    (reason,) = refused
    assert "torn.yaml" in reason


def test_taking_down_a_desk_that_never_stood_ends_nothing_and_makes_nothing(tmp_path: Path) -> None:
    assert desk.down(home=Home(root=tmp_path, state=tmp_path / "state")) == []
    assert list(tmp_path.iterdir()) == []
