"""Keeping a backtest from the command line, listing what was kept, and setting some side by side."""

import getpass

import pytest

BOOK = "multi_asset"
SPAN = ("--from", "2024-03-04", "--to", "2024-03-08", "--feed", "sample")


@pytest.mark.usefixtures("database", "project")
def test_a_backtest_is_kept_listed_and_compared(nightdesk):
    assert "no backtest was kept" in nightdesk("backtests").stdout
    told = nightdesk("backtest", BOOK, *SPAN, "--keep", "--note", "as it is").stdout
    assert told.endswith("kept as backtest 1\n")
    other = nightdesk.document("backtest", BOOK, *SPAN, "--keep", "--set", "portfolio.volatility_target=0.05")
    assert other["kept"] == 2
    newest, first = nightdesk.document("backtests", BOOK)["backtests"]
    assert (first["note"], first["asked_by"], first["state"]) == ("as it is", getpass.getuser(), "done")
    assert newest["changes"] == {"portfolio.volatility_target": "0.05"}
    assert newest["figures"] == other["metrics"]
    assert newest["config_hash"] != first["config_hash"]
    listed = nightdesk("backtests").stdout.splitlines()
    assert listed[0].split()[:5] == ["number", "book", "from", "to", "state"]
    assert "portfolio.volatility_target=0.05" in listed[1]
    assert "as it is" in listed[2]
    beside = nightdesk("backtests", "--compare", 1, "--compare", 2).stdout
    assert "they differ in" in beside
    assert "portfolio.volatility_target" in beside
    document = nightdesk.document("backtests", "--compare", 2, "--compare", 1)
    assert [one["number"] for one in document["backtests"]] == [2, 1]
    assert document["differences"]["portfolio.volatility_target"][0] == "0.05"


@pytest.mark.usefixtures("database", "project")
def test_the_tear_sheet_of_a_kept_backtest_is_written_from_what_is_kept(nightdesk, tmp_path):
    kept = nightdesk.document("backtest", BOOK, *SPAN, "--keep", "--set", "costs.slippage=0.001")
    told = nightdesk("backtests", 1, "--tear-sheet", tmp_path / "new" / "sheet.html").stdout
    assert told == f"tear sheet of backtest 1 written to {tmp_path}/new/sheet.html\n"
    page = (tmp_path / "new" / "sheet.html").read_text(encoding="utf-8")
    assert kept["metrics"]["config_hash"] in page
    assert f"{kept['metrics']['final_nav']:,.2f}" in page
    assert "costs.slippage=0.001" in page
    assert "Sample data: these bars are generated" in page
    assert "This sheet is made of what is kept" in page
    nightdesk("backtests", 1, "--tear-sheet", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page
    assert "no kept backtest 7" in nightdesk.refusal("backtests", 7, "--tear-sheet", tmp_path / "other.html")
    wrong = nightdesk("backtests", BOOK, "--tear-sheet", tmp_path / "other.html", status=2).stderr
    assert "expected the number of a kept backtest" in wrong
    assert not (tmp_path / "other.html").exists()


@pytest.mark.usefixtures("database", "project")
def test_an_exercise_is_not_kept_and_what_is_not_there_not_compared(nightdesk):
    said = nightdesk("backtest", BOOK, *SPAN, "--keep", "--kill", "2024-03-05", status=2).stderr
    assert "leave out --kill" in said
    assert "a note goes with" in nightdesk("backtest", BOOK, *SPAN, "--note", "x", status=2).stderr
    assert "name 2 to 8" in nightdesk.refusal("backtests", "--compare", 1)
    assert "no kept backtest 1, 2" in nightdesk.refusal("backtests", "--compare", 1, "--compare", 2)
