"""Wash sales in the backtest: what is carried from session to session, what is flagged, what is refused."""

from datetime import date, timedelta

import numpy as np
import pytest
from tests.engine.desks import book
from tests.research.backtest.panels import LAST, seeded_panel

from nightdesk.accounting.tax import TaxLedger, TaxView, tax_terms, trades_of
from nightdesk.accounting.tax.form_8949 import COLUMNS
from nightdesk.core.book import Book
from nightdesk.core.panel import Action
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.simulation import Progress, Simulation
from nightdesk.research.backtest.tables import form_rows, tax_ledger

START = date(2019, 1, 2)
LIMITS = {"max_weight": {}, "cash_buffer": {"limit": 0.05}, "smallest_trade": {"limit": 100}}


def ran(*actions: Action, **limits: object) -> Result:
    return backtest(chosen(**limits), seeded_panel(chosen(**limits), actions), START, LAST)


def chosen(**limits: object) -> Book:
    return book(limits={**LIMITS, **limits}, quality={"failed_share": 0.6})


@pytest.fixture(scope="module")
def plain() -> Result:
    return ran()


@pytest.fixture(scope="module")
def flagged() -> Result:
    return ran(wash_sale={"purchases": "flag"}, pattern_day_trader={})


@pytest.fixture(scope="module")
def refused() -> Result:
    return ran(wash_sale={"purchases": "refuse"})


def test_a_flag_changes_no_order(plain: Result, flagged: Result) -> None:
    assert [one.orders for one in flagged.decided] == [one.orders for one in plain.decided]
    assert (flagged.nav == plain.nav).all()
    told = [
        verdict
        for one in flagged.decided
        for verdict in one.gated.verdicts(flagged.desk.symbols)
        if verdict.rule == "wash_sale" and verdict.value > 0
    ]
    assert told, "no purchase followed a loss"
    assert {verdict.action for verdict in told} == {"approve"}


def test_a_book_without_such_a_rule_carries_nothing(plain: Result, flagged: Result) -> None:
    assert all(one.state.tax == TaxView() for one in plain.decided)
    assert any(one.state.tax.losses for one in flagged.decided)


def test_what_is_carried_from_session_to_session_is_what_all_entries_give(flagged: Result) -> None:
    for one in flagged.decided[::40]:
        session = one.state.mark.session
        until = [entry for entry in flagged.entries if entry.session <= session]
        name = flagged.desk.book.name
        ledger = TaxLedger({name: tax_terms(flagged.desk.book)}).apply(trades_of(name, until))
        assert one.state.tax.losses == ledger.open_losses(session + timedelta(days=1))


def test_what_is_refused_disallows_no_loss_by_a_later_purchase(flagged: Result, refused: Result) -> None:
    bought_back = [
        one
        for one in tax_ledger(flagged).disposals
        if one.disallowed and _bought_after(flagged, one.symbol, one.sold)
    ]
    assert bought_back, "the flagged book replaced no loss by a later purchase"
    for one in tax_ledger(refused).disposals:
        if one.open_loss:
            assert not _bought_after(refused, one.symbol, one.sold)


def _bought_after(result: Result, symbol: str, sold: date) -> bool:
    """Whether a symbol was bought within 30 days after a sale."""
    return any(
        entry.kind == "fill" and entry.symbol == symbol and entry.quantity > 0
        for entry in result.entries
        if sold < entry.session <= sold + timedelta(days=30)
    )


def test_the_gain_of_all_years_and_what_is_deferred_is_what_was_earned(flagged: Result) -> None:
    ledger, last = tax_ledger(flagged), flagged.decided[-1].state
    reported = sum(one.gain for one in ledger.disposals)
    deferred = sum(lot.carried for lot in ledger.open_lots)
    cost = sum(lot.cost for lot in ledger.open_lots)
    dividends = sum(entry.cash for entry in flagged.entries if entry.kind == "dividend")
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in form_rows(flagged)]
    assert sum(row["gain"] for row in rows) == reported
    assert last.ledger.cash - flagged.desk.book.initial_capital - dividends + cost == reported - deferred
    assert dict(last.ledger.net()) == {
        symbol: sum(lot.quantity for lot in lots) for (_, symbol), lots in ledger.lots.items()
    }


def test_a_split_of_a_symbol_that_was_sold_restates_the_loss_that_waits(refused: Result) -> None:
    waiting = next(
        one
        for one in refused.decided
        if one.state.tax.losses and not one.state.ledger.net().keys() & one.state.tax.losses.keys()
    )
    symbol, t = next(iter(waiting.state.tax.losses)), waiting.t
    split = Action(symbol, np.datetime64(refused.market.sessions[t + 1], "D"), "split", 2.0)
    with_split = ran(split, wash_sale={"purchases": "refuse"})
    simulation, progress = Simulation(with_split.desk, with_split.market), Progress()
    for row in range(with_split.decided[0].t, t + 1):
        progress = simulation.decide(row, simulation.settle(row, progress))
    after = simulation.settle(t + 1, progress)
    assert progress.tax is not None
    assert after.tax is not None
    places = progress.tax.asking[symbol]
    before = [progress.tax.disposals[at].open_quantity for at in places]
    restated = [after.tax.disposals[at].open_quantity for at in places]
    assert before
    assert restated == [2 * units for units in before]
