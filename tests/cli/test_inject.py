"""`--inject` of `nightdesk backtest` and `nightdesk run`, and what `trace` says of it."""

import csv

import pytest
import yaml

DAY = "2024-03-04"
SPAN = ("--from", "2021-01-02", "--to", "2021-03-31")


@pytest.fixture
def signals(tmp_path):
    """Makes a file of injections."""

    def make(*rows):
        path = tmp_path / "signals.csv"
        path.write_text("\n".join(["session,strategy,symbol,direction,confidence", *rows]) + "\n")
        return path

    return make


def test_a_backtest_marks_what_was_injected(nightdesk, bars, signals, tmp_path):
    path = signals("2021-02-01,time_series_momentum,TLT,STRONG_BUY,1")
    text = nightdesk(
        "backtest",
        "multi_asset",
        *SPAN,
        "--feed",
        f"files:{bars}",
        "--inject",
        path,
        "--out",
        tmp_path / "run",
    ).stdout
    assert "signals injected: 1; this is an exercise and no result of the book" in text
    with (tmp_path / "run" / "signals.csv").open(newline="") as file:
        marked = [row for row in csv.DictReader(file) if row["injected"] == "True"]
    assert [(row["session"], row["symbol"], row["direction"]) for row in marked] == [
        ("2021-02-01", "TLT", "STRONG_BUY")
    ]


def test_a_run_trades_what_was_injected_and_the_trace_says_so(nightdesk, database, project, signals):
    path = signals(f"{DAY},time_series_momentum,TLT,STRONG_BUY,1")
    done = nightdesk.document("run", "multi_asset", "--session", DAY, "--inject", path)
    assert done["steps"]["signals:time_series_momentum"]["injected"] == 1
    story = nightdesk.document("trace", "multi_asset", DAY, "TLT")
    marked = {one["strategy"]: one["injected"] for one in story["signals"]}
    assert marked == {"time_series_momentum": True, "cross_sectional_momentum": False, "rotation": False}
    text = nightdesk("trace", "multi_asset", DAY, "TLT").stdout
    assert "time_series_momentum (injected): STRONG_BUY, confidence 100.00 %: injected for this run" in text
    assert "\ndrawdown level\n  Drawdown level 0: " in text
    assert "\ndropped by filters: none\n" in text


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2021-02-01,carry,TLT,BUY,1", "signals.csv:2: strategy: found 'carry'"),
        ("2020-02-03,rotation,TLT,BUY,1", "is of no session that is decided (2021-01-04 to 2021-03-31)"),
    ],
)
def test_a_wrong_file_is_refused_before_any_bars_are_read(nightdesk, signals, row, said):
    arguments = ("--feed", "files:/nowhere", "--inject", signals(row))
    assert said in nightdesk.refusal("backtest", "multi_asset", *SPAN, *arguments)


def test_a_book_at_a_real_broker_refuses_it(nightdesk, database, project, signals):
    path = project / "books" / "multi_asset.yaml"
    tree = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**tree, "broker": {"kind": "alpaca", "account": "PA1"}}, sort_keys=False))
    row = signals(f"{DAY},rotation,TLT,BUY,1")
    for command in (("run", "multi_asset", "--session", DAY), ("backtest", "multi_asset", *SPAN)):
        assert "synthetic signals are never sent to one" in nightdesk.refusal(*command, "--inject", row)
