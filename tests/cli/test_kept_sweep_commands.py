"""Keeping a sweep from the command line, listing what was kept, and writing one down again."""

import getpass
from pathlib import Path

import pytest

BOOK = "multi_asset"
SPAN = ("--from", "2024-03-04", "--to", "2024-03-08", "--feed", "sample")
GRID = ("--set", "portfolio.volatility_target=0.05,0.10,-1", "--metric", "total_return", "--jobs", "1")


@pytest.mark.usefixtures("database", "project")
def test_a_sweep_is_kept_listed_and_written_down_again(nightdesk, tmp_path: Path):
    assert "No sweep is kept" in nightdesk("sweeps").stdout
    first = tmp_path / "first"
    made = nightdesk.document("sweep", BOOK, *SPAN, *GRID, "--keep", "--note", "as it is", "--out", first)
    assert made["kept"] == 1
    (kept,) = nightdesk.document("sweeps", BOOK)["sweeps"]
    assert (kept["note"], kept["asked_by"], kept["points"]) == ("as it is", getpass.getuser(), 3)
    assert "portfolio.volatility_target=0.05,0.10,-1" in nightdesk("sweeps").stdout
    again = tmp_path / "again"
    shown = nightdesk.document("sweeps", "--number", 1, "--out", again)
    for name in ("points", "best", "metric", "parameters"):
        assert shown[name] == made[name], name
    for name in ("sweep.csv", "sweep.svg"):
        assert (again / name).read_bytes() == (first / name).read_bytes()
    told = nightdesk("sweeps", "--number", 1).stdout
    assert "sample data" in told
    assert "The best total_return is" in told
    assert "validation only" in told


@pytest.mark.usefixtures("database", "project")
def test_what_is_not_there_or_not_meant_is_said(nightdesk):
    assert "no kept sweep 9" in nightdesk.refusal("sweeps", "--number", 9)
    assert "name the sweep" in nightdesk("sweeps", "--out", "x", status=2).stderr
    assert "a note goes with" in nightdesk("sweep", BOOK, *SPAN, *GRID, "--note", "x", status=2).stderr
