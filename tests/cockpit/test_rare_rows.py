"""What seldom stands in the tables is shown too: bundles, dropped entries, levels, limits, reruns."""

import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from starlette.testclient import TestClient
from tests.cockpit.decided_desk import DECIDED, SMALL, DecidedDesk, instant, session
from tests.conftest import Databases, open_connection

from nightdesk.core.book import load_book
from nightdesk.engine.exits import dropped_words
from nightdesk.risk.moves import describe
from nightdesk.store.risk_state_rows import level_changes

NEWEST = DECIDED - 1


@dataclass
class OwnDesk:
    """A copy of the decided desk that a test may write to."""

    desk: DecidedDesk
    browser: TestClient

    def write(self, statement: str, *values: object) -> int:
        """Run a statement; how many rows it changed."""
        with open_connection(self.desk.url) as conn, conn.cursor() as cursor:
            cursor.execute(statement, values)
            return int(cursor.rowcount)

    def page(self, path: str = "", **asked: str) -> str:
        answer = self.browser.get(f"/books/{SMALL}{path}", params=asked)
        assert answer.status_code == 200
        return html.unescape(answer.text)


@pytest.fixture
def own(
    decided_desk: DecidedDesk, databases: Databases, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> Iterator[OwnDesk]:
    desk = DecidedDesk(databases.copy(decided_desk.url), decided_desk.root, decided_desk.home)
    yield OwnDesk(desk, cockpit_of(desk))
    databases.drop(desk.url)


def test_a_leg_names_its_bundle(own: OwnDesk) -> None:
    assert "Bundle</th>" not in own.page()
    assert own.write(
        "UPDATE nightdesk.targets SET bundle = 2, ratio = 1, uneven = 0 "
        "WHERE book = %s AND as_of = %s AND symbol = 'GLD'",
        SMALL,
        instant(NEWEST),
    )
    page = own.page()
    assert "Bundle</th>" in page
    assert "<td>time_series_momentum 2</td>" in page


def test_a_stop_that_was_fixed_at_the_entry_is_shown_where_it_is_nearer(own: OwnDesk) -> None:
    own.write(
        "UPDATE nightdesk.targets SET stop_distance = 5 WHERE book = %s AND as_of = %s AND symbol = 'GLD'",
        SMALL,
        instant(NEWEST),
    )
    page = own.page()
    assert 'title="its strategy\'s stop, fixed when it was opened">$272.7591</span>' in page


def test_an_entry_that_a_filter_dropped_is_told_with_its_numbers(own: OwnDesk) -> None:
    own.write(
        "INSERT INTO nightdesk.dropped_entries "
        "(book, as_of, session, strategy, symbol, filter, other, observed, filter_limit) "
        "VALUES (%s, %s, %s, 'time_series_momentum', 'TLT', 'correlated', 'SPY', 0.91, 0.7)",
        SMALL,
        instant(NEWEST),
        session(NEWEST),
    )
    page = own.page("/decision")
    row = page[page.index(">TLT</a>") :].split("</tr>")[0]
    assert "dropped by a filter" in row
    assert dropped_words("correlated", "SPY", 0.91, 0.7) in row
    assert dropped_words("correlated", "SPY", 0.91, 0.7) in own.page("/trace/TLT")


def test_a_book_that_waits_for_a_person_says_for_what(own: OwnDesk) -> None:
    own.write(
        "UPDATE nightdesk.risk_state SET level = 4, since = %s, drawdown = 0.16, deepest = 0.16 "
        "WHERE book = %s AND as_of = %s",
        session(NEWEST),
        SMALL,
        instant(NEWEST),
    )
    page = own.page()
    assert "waits for a person to confirm level 4" in page
    assert page.index("Waits for a person") < page.index("Value (NAV)")
    assert f"drawdown level 4 since {session(NEWEST)}, waits for a person to confirm" in page
    assert "Drawdown level 4 since" in own.page("/risk")


def test_a_move_between_levels_is_told_in_words(own: OwnDesk) -> None:
    own.write(
        "INSERT INTO nightdesk.level_changes (book, as_of, session, level_before, level_after, cause, "
        "drawdown, nav, peak_nav, who, sessions) "
        "VALUES (%s, %s, %s, 0, 2, 'drawdown', 0.09, 91000, 100000, '', 0)",
        SMALL,
        instant(4),
        session(4),
    )
    levels = load_book(own.desk.root / "books" / f"{SMALL}.yaml").levels
    assert levels is not None
    with open_connection(own.desk.url) as conn:
        (change,) = level_changes(conn, SMALL)
    assert describe(change, levels) in own.page("/risk")
    assert describe(change, levels) not in own.page("/risk", as_of=f"{session(3)}")


def test_what_a_person_limits_is_told_on_the_book_and_in_the_trace_of_the_symbol(own: OwnDesk) -> None:
    own.write(
        "INSERT INTO nightdesk.overrides (book, symbol, kind, reduces, from_as_of, from_session, "
        "until_session, stated_by, reason, stated_at) SELECT %s, 'GLD', 'close_only', false, %s, %s, %s, "
        "'ben', 'a <i>merger</i>', known_by - interval '1 hour' "
        "FROM nightdesk.runs WHERE (book, as_of) = (%s, %s)",
        SMALL,
        instant(NEWEST),
        session(NEWEST),
        session(NEWEST + 20),
        SMALL,
        instant(NEWEST),
    )
    said = f"GLD: close-only by ben from {session(NEWEST)} until {session(NEWEST + 20)} (a <i>merger</i>)"
    page = own.page()
    assert said in page
    assert f"/cockpit/actions/unlimit?book={SMALL}&symbol=GLD&kind=close-only" in page
    assert "<i>merger" not in own.browser.get(f"/books/{SMALL}").text
    assert said in own.page("/trace/GLD")
    assert said not in own.page("/trace/SPY")
    assert said not in own.page("/trace/GLD", as_of=f"{session(NEWEST - 1)}")


def test_a_run_that_compared_a_sealed_session_says_what_differs(own: OwnDesk) -> None:
    own.write(
        "INSERT INTO nightdesk.run_steps (book, as_of, session, step, status, differences, task) "
        "VALUES (%s, %s, %s, 'factors', 'compared', ARRAY['factors (symbol=<SPY>): rsi 1 would become 2'], "
        "'daily__small/again/factors/1')",
        SMALL,
        instant(3),
        session(3),
    )
    answer = own.browser.get("/run", params={"dag_id": "daily__small", "run_id": "again"})
    assert "was sealed: the run computed it again and wrote nothing; 1 row differs." in answer.text
    assert "factors (symbol=&lt;SPY&gt;): rsi 1 would become 2" in answer.text


def test_a_session_without_any_report_still_has_a_page(own: OwnDesk) -> None:
    own.write("DELETE FROM nightdesk.performance WHERE book = %s", SMALL)
    own.write("DELETE FROM nightdesk.benchmarks WHERE book = %s", SMALL)
    for table in ("risk_distances", "risk_contributions", "risk_correlations", "risk_reports"):
        own.write(f"DELETE FROM nightdesk.{table} WHERE book = %s", SMALL)
    page = own.page()
    assert "No results are kept yet" in page
    assert "SPY with dividends" not in page
    assert "No risk report is kept of" in own.page("/risk")


def test_a_book_of_cash_alone_says_so(own: OwnDesk) -> None:
    own.write(
        "UPDATE nightdesk.positions SET quantity = 0, cost = 0, market_value = 0, entry_session = NULL "
        "WHERE book = %s",
        SMALL,
    )
    page = own.page()
    assert "The book holds cash only." in page
    assert "Exposure by group" not in page


def test_a_book_without_a_closed_session_has_no_figures(own: OwnDesk) -> None:
    own.write("UPDATE nightdesk.runs SET status = 'open', closed_at = NULL WHERE book = %s", SMALL)
    page = own.page()
    assert "No session of this book is closed yet" in page
    assert "Value (NAV)" not in page
