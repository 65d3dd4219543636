"""What ends, changes its name or pays out in a backtest, and what idle cash earns."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.costs import Financing
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Action, Column, Panel, lay_events
from nightdesk.engine.injection import read_injections
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.tables import tax_ledger
from nightdesk.research.backtest.trades import trades

FIRST, LAST = date(2021, 5, 3), date(2021, 7, 30)
#: The session after AAA's last bar.
END = date(2021, 6, 16)


@pytest.fixture(scope="module")
def case(market: Path) -> Path:
    folder = market.parent / "cases" / "bars_end"
    if not folder.is_dir():
        pytest.skip(f"no small inputs in {folder}")
    return folder


@pytest.fixture(scope="module")
def book(case: Path) -> Book:
    return load_book(case.parent / "probe.yaml")


@pytest.fixture(scope="module")
def panel(case: Path, book: Book) -> Panel:
    return read_market(book, origin_of(book, FIRST), LAST, [f"files:{case}"]).panel


def run(
    book: Book, panel: Panel, case: Path, *actions: Action, last: date = LAST, checked: bool = True
) -> Result:
    columns = [Column(symbol) for symbol in panel.symbols]
    known = replace(panel, events=lay_events(panel.sessions, columns, actions))
    injected = read_injections(case / "inject.csv", book)
    return backtest(book, known, FIRST, last, injected=injected, checked=checked)


def action(kind: str, value: float = 0.0, other: str = "", cash: float = 0.0, symbol: str = "AAA") -> Action:
    return Action(symbol, np.datetime64(END), kind, value, other, cash)  # type: ignore[arg-type]


def held(result: Result, symbol: str) -> Sequence[Decimal]:
    return [one.state.ledger.net().get(symbol, Decimal(0)) for one in result.decided]


def test_a_held_symbol_whose_bars_have_ended_is_told_in_every_session_with_its_age(
    book: Book, panel: Panel, case: Path
) -> None:
    result = run(book, panel, case)
    [spell] = result.stale_spells
    assert (spell.first, spell.last, spell.ongoing) == (END, LAST, True)
    assert (spell.newest.symbol, spell.newest.last_bar) == ("AAA", date(2021, 6, 15))
    ages = [one.stale[0].sessions for one in result.decided if one.stale]
    assert ages == list(range(1, len(ages) + 1))
    assert len(ages) == len(get_calendar().between(END, LAST)) == spell.newest.sessions


@pytest.mark.parametrize("price", [0.0, 12.5])
def test_it_is_written_off_at_a_stated_price(book: Book, panel: Panel, case: Path, price: float) -> None:
    result = run(book, panel, case, action("delisting", cash=price))
    assert result.stale_spells == ()
    units = max(held(result, "AAA"))
    position = result.decided[-1].state.ledger.positions["time_series_momentum", "AAA"]
    bought = sum((fill.notional for one in result.decided for fill in one.fills), Decimal(0))
    proceeds = units * Decimal(str(price))
    assert (position.quantity, position.realised) == (0, proceeds - bought)
    earned = position.realised + position.dividends
    assert result.decided[-1].state.mark.nav == 100_000 + earned
    [disposal] = [one for one in tax_ledger(result).disposals if one.symbol == "AAA"][-1:]
    assert disposal.sold == END
    gains = sum((one.proceeds - one.basis for one in tax_ledger(result).disposals), Decimal(0))
    assert gains == position.realised
    assert sum((one.profit for one in trades(result)), Decimal(0)) == earned


def test_a_merger_into_another_symbol_keeps_value_cost_and_the_session_of_entry(
    book: Book, panel: Panel, case: Path
) -> None:
    t = int(np.searchsorted(panel.sessions, np.datetime64(END)))
    ratio = round(float(panel.close[t - 1, 0] / panel.close[t - 1, 1]), 4)
    before = run(book, panel, case, last=END)
    after = run(book, panel, case, action("merger", ratio, "BBB"), last=END)
    assert after.stale_spells == ()
    at = [one.state.mark.session for one in after.decided].index(END)
    old, new = (after.decided[at - 1].state.ledger.positions["time_series_momentum", "AAA"],
                after.decided[at].state.ledger.positions["time_series_momentum", "BBB"])  # fmt: skip
    assert new.entry_session == old.entry_session
    opened = float(panel.close[t, 1] / panel.close[t - 1, 1] - 1) * float(
        after.decided[at - 1].state.mark.nav
    )
    moved = float(after.decided[at].state.mark.nav - before.decided[at].state.mark.nav)
    assert abs(moved) < abs(opened) + 20.0, "value moves by BBB's own day alone"
    moved_lots = [lot for lot in tax_ledger(after).open_lots if lot.symbol == "BBB"]
    assert {lot.acquired for lot in moved_lots} == {
        fill.session for one in after.decided for fill in one.fills
    }
    [trade] = trades(after)
    assert (trade.symbol, trade.opened_as) == ("BBB", "AAA")
    assert trade.profit == after.decided[-1].state.mark.nav - 100_000


def test_a_symbol_that_the_book_does_not_name_is_refused(book: Book, panel: Panel, case: Path) -> None:
    with pytest.raises(Refused, match=r"AAA became CCC on 2021-06-16 .* put CCC into its universe"):
        run(book, panel, case, action("symbol_change", 1.0, "CCC"))


def test_idle_cash_earns_by_the_days_between_sessions(book: Book, panel: Panel, case: Path) -> None:
    earning = book.model_copy(update={"cash": book.cash.model_copy(update={"interest": 0.036})})
    result = run(earning, panel, case)
    booked = [entry for entry in result.entries if entry.kind == "interest"]
    marks = [one.state.mark for one in result.decided]
    expected = [
        (before.cash * Decimal("0.036") * (mark.session - before.session).days / 360).quantize(
            Decimal("0.01")
        )
        for before, mark in pairwise(marks)
    ]
    assert [entry.cash for entry in booked] == expected
    assert expected[0] == Decimal("10.00"), "a night of 100,000 dollars"
    figures = metrics(result)
    assert (figures["interest"], figures["interest_rate"]) == (float(sum(expected)), 0.036)
    assert metrics(run(book, panel, case))["interest"] == 0.0
    financing = Financing(debit_rate=0.08, credit_rate=0.036, borrow_rate=0.5)
    financed = run(book.model_copy(update={"financing": financing}), panel, case)
    assert financed.entries == result.entries, "what owes nothing and is short of nothing"
    assert (metrics(financed)["debit_rate"], metrics(financed)["borrow"]) == (0.08, 0.0)


def test_a_symbol_that_an_action_brings_is_worth_what_it_says_until_its_first_bar(
    book: Book, panel: Panel, case: Path
) -> None:
    t, n = int(np.searchsorted(panel.sessions, np.datetime64(END))), panel.column("BBB")
    fields = ("open", "high", "low", "close", "volume", "fill_open", "fill_low", "fill_high", "fill_volume")
    blank = {name: getattr(panel, name).copy() for name in fields}
    for array in blank.values():
        array[: t + 2, n] = np.nan
    renamed = action("symbol_change", 4.0, "BBB")
    result = run(book, replace(panel, **blank), case, renamed, last=END, checked=False)
    before, after = result.decided[-2].state, result.decided[-1].state
    assert after.ledger.net() == {"BBB": 4 * before.ledger.net()["AAA"]}
    assert abs(after.mark.nav - before.mark.nav) <= Decimal("0.02")
    [stale] = result.decided[-1].stale
    assert (stale.symbol, stale.last_bar, stale.sessions) == ("BBB", None, 1)
