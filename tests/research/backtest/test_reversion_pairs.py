"""The book of mean reversion and pairs on the sample market: a quarter and a year, with weekly screens."""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import PROJECT
from tests.research.backtest.test_golden_orders import GOLDEN, orders_of

from nightdesk.core.book import load_book
from nightdesk.research.backtest import run
from nightdesk.research.backtest.decided_span import begin_span
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.result_columns import columns_of
from nightdesk.research.backtest.result_files import result_files
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.trades import trade_rows

FIRST, LAST = date(2022, 1, 3), date(2022, 3, 31)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def quarter() -> Result:
    """What is decided in it."""
    start = begin_span(load_book(PROJECT / "books" / "reversion_pairs.yaml"), FIRST, LAST)
    return backtest(start.book, start.read(None).panel, start.inception, start.last)


@pytest.fixture(scope="module")
def trades(quarter: Result) -> list[dict[str, object]]:
    return [dict(zip(columns_of("trades"), row, strict=True)) for row in trade_rows(quarter)]


def pair_of(trade: Mapping[str, object]) -> str:
    """The pair whose leg a trade was, by the words of its entry."""
    found = re.match(r"(\S+/\S+): z ", str(trade["entry_reason"]))
    assert found is not None, trade
    return f"{found[1]} of {trade['entry_session']}"


def held(quarter: Result) -> Iterator[tuple[date, np.ndarray]]:
    """Units after each decision's fills, of shape (n_strategies, n_symbols)."""
    for one in quarter.decided:
        yield one.state.mark.session, one.targets.held


def test_the_orders_of_the_quarter_are_those_on_record(quarter: Result) -> None:
    assert orders_of(quarter) == json.loads(GOLDEN.read_text())["reversion_pairs"]["sample_quarter"]


def test_every_trade_has_an_entry_a_reason_and_where_it_is_closed_an_exit(
    trades: list[dict[str, object]],
) -> None:
    strategies = {str(one["strategy"]) for one in trades}
    assert strategies == {"mean_reversion", "pairs"}
    why = defaultdict(set)
    for one in trades:
        assert one["entry_session"]
        assert one["entry_reason"]
        if one["exit_session"]:
            assert one["exit_reason"]
            why[one["strategy"]].add(re.sub(r"[^a-z ].*", "", str(one["exit_reason"]).split(": ")[0]))
    assert {"stop", "age"} <= why["mean_reversion"]


def test_the_profit_of_each_pair_and_of_each_strategy_adds_up_to_the_cent(
    quarter: Result, trades: list[dict[str, object]]
) -> None:
    by_strategy, by_pair = defaultdict(Decimal), defaultdict(Decimal)
    for one in trades:
        by_strategy[one["strategy"]] += one["profit"]
        if one["strategy"] == "pairs":
            by_pair[pair_of(one)] += one["profit"]
    assert len(by_pair) > 3
    assert sum(by_pair.values()) == by_strategy["pairs"]
    told = metrics(quarter)
    for name, profit in by_strategy.items():
        assert told["per_strategy"][name]["profit"] == float(profit)
    interest = sum(
        (entry.cash for one in quarter.decided for entry in one.entries if entry.kind == "interest"),
        Decimal(),
    )
    nav = quarter.decided[-1].state.mark.nav
    assert sum(by_strategy.values()) + interest == nav - 100_000


def test_no_leg_of_a_pair_is_held_alone(quarter: Result, trades: list[dict[str, object]]) -> None:
    legs = defaultdict(list)
    for one in trades:
        if one["strategy"] == "pairs":
            legs[pair_of(one)].append(one)
    for name, both in legs.items():
        assert len(both) == 2, name
        assert {one["entry_session"] for one in both} == {both[0]["entry_session"]}
        assert {one["exit_session"] for one in both} == {both[0]["exit_session"]}
        assert both[0]["quantity"] * both[1]["quantity"] < 0
    row = list(quarter.desk.strategies).index("pairs")
    for session, units in held(quarter):
        longs, shorts = (units[row] > 0).sum(), (units[row] < 0).sum()
        assert longs == shorts, session


def test_its_limits_on_positions_sectors_and_exposure_hold(quarter: Result) -> None:
    groups = np.array(quarter.desk.book.groups)
    most, fullest = 0, 0
    for one in quarter.decided:
        opens = (one.gated.quantity != 0) & (one.targets.held == 0)
        wanted = one.gated.quantity != 0
        most = max(most, int(wanted.sum()))
        price = quarter.market.price[one.t]
        nav = float(one.state.mark.nav)
        worth = np.abs(one.gated.quantity) * np.nan_to_num(price)
        assert (worth[opens] <= 0.05 * nav).all()
        if opens.any():
            assert wanted.sum() <= 20
            assert worth.sum() <= nav * (1.0 + 1e-9) + worth[~opens].sum() * 0.05
            net = np.abs((one.gated.quantity * np.nan_to_num(price)).sum(axis=0))
            assert (net[opens.any(axis=0)] <= 0.10 * nav + 1e-6).all()
            for group in set(groups[opens.any(axis=0)]):
                count = int(wanted[:, groups == group].sum())
                fullest = max(fullest, count)
                assert count <= 3, (one.state.mark.session, group)
    assert most > 6
    assert fullest == 3


@pytest.mark.slow
def test_the_files_of_a_year_add_up_to_its_nav_by_strategy_and_by_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "FOLLOWED", 100)
    start = begin_span(
        load_book(PROJECT / "books" / "reversion_pairs.yaml"), date(2019, 1, 2), date(2019, 12, 31)
    )
    with result_files(tmp_path / "year", "csv", 2) as files:
        year = backtest(
            start.book,
            start.read(None).panel,
            start.inception,
            start.last,
            release_after=5,
            follow=files.follow,
        )
        files.finish(year, metrics(year))

    def table(name: str) -> list[dict[str, str]]:
        with (tmp_path / "year" / f"{name}.csv").open() as file:
            return list(csv.DictReader(file))

    trades, by_strategy = table("trades"), defaultdict(Decimal)
    stays, by_pair = defaultdict(set), defaultdict(Decimal)
    for one in trades:
        by_strategy[one["strategy"]] += Decimal(one["profit"])
        assert one["entry_session"]
        assert one["entry_reason"]
        assert bool(one["exit_session"]) == bool(one["exit_reason"])
        if one["strategy"] == "pairs":
            name = pair_of(one).partition(" of ")[0]
            by_pair[name] += Decimal(one["profit"])
            stays[name].add(one["entry_session"])
    told = {row["pair"]: row for row in table("pairs")}
    assert len(told) > 10
    assert {name: Decimal(row["profit"]) for name, row in told.items()} == by_pair
    assert {name: int(row["entries"]) for name, row in told.items()} == {
        name: len(some) for name, some in stays.items()
    }
    navs = [Decimal(row["nav"]) for row in table("nav")]
    interest = sum(one.cash for one in year.entries if one.kind == "interest")
    assert sum(by_strategy.values()) + interest == navs[-1] - navs[0]
    figures = json.loads((tmp_path / "year" / "metrics.json").read_text())
    assert {name: Decimal(str(one["profit"])) for name, one in figures["per_strategy"].items()} == by_strategy
    said = [row for row in table("signals") if row["strategy"] == "pairs" and row["action"] == "enter"]
    entered = sum(one["strategy"] == "pairs" for one in trades)
    assert len(said) >= entered, "what pairs say is written of the whole year"
    assert max(row["session"] for row in said) > "2019-10"
