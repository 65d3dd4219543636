"""A symbol whose bars have no volume is named at once, where a bound by volume lets no order of it fill."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tests.engine.desks import book
from tests.research.backtest.panels import FIRST, LAST, seeded_panel
from tests.session.small_desk import SmallDesk

from nightdesk.core.account_terms import BrokerEntry
from nightdesk.core.errors import Refused
from nightdesk.feeds.volumes import symbols_without_volume
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.session import steps

BOOK = book(quality={"failed_share": 0.6})
UNBOUND = BOOK.model_copy(update={"broker": BrokerEntry(account="paper-two", max_volume_share=None)})


@pytest.mark.parametrize(
    ("volume", "named"),
    [
        ([1.0, np.nan, np.nan], ("SPY",)),
        ([0.0, np.nan, 1.0], ("GLD",)),
        ([np.nan, np.nan, 1.0], ("GLD",)),
        ([1.0, 0.0, 2.0], ()),
        ([np.nan] * 3, ("GLD", "SPY")),
    ],
)
def test_a_symbol_is_named_when_none_of_its_bars_has_a_volume(
    volume: list[float], named: tuple[str, ...]
) -> None:
    symbols = np.array(["GLD", "GLD", "SPY"], dtype=object)
    assert symbols_without_volume(BOOK, symbols, np.array(volume)) == named
    assert symbols_without_volume(UNBOUND, symbols, np.array(volume)) == ()


def test_references_that_are_not_traded_need_no_volume() -> None:
    assert symbols_without_volume(BOOK, np.array(["^VIX"], dtype=object), np.array([np.nan])) == ()


def test_a_backtest_of_a_symbol_without_volume_is_refused_and_fills_without_the_bound() -> None:
    panel = seeded_panel(BOOK)
    without = panel.fill_volume.copy()
    without[:, panel.column("SPY")] = np.nan
    silent = replace(panel, fill_volume=without)
    with pytest.raises(Refused) as error:
        backtest(BOOK, silent, FIRST, LAST)
    assert str(error.value).startswith("no bar of SPY from ")
    assert (
        "none of them would ever fill; give bars with volumes, or set broker.max_volume_share: null"
        in str(error.value)
    )
    result = backtest(UNBOUND, silent, date(2019, 1, 2), LAST)
    assert any(fill.symbol == "SPY" for one in result.decided for fill in one.fills)
    assert not any(one.expired for one in result.decided)


def test_a_run_names_a_symbol_without_volume_in_its_counts(desk: SmallDesk) -> None:
    lines = desk.bars.read_text().splitlines()
    desk.bars.write_text(
        "\n".join(line.removesuffix("5000000") if ",GLD," in line else line for line in lines) + "\n"
    )
    with desk.at(0) as context:
        assert steps.ingest(context)["without_volume"] == "GLD"


def test_files_that_are_passed_over_reach_a_market_and_the_counts_of_a_run(desk: SmallDesk) -> None:
    other = desk.bars.with_name("funding.csv")
    other.write_text("symbol,fundingTime,fundingRate\nBTCUSDT,1568102400000,0.1\n")
    with desk.at(0) as context:
        assert steps.ingest(context)["passed_over"] == 1
        market = read_market(context.book, date(2022, 1, 3), date(2022, 1, 31), [desk.feed])
    ((name, reason),) = market.passed_over.items()
    assert name == str(other)
    assert reason.startswith("symbol,fundingTime,fundingRate: no table of daily bars")
