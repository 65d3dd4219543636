"""The page of a book's right to trade: stage, criteria with their evidence, and what people decided."""

import re
from html import unescape

import pytest
from tests.cockpit.decided_desk import BROKEN, SMALL, WAITING
from tests.cockpit.own_desk import OwnDesk
from tests.conftest import open_connection
from tests.operations.test_trading_stage import REAL, SHOWN

from nightdesk.core.book import Book, load_book
from nightdesk.core.stages import Stage
from nightdesk.engine import resolve
from nightdesk.operations.trading_stage import gate_standing, promote
from nightdesk.store.code_rows import package_of
from nightdesk.store.gate_evidence_rows import keep_evidence
from nightdesk.version import code_version

RIGHT = f"/books/{SMALL}/right"


@pytest.fixture
def book(own_desk: OwnDesk, monkeypatch: pytest.MonkeyPatch) -> Book:
    for name, value in own_desk.desk.environ.items():
        monkeypatch.setenv(name, value)
    return load_book(own_desk.desk.root / "books" / f"{SMALL}.yaml")


def rows_of(page: str, table: str) -> list[str]:
    """The rows of a table, as text."""
    body = page.split(f'aria-label="{table}"')[1].split("</table>")[0].split("<tbody>")[1]
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", one)).split()) for one in body.split("</tr>")[:-1]]


def test_a_book_of_which_nothing_is_known_meets_nothing(own_desk: OwnDesk, book: Book) -> None:
    page = own_desk.page(RIGHT)
    assert "Stage: backtest" in page
    assert "Nobody has decided of it yet." in page
    assert "Nobody has promoted the book, or sent it back." in page
    with open_connection(own_desk.desk.url) as conn:
        criteria = gate_standing(conn, book).criteria
    assert f"{len(criteria)} of {len(criteria)} are not met" in page
    rows = rows_of(page, "Criteria")
    assert len(rows) == len(criteria) > 5
    for row, one in zip(rows, criteria, strict=True):
        assert row.startswith(f"{one.name} not known {one.limit} not met – – "), row


def test_each_criterion_tells_its_value_its_limit_and_its_evidence(own_desk: OwnDesk, book: Book) -> None:
    code = code_version(resolve(book))
    with open_connection(own_desk.desk.url) as conn:
        number = keep_evidence(
            conn, SMALL, "backtest", book.rules_hash, code, {**REAL, "sharpe": 0.91, "max_drawdown": 0.25}
        )
        criteria = gate_standing(conn, book).criteria
    page = own_desk.page(RIGHT)
    rows = {row.split(" 0.")[0]: row for row in rows_of(page, "Criteria")}
    for name, value, outcome in (("Sharpe", "0.9100", "met"), ("drawdown", "0.2500", "not met")):
        [one] = [each for each in criteria if name.lower() in each.name.lower() and each.evidence == number]
        assert rows[one.name].startswith(f"{one.name} {value} {one.limit} {outcome} {number} ")


def test_who_promoted_it_why_and_on_what_evidence(own_desk: OwnDesk, book: Book) -> None:
    code = code_version(resolve(book))
    with open_connection(own_desk.desk.url) as conn:
        for kind, figures in SHOWN.items():
            keep_evidence(conn, SMALL, kind, book.rules_hash, code, figures)  # type: ignore[arg-type]
        tested = {"green": True, "data_checks": True, "persistence": True}
        keep_evidence(conn, "", "code", "", package_of(code), tested)
        assert "All are met." in own_desk.page(RIGHT)
        done = promote(conn, book, Stage.PAPER, reason="it <passed>", who="ann")
    page = own_desk.page(RIGHT)
    assert "Stage: paper" in page
    assert "Brought to paper by ann" in page
    assert "it &lt;passed&gt;" in page
    [row] = rows_of(page, "Promotions")
    evidence = ", ".join(f"{one}" for one in done.evidence)
    assert re.match(
        rf"{done.at.date()} backtest paper ann it <passed> {evidence} {book.rules_hash[:12]} ", row
    )
    assert "not met" in rows_of(page, "Criteria")[0]


def test_a_book_without_a_run_is_judged_and_one_that_cannot_be_read_says_why(own_desk: OwnDesk) -> None:
    assert "Stage: backtest" in own_desk.page(f"/books/{WAITING}/right")
    page = own_desk.page(f"/books/{BROKEN}/right")
    assert "unheard" in page
    assert "Stage:" not in page
    assert "There is no book" in own_desk.page("/books/nobody/right", 404)
