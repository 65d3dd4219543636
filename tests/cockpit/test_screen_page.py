"""The page of a book's screens: every stock with what it was measured at, members by week, who is off."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from tests.cockpit.decided_desk import BROKEN, DECIDED, SMALL, WAITING, instant, session
from tests.cockpit.own_desk import OwnDesk
from tests.cockpit.screened_rows import plant_check, plant_screens
from tests.conftest import open_connection

from nightdesk.cockpit import screen_page
from nightdesk.cockpit.screen import ROWS_A_PAGE
from nightdesk.core.screen_weeks import screened_before
from nightdesk.store.cockpit_screen_rows import ScreenedStock, screened_stocks
from nightdesk.store.screen_rows import newest_good

SCREEN = f"/books/{SMALL}/screen"
NEWEST = screened_before(instant(DECIDED - 1))
POOL = 250


@pytest.fixture
def screened(own_desk: OwnDesk) -> OwnDesk:
    plant_screens(own_desk.desk.url, SMALL, NEWEST, pool=POOL)
    return own_desk


def rows_of(page: str) -> list[str]:
    """The rows of the list of stocks, as text."""
    table = page.split('aria-label="Stocks of the screen"')[1].split("</table>")[0].split("<tbody>")[1]
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", one)).split()) for one in table.split("</tr>")[:-1]]


def stocks_of(desk: OwnDesk, **asked: object) -> tuple[int, tuple[ScreenedStock, ...]]:
    usual = {"which": "all", "narrowed": 0, "place": 0, "falling": False, "symbol": ""}
    with open_connection(desk.desk.url) as conn:
        shown = newest_good(conn, SMALL)
        assert shown is not None
        whole = {**usual, **asked}
        return screened_stocks(conn, SMALL, shown, rows=1000, skipped=0, **whole)  # type: ignore[arg-type]


def test_every_stock_stands_on_a_page_of_the_list_with_every_criterion(screened: OwnDesk) -> None:
    found: list[str] = []
    for number in (1, 2, 3):
        page = screened.page(SCREEN, page=number)
        found += rows_of(page)
        assert ('rel="prev"' in page) == (number > 1)
        assert ('rel="next"' in page) == (number < 3)
    assert [one.split()[0] for one in found] == [f"SYM{n:03d}" for n in range(POOL)]
    assert len(rows_of(screened.page(SCREEN))) == ROWS_A_PAGE
    assert found[9] == "SYM009 failed metals sound 300 ✗ $2.50 $10.0 m 0.040 % 12.00"
    assert found[10] == "SYM010 member – sound 300 $30.00 $11.0 m ? not known 12.00"
    assert "in quarantine <since> Monday" in found[7]
    assert "in quarantine &lt;since&gt; Monday" in screened.page(SCREEN)


def test_the_list_is_narrowed_and_sorted_on_the_server(screened: OwnDesk) -> None:
    assert stocks_of(screened, which="failed")[0] == 84
    assert stocks_of(screened, which="passed")[0] == POOL - 84
    assert {one.symbol for one in stocks_of(screened, which="member")[1]} == {"SYM010", "SYM013"}
    assert stocks_of(screened, which="unknown")[0] == 25
    assert stocks_of(screened, which="failed", narrowed=3)[0] == 84
    assert stocks_of(screened, which="failed", narrowed=4)[0] == 0
    largest = [one.symbol for one in stocks_of(screened, place=4, falling=True)[1]]
    assert largest == [f"SYM{n:03d}" for n in reversed(range(POOL))]
    # What was not measured comes last, both ways.
    for falling in (False, True):
        quoted = [
            one.measured[4] == one.measured[4] for one in stocks_of(screened, place=5, falling=falling)[1]
        ]
        assert quoted == sorted(quoted, reverse=True)
        assert quoted.count(False) == 25
    assert [one.symbol for one in stocks_of(screened, symbol="SYM24")[1]] == [f"SYM24{n}" for n in range(10)]
    asked = {"which": "failed", "of": "price", "by": "dollar_volume", "falling": "yes", "symbol": "sym00"}
    page = screened.page(SCREEN, **asked)
    assert [one.split()[0] for one in rows_of(page)] == ["SYM009", "SYM006", "SYM003", "SYM000"]
    assert 'aria-sort="descending"' in page
    assert "4 in all." in page
    assert "No stock of the screen is like that" in screened.page(SCREEN, symbol="%")


def test_a_page_that_the_list_does_not_reach_leads_back(screened: OwnDesk) -> None:
    page = screened.page(SCREEN, which="failed", page=7, pairs=3)
    assert "The list ends before page 7." in page
    assert "The list ends before page 3." in page
    back = re.search(r'page 7\. <a href="/cockpit([^"]+)#stocks">', page)
    assert back is not None
    assert len(rows_of(screened.page(unescape(back[1])))) == 84


def test_a_screen_of_five_thousand_stocks_is_read_page_by_page(screened: OwnDesk) -> None:
    """Members change wholly each week, and 300 pairs are found: no page of it is above 200 KB."""
    screened.run(
        "INSERT INTO nightdesk.screen_results SELECT book, screened_at, known_by, symbol || n, sector, "
        "passed, passed AND n % 7 = extract(week FROM screened_at) % 7, leg, measured, words, outcomes "
        "FROM nightdesk.screen_results, generate_series(10, 28) n"
    )
    screened.run(
        "INSERT INTO nightdesk.screen_pairs SELECT book, screened_at, known_by, a || n, b || n, n, "
        "correlation, p, q, alpha, beta, half_life, spread_volatility, same_sector, sector, cap_a, cap_b, "
        "admitted, reason "
        "FROM nightdesk.screen_pairs, generate_series(3, 300) n WHERE place = 2"
    )
    screened.run("UPDATE nightdesk.screens SET pool = 5000, pairs = 300 WHERE outcome = 'good'")
    page = screened.page(SCREEN, page=2, pairs=3)
    assert "101 to 200 of 5,000, page 2 of 50." in page
    assert "101 to 150 of 300, page 3 of 6." in page
    for asked in ({}, {"which": "failed", "of": "price"}, {"which": "came"}, {"page": 50, "pairs": 6}):
        assert len(screened.page(SCREEN, **asked).encode()) < 200_000, asked
    ranks: list[str] = []
    for number in range(1, 7):
        pairs = screened.page(SCREEN, pairs=number).split('id="pairs"')[1].split("</section>")[0]
        ranks += re.findall(r'</th><td class="num">(\d+)</td>', pairs)
    assert ranks == [f"{n}" for n in range(1, 301)]


def test_counts_failures_and_the_age_of_the_one_in_force(screened: OwnDesk) -> None:
    screened.run(
        "UPDATE nightdesk.screens SET screened_at = screened_at + %(on)s, known_by = known_by + %(on)s",
        on=(datetime.now(UTC) - NEWEST).days * timedelta(days=1),
    )
    page = unescape(screened.page(SCREEN))
    assert "The screen is new" in page
    assert "0 days old" in page
    assert "Failed on" not in page  # the attempt that failed was followed by a good one of the same Sunday
    assert "no listings: sample" in page  # it is in the list of all
    for words in ("Pool", "250", "61.2 false ones to expect", "1,225", "admitted, of 2 found"):
        assert words in page


def test_an_old_one_and_a_failure_since_are_told(screened: OwnDesk) -> None:
    assert "The screen is too old" in screened.page(SCREEN)
    later = NEWEST + timedelta(weeks=1)
    screened.run(
        "INSERT INTO nightdesk.screens SELECT book, %(at)s, %(at)s, %(at)s, 'failed', "
        "'the <listings> are gone', last_session, first_session, terms, criteria, limits, failures, 0, 0, 0 "
        "FROM nightdesk.screens WHERE outcome = 'good' LIMIT 1",
        at=later,
    )
    page = screened.page(SCREEN)
    assert "the &lt;listings&gt; are gone" in page
    assert len(rows_of(page)) == ROWS_A_PAGE  # the lists are still those of the newest good one
    failed = screened.page(SCREEN, at=later.isoformat())
    assert "It failed:" in failed
    assert "Stocks of the screen" not in failed
    screened.run("DELETE FROM nightdesk.screens WHERE outcome = 'good'")
    assert "No screen has succeeded" in screened.page(SCREEN)


def test_members_by_week_tell_who_came_and_went(screened: OwnDesk) -> None:
    table = screened.page(SCREEN).split('aria-label="Members by week"')[1].split("</table>")[0]
    rows = [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in table.split("<tr>")[2:]]
    newest, before, first = rows
    assert newest.endswith("2 SYM013 SYM007")
    assert before.endswith("2 SYM010 SYM004")
    assert first.endswith("2 the first screen –")
    assert {one.split()[0] for one in rows_of(screened.page(SCREEN, which="came"))} == {"SYM013"}
    [went] = rows_of(screened.page(SCREEN, which="went"))
    assert went.startswith("SYM007 passed metals")  # with what it was measured at since
    older = screened.page(SCREEN, at=f"{(NEWEST - timedelta(weeks=1)).date()}")
    assert older.count("SYM010") > 1
    assert "SYM013</a></td>" not in older


def test_the_names_of_many_are_cut_and_the_whole_list_is_a_click_away(
    screened: OwnDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen_page, "NAMES_LISTED", 3)
    screened.run("UPDATE nightdesk.screen_results SET member = passed WHERE screened_at = %(at)s", at=NEWEST)
    page = screened.page(SCREEN, symbol="SYM1")
    more = re.search(r'<a href="/cockpit([^"]+)#stocks">and 161 more</a>', page)
    assert more is not None
    assert f"of {POOL - 84 - 2}, page 1 of 2." in screened.page(unescape(more[1]))


def test_off_and_leaving_are_told_with_the_reason(screened: OwnDesk) -> None:
    day = session(DECIDED)
    plant_check(screened.desk.url, SMALL, day, {"SYM010": "price 4.10 is not within 5 to 500 $ <now>"})
    screened.run(
        "INSERT INTO nightdesk.members (book, symbol, from_session, until_session, group_name, known_at) "
        "VALUES (%(book)s, 'QQQ', %(first)s, %(last)s, 'funds', %(at)s)",
        book=SMALL, first=session(0), last=session(2), at=datetime(2022, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    page = unescape(screened.page(SCREEN))
    assert f"off in session {day}: price 4.10 is not within 5 to 500 $ <now>" in page
    assert "of 20 members, by the check before the open" in page
    assert "leaving: it is no member of the screen in force" in page


def test_a_book_without_a_screen_and_wrong_questions_are_answered_in_words(own_desk: OwnDesk) -> None:
    for book in (SMALL, WAITING, BROKEN):
        assert "No screen of this book is stored" in own_desk.page(f"/books/{book}/screen")
    plant_screens(own_desk.desk.url, SMALL, NEWEST, pool=3)
    for asked, status, words in (
        ({"which": "some"}, 409, "expected one of all, member"),
        ({"of": "beauty"}, 409, "of: found 'beauty'; the screen asked quarantine, history, price"),
        ({"by": "beauty"}, 409, "the screen asked quarantine, history, price"),
        ({"page": "0"}, 409, "expected a number from 1 on"),
        ({"at": "tomorrow"}, 400, "expected an instant such as"),
        ({"at": "1999-01-03"}, 404, "has no screen of '1999-01-03': its newest is of"),
    ):
        assert words in unescape(own_desk.page(SCREEN, status, **asked)), asked
