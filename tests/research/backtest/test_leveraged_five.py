"""The book of five leveraged stocks over history: on real days, and by the hour on the sample market."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.leveraged import FILE, daily_book

from nightdesk.core.book import Book, load_book
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.simulation import Decided

WHOLE = (date(2007, 1, 3), date(2022, 12, 30))
CRISIS = (date(2008, 1, 2), date(2009, 12, 31))
#: A spring in which the book is long and borrows, and a summer in which it is short and loses.
HOURS = (date(2018, 3, 1), date(2018, 10, 19))
CENTS = Decimal("0.01")


def run(book: Book, span: tuple[date, date], market: Path | None = None) -> Result:
    feeds = [] if market is None else [f"files:{market}"]
    return backtest(book, read_market(book, origin_of(book, span[0]), span[1], feeds).panel, *span)


@pytest.fixture(scope="module")
def crisis(market: Path) -> Result:
    """Two wild years on real days."""
    return run(daily_book(), CRISIS, market)


@pytest.fixture(scope="module")
def hours() -> Result:
    return run(load_book(FILE), HOURS)


@pytest.fixture(params=["crisis", "hours"])
def result(request: pytest.FixtureRequest) -> Result:
    found: Result = request.getfixturevalue(request.param)
    return found


def spoken(result: Result) -> Counter[str]:
    """How often each rule cut or rejected something."""
    words = (one.gated.verdicts(result.desk.symbols) for one in result.decided)
    return Counter(one.rule for some in words for one in some if one.action != "approve")


def exposures(quantity: np.ndarray, result: Result, one: Decided) -> tuple[float, float]:
    """Gross and net of units of shape (n_strategies, n_symbols), shares of NAV."""
    worth = quantity.sum(axis=0) * np.nan_to_num(result.market.day(one.t).price)
    nav = float(one.state.mark.nav)
    return float(np.abs(worth).sum()) / nav, abs(float(worth.sum())) / nav


def check_books(result: Result) -> None:
    """NAV is cash and the value of what is held, at every mark, and no cent comes from nowhere."""
    cash = Decimal(0)
    for one in result.decided:
        cash += sum((entry.cash for entry in one.entries), Decimal(0))
        prices = result.market.prices(one.t)
        worth = sum(
            (Decimal(str(prices[at.symbol])) * at.quantity).quantize(CENTS) for at in one.state.ledger.held()
        )
        assert one.state.ledger.cash == cash
        assert one.state.mark.nav == cash + worth


def check_costs_of_borrowing(result: Result) -> None:
    """Interest is of the cash that was owed, the borrow fee of the shorts; each by the nights between."""
    rates, seen = result.desk.book.rates, Counter[str]()
    for before, one in pairwise(result.decided):
        nights = (one.state.mark.session - before.state.mark.session).days
        booked = {kind: [e for e in one.entries if e.kind == kind] for kind in ("interest", "borrow")}
        seen.update({kind: len(entries) for kind, entries in booked.items()})
        owed = min(before.state.mark.cash, Decimal(0))
        interest = (owed * Decimal(str(rates.debit_rate)) * nights / 360).quantize(CENTS)
        assert sum((entry.cash for entry in booked["interest"]), Decimal(0)) == interest
        prices = result.market.prices(before.t)
        shorts = {at.symbol: at.quantity for at in before.state.ledger.held() if at.quantity < 0}
        fees = {
            symbol: (
                Decimal(str(prices[symbol])) * units * Decimal(str(rates.borrow_rate)) * nights / 360
            ).quantize(CENTS)
            for symbol, units in shorts.items()
        }
        assert {entry.symbol: entry.cash for entry in booked["borrow"]} == {
            symbol: fee for symbol, fee in fees.items() if fee
        }
    assert min(seen["interest"], seen["borrow"]) > 10


def check_limits_of_what_is_held(result: Result) -> int:
    """What is held beyond a limit is brought back by the decision that sees it; says how often that was."""
    found = 0
    for one in result.decided:
        gross, net = exposures(one.targets.held, result, one)
        if gross > 3.0 + 1e-9 or net > 1.5 + 1e-9:
            found += 1
            gross, net = exposures(one.gated.quantity, result, one)
            assert gross <= 3.0 + 1e-9, one.state.mark.session
            assert net <= 1.5 + 1e-9, one.state.mark.session
    return found


def check_door(result: Result) -> int:
    """Nothing is added while the drawdown rule waits, which it leaves again; says how often it is entered."""
    moves = [one.gated.judged.change for one in result.decided if one.gated.judged.change is not None]
    assert [(one.before, one.after) for one in moves[:2]] == [(0, 4), (4, 0)]
    for one in result.decided:
        risk = one.gated.judged.risk
        if risk.level == 4:
            assert not (np.abs(one.gated.quantity) > np.abs(one.targets.held)).any()
        else:
            assert risk.drawdown < Decimal("0.15")
    return sum(one.after == 4 for one in moves)


def check_turnover(result: Result) -> float:
    """Largest turnover that was ordered for one session, but for what brings the book back; shares of NAV."""
    most = 0.0
    for some in of_one_session(result):
        traded = 0.0
        for one in some:
            free = ~one.gated.exempt
            change = np.abs(one.gated.quantity - one.targets.held).sum(axis=0)
            worth = np.nan_to_num(result.market.day(one.t).price)
            traded += float((change * worth)[free].sum()) / float(one.state.mark.nav)
        most = max(most, traded)
    return most


def of_one_session(result: Result) -> Iterator[list[Decided]]:
    """The decisions whose orders meet one session: those within it, and the one at the close before."""
    some: list[Decided] = []
    for one in result.decided:
        if result.market.closes_session(one.t):
            yield some
            some = []
        some.append(one)


def test_nav_is_cash_and_what_is_held_and_every_cent_has_its_entry(result: Result) -> None:
    check_books(result)


def test_interest_and_the_borrow_fee_are_told_apart_and_each_is_what_it_says(result: Result) -> None:
    check_costs_of_borrowing(result)


def test_what_is_held_beyond_a_limit_is_back_within_it_after_one_decision(result: Result) -> None:
    beyond = check_limits_of_what_is_held(result)
    assert beyond > 20


def test_the_drawdown_rule_is_entered_and_left(result: Result) -> None:
    assert check_door(result) >= 1


def test_the_turnover_of_a_session_stays_within_half_of_nav(result: Result) -> None:
    """NAV moves between the hours that add up."""
    assert 0.45 < check_turnover(result) < 0.53


def test_an_hourly_book_decides_seven_times_and_trades_both_ways(hours: Result) -> None:
    counts = Counter(one.state.mark.session for one in hours.decided)
    assert set(counts.values()) == {4, 7}
    held = np.stack([one.targets.held[0] for one in hours.decided])
    assert (held > 0).any()
    assert (held < 0).any()
    turned = int(((held[1:] * held[:-1]) < 0).sum())
    assert 0 < turned < 200


def test_every_rule_of_the_book_binds_somewhere(crisis: Result, market: Path) -> None:
    """As it is, and with a hundred times the capital, larger positions and a lower gross limit.

    Five positions of 60 % at most are 300 %: what is bought meets the gross limit of the book nowhere.
    """
    larger = run(
        daily_book(
            initial_capital="100000000",
            strategies__five_signals__sizing_params__share="0.35",
            limits__gross_leverage__limit="1.4",
        ),
        CRISIS,
        market,
    )
    seen = {rule.partition(".")[0] for rule in spoken(crisis) + spoken(larger)}
    named = set(daily_book().limits)
    assert named == {
        "liquidity", "max_weight", "gross_leverage", "net_leverage", "leverage_reduction", "turnover_per_day",
        "daily_loss", "max_drawdown",
    }  # fmt: skip
    assert named <= seen
    assert "gross_leverage" not in spoken(crisis)


def test_without_the_benchmark_nothing_is_entered_until_it_is_back(market: Path) -> None:
    book = daily_book()
    span = (date(2012, 3, 1), date(2012, 4, 30))
    panel = read_market(book, origin_of(book, span[0]), span[1], [f"files:{market}"]).panel
    gone = [date(2012, 3, 19), date(2012, 3, 20), date(2012, 3, 21)]
    rows, spy = np.searchsorted(panel.sessions, np.array(gone, dtype="datetime64[D]")), panel.column("SPY")
    bars = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for values in bars.values():
        values[rows, spy] = np.nan
    whole, lacking = backtest(book, panel, *span), backtest(book, replace(panel, **bars), *span)
    view, said = lacking.view, lacking.market.signals["five_signals"]
    for one in lacking.decided:
        added = (np.abs(one.gated.quantity) > np.abs(one.targets.held)).any()
        if one.state.mark.session in gone:
            assert not added
            assert (said.direction[one.t] == 0).all()
            words = lacking.desk.strategies["five_signals"].explain(view, said, one.t, 0)
            assert words == "no entry: the benchmark has no bar of the last session that was over"
            assert (whole.market.signals["five_signals"].direction[one.t] != 0).all()
    assert any((np.abs(one.gated.quantity) > np.abs(one.targets.held)).any() for one in whole.decided)


def test_a_name_that_is_listed_later_joins_once_its_scores_are_known(market: Path) -> None:
    book = daily_book()
    span, listed = (date(2012, 3, 1), date(2012, 12, 28)), np.datetime64("2011-01-03")
    panel = read_market(book, origin_of(book, span[0]), span[1], [f"files:{market}"]).panel
    early, column = panel.sessions < listed, panel.column("NVDA")
    bars = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for values in bars.values():
        values[early, column] = np.nan
    result = backtest(book, replace(panel, **bars), *span)
    n, said = result.desk.column["NVDA"], result.market.signals["five_signals"]
    known = {one.t: int(said.direction[one.t, n] != 0) for one in result.decided}
    first = next(t for t, speaks in known.items() if speaks)
    others = [c for c in range(5) if c != n]
    # momentum and tail are known after 312 bars, the beta, its deviation and the year of that after 371
    assert first - int(early.sum()) + 1 == 371
    assert all(known[t] for t in known if t >= first)
    assert (said.direction[result.decided[0].t, others] != 0).all()
    assert not any((one.targets.held[:, n] != 0).any() for one in result.decided if one.t <= first)
    assert any((one.targets.held[:, n] != 0).any() for one in result.decided)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sixteen_years_of_real_days(market: Path) -> None:
    result = run(daily_book(), WHOLE, market)
    check_books(result)
    check_costs_of_borrowing(result)
    assert check_limits_of_what_is_held(result) > 100
    assert check_door(result) > 10
    assert check_turnover(result) < 0.53
    bound = spoken(result)
    assert {
        "net_leverage",
        "leverage_reduction.net",
        "turnover_per_day",
        "daily_loss",
        "max_drawdown",
    } <= set(bound)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_years_of_real_hours(market: Path) -> None:
    """Of two stocks: no more hours are there. Nothing is owed, since the two never make up NAV."""
    book = load_book(
        FILE,
        {
            "universe": "{AAPL: {max_weight: 0.6}, BAC: {max_weight: 0.6}}",
            "feeds.hourly": f"['files:{market}']",
        },
    )
    result = run(book, (date(2018, 1, 2), date(2019, 12, 31)), market)
    assert len(result.decided) > 3_400
    check_books(result)
    check_door(result)
    assert check_turnover(result) < 0.53
    held = np.stack([one.targets.held[0] for one in result.decided])
    assert (held > 0).any(axis=0).all()
    assert (held < 0).any(axis=0).all()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_year_of_hours(market: Path) -> None:
    result = run(load_book(FILE), (date(2018, 1, 2), date(2018, 12, 31)))
    check_books(result)
    check_costs_of_borrowing(result)
    assert check_limits_of_what_is_held(result) > 100
    assert check_door(result) >= 1
