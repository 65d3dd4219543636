"""What a session earned by strategy, what the benchmark made: kept by the report, and told on its page."""

import re
from decimal import Decimal
from itertools import pairwise

import pytest
from tests.conftest import open_connection
from tests.session.small_desk import INCEPTION, STRATEGY, SmallDesk, session

from nightdesk.core.book import load_book
from nightdesk.operations.replay import rewind
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.run import backtest
from nightdesk.research.backtest.tables import PERFORMANCE_COLUMNS, performance_rows
from nightdesk.session import steps
from nightdesk.session.report import session_report

LAST = 6
KEPT = (
    f"SELECT session, {', '.join(PERFORMANCE_COLUMNS)} FROM nightdesk.performance ORDER BY session, strategy"
)


@pytest.fixture
def decided(desk: SmallDesk) -> SmallDesk:
    for number in range(LAST + 1):
        desk.run(number)
    return desk


def test_the_kept_profits_are_those_of_the_backtest_and_add_up_to_the_books(decided: SmallDesk) -> None:
    book = load_book(decided.book)
    market = read_market(book, book.origin or INCEPTION, session(LAST), [decided.feed])
    result = backtest(book, market.panel, INCEPTION, session(LAST))
    assert decided.rows(KEPT) == sorted(performance_rows(result), key=lambda row: (row[0], str(row[1])))
    navs = decided.rows("SELECT session, nav FROM nightdesk.portfolio ORDER BY session")
    sums = dict(decided.rows("SELECT session, sum(profit) FROM nightdesk.performance GROUP BY session"))
    changes = {day: nav - before for (_, before), (day, nav) in pairwise(navs)}  # type: ignore[operator]
    assert sums == {INCEPTION: Decimal(0), **changes}
    assert any(changes.values())
    # what the page says since the book began is what the backtest of the same sessions says
    with decided.at(LAST) as context:
        page = session_report(context)
    told = metrics(result)
    assert page.results is not None
    for name, value in page.results.results.by_name().items():
        assert (told[name] is None and value != value) or told[name] == pytest.approx(value, rel=1e-9), name
    assert {one.figure: one.outcome for one in page.results.aimed} == {
        name: one["outcome"]
        for name, one in told["targets"].items()  # type: ignore[attr-defined]
    }
    stored = decided.rows(
        "SELECT symbol, since, sessions, total_return FROM nightdesk.benchmarks ORDER BY session"
    )
    assert stored[-1] == ("SPY", INCEPTION, LAST, pytest.approx(told["benchmark_total_return"]))


def test_a_rerun_replaces_its_own_rows_and_no_others(decided: SmallDesk) -> None:
    before = decided.rows(KEPT)
    with decided.at(LAST) as context:
        rewind(context)
    assert decided.rows(KEPT) == [row for row in before if row[0] != session(LAST)]
    decided.run(LAST)
    assert decided.rows(KEPT) == before
    decided.run_steps(LAST + 1, "ingest", "report")
    once = decided.rows(KEPT)
    with decided.at(LAST + 1) as context:
        assert steps.report(context)["written"] == 0
    assert decided.rows(KEPT) == once


def test_a_profit_that_does_not_add_up_is_found(decided: SmallDesk) -> None:
    with open_connection(decided.url) as conn:
        assert verify(conn, "small").differences == ()
        with conn.cursor() as cursor:
            cursor.execute(
                "UPDATE nightdesk.performance SET unrealised = unrealised + 1, profit = profit + 1 "
                "WHERE session = %s AND strategy = %s",
                (session(LAST), STRATEGY),
            )
        (found,) = verify(conn, "small").differences
    assert "profit of all strategies" in str(found)
    assert found.stored - found.rebuilt == 1  # type: ignore[operator]


def test_the_page_tells_strategies_benchmark_and_every_target(decided: SmallDesk) -> None:
    with decided.at(LAST) as context:
        text = (context.reports / "small" / f"{session(LAST)}.html").read_text()
    told = " ".join(re.sub(r"<[^>]+>", " ", text.split("</style>")[1]).split())
    assert "Profit of the day by strategy" in told
    assert re.search(rf"{STRATEGY} [+−]?\$[\d.,]+ [+−]?\$", told)
    assert f"Results since {INCEPTION}" in told
    assert re.search(rf"since {INCEPTION}; SPY [+−]\d", told)
    for name in ("Return a year", "Sharpe ratio", "Win rate", "Costs a year"):
        assert name in told
    assert "above 10.00 %, acceptable from 7.00 %" in told
    assert "below the highest NAV ever" in told
    assert "say little over so few sessions" in told
