"""A started book whose file is gone is told of once, with what it holds, and as it was last used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.conftest import PROJECT
from tests.session.small_desk import SmallDesk
from typer.testing import CliRunner, Result

from nightdesk.cli import app
from nightdesk.core.book import load_book
from nightdesk.operations.fileless import fileless_books, tell_fileless
from nightdesk.store.book_rows import BookRecord, keep_document, start_book, stored_book
from nightdesk.store.db import DATABASE_VARIABLE, Connection
from nightdesk.store.message_rows import alerts_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one book."""
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "swing.yaml").write_text(yaml.safe_dump(tree | {"name": "swing"}, sort_keys=False))
    return tmp_path


@pytest.fixture
def started(conn: Connection) -> Connection:
    days = date(2025, 1, 3), date(2023, 1, 3)
    start_book(conn, BookRecord("swing", *days, Decimal("100000.00"), "paper", "paper-swing"))
    return conn


@pytest.mark.parametrize("text", [None, "name: ["], ids=["gone", "wrong"])
def test_a_started_book_without_its_file_is_told_once_and_so_is_its_return(
    started: Connection, root: Path, text: str | None
) -> None:
    path = root / "books" / "swing.yaml"
    whole = path.read_text()
    assert tell_fileless(started, root) == 0
    path.unlink() if text is None else path.write_text(text)
    assert [tell_fileless(started, root) for _ in range(3)] == [1, 0, 0]
    [alert] = alerts_of(started, "swing")
    assert (alert["level"], alert["subject"]) == ("WARNING", "swing: its file is gone or wrong")
    assert str(root) in alert["body"]
    assert "It holds nothing and has no open order" in alert["body"]
    assert "`nightdesk books swing --stored`" in alert["body"]
    assert "`nightdesk kill swing`" in alert["body"]
    path.write_text(whole)
    assert [tell_fileless(started, root) for _ in range(2)] == [1, 0]
    assert alerts_of(started, "swing")[0]["level"] == "INFO"
    path.unlink()
    assert tell_fileless(started, root) == 1


def test_a_book_is_stored_as_its_file_says_it_and_read_back_the_same(started: Connection, root: Path) -> None:
    book = load_book(root / "books" / "swing.yaml")
    assert stored_book(started, "swing") is None
    keep_document(started, "swing", book.model_dump_json())
    assert stored_book(started, "swing") == book
    assert list(stored_book(started, "swing").universe) == list(book.universe)  # type: ignore[union-attr]


def nightdesk(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments), prog_name="nightdesk")
    assert result.exit_code == 0, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result


def test_what_a_book_holds_whose_file_is_gone_is_said_everywhere(
    desk_after: Callable[[int], SmallDesk], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_after(2)
    monkeypatch.setenv("NIGHTDESK_ROOT", str(root))
    monkeypatch.setenv(DATABASE_VARIABLE, desk.url)
    (root / "sql").symlink_to(PROJECT / "sql")
    with desk.at(1) as context:
        [one] = fileless_books(context.conn, root)
        assert (one.book, "GLD at the mark of" in one.holds) == ("small", True)
        assert tell_fileless(context.conn, root) == 1
        assert alerts_of(context.conn, "small")[0]["level"] == "CRITICAL"
    said = nightdesk("books")
    assert "small was started" in said.stderr
    assert "NO FILE" in nightdesk("status").stdout
    (root / "books" / "small.yaml").write_text(nightdesk("books", "small", "--stored").stdout)
    assert "NO FILE" not in nightdesk("status").stdout
    (root / "books" / "swing.yaml").unlink()  # it names the same account
    assert nightdesk("books").stderr == ""
    assert load_book(root / "books" / "small.yaml") == load_book(desk.book)


def test_a_book_without_its_file_keeps_no_other_from_being_recovered(
    desk_after: Callable[[int], SmallDesk], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_after(1)
    monkeypatch.setenv("NIGHTDESK_ROOT", str(root))
    monkeypatch.setenv(DATABASE_VARIABLE, desk.url)
    path = root / "books" / "swing.yaml"
    path.write_text(path.read_text().replace("paper-multi-asset", "paper-other"))
    (root / "sql").symlink_to(PROJECT / "sql")
    with desk.at(0) as context:
        days = date(2025, 1, 3), date(2023, 1, 3)
        start_book(context.conn, BookRecord("swing", *days, Decimal("100000.00"), "paper", "paper-other"))
    done = CliRunner().invoke(app, ["recover"], prog_name="nightdesk")
    assert done.exit_code == 1
    assert done.stdout.startswith("swing: recovered in "), done.stderr
    assert done.stderr.startswith("nightdesk: small was not recovered: there is no book 'small' in ")
