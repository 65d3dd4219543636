"""The backtest on seeded panels: what must hold of every result."""

import csv
import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from tests.engine.desks import book
from tests.research.backtest.panels import FIRST, LAST, seeded_panel

from nightdesk.accounting import fold
from nightdesk.core.calendar import as_date
from nightdesk.core.drawdown_levels import Levels
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Action
from nightdesk.core.reporting_terms import Target
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.result_columns import columns_of
from nightdesk.research.backtest.result_files import write_result
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.table_files import write_csv
from nightdesk.research.backtest.tables import TABLES, nav_rows, performance_rows, risk_event_rows
from nightdesk.risk import RiskEvent

LIMITS = {
    "daily_loss": {"limit": -0.02},
    "max_weight": {},
    "cash_buffer": {"limit": 0.05},
    "gross_leverage": {"limit": 1.0},
    "trades_per_day": {"limit": 5},
    "turnover_per_day": {"limit": 0.30},
    "smallest_trade": {"limit": 100},
    "rebalance_threshold": {"limit": 0.02},
}
BOOK = book(limits=LIMITS, quality={"failed_share": 0.6})
START = date(2019, 1, 2)

#: So near that the seeded market reaches them, with a way back.
LEVELS = Levels(at=(0.004, 0.008, 0.05, 0.08), first_ends_below=0.003)


@pytest.fixture(scope="module")
def result() -> Result:
    return backtest(BOOK, seeded_panel(BOOK), START, LAST)


def rules_that_bound(result: Result) -> set[str]:
    return {
        one.rule
        for decided in result.decided
        for one in decided.gated.verdicts(result.desk.symbols)
        if one.action != "approve"
    }


def test_nav_is_cash_plus_positions_in_every_session(result: Result) -> None:
    for one in result.decided:
        mark = one.state.mark
        assert mark.nav == mark.cash + mark.positions_value
        assert mark.cash == one.state.ledger.cash


def test_the_first_session_receives_the_capital_and_the_next_one_trades(result: Result) -> None:
    first = result.decided[0]
    assert [one.kind for one in first.entries] == ["capital"]
    assert first.state.mark.nav == Decimal(100_000)
    trading = next(at for at, one in enumerate(result.decided) if one.orders)
    filled = {fill.client_order_id for fill in result.decided[trading + 1].fills}
    assert filled == {order.client_order_id for order in result.decided[trading].orders}


def test_the_ledger_is_rebuilt_from_its_entries(result: Result) -> None:
    assert fold(result.entries) == result.decided[-1].state.ledger


def test_positions_follow_from_the_gate_when_everything_fills(result: Result) -> None:
    for before, after in zip(result.decided, result.decided[1:], strict=False):
        wanted = before.gated.passage.quantity
        held = after.state.ledger.net()
        assert [float(held.get(symbol, 0)) for symbol in BOOK.symbols] == wanted.tolist()


def test_later_bars_change_no_decision(result: Result) -> None:
    panel = seeded_panel(BOOK)
    for last in (date(2019, 6, 28), date(2020, 3, 20)):
        rows = int(np.searchsorted(panel.sessions, np.datetime64(last), side="right"))
        short = backtest(BOOK, panel.until(rows), START, last)
        for mine, whole in zip(short.decided, result.decided, strict=False):
            assert mine.state == whole.state
            assert mine.orders == whole.orders
            assert mine.targets.volatility == whole.targets.volatility
            np.testing.assert_array_equal(mine.targets.quantity, whole.targets.quantity)


def test_a_day_of_panic_trips_the_breaker_and_closes_the_regime(result: Result) -> None:
    assert {"regime", "rebalance_threshold"} <= rules_that_bound(result)
    panic = result.market.sessions[330]
    assert [(row[0], row[1]) for row in risk_event_rows(result)] == [(panic, "breaker")]


