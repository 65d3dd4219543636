"""Pages of a book that decides by the hour, long and short on margin: what it borrows and sells short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from html import unescape
from re import findall, sub

import pytest
from starlette.testclient import TestClient
from tests.cockpit.decided_desk import DecidedDesk
from tests.cockpit.decided_hours import BOOK, MADE, decide_hours
from tests.cockpit.stretched_history import stretch
from tests.conftest import Databases
from tests.hourly import HOURLY
from tests.session.hourly_desk import at
from tests.session.quick_checks import check_quickly

from nightdesk.alerts.figures import money, percent, quantity

#: The last decision of the first session, an hour of the second, and its last.
FIRST_CLOSE, WITHIN, CLOSE = 6, 9, 13


@pytest.fixture(scope="module")
def hours(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DecidedDesk]:
    folder = tmp_path_factory.mktemp("leveraged")
    with pytest.MonkeyPatch.context() as patch:
        check_quickly(patch)
        patch.setenv("NIGHTDESK_HOME", str(folder / "home"))
        desk = decide_hours(folder, databases.new())
    yield desk
    databases.drop(desk.url)


@pytest.fixture
def page(hours: DecidedDesk, cockpit_of: Callable[[DecidedDesk], TestClient]) -> Callable[..., str]:
    """The words of a page of the book, by the number of a decision."""
    browser = cockpit_of(hours)

    def words(path: str, number: int | None = None) -> str:
        asked = {} if number is None else {"as_of": f"{at(number):%Y-%m-%dT%H:%M}Z"}
        answer = browser.get(f"/books/{BOOK}{path}", params=asked)
        assert answer.status_code == 200, answer.text
        body = sub(r"<style>.*?</style>|<script.*?</script>", " ", answer.text.replace("\n", " "))
        return " ".join(unescape(sub(r"<[^>]*>", " ", body)).split())

    return words


def one(desk: DecidedDesk, statement: str, *values: object) -> Decimal:
    ((found,),) = desk.rows(statement, *values)
    return Decimal(found)


def nav(desk: DecidedDesk, number: int) -> Decimal:
    return one(desk, "SELECT nav FROM nightdesk.portfolio WHERE as_of = %s", at(number))


def test_shorts_are_called_so(hours: DecidedDesk, page: Callable[..., str]) -> None:
    held = hours.rows(
        "SELECT symbol, quantity FROM nightdesk.positions WHERE as_of = %s AND quantity <> 0", at(MADE - 1)
    )
    assert {units < 0 for _, units in held} == {True, False}
    said = page("")
    for symbol, units in held:
        assert f"{symbol} {'short ' if units < 0 else ''}hours {quantity(units)} " in said


def test_borrow_and_interest_are_told_apart_and_are_those_of_the_ledger(
    hours: DecidedDesk, page: Callable[..., str]
) -> None:
    paid = {
        kind: one(hours, "SELECT sum(cash) FROM nightdesk.ledger_entries WHERE kind = %s", kind)
        for kind in ("borrow", "interest")
    }
    assert all(amount < 0 for amount in paid.values())
    said = page("")
    assert "Commission Borrow Interest Fees" in said
    assert f"{money(-paid['borrow'])} {money(paid['interest'], signed=True)} $0.00 Positions" in said


def test_exposure_and_excess_equity_are_those_of_the_margin(
    hours: DecidedDesk, page: Callable[..., str]
) -> None:
    ((gross, net, worth, cash),) = hours.rows(
        "SELECT gross, net, nav, cash FROM nightdesk.portfolio WHERE as_of = %s", at(WITHIN)
    )
    excess = money(worth * Decimal(1 - 0.15 * gross))
    said = page("/risk", WITHIN)
    assert f"Gross {percent(gross, places=1)} of NAV, {money(worth)} Net {percent(net, places=1)}" in said
    assert f"Cash {money(cash)}" in said
    assert f"Excess equity {excess} NAV less 15 % of the exposure (portfolio margin)" in said
    assert f"Excess equity {excess}" in page("/session/stored", WITHIN)


def test_the_page_of_an_hour_tells_the_session_so_far(hours: DecidedDesk, page: Callable[..., str]) -> None:
    fills = one(
        hours,
        "SELECT count(*) FROM nightdesk.fills WHERE as_of > %s AND as_of <= %s",
        at(FIRST_CLOSE),
        at(WITHIN),
    )
    newest = one(hours, "SELECT count(*) FROM nightdesk.fills WHERE as_of = %s", at(WITHIN))
    assert fills > newest > 0
    said = page("/session/stored", WITHIN)
    profit = money(nav(hours, WITHIN) - nav(hours, FIRST_CLOSE), signed=True)
    assert f"Profit of the day so far {profit}" in said
    table = said[said.index("Profit of the day so far by strategy") : said.index("Results since")]
    assert table.rstrip().endswith(profit)
    trades = said[said.index("Trades of the session so far") : said.index("Slippage against the price")]
    assert trades.count("decided on ") == fills
    assert trades.count("(h:momentum_2 ") == newest
    assert "decided as of an hour" in said
    assert "for the next hour" in said
    assert "next open" not in said


def test_the_page_of_the_close_tells_the_whole_session(hours: DecidedDesk, page: Callable[..., str]) -> None:
    said = page("/session/stored", CLOSE)
    profit = money(nav(hours, CLOSE) - nav(hours, FIRST_CLOSE), signed=True)
    assert f"Profit of the day {profit}" in said
    assert "decided as of the close" in said
    assert "for the next open" in said
    assert "so far" not in said


def test_what_volume_cut_is_told_with_what_was_wanted(hours: DecidedDesk, page: Callable[..., str]) -> None:
    found = hours.rows(
        "SELECT symbol, as_of, abs(quantity_before), observed, rule_limit FROM nightdesk.verdicts "
        "WHERE rule = 'liquidity' AND action = 'cut' AND as_of = %s",
        at(0),
    )
    ((symbol, _, _, wanted, allowed),) = found
    words = f"a position of {wanted:,g} units wanted, {allowed:,g} are what its average volume allows"
    assert words in page("/decision", 0)
    assert words in page(f"/trace/{symbol}", 0)


def test_orders_are_named_by_their_hour_and_set_against_the_price_that_they_met(
    page: Callable[..., str],
) -> None:
    said = page("/orders")
    assert "to the price that it met, to its fill" in said
    assert "Decision, met, fill" in said
    assert "2019-12-03 11:00 " in said
    assert "from the open to the fill" not in said


def test_trades_of_a_symbol_are_named_by_their_hour(
    hours: DecidedDesk, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> None:
    answer = cockpit_of(hours).get("/symbols/SPY").text
    ((booked,),) = hours.rows("SELECT max(as_of) FROM nightdesk.fills WHERE symbol = 'SPY'")
    assert f">{booked:%Y-%m-%d} 10:00</a>" in answer


def test_years_of_hours_are_drawn_by_their_sessions_and_each_hour_has_its_page(
    hours: DecidedDesk, databases: Databases, cockpit_of: Callable[[DecidedDesk], TestClient]
) -> None:
    desk = replace(hours, url=databases.copy(hours.url))
    stretch(desk.url, (BOOK,), 1_764, HOURLY)
    try:
        browser = cockpit_of(desk)
        ((sessions, first),) = desk.rows("SELECT count(DISTINCT session), min(as_of) FROM nightdesk.runs")
        assert sessions > 250
        for asked, points in (("", 250), ("all", sessions)):
            page = browser.get(f"/books/{BOOK}", params={"sessions": asked}).text
            (times,) = set(findall(r'"x":\[([0-9,]+)\]', page))
            assert len(times.split(",")) == points
        for path in ("decision", "risk", "session", "trace/SPY"):
            answer = browser.get(f"/books/{BOOK}/{path}", params={"as_of": first.isoformat()})
            assert answer.status_code == 200
            assert "the first decision" in answer.text
            assert f"as_of={HOURLY.after(first):%Y-%m-%dT%H}" in answer.text
    finally:
        databases.drop(desk.url)
