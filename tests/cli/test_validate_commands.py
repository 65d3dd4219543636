"""`nightdesk validate`, over real bars."""

import csv
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from tests.cli.conftest import Command

from nightdesk.store.db import Connection, cursor
from nightdesk.store.gate_evidence_rows import evidence_of
from nightdesk.store.trial_rows import trials_of

BOOK = "multi_asset"
TARGETS = "portfolio.volatility_target"
WINDOWS = "strategies.time_series_momentum.params.window"
SPAN = ("--from", "2021-01-04", "--to", "2022-12-30")
#: 502 returns: six folds and windows of a year and a quarter.
FITTING = ("--folds", 6, "--train", 252, "--test", 63, "--jobs", 1)
AXES = ("--set", f"{WINDOWS}=40,60,120", "--set", f"{TARGETS}=0.05,0.15,-1")
FILES = ["bands.csv", "out_of_sample.csv", "validation.json", "validation.svg", "walk_forward.csv"]


@pytest.fixture(scope="module")
def validated(bars, tmp_path_factory):
    """The folder of a validation without a database, and what was said of it."""
    out = tmp_path_factory.mktemp("validation")
    said = Command()("validate", BOOK, *SPAN, "--feed", f"files:{bars}", *AXES, *FITTING, "--out", out)
    return out, said


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("database", "project")
def test_the_same_inputs_give_the_same_bytes_counted_or_not(nightdesk, bars, tmp_path, conn: Connection):
    """Counted a second time the same sets are no further trials."""
    for name in ("one", "two"):
        asked = (BOOK, *SPAN, "--feed", f"files:{bars}", *AXES, *FITTING)
        told = nightdesk.document("validate", *asked, "--out", tmp_path / name, "--keep")
    assert (trials_of(conn, BOOK).count, trials_of(conn, BOOK).asked) == (6, 12)
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == FILES
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert told["trials"]["from_ledger"]
    newest = evidence_of(conn, BOOK, "validation")[0]
    assert newest.number == told["kept"] == 2
    assert newest.rules_hash == told["judged"]["rules_hash"]
    assert newest.figures["checks"]["overfitting"]["value"] == told["overfitting"]["probability"]
    for name in ("deflated_sharpe", "overfitting_probability", "superior_ability_p"):
        assert 0 <= newest.figures[name] <= 1, name
    assert newest.figures["passed"] is told["passed"]


@pytest.mark.usefixtures("database", "project")
def test_what_was_tried_before_counts_and_a_broken_ledger_is_refused(
    nightdesk, bars, tmp_path, conn: Connection
):
    asked = (BOOK, *SPAN, "--feed", f"files:{bars}", "--set", f"{WINDOWS}=40,60")
    nightdesk("sweep", *asked[:-2], "--set", f"{WINDOWS}=20,30,40", "--jobs", 1)
    told = nightdesk.document("validate", *asked, *FITTING, "--out", tmp_path / "one")
    assert told["trials"]["count"] == 4
    assert told["trials"]["from_ledger"]
    assert (trials_of(conn, BOOK).count, trials_of(conn, BOOK).asked) == (4, 5)

    with cursor(conn) as cur:
        cur.execute("SET session_replication_role = replica; DELETE FROM nightdesk.trials WHERE number = 3")
    said = nightdesk.refusal("validate", *asked, *FITTING, "--out", tmp_path / "four")
    assert "the ledger of trials (table trials) is not whole: trial 3 is missing" in said
    assert not (tmp_path / "four").exists()


def test_the_figures_are_made_of_the_returns_of_the_backtests(nightdesk, validated, bars):
    """The judged set is the book's own; its Sharpe ratio is that of its backtest, and its course too."""
    out, _ = validated
    found = json.loads((out / "validation.json").read_text())
    assert found["judged"]["is_own"]
    assert found["judged"]["settings"] == {WINDOWS: "60", TARGETS: "0.15"}
    plain = nightdesk.document("backtest", BOOK, *SPAN, "--feed", f"files:{bars}")["metrics"]
    assert found["judged"]["config_hash"] == plain["config_hash"]
    assert found["sharpe"]["annual"] == pytest.approx(plain["sharpe"], rel=1e-9)
    rows = list(csv.DictReader((out / "bands.csv").open(newline="")))
    assert float(rows[-1]["judged"]) == pytest.approx(1 + plain["total_return"], rel=1e-12)
    assert (rows[0]["session"], rows[-1]["session"], len(rows)) == ("2021-01-05", "2022-12-30", 502)
    refused = [one for one in found["sets"] if one["refused"]]
    assert (len(found["sets"]), len(refused)) == (9, 3)
    assert found["trials"] == {"count": 6, "from_ledger": False, "sharpe_variance": None}