def test_a_kill_stops_entries_until_it_is_released() -> None:
    panel = seeded_panel(BOOK)
    events = [RiskEvent(START, "kill", "drill"), RiskEvent(date(2019, 3, 1), "release", "drill over")]
    killed = backtest(BOOK, panel, START, date(2019, 6, 28), events)
    for one in killed.decided:
        if one.state.mark.session < date(2019, 3, 1):
            assert not one.orders
            assert one.state.facts.kill_reason == "drill"
    assert any(one.orders for one in killed.decided)
    assert "kill_switch" in rules_that_bound(killed)


def test_a_simulated_person_releases_a_kill_of_a_rule_after_the_sessions_that_are_given() -> None:
    panel, last = seeded_panel(BOOK), date(2019, 12, 31)
    terms = {"daily_loss": BOOK.limits["daily_loss"] | {"limit": -0.004, "kills": True}}
    book = BOOK.model_copy(update={"limits": {**BOOK.limits, **terms}})
    forever = backtest(book, panel, START, last)
    [spell] = forever.killed_spells
    assert (spell.ongoing, spell.last, spell.released_by) == (True, last, "")
    assert spell.reason.startswith("daily loss: NAV moved")
    released = backtest(book, panel, START, last, release_after=5)
    first = released.killed_spells[0]
    assert (first.first, first.reason) == (spell.first, spell.reason)
    assert (first.sessions, first.released_by, first.ongoing) == (5, "simulated person", False)
    assert len(released.killed_spells) > 1
    sessions = list(released.market.sessions)
    for one in released.killed_spells:
        assert sessions.index(one.last) - sessions.index(one.first) + 1 == one.sessions <= 5
    stopped = [one for one in released.decided if one.state.facts.kill_switch]
    assert sum(one.sessions for one in released.killed_spells) == len(stopped)
    assert not any((one.gated.quantity > one.targets.held).any() for one in stopped)
    entered = [
        one.state.mark.session for one in released.decided if (one.gated.quantity > one.targets.held).any()
    ]
    assert max(entered) > first.last


def test_a_close_in_quarantine_values_nothing_and_takes_no_fill_at_the_open_away() -> None:
    panel = seeded_panel(BOOK)
    spoiled = 400
    assert panel.symbols[0] == "GLD"
    faulty = seeded_panel(BOOK, faults={("GLD", spoiled): 2.0})
    result = backtest(BOOK, faulty, START, LAST)
    market = result.market
    assert market.quarantined[spoiled, 0]
    assert market.price[spoiled, 0] == panel.close[spoiled - 1, 0]
    # the quarantine is known at the close; the open before it is a price like any other
    bars = market.fill_bars(spoiled)
    assert bars.open["GLD"] == panel.open[spoiled, 0]
    assert bars.bad == {}
    # its low and high are not to be trusted, so they reach no limit order
    assert bars.withheld == {"GLD"}
    assert np.isnan(bars.high["GLD"])
    assert np.isfinite(bars.high["SPY"])
    # the open of the next session is that doubled close: no price
    assert market.fill_bars(spoiled + 1).bad["GLD"].startswith("the open of")
    (spell,) = result.quarantines
    day = market.sessions[spoiled]
    assert (spell.symbol, spell.checks, spell.first, spell.last) == ("GLD", ("price_jump",), day, day)
    assert (spell.sessions, spell.ongoing) == (1, False)


def test_a_missing_bar_is_marked_at_the_last_price_and_opens_nothing() -> None:
    gap = 400
    result = backtest(BOOK, seeded_panel(BOOK, faults={("GLD", gap): np.nan}), START, LAST)
    assert result.market.price[gap, 0] == result.market.price[gap - 1, 0]
    (there,) = (one for one in result.decided if one.t == gap)
    assert not [order for order in there.orders if order.symbol == "GLD" and order.side == "buy"]


def test_data_that_stops_the_daily_run_stops_the_backtest() -> None:
    absent = {("^VIX", row): np.nan for row in range(400, 405)}
    panel = seeded_panel(BOOK, faults=absent)
    with pytest.raises(Refused, match=f"{panel.sessions[403]}: the data is too bad to decide on: \\^VIX"):
        backtest(BOOK, panel, START, LAST)


