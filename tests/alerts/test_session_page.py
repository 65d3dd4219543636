"""The report of a session, as a page."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser

import numpy as np
import pytest

from nightdesk.alerts.concerns import concerns
from nightdesk.alerts.factor_table import FactorTable
from nightdesk.alerts.figure_table import FigureTable
from nightdesk.alerts.position_lines import PositionLine
from nightdesk.alerts.result_lines import ResultsSection
from nightdesk.alerts.session_page import (
    FillLine,
    NavPoint,
    OrderLine,
    QualityLine,
    SessionReport,
    SignalLine,
    SourceLine,
    VerdictLine,
    headline,
    render,
)
from nightdesk.core.reporting_terms import Target
from nightdesk.orders import Slippage
from nightdesk.performance import Past, StrategyDay, judge_targets, results
from nightdesk.store.kill_switch_rows import KillSwitchState

CELLS = {"dd", "dt", "small", "span", "td", "th"}
VOID = {"meta", "br", "link", "img", "input", "hr", "line", "path"}


class Page(HTMLParser):
    """Reads a page: its text, its addresses, and whether every tag is closed in order."""

    def __init__(self, html):
        super().__init__()
        self.text, self.addresses, self.stack, self.tags = "", [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag in CELLS:
            self.text += " "
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "xlink:href")]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag
        if tag in CELLS:
            self.text += " "

    def handle_data(self, data):
        self.text += data


RELEASED = KillSwitchState(on=False)


def words(html):
    return " ".join(Page(html).text.split())


def summaries(html):
    """The folded sections: what each says of itself, and whether it is open, by title."""
    found = re.findall(
        r'<details( open)?>\s*<summary><h2>([^<]*)</h2> <span class="soft">([^<]*)</span>', html
    )
    return {title: (said, bool(is_open)) for is_open, title, said in found}


@pytest.fixture
def report():
    return SessionReport(
        book="multi_asset",
        title="Multi-asset momentum",
        session=date(2022, 12, 30),
        as_of=datetime(2022, 12, 30, 21, 0, tzinfo=UTC),
        known_by=datetime(2022, 12, 30, 21, 31, tzinfo=UTC),
        nav=Decimal("101250.40"),
        previous_nav=Decimal("101000.00"),
        cash=Decimal("70000.40"),
        positions_value=Decimal("31250.00"),
        drawdown=0.0125,
        gross=0.3086,
        net=0.3086,
        regime="ELEVATED",
        vix=21.67,
        sample=True,
        history=(
            NavPoint(date(2022, 12, 28), Decimal("100000.00"), 0.0),
            NavPoint(date(2022, 12, 29), Decimal("101000.00"), 0.0149),
            NavPoint(date(2022, 12, 30), Decimal("101250.40"), 0.0125),
        ),
        positions=(
            PositionLine(
                symbol="TLT",
                strategy="time_series_momentum",
                quantity=Decimal(10),
                average_cost=Decimal("100"),
                price=Decimal("95"),
                value=Decimal("950.00"),
                profit=Decimal("-50.00"),
                weight=0.0094,
                note="in quarantine: price_jump",
            ),
            PositionLine(
                symbol="GLD",
                strategy="time_series_momentum",
                quantity=Decimal(180),
                average_cost=Decimal("160.25"),
                price=Decimal("168.333333"),
                value=Decimal("30300.00"),
                profit=Decimal("1455.00"),
                weight=0.2993,
            ),
        ),
        fills=(
            FillLine("GLD", "buy", Decimal(20), Decimal("168.084"), Decimal("3.36"), "momentum_60 of 3.1 %"),
        ),
        slippage=Slippage(Decimal("3360.00"), Decimal("1.68"), Decimal("-0.84")),
        orders=(
            OrderLine(
                "XLE", "sell", Decimal(44), Decimal("87.5"), 0.05, 0.0, "submitted", "momentum_60 of −12 %"
            ),
        ),
        verdicts=(
            VerdictLine("QQQ", "cash_buffer", "cut", Decimal(90), Decimal(41), "gross 98 % above 95 %"),
        ),
        signals=(SignalLine("time_series_momentum", "GLD", "BUY", 0.62, "momentum_60 of 6.2 % above 2 %"),),
        quality=(QualityLine("price_jump", "TLT", "quarantined", "moved 52.1 %, the limit is 50 %"),),
        sources=(SourceLine("sample", "healthy", 17),),
        checks_run=204,
        config_hash="ab34ef0912ffee8811",
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "Friday, 30 December 2022",
        "16:00 ET on 2022-12-30 (21:00 UTC)",
        "Up $250.40 (+0.25 %) to $101,250.40; 1 order for the next open.",
        "Profit of the day +$250.40 +0.25 % of NAV",
        "Value (NAV) $101,250.40 +1.25 % since 2022-12-28",
        "Drawdown 1.25 %",
        "ELEVATED VIX 21.67",
        "Cash $70,000.40 69.1 % of NAV",
        "GLD time_series_momentum 180 $160.25 $168.333333 $30,300.00 29.9 % +$1,455.00",
        "in quarantine: price_jump",
        "All positions $31,250.00 30.9 % +$1,405.00",
        "a cost where positive: expected +$1.68 (5.00 bp), realised −$0.84 (−2.50 bp).",
        "Sell XLE 44 $87.50 5.0 % → 0.0 % submitted momentum_60 of −12 %",
        "QQQ cut 90 41 gross 98 % above 95 %",
        "Buy GLD 20 $168.084 $3,361.68 $3.36 momentum_60 of 3.1 %",
        "GLD BUY 62 % momentum_60 of 6.2 % above 2 %",
        "TLT price_jump quarantined moved 52.1 %, the limit is 50 %",
        "Bars from sample (17 bars, healthy).",
        "known by 16:31 ET on 2022-12-30 (21:31 UTC)",
        "Configuration ab34ef0912ff.",
    ],
)
def test_the_page_says(report, sentence):
    assert sentence in words(render(report))


def test_the_page_says_the_limit_of_a_limit_order(report):
    (order,) = report.orders
    limited = replace(report, orders=(replace(order, limit_price=Decimal("87.32")),))
    assert "Sell XLE limit $87.32 44 $87.50" in words(render(limited))


def test_the_page_says_that_its_data_is_generated_only_when_it_is(report):
    assert "Sample data." in words(render(report))
    assert "Sample data." not in words(render(replace(report, sample=False)))


def test_the_page_needs_nothing_from_a_network(report):
    html = render(report)
    assert Page(html).addresses == []
    assert "url(" not in html
    assert "@import" not in html
    assert "script" not in Page(html).tags


def test_every_tag_is_closed_in_order(report):
    assert Page(render(report)).stack == []


def test_the_same_facts_give_the_same_bytes(report):
    assert render(report) == render(replace(report))


def test_value_and_drawdown_are_drawn_once_there_are_two_sessions(report):
    assert Page(render(report)).tags.count("svg") == 2
    assert Page(render(replace(report, history=report.history[:1]))).tags.count("svg") == 0


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "<img src=x onerror=a()>", "\"><b a='"])
def test_a_text_from_outside_cannot_become_markup(report, hostile):
    plain = Page(render(report)).tags
    attacked = replace(
        report,
        title=hostile,
        regime=hostile,
        code_version=hostile,
        notes=(hostile,),
        positions=tuple(replace(line, note=hostile, group="x") for line in report.positions),
        fills=tuple(replace(line, symbol=hostile, reason=hostile) for line in report.fills),
        orders=tuple(replace(line, state=hostile, reason=hostile) for line in report.orders),
        verdicts=tuple(
            replace(line, rule=hostile, action=hostile, words=hostile) for line in report.verdicts
        ),
        signals=tuple(replace(line, strategy=hostile, words=hostile) for line in report.signals),
        concerns=concerns(replace(RELEASED, on=True, who=hostile, reason=hostile)),
        quality=tuple(replace(line, check=hostile, words=hostile) for line in report.quality),
        sources=tuple(replace(line, source=hostile, words=hostile) for line in report.sources),
    )
    page = Page(render(attacked))
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert hostile in page.text
    # only the note's paragraph, the concern's with its bold head, and a tag and a line break for the position
    # that had no note were added
    assert len(page.tags) - len(plain) == 1 + 2 + 2 * sum(not line.note for line in report.positions)


def test_an_empty_first_session_reads_well(report):
    first = replace(
        report,
        previous_nav=None,
        history=report.history[:1],
        positions=(),
        fills=(),
        orders=(),
        verdicts=(),
        signals=(),
        quality=(),
        vix=None,
    )
    text = words(render(first))
    assert "Begins with $101,250.40; 0 orders for the next open." in text
    assert "Profit of the day – first session" in text
    assert "The book holds cash only." in text
    assert "The gate has cut and rejected nothing." in text
    assert "All 204 checks passed." in text
    assert "VIX –" in text


@pytest.mark.parametrize("state", ["rejected", "suppressed", "expired", "cancelled"])
def test_an_order_that_meets_no_market_is_not_counted_among_those_for_it(
    report: SessionReport, state: str
) -> None:
    [order] = report.orders
    refused = replace(report, orders=(order, replace(order, symbol="GLD", state=state)))
    assert headline(refused).endswith("1 of 2 orders for the next open.")
    assert "1 of 2" in Page(render(refused)).text
    alone = replace(report, orders=(replace(order, state=state),))
    assert headline(alone).endswith("0 of 1 order for the next open.")


def test_a_run_that_sends_nothing_and_a_block_on_entries_are_said_at_the_top(report):
    text = words(
        render(replace(report, dry_run=True, concerns=concerns(RELEASED, blocked=["VIX has no bar."])))
    )
    assert text.index("Only reduces. VIX has no bar.") < text.index("Dry run.") < text.index("Value (NAV)")


def test_strategies_that_gave_no_signals_are_said_at_the_top_and_the_session_is_degraded(report):
    text = words(render(replace(report, concerns=concerns(RELEASED, silent=["rotation", "swing"]))))
    said = "Degraded. Decided without rotation and swing, which gave no signals"
    assert text.index(said) < text.index("Value (NAV)")
    assert "Degraded" not in words(render(report))


def test_a_loss_and_an_unchanged_value_have_their_own_words(report):
    assert headline(replace(report, previous_nav=Decimal("102000.00"))).startswith("Down $749.60 (−0.73 %)")
    assert headline(replace(report, previous_nav=report.nav, orders=())) == (
        "Unchanged (0.00 %) to $101,250.40; 0 orders for the next open."
    )


def test_a_page_without_a_strategy_says_which_opened_nothing_and_not_that_nothing_was_opened(report):
    said = words(render(replace(report, concerns=concerns(RELEASED, silent=["rotation"]))))
    assert "gave no signals: nothing new was opened for it, and its positions were kept" in said
    said = words(render(replace(report, concerns=concerns(RELEASED, silent=["rotation", "swing"]))))
    assert "gave no signals: nothing new was opened for them, and their positions were kept" in said


def test_a_page_whose_data_was_not_checked_does_not_say_that_no_check_failed(report):
    said = words(render(replace(report, quality=(), checks_run=0)))
    assert "No check of the data was made." in said
    assert "No check failed" not in said


@pytest.fixture
def earning(report):
    nav, spy = np.array([100.0, 98.0, 99.0]), np.array([100.0, 101.0, 104.0])
    found = results(Past(nav, spy, np.array([0.0, 0.01, 0.03]), np.zeros(3), Decimal(0), ()))
    targets = {"annual_return": Target(above=0.1, acceptable=0.07), "annual_volatility": Target(below=9.0)}
    return replace(
        report,
        drawdown_since_reset=0.0041,
        benchmark="SPY",
        benchmark_return=0.04,
        earnings=(
            StrategyDay("calm", Decimal("12.50"), Decimal("250.00"), Decimal("3.10"), Decimal("1.20")),
            StrategyDay("swift", unrealised=Decimal("-14.75")),
            StrategyDay("idle"),
            StrategyDay("", interest=Decimal("0.75")),
        ),
        results=ResultsSection(date(2022, 12, 28), 3, "SPY", found, judge_targets(targets, found.by_name())),
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "+1.25 % since 2022-12-28; SPY +4.00 %",
        "Drawdown 1.25 % below the highest NAV ever; 0.41 % below the peak of the levels",
        "calm +$12.50 +$250.00 $3.10 $1.20 +$264.40",
        "swift $0.00 −$14.75 $0.00 $0.00 −$14.75",
        "Nothing of idle.",
        "Of the whole book interest +$0.75, fees $0.00 +$0.75",
        "The book +$12.50 +$235.25 $3.10 $1.20 +$250.40",
        "Results since 2022-12-28",
        "Total return −1.00 %",
        "SPY +4.00 %",
        "Beyond it −5.00 %",
        "Largest drawdown 2.00 %",
        "above 10.00 %, acceptable from 7.00 % missed",
        "below 900.00 % met",
    ],
)
def test_the_page_says_what_was_earned_and_what_was_aimed_at(earning, sentence):
    assert sentence in words(render(earning))
    assert Page(render(earning)).stack == []


def test_the_page_has_a_column_for_borrowed_units_where_they_cost_anything(earning):
    assert "Borrow" not in words(render(earning))
    short = StrategyDay("short", realised=Decimal("2.00"), borrow=Decimal("0.75"))
    said = words(render(replace(earning, earnings=(short, StrategyDay("", borrow=Decimal("0.10"))))))
    assert "Strategy Realised Unrealised Dividends Commission Borrow Profit" in said
    assert "commission and fees for borrowed units paid" in said
    assert "short +$2.00 $0.00 $0.00 $0.00 $0.75 +$1.25" in said
    assert "interest $0.00, fees $0.00 $0.10 −$0.10" in said
    assert "The book +$2.00 $0.00 $0.00 $0.00 $0.85 +$1.15" in said


def test_a_missed_target_stands_before_those_that_are_met(earning):
    text = words(render(earning)).split("Aimed at")[1]
    assert text.index("Return a year") < text.index("Volatility a year")


def test_the_gravest_state_stands_first_in_title_headline_and_notices(report):
    switch = KillSwitchState(on=True, reason="prices look wrong", who="ann", session=date(2022, 12, 30))
    html = render(replace(report, concerns=concerns(switch, silent=["rotation"]), notes=("A difference.",)))
    assert "<title>Stopped: Multi-asset momentum, 2022-12-30</title>" in html
    text = words(html)
    said = ["Stopped. Up $250.40", "Stopped since 2022-12-30 by ann. Prices look wrong.", "Degraded. Decided"]
    places = [text.index(one) for one in (*said, "A difference.", "Sample data.", "Value (NAV)")]
    assert places == sorted(places)
    assert '<p class="notice loss"><b>Stopped' in html
    assert '<p class="notice warn"><b>Degraded' in html


def test_a_symbol_that_two_strategies_hold_is_one_line_with_their_parts_beneath(report):
    gold = replace(report.positions[1], strategy="rotation", quantity=Decimal(20), value=Decimal("3366.67"))
    text = words(render(replace(report, positions=(*report.positions, gold))))
    assert "GLD 2 strategies 200 $160.25 $168.333333 $33,666.67 59.9 % +$2,910.00" in text
    assert (
        "time_series_momentum 180 $160.25 $30,300.00 29.9 % +$1,455.00 rotation 20 $160.25 $3,366.67" in text
    )
    assert "2 positions" in text


def test_signals_that_ask_for_nothing_are_folded_and_those_to_trade_are_not(report):
    (said,) = report.signals
    holds = tuple(SignalLine("rotation", f"S{n}", "hold", 0.5, f"calm {n}") for n in range(150))
    html = render(replace(report, signals=(said, *holds)))
    assert summaries(html)["Signals"] == ("1 signal to trade", True)
    assert summaries(html)["Signals to hold"] == ("150 signals", False)
    assert "calm 149" in html


def test_a_long_table_is_folded_and_a_short_one_is_open_its_gravest_line_first(report):
    cuts = tuple(replace(report.verdicts[0], symbol=f"S{n}") for n in range(9))
    finding = report.quality[0]
    found = (replace(finding, symbol="A", outcome="warned"), replace(finding, symbol="B", outcome="stopped"))
    html = render(replace(report, verdicts=cuts, quality=found))
    assert summaries(html)["Cut or rejected by the gate"] == ("0 rejections, 9 cuts", False)
    assert summaries(html)["Data quality"] == ("204 checks, 2 not passed", True)
    text = words(html)
    assert text.index("B price_jump stopped") < text.index("A price_jump warned")


def test_a_section_that_holds_nothing_is_one_line(report):
    html = render(replace(report, orders=(), fills=(), verdicts=(), positions=(), quality=()))
    assert html.count('<section class="slim"><h2>') == 5
    assert '<h2>Orders for the next open</h2> <span class="soft">Nothing to trade.</span></section>' in html


def test_the_factors_that_a_book_shows_have_a_line_a_symbol_and_what_is_missing_is_said(report):
    table = FactorTable.of(
        ("rsi_14", "macro_DGS10", "h:<b>"),
        ("GLD", "TLT"),
        {"rsi_14": np.array([-1234567.25, 61.5]), "macro_DGS10": [float("nan"), 4.25]},
    )
    html = render(replace(report, factors=table))
    said = words(html)
    assert "Factors 3 factors of 2 symbols" in said
    assert "GLD −1.23457e+06 missing missing" in said
    assert "TLT 61.5 4.25 missing" in said
    assert "h:&lt;b&gt;" in html
    assert table.document["GLD"] == {"rsi_14": -1234567.25, "macro_DGS10": None, "h:<b>": None}
    assert "Factors" not in render(report)


def test_figures_of_strategies_have_a_line_a_symbol_and_a_column_a_figure(report):
    table = FigureTable("Figures of <five>", ("score beta", "ADV"), (("GLD", ("0.5", "1,200")),))
    html = render(replace(report, figures=(table,)))
    said = words(html)
    assert "Figures of &lt;five&gt;" in html
    assert "Symbol Score beta ADV GLD 0.5 1,200" in said
    assert 'data-k="Score beta"' in html
    assert "Figures of" not in render(report)
