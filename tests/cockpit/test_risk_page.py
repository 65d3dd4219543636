"""The page of a book's risk shows its stored report, what is passed first."""

import math
import re

import pytest
from starlette.testclient import TestClient
from tests.cockpit.decided_desk import DECIDED, SMALL, TWOFOLD, DecidedDesk, session
from tests.conftest import open_connection

from nightdesk.alerts import figures
from nightdesk.alerts.risk_lines import limit_line
from nightdesk.cockpit.risk_page import correlation_cell
from nightdesk.risk import RiskReport
from nightdesk.store.risk_report_rows import newest_risk_report, read_risk_report


def newest_report(desk: DecidedDesk, book: str) -> RiskReport:
    with open_connection(desk.url) as conn:
        as_of = newest_risk_report(conn, book)
        assert as_of is not None
        found = read_risk_report(conn, book, as_of)
    assert found is not None
    return found


@pytest.mark.parametrize("book", [SMALL, TWOFOLD])
def test_every_distance_stands_there_with_its_figures(
    browser: TestClient, decided_desk: DecidedDesk, book: str
) -> None:
    page = browser.get(f"/books/{book}/risk").text
    report = newest_report(decided_desk, book)
    assert len(report.distances) > 5
    for one in map(limit_line, report.distances):
        row = page[page.index(f">{one.name}</a>") :].split("</tr>")[0]
        for text in (one.value, one.limit, one.room, one.state):
            assert f">{text}</" in row
    assert page.count("<meter") >= sum(one.state != "unknown" for one in report.distances)


def test_what_is_passed_stands_before_what_is_within(browser: TestClient) -> None:
    page = browser.get(f"/books/{SMALL}/risk").text
    states = re.findall(r'<span class="tag [a-z]*">(beyond|unknown|at|within)</span>', page)
    assert states.index("beyond") == 0
    order = ("beyond", "unknown", "at", "within")
    assert states == sorted(states, key=order.index)


def test_losses_concentration_and_contributions_are_those_of_the_report(
    browser: TestClient, decided_desk: DecidedDesk
) -> None:
    page, report = browser.get(f"/books/{SMALL}/risk").text, newest_report(decided_desk, SMALL)
    for loss in (report.tail.historical, report.tail.normal):
        assert figures.percent(loss.var) in page
        assert figures.money(loss.cvar * report.nav) in page
    assert figures.number(report.concentration.herfindahl, 3) in page
    part = page[page.index("What adds to the volatility") :]
    shown = re.findall(r"/cockpit/symbols/([A-Z-]+)\?", part)
    wanted = sorted(report.contributions, key=lambda one: -one.contribution)
    assert shown == [one.symbol for one in wanted]


def test_correlations_have_a_colour_by_their_class(browser: TestClient, decided_desk: DecidedDesk) -> None:
    page, report = browser.get(f"/books/{SMALL}/risk").text, newest_report(decided_desk, SMALL)
    value = report.picture.matrix[0, 1]
    cell = correlation_cell(value, same=False)
    assert f'<td class="{cell.tone}">{figures.number(value)}</td>' in page
    assert "style=" not in page
    assert browser.get("/static/risk.css").status_code == 200


@pytest.mark.parametrize(
    ("value", "tone"),
    [
        (1.0, "together5"),
        (0.81, "together5"),
        (0.8, "together4"),
        (0.01, "together1"),
        (-0.4, "apart2"),
        (0.0, ""),
    ],
)
def test_the_colour_of_a_correlation_has_five_steps_either_way(value: float, tone: str) -> None:
    assert correlation_cell(value, same=False).tone == tone


def test_an_unknown_correlation_is_a_dash_and_the_diagonal_is_empty() -> None:
    assert correlation_cell(math.nan, same=False).text == figures.NOTHING
    assert correlation_cell(1.0, same=True).text == ""


def test_a_decision_without_a_report_leads_to_the_newest_that_has_one(browser: TestClient) -> None:
    page = browser.get(f"/books/{SMALL}/risk", params={"as_of": f"{session(DECIDED)}"}).text
    assert f"No risk report is kept of {session(DECIDED)}, which is failed" in page
    assert f">{session(DECIDED - 1)}</a>" in page
    assert "The level has not changed in these sessions." in page


def test_an_earlier_decision_shows_the_risk_as_it_was(browser: TestClient, decided_desk: DecidedDesk) -> None:
    ((nav, var),) = decided_desk.rows(
        "SELECT nav, historical_var FROM nightdesk.risk_reports WHERE book = %s AND session = %s",
        SMALL,
        session(2),
    )
    page = browser.get(f"/books/{SMALL}/risk", params={"as_of": f"{session(2)}"}).text
    assert figures.money(var * nav) in page
    assert f"as_of={session(1)}T" in page
    assert f"as_of={session(3)}T" in page
