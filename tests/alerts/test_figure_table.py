"""Figures that strategies and their sizing show: how each is written, and which stand beside each other."""

from decimal import Decimal
from typing import Any

import pytest

from nightdesk.alerts.figure_table import figure_label, figure_tables, figure_words, figures_in_words


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("score_carry", 0.123456, "0.1235"),
        ("score_carry", -0.5, "\N{MINUS SIGN}0.5000"),
        ("hybrid", 0.029921, "0.0299"),
        ("hybrid", 0.00012345, "0.0001234"),
        ("count", 3.0, "3"),
        ("hybrid", -0.0, "0"),
        ("leverage", 1.70001, "1.700"),
        ("adv", 51_234_567.4, "51,234,567"),
        ("wanted_units", -1000.0, "\N{MINUS SIGN}1,000"),
        ("wanted_units", 999.4, "999.4"),
        ("trend", "BULLISH", "BULLISH"),
        ("in_dead_band", 1.0, "yes"),
        ("in_dead_band", 0.0, "no"),
        ("in_dead_band", None, "missing"),
        ("inside", 1.0, "1"),
        ("daily", None, "missing"),
        ("trend", "", "missing"),
    ],
)
def test_a_figure_is_written_as_a_person_reads_it(name: str, value: float | str | None, words: str) -> None:
    assert figure_words(name, value) == words


def test_names_are_words_with_short_forms_in_capitals() -> None:
    assert figure_label("score_momentum") == "score momentum"
    assert figure_label("adv") == "ADV"
    assert figure_label("share_of_nav") == "share of NAV"


def signal(strategy: str, symbol: str, figures: dict[str, Any] | None) -> dict[str, Any]:
    return {"strategy": strategy, "symbol": symbol, "confidence": 0.745, "figures": figures}


def target(strategy: str, symbol: str, figures: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "strategy": strategy,
        "symbol": symbol,
        "held": Decimal(10),
        "quantity": Decimal("-1200"),
        "figures": figures,
    }


def test_each_strategy_has_a_table_of_its_signals_and_one_of_its_sizing() -> None:
    said = {"trend": "BULLISH", "daily": 0.25}
    tables = figure_tables(
        [signal("five", "AAPL", said), signal("five", "MSFT", {"trend": "", "daily": None})],
        [target("five", "AAPL", {"leverage": 2.5}), target("five", "MSFT", {"leverage": None})],
        [{"strategy": "five", "symbol": "AAPL", "quantity": Decimal("-900")}],
    )
    first, second = tables
    assert first.title == "Figures of five"
    assert first.columns == ("daily", "trend", "confidence")
    assert first.rows == (("AAPL", ("0.2500", "BULLISH", "74 %")), ("MSFT", ("missing", "missing", "74 %")))
    assert second.title == "Sizing of five"
    assert second.columns == ("leverage", "held", "target", "after the gate")
    assert second.rows[0] == ("AAPL", ("2.500", "10", "−1,200", "−900"))
    assert second.rows[1] == ("MSFT", ("missing", "10", "−1,200", "–"))
    assert second.lines[0] == ("AAPL", "leverage 2.500, held 10, target −1,200, after the gate −900")


def test_who_shows_nothing_has_no_table() -> None:
    assert figure_tables([signal("quiet", "AAPL", None)], [target("quiet", "AAPL", None)]) == ()
    both = [signal("five", "AAPL", {"daily": 0.1}), signal("quiet", "AAPL", None)]
    assert [one.title for one in figure_tables(both)] == ["Figures of five"]


def test_symbols_that_show_different_figures_share_the_columns() -> None:
    (table,) = figure_tables([signal("a", "X", {"first": 1.0}), signal("a", "Y", {"second": 2.0})])
    assert table.columns == ("first", "second", "confidence")
    assert table.rows == (("X", ("1", "missing", "74 %")), ("Y", ("missing", "2", "74 %")))


def test_figures_of_one_symbol_are_a_line() -> None:
    assert figures_in_words(None) == figures_in_words({}) == ""
    assert figures_in_words({"trend": "BEARISH", "adv": 1200.0}) == "ADV 1,200, trend BEARISH"
