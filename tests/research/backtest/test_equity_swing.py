"""The equity swing book over history: all five strategies trade, and within what the book says."""

from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from tests.research.backtest.headlines import write_headlines

from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.strategies.ml_momentum import MlMomentumClause

FILE = Path(__file__).parents[3] / "books" / "equity_swing.yaml"
BOOK = load_book(FILE)
FIRST, LAST = date(2017, 1, 3), date(2018, 12, 31)
STRATEGIES = set(BOOK.strategies)


@pytest.fixture(scope="module")
def result(market: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Two years of real bars, the second with a VIX above 30, and made-up headlines from a file."""
    calendar, origin = get_calendar(BOOK.calendar), origin_of(BOOK, FIRST)
    path = tmp_path_factory.mktemp("news") / "headlines.csv"
    write_headlines(path, BOOK.symbols, calendar.between(origin, LAST))
    book = load_book(FILE, {"feeds.news": f"['files:{path}']"})
    return backtest(book, read_market(book, origin, LAST, [f"files:{market}"]).panel, FIRST, LAST)


def entered(result: Result) -> Counter[str]:
    """Entries that were filled, by strategy."""
    seen = {
        (position.strategy, position.symbol, position.entry_session)
        for one in result.decided
        for position in one.state.ledger.held()
    }
    return Counter(strategy for strategy, _, _ in seen)


def test_all_five_strategies_trade(result: Result) -> None:
    count = entered(result)
    assert set(count) == STRATEGIES
    assert min(count.values()) >= 5


def test_all_five_strategies_trade_on_the_sample_market() -> None:
    first, last = date(2018, 1, 2), date(2019, 12, 31)
    panel = read_market(BOOK, origin_of(BOOK, first), last).panel
    count = entered(backtest(BOOK, panel, first, last))
    assert set(count) == STRATEGIES
    assert min(count.values()) >= 3


def test_no_position_outlives_its_plan(result: Result) -> None:
    """Of five sessions, the first counted, the fifth decides to leave."""
    calendar = get_calendar(BOOK.calendar)
    plans = {name: one.exit_plan.sessions for name, one in result.desk.strategies.items()}
    too_old = [
        (one.state.mark.session, position.strategy, position.symbol, age)
        for one in result.decided
        for position in one.state.ledger.held()
        if (sessions := plans[position.strategy]) is not None
        and (age := calendar.index(one.state.mark.session) - calendar.index(position.entry_session) + 1)
        > sessions
    ]
    assert too_old == []


def test_cash_is_never_spent_twice_and_gross_stays_below_one(result: Result) -> None:
    assert min(one.state.mark.cash for one in result.decided) > 0
    assert max(one.state.mark.gross for one in result.decided) < 1


def test_ten_positions_and_two_a_symbol_are_the_most(result: Result) -> None:
    for one in result.decided:
        held = one.state.ledger.held()
        assert len(held) <= 10, one.state.mark.session
        assert max(Counter(each.symbol for each in held).values(), default=0) <= 2, one.state.mark.session


def test_an_entry_risks_one_percent_and_takes_a_tenth_at_most(result: Result) -> None:
    for one in result.decided:
        day, nav = result.market.day(one.t), float(one.state.mark.nav)
        opened = (one.targets.held == 0) & (one.gated.quantity != 0)
        units = np.where(opened, one.gated.quantity, 0.0)
        assert (units == np.floor(units)).all()
        assert (np.where(opened, units * day.price, 0.0) <= 0.10 * nav).all()
        assert (np.where(opened, units * 2.0 * day.factors["atr_14"], 0.0) <= 0.01 * nav * (1 + 1e-9)).all()


def test_what_rises_above_its_cap_asks_for_no_sale_that_is_too_small_to_be_made(result: Result) -> None:
    """It did in 344 of these sessions, while a position was sold back to its cap share by share."""
    futile, risen = [], 0
    for one in result.decided:
        spoken = one.gated.verdicts(result.desk.symbols)
        sold = {v.symbol for v in spoken if v.rule == "max_weight" and abs(v.after) < abs(v.held)}
        undone = {v.symbol for v in spoken if v.rule == "smallest_trade" and v.action == "reject"}
        futile += [(one.state.mark.session, symbol) for symbol in sorted(sold & undone)]
        day = result.market.day(one.t)
        weight = one.gated.passage.held * np.nan_to_num(day.price) / float(one.state.mark.nav)
        risen += int((weight > result.desk.max_weight).sum())
    assert futile == []
    assert risen > 100, "nothing ever rose above its cap"


def test_what_is_held_stays_within_its_cap_and_the_drift_that_the_book_allows(result: Result) -> None:
    """After the gate, at the prices of the decision."""
    for one in result.decided:
        price = np.nan_to_num(result.market.day(one.t).price)
        weight = one.gated.passage.quantity * price / float(one.state.mark.nav)
        assert (weight <= result.desk.max_weight + 0.02 + 1e-9).all()
        bought = one.gated.passage.quantity > one.gated.passage.held
        assert (weight <= result.desk.max_weight + 1e-9)[bought].all()


def test_what_is_bought_stays_within_the_heat_of_its_regime(result: Result) -> None:
    bands = set()
    for one in result.decided:
        day, nav = result.market.day(one.t), float(one.state.mark.nav)
        heat = BOOK.regime[day.band].heat
        assert heat is not None
        net = one.gated.quantity.sum(axis=0)
        if (net > one.targets.held.sum(axis=0)).any():
            bands.add(heat)
            assert float((net * day.price).sum()) <= heat * nav * (1 + 1e-9), one.state.mark.session
    assert bands == {0.40, 0.30, 0.20}


def test_the_profits_of_the_strategies_add_up_to_that_of_the_book(result: Result) -> None:
    figures = metrics(result)
    profit = sum(one["profit"] for one in figures["per_strategy"].values())  # type: ignore[attr-defined]
    assert round(profit, 2) == round(figures["final_nav"] - figures["initial_nav"], 2)  # type: ignore[operator]


def test_the_skill_of_the_model_is_measured_out_of_sample(result: Result) -> None:
    """Pair by pair: the strength of a signal against the return of the five sessions after it."""
    (name, figures), *rest = metrics(result)["models"].items()  # type: ignore[attr-defined]
    assert (name, rest) == ("ml_momentum", [])
    said, returns = result.market.signals[name], result.market.factors["momentum_5"]
    rises, right, called, called_rises = [], [], 0, 0
    for one in result.decided[:-5]:
        assert result.market.models[name][one.t].fitted <= one.state.mark.session
        for n in range(36):
            later = returns[one.t + 5, n]
            if said.reason[one.t, n] not in (
                MlMomentumClause.LIKELY,
                MlMomentumClause.NOT_LIKELY,
            ) or np.isnan(later):
                continue  # nothing was foretold, or the outcome is in quarantine
            rises.append(later > 0)
            right.append((said.strength[one.t, n] > 0) == (later > 0))
            if said.direction[one.t, n] > 0:
                called, called_rises = called + 1, called_rises + int(later > 0)
    assert figures["predictions"] == len(rises) > 17_000
    assert figures["sessions"] == len(result.decided) - 5
    assert figures["base_rate"] == pytest.approx(np.mean(rises))
    assert figures["hit_rate"] == pytest.approx(np.mean(right))
    assert figures["called"] == called > 100
    assert figures["called_hit_rate"] == pytest.approx(called_rises / called)
    assert abs(figures["rank_ic"]) < 0.1
