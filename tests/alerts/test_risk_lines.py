"""The risk report as people read it: limits in words, and the page's section."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.alerts.test_session_page import Page, report, summaries, words
from tests.risk.test_distances import measured
from tests.risk.test_risk_report import report as risk_of

from nightdesk.alerts.risk_lines import RiskSection, limit_line, pair_words, risk_lines
from nightdesk.alerts.session_page import render
from nightdesk.risk import Correlations, Distance, Pair, make_rules
from nightdesk.risk.distances import distances

__all__ = ["report"]

LEVEL = "Drawdown level 0: the book is 1.25% below its highest NAV of 102,500.00 dollars."


@pytest.fixture
def section():
    rules = make_rules(
        {"max_weight": {}, "cash_buffer": {"limit": 0.05}, "trades_per_day": {"limit": 5}, "correlation": {}}
    )
    paired = Correlations.given(np.array([[1.0, -0.25, 0.1], [-0.25, 1.0, 0.9], [0.1, 0.9, 1.0]]))
    what = measured(0.5, 0.3, 0.1, volatility=0.18, correlations=paired, traded=np.array([0.1, 0.0, 0.0]))
    told = risk_of(0.5, 0.3, 0.1)
    return RiskSection(LEVEL, replace(told, distances=distances(rules, what), picture=told.picture))


def test_the_limits_are_told_the_nearest_first_and_correlations_last(section):
    assert [(line.name, line.value, line.limit, line.room, line.state) for line in section.limits] == [
        ("Volatility a year, up to the target", "18.00 %", "15.00 %", "−3.00 %", "beyond"),
        ("GLD: weight, the nearest to its cap", "50.00 %", "50.00 %", "0.00 %", "at"),
        ("SPY / QQQ: joint weight of a pair that moves together", "40.00 %", "52.50 %", "12.50 %", "within"),
        ("Trades of the session", "1", "5", "4", "within"),
        ("Cash, no less than", "10.00 %", "5.00 %", "5.00 %", "within"),
        (
            "SPY / QQQ: correlation of the closest pair, beyond which its joint weight is capped",
            "0.90",
            "0.70",
            "−0.20",
            "beyond",
        ),
    ]
    assert [line.warns for line in section.limits] == [True, True, False, False, False, False]
    used = [1.0, 1.0, 0.4 / 0.525, 0.2, 0.0, 1.0]
    assert [line.used for line in section.limits] == pytest.approx(used)


def test_what_could_not_be_measured_is_told_after_what_is_beyond_and_of_no_bar(section):
    unknown = Distance("stop_loss", "GLD", "share", math.nan, 0.12, math.nan, math.nan, "unknown")
    told = replace(section.report, distances=(*section.report.distances, unknown))
    beyond, line, *_ = replace(section, report=told).limits
    assert (beyond.state, beyond.colour, line.colour) == ("beyond", "loss", "warn")
    assert (line.name, line.value, line.used, line.warns) == (
        "GLD: loss since its average entry, up to the stop",
        "–",
        0.0,
        True,
    )


def test_a_rule_that_has_no_words_of_its_own_is_told_by_its_name():
    line = limit_line(Distance("day_trades", "", "count", 2.0, 3.0, 1.0, 1 / 3, "within"))
    assert (line.name, line.value) == ("day trades", "2")


def test_contributions_are_told_the_largest_first_with_their_share(section):
    lines = section.contributions
    assert [line.symbol for line in lines] == ["GLD", "SPY", "QQQ"]
    assert sum(line.share for line in lines) == pytest.approx(1.0)
    assert lines[0].contribution > lines[1].contribution > lines[2].contribution


def test_a_pair_that_is_not_there_is_a_dash():
    assert pair_words(None) == "–"
    assert pair_words(Pair("SPY", "TLT", -0.347)) == "SPY / TLT −0.35"


@pytest.mark.parametrize(
    "sentence",
    [
        LEVEL,
        "Volatility a year, up to the target 18.00 % 15.00 % −3.00 % beyond",
        "Cash, no less than 10.00 % 5.00 % 5.00 % within",
        "as of 2.3 equal positions",  # shares of 5/9, 3/9 and 1/9: 81 / 35
        "Largest position 50.0 % GLD",
        "Largest group 50.0 % metal",
        "from 60 past sessions",
    ],
)
def test_the_page_says(report, section, sentence):
    assert sentence in words(render(replace(report, risk=section)))


def test_limits_without_room_stand_before_the_pictures_in_their_colour_and_the_others_are_folded(
    report, section
):
    html = render(replace(report, risk=section))
    text = words(html)
    beyond, room = text.index("Volatility a year, up to the target"), text.index("Trades of the session")
    assert text.index("Limits without room") < beyond < text.index("Value of the book") < room
    assert '<td class="head loss">Volatility a year, up to the target' in html
    assert '<span class="tag warn">at</span>' in html
    assert summaries(html)["Distance to the limits"] == (
        "4 limits with room, the nearest first; 2 without stand above",
        False,
    )
    assert summaries(html)["Correlation"] == ("3 symbols, 0.00 on average", False)


def test_the_page_shows_losses_in_shares_and_dollars(report, section):
    loss = section.report.tail.historical.var
    said = f"VaR 95 %, one day {loss * 100:.2f} % ${loss * 200_000:,.2f}; normal"
    assert said in words(render(replace(report, risk=section)))


def test_the_heat_map_has_a_row_and_a_column_a_symbol_and_an_empty_diagonal(report, section):
    heat = section.heat
    assert [symbol for symbol, _ in heat] == ["GLD", "SPY", "QQQ"]
    for at, (_, cells) in enumerate(heat):
        assert (cells[at].text, cells[at].colour) == ("", "")
        assert all(cell.colour.startswith("rgba(") for n, cell in enumerate(cells) if n != at)
        for n, cell in enumerate(cells):
            if n != at:
                assert cell.colour.startswith("rgba(64" if cell.text.startswith("−") else "rgba(214")
    assert {cell.text[0] for _, cells in heat for cell in cells if cell.text} == {"−", "0"}
    html = render(replace(report, risk=section))
    assert html.count("background-color:rgba(") == 6
    assert Page(html).stack == []
    assert Page(html).addresses == []


def test_a_correlation_that_is_not_known_has_no_colour(section):
    matrix = section.report.picture.matrix.copy()
    matrix[0, 1] = matrix[1, 0] = np.nan
    told = replace(section.report, picture=replace(section.report.picture, matrix=matrix))
    cell = replace(section, report=told).heat[0][1][1]
    assert (cell.text, cell.colour) == ("–", "")


@pytest.mark.parametrize(
    "told",
    [
        risk_of(0.0, 0.0, 0.0),
        risk_of(0.0, 0.4, 0.0),
        risk_of(0.5, 0.3, 0.0, returns=np.full((60, 3), np.nan)),
    ],
    ids=["cash", "single", "unknown"],
)
def test_a_book_with_little_to_tell_reads_well(report, told):
    page = Page(render(replace(report, risk=RiskSection("", told))))
    assert page.stack == []
    assert "nan" not in page.text.lower()
    assert ("Of the daily returns of what is held" in " ".join(page.text.split())) == (
        len(told.picture.symbols) > 1
    )


def test_a_page_of_a_session_without_a_report_has_no_section(report):
    assert "Distance to the limits" not in words(render(report))


def test_a_text_from_the_book_cannot_become_markup(report, section):
    hostile = "<script>alert(1)</script>"
    told = replace(
        section.report,
        distances=tuple(replace(one, subject=hostile) for one in section.report.distances),
        contributions=tuple(replace(one, symbol=hostile) for one in section.report.contributions),
        concentration=replace(section.report.concentration, largest=hostile, largest_group=hostile),
    )
    assert "script" not in Page(render(replace(report, risk=RiskSection(hostile, told)))).tags


def test_the_lines_of_the_command_line(section):
    text = "\n".join(risk_lines(section))
    assert text.startswith(LEVEL)
    assert "from past returns: VaR" in text
    assert "largest GLD 50.00 %, largest group metal 50.00 %" in text
    cash = list(risk_lines(RiskSection("", risk_of(0.0, 0.0, 0.0))))
    assert cash[-1] == "the book holds cash only"
