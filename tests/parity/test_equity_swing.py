"""The equity swing book, decided by the steps on PostgreSQL and by the backtest: the same to the cent."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import PROJECT, open_connection
from tests.parity.checks import same_sessions
from tests.research.backtest.headlines import write_headlines
from tests.session.quick_checks import check_quickly

from nightdesk.alerts.session_page import render
from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.engine.exits import Cause
from nightdesk.operations.trace import trace
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.result_columns import columns_of
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.trades import (
    dropped_rows,
    trade_rows,
    trades,
)
from nightdesk.session.context import Context
from nightdesk.session.entry import open_context
from nightdesk.session.report import session_report
from nightdesk.session.steps import run_session

#: Calm weeks, then the volatility of February 2018: every regime of the book, and its breaker.
CALM = date(2018, 1, 2)

#: The last calm days; then the same, and the entries of every strategy within few sessions.
NEARLY_OVER = date(2018, 2, 1)

#: Enough of them for every strategy, every end and every filter.
FEW = frozenset({"MSFT", "NVDA", "DIS", "HD", "TGT", "PG", "JPM", "BAC", "MRK", "GE", "XOM", "NEE"})


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("symbols", "first", "count", "silent"),
    [
        (FEW, NEARLY_OVER, 58, frozenset()),
        # Nothing of the whole book is as much oversold in that half year as its rule wants.
        pytest.param(frozenset(), CALM, 120, {"rsi_mean_reversion"}, marks=pytest.mark.slow),
    ],
    ids=["twelve_symbols", "whole_book"],
)
def test_the_steps_and_the_backtest_with_all_five_strategies_decide_the_same_to_the_cent(
    symbols: frozenset[str],
    first: date,
    count: int,
    silent: frozenset[str],
    database: str,
    market: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if symbols:
        check_quickly(monkeypatch)
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    tree: dict[str, Any] = yaml.safe_load((PROJECT / "books" / "equity_swing.yaml").read_text())
    tree["feeds"] = {"daily": [f"files:{market}"], "news": [f"files:{tmp_path / 'headlines.csv'}"]}
    tree["universe"] = {name: one for name, one in tree["universe"].items() if name in symbols or not symbols}
    path = tmp_path / "equity_swing.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    book, calendar = load_book(path), get_calendar()
    sessions = [as_date(one) for one in calendar.between(first, date(2018, 12, 31))[:count]]
    origin = origin_of(book, sessions[0])
    write_headlines(tmp_path / "headlines.csv", book.symbols, calendar.between(origin, sessions[-1]))

    panel = read_market(book, origin, sessions[-1]).panel
    result = backtest(book, panel, sessions[0], sessions[-1])
    with open_connection(database) as conn:
        for session in sessions:
            with open_context(path, session, conn=conn, turn_seconds=0) as context:
                run_session(context)
        same_sessions(result, conn)
        assert verify(conn, book.name).differences == ()
        _same_words(result, lambda session: open_context(path, session, conn=conn))
    _something_of_everything(result, silent)


def _something_of_everything(result: Result, silent: frozenset[str]) -> None:
    """A parity without trades, exits and filters would show nothing."""
    causes = {Cause(int(one)) for decided in result.decided for one in decided.targets.cause.ravel()}
    elsewhere = {Cause.TARGET, Cause.BUNDLE, Cause.UNEVEN, Cause.KEPT, Cause.CONDITION}
    assert set(Cause) - elsewhere <= causes, "no strategy of the book has a target, or says bundles"
    entered = {
        name
        for (name, _), one in result.decided[-1].state.ledger.positions.items()
        if one.cost or one.realised
    }
    assert entered == set(result.desk.strategies) - silent
    last = result.decided[-1].state.mark
    profit = sum(one["profit"] for one in metrics(result)["per_strategy"].values())  # type: ignore[attr-defined]
    assert profit == pytest.approx(float(last.nav) - 100_000, abs=0.005)
    assert sum(one.profit for one in trades(result)) == last.nav - 100_000


def _same_words(result: Result, opened: Callable[[date], AbstractContextManager[Context]]) -> None:
    """Page and trace of a session tell why positions end and entries were dropped as the tables do."""
    dropped: dict[str, dict[str, Any]] = {}
    for row in dropped_rows(result):
        one = dict(zip(columns_of("dropped"), row, strict=True))
        dropped.setdefault(one["filter"], one)
    assert set(dropped) == {"superseded", "correlated"}
    for one in dropped.values():
        with opened(one["session"]) as context:
            assert one["words"] in [row["words"] for row in trace(context, one["symbol"])["dropped"]]
            page = render(session_report(context))
            assert f"<b>{one['symbol']}</b> of {one['strategy']}: {one['words']}." in page
    ended: dict[str, dict[str, Any]] = {}
    for row in trade_rows(result):
        trade = dict(zip(columns_of("trades"), row, strict=True))
        ended.setdefault(str(trade["exit_reason"]).partition(":")[0], trade)
    calendar = get_calendar()
    for kind in ("stop", "age"):
        trade = ended[kind]
        with opened(calendar.shift(trade["exit_session"], -1)) as context:
            told = {row["strategy"]: row["why"] for row in trace(context, trade["symbol"])["targets"]}
            assert told[trade["strategy"]] == trade["exit_reason"]
            reasons = [
                line.reason for line in session_report(context).orders if line.symbol == trade["symbol"]
            ]
            assert f"leave: {trade['exit_reason']}" in reasons[0]