def test_the_windows_of_the_walk_and_the_paths_are_written_session_by_session(validated):
    out, _ = validated
    found = json.loads((out / "validation.json").read_text())
    windows = list(csv.DictReader((out / "walk_forward.csv").open(newline="")))
    assert len(windows) == found["walk_forward"]["windows"] == 4
    assert windows[0]["train_first"] == "2021-01-05"
    assert {row[WINDOWS] for row in windows} <= {"40", "60", "120"}
    sessions = list(csv.DictReader((out / "out_of_sample.csv").open(newline="")))
    walked = np.array([float(row["walk_forward"]) for row in sessions if row["walk_forward"]])
    assert len(walked) == 502 - 252
    assert np.prod(1 + walked) - 1 == pytest.approx(found["walk_forward"]["total_return"])
    parts = np.prod([1 + float(row["test_return"]) for row in windows]) - 1
    assert parts == pytest.approx(found["walk_forward"]["total_return"])
    paths = np.array([[float(row[f"path_{n}"]) for n in range(1, 6)] for row in sessions])
    assert [one["total_return"] for one in found["purged_folds"]["paths"]] == pytest.approx(
        list(np.prod(1 + paths, axis=0) - 1)
    )
    ElementTree.parse(out / "validation.svg")


def test_each_test_is_told_with_its_limit_and_in_words(validated):
    out, said = validated
    found = json.loads((out / "validation.json").read_text())
    assert "not counted among the trials: " in said.stderr
    assert "of this command alone; what was tried before is not known" in said.stdout
    assert len(found["checks"]) == 9
    for one in found["checks"]:
        assert one["words"] in said.stdout
        better = one["value"] <= one["limit"] if one["most"] else one["value"] >= (one["limit"] or 0)
        assert one["passed"] == (better and one["limit"] is not None)
    failed = sum(not one["passed"] for one in found["checks"])
    assert said.stdout.count("FAIL") == failed > 0
    assert f"{failed} of 9 tests are not passed" in said.stdout
    assert found["passed"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", f"{TARGETS}=0.15", *FITTING), "a choice is judged, and 1 set has a result"),
        ((*AXES, *FITTING, "--folds", 3), "--folds: found 3; at least 6"),
        ((*AXES, *FITTING, "--folds", 18), "too few for 18 folds"),
        ((*AXES, *FITTING, "--train", 502), "leave no session after the first train window of 502"),
        ((*AXES, *FITTING, "--metric", "win_rate"), "'win_rate' has no value in a part of a backtest"),
        (
            (
                "--set",
                f"a={','.join(map(str, range(1001)))}",
                "--set",
                f"b={','.join(map(str, range(1000)))}",
            ),
            "the grid has 1,001,000 points",
        ),
        (("--set", f"{TARGETS}=-1,-2", *FITTING), "none of the 2 sets has a result"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_a_line(nightdesk, bars, tmp_path, arguments, said):
    out = ("--out", tmp_path / "out")
    assert said in nightdesk.refusal("validate", BOOK, *SPAN, "--feed", f"files:{bars}", *arguments, *out)
    assert not (tmp_path / "out").exists()


def test_a_span_of_a_few_sessions_and_no_grid_are_refused(nightdesk, tmp_path):
    short = ("--from", "2021-01-04", "--to", "2021-01-08", "--feed", "sample", *AXES)
    said = nightdesk.refusal("validate", BOOK, *short, "--out", tmp_path / "out")
    assert "4 returns are too few for 10 folds" in said
    nightdesk("validate", BOOK, *SPAN, "--out", tmp_path / "out", status=2)
