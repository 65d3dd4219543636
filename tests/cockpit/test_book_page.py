"""The page of a book says what the store holds of it, in words where that is nothing."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from starlette.testclient import TestClient
from tests.cockpit.conftest import Door
from tests.cockpit.decided_desk import (
    BROKEN,
    DECIDED,
    OTHER,
    SMALL,
    TWOFOLD,
    WAITING,
    DecidedDesk,
    as_project,
    session,
)

from nightdesk.alerts import figures


def test_the_figures_are_those_of_the_newest_closed_session(
    browser: TestClient, decided_desk: DecidedDesk
) -> None:
    page = browser.get(f"/books/{SMALL}").text
    rows = decided_desk.rows(
        "SELECT nav, gross FROM nightdesk.portfolio WHERE book = %s ORDER BY as_of DESC LIMIT 2", SMALL
    )
    (nav, gross), (before, _) = rows
    assert figures.money(nav) in page
    assert figures.money(nav - before, signed=True) in page
    assert figures.percent(gross, places=1) in page
    ((var,),) = decided_desk.rows(
        "SELECT historical_var FROM nightdesk.risk_reports WHERE book = %s ORDER BY as_of DESC LIMIT 1", SMALL
    )
    assert figures.percent(var) in page
    assert f"as_of={session(DECIDED - 1)}T21%3A00Z" in page


def test_every_position_leads_to_its_symbol_and_trace_and_shows_its_stop(
    browser: TestClient, decided_desk: DecidedDesk
) -> None:
    page = browser.get(f"/books/{SMALL}").text
    held = decided_desk.rows(
        "SELECT symbol, quantity, cost, market_value, entry_session FROM nightdesk.positions "
        "WHERE book = %s AND quantity <> 0 "
        "AND as_of = (SELECT max(p.as_of) FROM nightdesk.portfolio p WHERE p.book = positions.book)",
        SMALL,
    )
    assert len(held) > 1
    for symbol, quantity, cost, value, entered in held:
        assert f'href="/cockpit/symbols/{symbol}?book={SMALL}"' in page
        assert f'href="/cockpit/books/{SMALL}/trace/{symbol}?as_of=' in page
        assert figures.price(round(cost / quantity * (1 - Decimal("0.18")), 4)) in page
        assert figures.money(value - cost, signed=True) in page
        assert f"as_of={entered}" in page


def test_the_results_of_strategies_add_up_to_what_the_book_has_gained(
    browser: TestClient, decided_desk: DecidedDesk
) -> None:
    ((nav, capital),) = decided_desk.rows(
        "SELECT p.nav, b.initial_capital FROM nightdesk.portfolio p JOIN nightdesk.books b USING (book) "
        "WHERE book = %s ORDER BY as_of DESC LIMIT 1",
        TWOFOLD,
    )
    page = browser.get(f"/books/{TWOFOLD}").text
    foot = page[page.index("Results by strategy") :]
    foot = foot[foot.index("<tfoot>") : foot.index("</tfoot>")]
    assert figures.money(nav - capital, signed=True) in foot
    assert ">slower</a>" in page


def test_what_stands_against_a_book_comes_before_its_figures_and_is_escaped(browser: TestClient) -> None:
    page = browser.get(f"/books/{TWOFOLD}").text
    assert page.index("a &lt;b&gt;drill&lt;/b&gt;") < page.index("Value (NAV)")
    assert "<b>drill</b>" not in page
    assert "Two &lt;strategies&gt; &amp; accounts" in page
    assert f"Kill switch: on since {session(DECIDED)} by ann" in page
    assert "light loss" in page
    assert f'href="/cockpit/actions/resume?book={TWOFOLD}"' in page
    assert f'href="/cockpit/actions/kill?book={SMALL}"' in browser.get(f"/books/{SMALL}").text


def test_a_book_that_failed_says_so_and_shows_the_session_before(browser: TestClient) -> None:
    page = browser.get(f"/books/{SMALL}").text
    assert f"Failed in session {session(DECIDED)}" in page
    assert f">{session(DECIDED)}</a> is failed" in page
    assert f">{session(DECIDED - 1)}</a>" in page


def test_a_book_of_two_accounts_shows_the_account_of_each_position(browser: TestClient) -> None:
    page, single = browser.get(f"/books/{TWOFOLD}").text, browser.get(f"/books/{SMALL}").text
    assert "Exposure by account" in page
    assert f"<td>{OTHER}</td>" in page
    assert "Exposure by account" not in single
    assert "Exposure by asset class" in single


def test_the_links_above_the_pictures_choose_how_many_sessions_they_have(browser: TestClient) -> None:
    for asked, points in (("", DECIDED), ("3", 3), ("60", DECIDED), ("all", DECIDED)):
        page = browser.get(f"/books/{SMALL}", params={"sessions": asked}).text
        (times,) = set(re.findall(r'"x":\[([0-9,]+)\]', page))
        assert len(times.split(",")) == points
    for word in ("sessions=60", "sessions=250", "sessions=all"):
        assert word in page
    assert browser.get(f"/books/{SMALL}", params={"sessions": "<b>"}).status_code == 409


def test_a_picture_has_the_levels_of_the_book_as_bands(browser: TestClient) -> None:
    page = browser.get(f"/books/{SMALL}").text
    for label in ("level 1 from 5%", "level 4 from 15%"):
        assert f'"label":"{label}"' in page


def test_a_book_that_was_never_started_says_so_everywhere(browser: TestClient) -> None:
    for path in ("", "/risk", "/decision", "/session", "/trace/SPY"):
        answer = browser.get(f"/books/{WAITING}{path}")
        assert answer.status_code == 200
        assert "was never started" in answer.text


def test_a_book_whose_file_is_wrong_says_what_is_wrong(browser: TestClient) -> None:
    answer = browser.get(f"/books/{BROKEN}")
    assert answer.status_code == 200
    assert "unheard" in answer.text


def test_a_started_book_whose_file_is_gone_still_shows_what_it_holds(
    decided_desk: DecidedDesk, tmp_path: Path, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> None:
    gone = cockpit_of(DecidedDesk(decided_desk.url, as_project(tmp_path / "gone"), tmp_path))
    page = gone.get(f"/books/{SMALL}").text
    assert f"the file of book {SMALL} is gone" in page
    assert "No file" in page
    assert f'href="/cockpit/symbols/GLD?book={SMALL}"' in page
    for path in ("/risk", "/decision", "/session", "/trace/SPY"):
        assert gone.get(f"/books/{SMALL}{path}").status_code == 200


def test_an_unknown_book_and_a_hidden_one_are_refused_in_words(browser: TestClient, door: Door) -> None:
    answer = browser.get("/books/nobody")
    assert answer.status_code == 404
    assert f"The desk&#39;s books are {BROKEN}, {SMALL}, {TWOFOLD}, {WAITING}" in answer.text
    assert browser.get("/books/" + "x" * 10_000).status_code == 404
    door.hidden.add(SMALL)
    for path in ("", "/risk", "/decision", "/session", "/session/stored", "/trace/SPY"):
        assert browser.get(f"/books/{SMALL}{path}").status_code == 403


def test_a_desk_without_books_has_no_page_of_one(empty_browser: TestClient) -> None:
    answer = empty_browser.get("/books/any")
    assert answer.status_code == 404
    assert "The desk has no book" in answer.text
