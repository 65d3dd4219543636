"""The trades of a book: from flat to flat, with their reasons, and not a cent is lost between them."""

import csv
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.research.backtest.swing import (
    AAA,
    BBB,
    BUY,
    CCC,
    CROSS,
    ML,
    RSI,
    SELL,
    Played,
    Say,
    book,
    play,
)

from nightdesk.accounting.ledger import value
from nightdesk.research.backtest.result_columns import columns_of
from nightdesk.research.backtest.result_files import write_result
from nightdesk.research.backtest.trades import trade_rows, trades

COSTS = {"commission": 0.001, "commission_per_unit": 0.005, "slippage": 0.00075}


def bars(**paths: list[float]) -> dict[str, list[float]]:
    """Twelve sessions; a path that ends early stays where it is."""
    return {symbol: path + path[-1:] * (12 - len(path)) for symbol, path in paths.items()}


def rows(played: Played) -> list[dict[str, Any]]:
    return [dict(zip(columns_of("trades"), row, strict=True)) for row in trade_rows(played.result)]


def earned(played: Played) -> dict[str, Decimal]:
    """Profit of each strategy, from the positions of the last mark."""
    last = played.result.decided[-1]
    prices = played.result.market.prices(last.t)
    out: dict[str, Decimal] = defaultdict(Decimal)
    for one in last.state.ledger.positions.values():
        worth = value(one, prices[one.symbol]) - one.cost if one.quantity else Decimal(0)
        out[one.strategy] += one.realised + worth + one.dividends - one.commission
    return dict(out)


def many() -> Played:
    """Three strategies in three symbols, with costs, a dividend, a split, a cross and trades left open."""
    says: list[Say] = [
        (1, ML, AAA, BUY, 0.8),
        (1, RSI, BBB, BUY, 0.8),
        (2, CROSS, CCC, BUY, 0.8),
        (6, CROSS, AAA, BUY, 0.9),
        (7, CROSS, CCC, SELL, 1.0),
        (9, RSI, CCC, BUY, 0.7),
    ]
    paths = bars(
        AAA=[100, 100, 101.37, 103.11, 51.9, 52.2, 51.0, 50.55, 54.21],
        BBB=[33.33, 33.4, 33.1, 32.7, 33.9, 27.02],
        CCC=[250.5, 251.2, 249.9, 255.15, 262.4, 260.2, 266.6, 270.1],
    )
    moves = [(AAA, 4, "split", 2.0), (AAA, 5, "dividend", 0.37), (CCC, 4, "dividend", 1.13)]
    return play(paths, says, made=book(costs=COSTS), actions=moves)


def test_the_profit_of_trades_and_of_strategies_adds_up_to_the_books_to_the_cent() -> None:
    played = many()
    mine: dict[str, Decimal] = defaultdict(Decimal)
    for one in trades(played.result):
        mine[one.strategy] += one.profit
    assert len(mine) == 3
    assert dict(mine) == earned(played)
    assert sum(mine.values()) == played.result.decided[-1].state.mark.nav - 100_000
    both_ways = [
        order
        for one in played.result.decided
        for order in one.orders
        if len({intent.quantity > 0 for intent in order.intents}) == 2
    ]
    assert both_ways, "nothing changed hands inside the book"


def test_a_trade_tells_its_prices_sessions_and_profit() -> None:
    played = play(
        bars(AAA=[100, 100, 100, 104]),
        [(1, CROSS, AAA, BUY, 0.8), (5, CROSS, AAA, SELL, 1.0)],
        made=book(costs={"commission": 0.001, "slippage": 0}),
    )
    (row,) = rows(played)
    sessions = played.result.market.sessions
    assert (row["entry_session"], row["exit_session"]) == (sessions[2], sessions[6])
    assert (row["entry_price"], row["exit_price"]) == (100, 104)
    assert (row["quantity"], row["sessions"]) == (99, 4)
    assert row["profit"] == 99 * 4 - Decimal("9.90") - Decimal("10.30")
    assert row["return"] == pytest.approx(375.80 / 9_900)


def test_an_open_trade_is_worth_what_it_would_bring_and_has_no_end() -> None:
    (row,) = rows(play(bars(AAA=[100, 100, 100, 104]), [(1, CROSS, AAA, BUY, 0.8)]))
    assert (row["exit_session"], row["exit_price"], row["exit_reason"]) == ("", "", "")
    assert (row["profit"], row["sessions"], row["quantity"]) == (400, 10, 100)


def test_a_split_restates_a_trade() -> None:
    played = play(
        bars(AAA=[100, 100, 100, 100, 52]),
        [(1, CROSS, AAA, BUY, 0.8), (5, CROSS, AAA, SELL, 1.0)],
        actions=[(AAA, 4, "split", 2.0)],
    )
    (row,) = rows(played)
    assert (row["quantity"], row["entry_price"], row["exit_price"], row["profit"]) == (200, 50, 52, 400)


def test_a_symbol_that_is_entered_again_is_two_trades() -> None:
    says: list[Say] = [
        (row, CROSS, AAA, said, 0.8) for row, said in ((1, BUY), (3, SELL), (5, BUY), (7, SELL))
    ]
    assert [(row["sessions"], row["profit"]) for row in rows(play(bars(AAA=[100]), says))] == [(2, 0), (2, 0)]


@pytest.mark.parametrize(
    ("strategy", "path", "says", "reason"),
    [
        (CROSS, [100.0], [(5, CROSS, AAA, SELL, 1.0)], "injected for this run: no strategy said so"),
        (
            CROSS,
            [100.0, 100.0, 100.0, 94.5],
            [],
            "stop: the close 94.50 is 5.50 below the average entry 100.00, 5.00 are allowed",
        ),
        (ML, [100.0], [], "age: held for 5 sessions, at most 5"),
    ],
)
def test_why_a_trade_ended(strategy: str, path: list[float], says: list[Say], reason: str) -> None:
    (row,) = rows(play(bars(AAA=path), [(1, strategy, AAA, BUY, 0.8), *says]))
    assert row["exit_reason"] == reason
    assert row["entry_reason"] == "injected for this run: no strategy said so"


def test_a_trade_that_the_gate_ended_names_its_rule() -> None:
    """The book's own stop is nearer than the strategy's."""
    made = book(limits={"stop_loss": {"halve": 0.02, "leave": 0.02}})
    (row,) = rows(play(bars(AAA=[100, 100, 100, 97]), [(1, CROSS, AAA, BUY, 0.8)], made=made))
    assert row["exit_reason"].startswith("AAA: ")
    assert "by stop_loss: " in row["exit_reason"]


def test_trades_and_dropped_entries_are_tables_of_a_backtest(tmp_path: Path) -> None:
    says: list[Say] = [(1, RSI, AAA, BUY, 0.6), (1, CROSS, AAA, BUY, 0.9)]
    made = book(portfolio={"capital": "shared", "volatility_target": None, "one_entry_per_symbol": True})
    write_result(play(bars(AAA=[100.0]), says, made=made).result, tmp_path)
    (dropped,) = csv.DictReader((tmp_path / "dropped.csv").open())
    assert dropped["words"] == "superseded by ma_crossover: its confidence is 0.90, of this entry 0.60"
    (trade,) = csv.DictReader((tmp_path / "trades.csv").open())
    assert (trade["strategy"], trade["profit"]) == (CROSS, "0.00")