def test_a_split_and_a_dividend_leave_the_nav_where_it_was() -> None:
    plain = backtest(BOOK, seeded_panel(BOOK), START, LAST)
    held = next(one for one in plain.decided if one.state.ledger.net().get("GLD", 0) >= 20)
    session = plain.market.sessions[held.t + 1]
    panel = seeded_panel(BOOK, [Action("GLD", np.datetime64(session), "dividend", 0.50)])
    paid = backtest(BOOK, panel, START, LAST)
    entry = next(one for one in paid.entries if one.kind == "dividend")
    assert (entry.session, entry.cash) == (session, held.state.ledger.net()["GLD"] * Decimal("0.50"))


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (
            FIRST - timedelta(days=30),
            LAST,
            "needs bars of that span; they reach from 2018-01-02 to 2020-06-30",
        ),
        (START, date(2021, 1, 4), "needs bars of that span"),
        (date(2019, 7, 4), date(2019, 7, 4), "there is no session from 2019-07-04 to 2019-07-04"),
    ],
)
def test_a_span_without_bars_is_refused(first: date, last: date, message: str) -> None:
    with pytest.raises(Refused, match=message):
        backtest(BOOK, seeded_panel(BOOK), first, last)


def test_the_same_inputs_give_the_same_bytes(result: Result, tmp_path: Path) -> None:
    write_result(result, tmp_path / "one")
    write_result(backtest(BOOK, seeded_panel(BOOK), START, LAST), tmp_path / "two")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted([*(f"{name}.csv" for name in TABLES), "metrics.json"])
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_parquet_holds_what_the_csv_holds_with_types(result: Result, tmp_path: Path) -> None:
    write_result(result, tmp_path / "csv")
    for folder in ("one", "two"):
        write_result(result, tmp_path / folder, file_format="parquet")
    assert {path.name for path in (tmp_path / "one").iterdir()} == {
        *(f"{name}.parquet" for name in TABLES),
        "metrics.json",
    }
    assert (tmp_path / "one" / "metrics.json").read_bytes() == (
        tmp_path / "csv" / "metrics.json"
    ).read_bytes()
    dated = {"acquired", "sold", "held_since"}
    for name in TABLES:
        columns = columns_of(name)
        path = tmp_path / "one" / f"{name}.parquet"
        assert path.read_bytes() == (tmp_path / "two" / f"{name}.parquet").read_bytes()
        table = parquet.read_table(path)
        assert table.column_names == list(columns)
        texts = list(csv.DictReader((tmp_path / "csv" / f"{name}.csv").open()))
        assert table.num_rows == len(texts)
        for column in columns:
            kind, values = table.schema.field(column).type, table[column].to_pylist()
            fields = [row[column] for row in texts]
            assert (str(kind) == "date32[day]") == (column.endswith("session") or column in dated), column
            if str(kind) == "string":
                assert values == fields, (name, column)
            elif str(kind) in {"double", "int64"}:
                told = [None if one in {"", "nan"} else float(one) for one in fields]
                assert values == told, (name, column)
            else:
                assert ["" if one is None else str(one) for one in values] == fields, (name, column)


def test_a_field_with_a_comma_a_quote_or_an_end_of_line_comes_back_as_it_was(tmp_path: Path) -> None:
    texts = ['a "b"', "c,d", "e\nf", "", "g", ' "', "h\r\n"]
    block = (texts, ["plain, or not"] * len(texts), [0.1] * len(texts))
    write_csv(tmp_path / "a.csv", ("symbol", "words", "value"), [block])
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["symbol", "words", "value"], *([one, "plain, or not", "0.1"] for one in texts)]
    assert (tmp_path / "a.csv").read_text().endswith("\n")


