"""`nightdesk stress`."""

import csv

import pytest

from nightdesk.cli.stress_commands import COLUMNS


@pytest.fixture(scope="module")
def stressed(bars, tmp_path_factory):
    """All scenarios on bars from the middle of 2019 on: three of them have none."""
    from tests.cli.conftest import Command

    out = tmp_path_factory.mktemp("stress") / "deep"
    command = Command()
    told = command.document("stress", "multi_asset", "--feed", f"files:{bars}", "--out", out)
    return out, told


def test_each_scenario_runs_with_and_without_levels_and_one_without_bars_is_skipped(stressed):
    out, told = stressed
    assert [(run["scenario"], run["levels"]) for run in told["runs"]] == [
        (name, levels)
        for name in ("covid_2020", "rates_2022", "feed_lost", "broker_rejects")
        for levels in ("on", "off")
    ]
    earlier = {"crisis_2008", "correction_2018", "all_fall", "one_market", "wilder", "gap"}
    assert set(told["skipped"]) == earlier
    assert all(told["skipped"].values())
    assert not told["passed"], "what was skipped has not passed"
    off = [run["max_drawdown"] for run in told["runs"][:4] if run["levels"] == "off"]
    assert told["overall"]["worst"] == max(off)
    assert told["overall"]["average"] == pytest.approx(sum(off) / 2)
    with (out / "stress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [float(row["total_return"]) for row in rows] == [run["total_return"] for run in told["runs"]]
    beside = {run["scenario"]: run["benchmark_return"] for run in told["runs"]}
    assert beside == {
        "covid_2020": pytest.approx(-0.0388, abs=0.005),
        "rates_2022": pytest.approx(-0.186, abs=0.01),
        "feed_lost": pytest.approx(-0.0388, abs=0.005),
        "broker_rejects": pytest.approx(-0.0388, abs=0.005),
    }
    counts = [
        tuple(run[name] for name in ("missing", "quarantined", "dropped_rows")) for run in told["runs"][:4]
    ]
    assert counts == [(0, 0, 0)] * 2 + [(0, 0, 5)] * 2
    assert {run["scenario"]: run["stopped_sessions"] for run in told["runs"]} == {
        **dict.fromkeys(("covid_2020", "rates_2022", "broker_rejects"), 0),
        "feed_lost": 5,
    }
    refused = {(run["scenario"], run["refused_orders"] > 0) for run in told["runs"]}
    assert {name for name, some in refused if some} == {"broker_rejects"}


def test_the_table_tells_return_drawdown_breakers_halts_and_trades(nightdesk, bars):
    text = nightdesk(
        "stress",
        "multi_asset",
        "--feed",
        f"files:{bars}",
        "--scenario",
        "covid_2020",
        "--scenario",
        "all_fall",
    ).stdout
    for head in (
        "return",
        "benchmark",
        "volatility",
        "drawdown",
        "limit",
        "breakers",
        "halts (sessions)",
        "trades",
        "deepest",
    ):
        assert head in text
    lines = [line for line in text.splitlines() if line.startswith("COVID crash")]
    assert [line.split()[2] for line in lines] == ["on", "off"]
    assert all(line.endswith(("pass", "fail")) for line in lines)
    assert "skipped all_fall: " in text
    assert "without levels: worst drawdown " in text


def test_it_is_the_backtest_of_the_same_span(nightdesk, stressed, bars):
    run = next(one for one in stressed[1]["runs"] if one["scenario"] == "covid_2020")
    span = ("--from", run["from"], "--to", run["to"])
    figures = nightdesk.document("backtest", "multi_asset", *span, "--feed", f"files:{bars}")["metrics"]
    for name in ("annual_volatility", "max_drawdown", "sessions"):
        assert run[name] == figures[name]
    assert run["trades"] == figures["closed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scenario", "covid"), "scenario 'covid' is not known; known are crisis_2008"),
        (("--scenario", "crisis_2008"), "no scenario could be run: crisis_2008: "),
    ],
)
def test_what_cannot_be_tried_is_refused(nightdesk, bars, arguments, said):
    assert said in nightdesk.refusal("stress", "multi_asset", "--feed", f"files:{bars}", *arguments)
