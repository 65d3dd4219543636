"""`nightdesk sweep`."""

import csv
import hashlib
import xml.etree.ElementTree as ElementTree

import pytest

from nightdesk.research.sweep.trials import METRICS

SPAN = ("--from", "2021-01-02", "--to", "2021-12-31")
TARGETS = "portfolio.volatility_target"
WINDOWS = "strategies.time_series_momentum.params.window"


@pytest.fixture(scope="module")
def swept(bars, tmp_path_factory):
    """The folder of a sweep over two parameters, and what was said of it."""
    from tests.cli.conftest import Command

    out = tmp_path_factory.mktemp("sweep") / "deep"
    axes = ("--set", f"{TARGETS}=0.15,0.02,-1", "--set", f"{WINDOWS}=40,60")
    told = Command().document(
        "sweep", "multi_asset", *SPAN, "--feed", f"files:{bars}", *axes, "--jobs", "1", "--out", out
    )
    return out, told


def test_every_point_has_a_row_and_a_refused_one_its_reason(swept):
    out, told = swept
    with (out / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [TARGETS, WINDOWS, *METRICS, "config_hash", "refused"]
    assert [(row[TARGETS], row[WINDOWS]) for row in rows] == [
        (target, window) for target in ("-1", "0.02", "0.15") for window in ("40", "60")
    ]
    for row, point in zip(rows, told["points"], strict=True):
        assert row["refused"] == (point["refused"] or "")
        assert bool(row["refused"]) == (row[TARGETS] == "-1")
        if not row["refused"]:
            assert {name: float(row[name]) for name in METRICS} == point["figures"]
    assert f"{TARGETS}: found -1" in rows[0]["refused"]


def test_the_point_of_the_books_own_values_is_its_backtest(nightdesk, swept, bars):
    point = next(one for one in swept[1]["points"] if one["settings"] == {TARGETS: "0.15", WINDOWS: "60"})
    plain = nightdesk.document("backtest", "multi_asset", *SPAN, "--feed", f"files:{bars}")["metrics"]
    assert point["figures"] == {name: plain[name] for name in METRICS}
    assert point["config_hash"] == plain["config_hash"]
    beside = swept[1]["benchmark"]
    assert (beside["symbol"], beside["total_return"]) == ("SPY", plain["benchmark_total_return"])
    assert beside["annual_return"] == plain["benchmark_annual_return"]
    assert swept[1]["data"]["missing"] == 0


def test_the_picture_has_a_cell_a_point(swept):
    tree = ElementTree.parse(swept[0] / "sweep.svg").getroot()
    texts = [one.text for one in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("none") == 2
    assert {TARGETS, WINDOWS, "0.02", "0.15", "40", "60"} <= set(texts)


def test_the_best_point_is_told_with_its_neighbours(swept):
    best, points = swept[1]["best"], [one for one in swept[1]["points"] if not one["refused"]]
    values = {tuple(one["settings"].values()): one["figures"]["sharpe"] for one in points}
    assert best["value"] == max(values.values())
    at = tuple(best["settings"].values())
    near = [value for key, value in values.items() if (key[0] == at[0]) != (key[1] == at[1])]
    assert best["neighbours"] == len(near) == 2
    assert best["neighbours_mean"] == pytest.approx(sum(near) / 2)


def test_a_sweep_says_that_it_only_measures_and_changes_no_book(nightdesk, project, bars):
    path = project / "books" / "multi_asset.yaml"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    said = nightdesk(
        "sweep", "multi_asset", "--from", "2021-01-02", "--to", "2021-03-31", "--feed", f"files:{bars}",
        "--set", f"{TARGETS}=0.05,0.15", "--metric", "max_drawdown", "--jobs", "1",
    ).stdout  # fmt: skip
    assert "This is validation only: no book was changed" in said
    assert "The best max_drawdown is " in said
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert not (project / "state").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "portfolio.volatility_target"), "is not KEY=V1,V2"),
        (("--set", "a=1,1"), "a: 1 is given twice"),
        (("--set", "a=1", "--set", "a=2"), "a is set twice"),
        (
            ("--set", "a=1", "--metric", "shrape"),
            "'shrape' is not a figure of a sweep; known are annual_return",
        ),
        (("--set", "a=1", "--feed", "files:/nowhere"), "/nowhere"),
    ],
)
def test_what_cannot_be_swept_is_refused(nightdesk, arguments, said):
    assert said in nightdesk.refusal("sweep", "multi_asset", *SPAN, *arguments)


def test_a_sweep_without_parameters_is_wrong_usage(nightdesk):
    nightdesk("sweep", "multi_asset", *SPAN, status=2)