def test_a_float_is_written_as_python_writes_it(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    sizes = 10.0 ** np.arange(-310, 300, 2.5)
    random = (generator.standard_normal((40, len(sizes))) * sizes).ravel()
    edges = [0.0, -0.0, 1.0, 96.0, 1e-3, 1e-4, 999999.5, 1e6, 1e15, 1e16, 1e17, np.inf, -np.inf, np.nan]
    numbers = [*edges, *random.tolist(), *edges, 0.0001234, 0.3, -0.0]
    write_csv(tmp_path / "a.csv", ("value",), [[numbers]])
    assert (tmp_path / "a.csv").read_text().split() == ["value", *map(repr, numbers)]


def test_a_book_of_limit_orders_pays_no_more_than_its_limits_and_tells_what_it_cost(tmp_path: Path) -> None:
    limited = book(
        limits=LIMITS, quality={"failed_share": 0.6}, orders={"type": "limit", "limit_offset_bps": -20}
    )
    result = backtest(limited, seeded_panel(limited), START, LAST)
    write_result(result, tmp_path)
    orders, fills = (list(csv.DictReader((tmp_path / f"{name}.csv").open())) for name in ("orders", "fills"))
    limit = {row["client_order_id"]: Decimal(row["limit_price"]) for row in orders}
    assert {row["order_type"] for row in orders} == {"limit"}
    for row in fills:
        worst, price = limit[row["client_order_id"]], Decimal(row["price"])
        assert price <= worst if row["side"] == "buy" else price >= worst
    missed = [row for row in orders if "was not reached" in row["reason"]]
    assert missed
    assert all(row["filled"] == "0" and row["state"] == "expired" for row in missed)
    cost = sum(
        float(row["slippage_bps"]) * float(row["quantity"]) * float(row["reference_price"]) / 1e4
        for row in fills
    )
    figures = json.loads((tmp_path / "metrics.json").read_text())
    assert figures["slippage"] == pytest.approx(cost)
    # These sessions open where the one before has closed, so no limit that is better is met at the open.
    assert cost < 0


def test_the_tables_agree_with_each_other(result: Result, tmp_path: Path) -> None:
    write_result(result, tmp_path)
    tables = {name: list(csv.DictReader((tmp_path / f"{name}.csv").open())) for name in TABLES}
    figures = json.loads((tmp_path / "metrics.json").read_text())
    worth: dict[str, Decimal] = {}
    for row in tables["positions"]:
        worth[row["session"]] = worth.get(row["session"], Decimal(0)) + Decimal(row["value"])
    for row in tables["nav"]:
        assert Decimal(row["positions_value"]) == worth.get(row["session"], Decimal(0))
        assert Decimal(row["nav"]) == Decimal(row["cash"]) + Decimal(row["positions_value"])
    filled = [row for row in tables["orders"] if row["state"] == "filled"]
    assert {row["client_order_id"] for row in tables["fills"]} >= {row["client_order_id"] for row in filled}
    assert figures["orders"] == len(tables["orders"])
    assert len(tables["signals"]) == len(tables["nav"]) * len(BOOK.symbols)
    profit = sum(one["profit"] for one in figures["per_symbol"].values())
    assert profit == pytest.approx(figures["final_nav"] - 100_000, abs=0.01)
    ordered = {(row["session"], row["symbol"]) for row in tables["orders"]}
    approved = {(row["session"], row["symbol"]) for row in tables["verdicts"] if row["action"] == "approve"}
    assert approved == ordered


def test_every_session_is_decided_once(result: Result) -> None:
    sessions = [one.state.mark.session for one in result.decided]
    inside = [as_date(day) for day in seeded_panel(BOOK).sessions if START <= as_date(day) <= LAST]
    assert sessions == inside


def test_the_profits_of_the_strategies_are_the_books_in_every_session_to_the_cent(result: Result) -> None:
    columns = columns_of("performance")
    told: dict[date, list[dict[str, object]]] = {}
    for row in performance_rows(result):
        one = dict(zip(columns, row, strict=True))
        told.setdefault(one["session"], []).append(one)  # type: ignore[arg-type]
    marks = [one.state.mark for one in result.decided]
    assert list(told) == [mark.session for mark in marks]
    assert [line["strategy"] for line in told[marks[0].session]] == [*result.desk.strategies, ""]
    for before, mark in pairwise(marks):
        profits = [Decimal(str(line["profit"])) for line in told[mark.session]]
        assert sum(profits) == mark.nav - before.nav
        assert told[mark.session][-1]["other"] == 0
    whole = {
        name: sum(Decimal(str(line["profit"])) for lines in told.values() for line in lines
                  if line["strategy"] == name)
        for name in result.desk.strategies
    }  # fmt: skip
    kept = metrics(result)["per_strategy"]
    assert {name: pytest.approx(float(profit), abs=0.01) for name, profit in whole.items()} == {
        name: kept[name]["profit"] if name in kept else 0.0  # type: ignore[index]
        for name in result.desk.strategies
    }


def test_metrics_hold_the_benchmark_the_targets_and_what_was_received(result: Result) -> None:
    document = metrics(result)
    close = seeded_panel(BOOK)
    rows = (close.sessions >= np.datetime64(START)) & (close.sessions <= np.datetime64(LAST))
    spy = close.adjusted_close[rows, close.column(BOOK.benchmark)]
    assert document["benchmark_total_return"] == pytest.approx(spy[-1] / spy[0] - 1)
    own = document["final_nav"] / document["initial_nav"] - 1  # type: ignore[operator]
    assert document["total_return"] == pytest.approx(own)
    assert document["excess_total_return"] == pytest.approx(own - (spy[-1] / spy[0] - 1))
    dividends = [one for one in result.entries if one.kind == "dividend"]
    assert document["dividends"] == pytest.approx(float(sum(one.cash for one in dividends)))
    assert document["dividends_paid"] == len({(one.session, one.symbol) for one in dividends})
    aimed = backtest(
        BOOK.model_copy(update={"targets": {"sharpe": Target(above=99.0)}}),
        seeded_panel(BOOK), START, date(2019, 3, 29),
    )  # fmt: skip
    assert metrics(aimed)["targets"]["sharpe"]["outcome"] == "missed"  # type: ignore[index]


def test_the_deepest_drawdown_is_told_from_the_highest_nav_and_from_the_last_reset() -> None:
    """A fall, the way back from level 2 with its new peak, then a smaller fall from there."""
    book_with_levels = BOOK.model_copy(update={"levels": LEVELS})
    panel = seeded_panel(book_with_levels)
    told = backtest(book_with_levels, panel, START, LAST)
    document = metrics(told)
    nav = told.nav
    true = float((1 - nav / np.maximum.accumulate(nav)).max())
    assert document["peak_resets"] >= 1  # type: ignore[operator]
    assert document["max_drawdown"] == pytest.approx(true)
    assert document["max_drawdown"] > document["max_drawdown_since_reset"] > 0  # type: ignore[operator]
    columns = columns_of("nav")
    last = dict(zip(columns, list(nav_rows(told))[-1], strict=True))
    state = told.decided[-1].gated.judged.risk
    assert last["drawdown"] == pytest.approx(float(1 - Decimal(str(last["nav"])) / state.highest))
    assert last["drawdown_since_reset"] == pytest.approx(float(1 - Decimal(str(last["nav"])) / state.peak))


def test_every_spell_in_quarantine_is_told_with_its_reason_and_sessions() -> None:
    panel = seeded_panel(BOOK)
    t0 = int(np.searchsorted(panel.sessions, np.datetime64(START)))
    close, n = panel.close.copy(), 0
    high = panel.high.copy()
    close[t0 + 5 : t0 + 8, n] = high[t0 + 5 : t0 + 8, n] * 1.01  # a close above its high
    bad = replace(panel, close=close)
    told = backtest(BOOK, bad, START, as_date(panel.sessions[t0 + 30]))
    spells = [one for one in told.quarantines if one.symbol == panel.symbols[n]]
    assert [(one.first, one.last, one.sessions) for one in spells] == [
        (as_date(panel.sessions[t0 + 5]), as_date(panel.sessions[t0 + 7]), 3)
    ]
    assert "open or close outside low to high" in spells[0].reason
    document = metrics(told)["quarantines"]
    assert document[0]["symbol"] == panel.symbols[n]  # type: ignore[index]
    assert metrics(backtest(BOOK, panel, START, as_date(panel.sessions[t0 + 30])))["quarantines"] == []
