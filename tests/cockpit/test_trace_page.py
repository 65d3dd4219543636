"""The page of a symbol in a decision tells its whole story."""

import html

import pytest
from starlette.testclient import TestClient
from tests.cockpit.decided_desk import DECIDED, SMALL, TWOFOLD, DecidedDesk, instant, session
from tests.conftest import open_connection

from nightdesk.cockpit import known_book
from nightdesk.cockpit.known_book import KnownBook, context_of, decision_of
from nightdesk.core.book import load_book
from nightdesk.operations.trace import trace
from nightdesk.store.book_rows import book_record


@pytest.mark.parametrize(("book", "symbol"), [(SMALL, "GLD"), (TWOFOLD, "BTC-USD"), (SMALL, "SPY")])
def test_it_tells_what_the_command_tells(
    browser: TestClient, decided_desk: DecidedDesk, book: str, symbol: str
) -> None:
    page = html.unescape(
        browser.get(f"/books/{book}/trace/{symbol}", params={"as_of": f"{session(0)}", "words": "1"}).text
    )
    with open_connection(decided_desk.url) as conn:
        known = KnownBook(
            book, load_book(decided_desk.root / "books" / f"{book}.yaml"), book_record(conn, book)
        )
        decision = decision_of(conn, known, f"{session(0)}")
        assert decision is not None
        story = trace(context_of(conn, known, decision), symbol)
    said = [one["words"] for one in (*story["signals"], *story["verdicts"], *story["dropped"])]
    said += [one["client_order_id"] for one in story["orders"]]
    said += [event["cause"] for one in story["orders"] for event in one["events"]]
    said += [f"{one['session']}" for one in story["bars"]]
    said += list(story["factors"])
    assert len(said) > 20
    for words in said:
        assert words
        assert words in page


def test_an_old_signal_of_a_long_history_is_given_in_words_where_they_are_asked_for(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = browser.get(f"/books/{SMALL}/trace/GLD", params={"as_of": f"{session(1)}"}).text
    assert "momentum_60 " in at_once
    monkeypatch.setattr(known_book, "AT_ONCE_BARS", 100)
    page = browser.get(f"/books/{SMALL}/trace/GLD", params={"as_of": f"{session(1)}"}).text
    assert "momentum_60 " not in page
    assert "words=1" in page
    told = browser.get(f"/books/{SMALL}/trace/GLD", params={"as_of": f"{session(1)}", "words": "1"}).text
    assert "momentum_60 " in told
    assert "words=1" not in told


def test_a_symbol_of_another_book_is_refused_in_words(browser: TestClient) -> None:
    for symbol in ("NOPE", "<b>", "x" * 5000, "BTC%2FUSD", "../risk"):
        answer = browser.get(f"/books/{SMALL}/trace/{symbol.replace('..', '%2E%2E')}")
        assert answer.status_code == 404
        assert "is not a symbol of book small" in answer.text
        assert "<b>" not in answer.text


def test_a_decision_without_bars_says_what_it_lacks(browser: TestClient) -> None:
    answer = browser.get(f"/books/{SMALL}/trace/SPY", params={"as_of": f"{session(DECIDED)}"})
    assert answer.status_code == 200
    assert "no bars were ingested for it" in answer.text


def test_bars_lead_to_what_is_known_of_them(browser: TestClient) -> None:
    page = browser.get(f"/books/{SMALL}/trace/SPY", params={"as_of": f"{instant(3).isoformat()}"}).text
    assert f'href="/cockpit/data/bars/SPY/{session(3)}"' in page
    assert f">{session(4)}</a>" not in page
