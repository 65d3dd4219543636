"""The files of an hourly book's backtest tell the decisions of a session apart."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from tests.hourly_book import FIRST, LAST, LastTwoHours, hourly_book, hourly_panel

from nightdesk.core.panel import Panel
from nightdesk.core.schedule import schedule_of
from nightdesk.engine.injection import WORDS, Injection
from nightdesk.research.backtest.result_columns import HOURLY_ONLY, columns_of
from nightdesk.research.backtest.result_files import write_result
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.tables import TABLES
from nightdesk.risk import RiskEvent
from nightdesk.strategies import Direction


@pytest.fixture(scope="module")
def panel(market: Path) -> Panel:
    return hourly_panel(market)


@pytest.fixture(scope="module")
def result(panel: Panel) -> Result:
    return backtest(hourly_book(), panel, FIRST, LAST)


@pytest.fixture(scope="module")
def files(result: Result, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """The tables as CSV, read back as text, which hold what those in Parquet do."""
    folder = tmp_path_factory.mktemp("files")
    write_result(result, folder)
    write_result(result, folder, file_format="parquet")
    read = {}
    for name in TABLES:
        read[name] = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        typed = pd.read_parquet(folder / f"{name}.parquet")
        assert tuple(typed) == tuple(read[name]) == columns_of(name, hourly=True, figures=name == "signals")
        for column in HOURLY_ONLY & set(typed):
            assert str(typed[column].dtype) == "datetime64[ms, UTC]"
            said = typed[column].dt.strftime("%Y-%m-%dT%H:%M:%SZ").fillna("")
            assert said.tolist() == read[name][column].tolist()
    return read


def test_a_signal_has_the_figures_that_its_strategy_shows(
    result: Result, files: dict[str, pd.DataFrame]
) -> None:
    rows = files["signals"]
    shown = [json.loads(one) for one in rows["figures"]]
    assert [one["moved"] > 0 for one in shown] == (rows["strength"].astype(float) > 0).tolist()
    assert {one["way"] for one in shown} == {"up", "down"}
    moved = result.view.factors["h:momentum_2"][result.decided[0].t :]
    assert [one["moved"] for one in shown] == moved.ravel().tolist()


def test_rows_of_a_session_are_told_apart_by_their_hour_in_every_file(
    result: Result, files: dict[str, pd.DataFrame]
) -> None:
    instants = [f"{result.market.closes[one.t]:%Y-%m-%dT%H:%M:%SZ}" for one in result.decided]
    assert "2019-11-29T15:00:00Z" in instants
    for name in ("nav", "risk"):
        assert files[name]["as_of"].tolist() == instants
    one_each = {
        "signals": ["strategy", "symbol"],
        "targets": ["strategy", "symbol"],
        "verdicts": ["step", "symbol"],
        "positions": ["strategy", "symbol"],
        "performance": ["strategy"],
    }
    for name, key in one_each.items():
        assert not files[name].duplicated(["as_of", *key]).any(), name
        assert files[name].duplicated(["session", *key]).any(), name
    session_of = dict(zip(files["nav"]["as_of"], files["nav"]["session"], strict=True))
    for name, table in files.items():
        if "as_of" in table and name != "risk_events":
            assert table["session"].tolist() == [session_of[one] for one in table["as_of"]], name


def test_an_order_and_its_fill_name_their_hours(result: Result, files: dict[str, pd.DataFrame]) -> None:
    schedule = schedule_of(result.desk.book)
    of_order = dict(zip(files["orders"]["client_order_id"], files["orders"]["as_of"], strict=True))
    assert len(files["fills"]) > 50
    for order, executed in zip(files["fills"]["client_order_id"], files["fills"]["as_of"], strict=True):
        decided = pd.Timestamp(of_order[order]).to_pydatetime()
        assert schedule.after(decided) == pd.Timestamp(executed).to_pydatetime()


def test_a_trade_names_the_hours_in_which_it_began_and_ended(files: dict[str, pd.DataFrame]) -> None:
    trades, fills = files["trades"], files["fills"]
    closed = trades[trades["exit_as_of"] != ""]
    assert len(closed) > 10
    executed = set(zip(fills["as_of"], fills["symbol"], strict=True))
    for column in ("entry_as_of", "exit_as_of"):
        assert set(zip(closed[column], closed["symbol"], strict=True)) <= executed
    assert (closed["entry_as_of"] < closed["exit_as_of"]).all()
    assert (trades.loc[trades["exit_as_of"] == "", "exit_session"] == "").all()


def test_a_breaker_names_its_hour_and_a_kill_of_a_session_none(panel: Panel, tmp_path: Path) -> None:
    killed = [RiskEvent(date(2019, 11, 5), "kill", "a drill", "ann")]
    found = backtest(
        hourly_book(limits={"max_weight": {}, "daily_loss": {"limit": -0.0001}}), panel, FIRST, LAST, killed
    )
    write_result(found, tmp_path)
    events = pd.read_csv(tmp_path / "risk_events.csv", dtype=str, keep_default_na=False)
    kinds = {kind: set(rows["as_of"]) for kind, rows in events.groupby("kind")}
    assert kinds["kill"] == {""}
    assert "" not in kinds["breaker"]
    keys = list(zip(events["session"], events["as_of"], events["kind"], strict=True))
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_an_injected_signal_is_marked_in_its_hour_alone(panel: Panel, tmp_path: Path) -> None:
    as_of = datetime(2019, 11, 5, 17, tzinfo=UTC)
    one = Injection(as_of, LastTwoHours.name, "BAC", Direction.STRONG_SELL, 1.0)
    found = backtest(hourly_book(), panel, FIRST, LAST, injected=[one])
    write_result(found, tmp_path)
    signals = pd.read_csv(tmp_path / "signals.csv", dtype=str)
    (marked,) = signals.loc[signals["injected"] == "True", ["as_of", "symbol", "reason"]].to_numpy().tolist()
    assert marked == ["2019-11-05T17:00:00Z", "BAC", WORDS]
    assert signals["figures"].isna().tolist() == (signals["injected"] == "True").tolist()
