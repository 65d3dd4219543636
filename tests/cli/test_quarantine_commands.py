"""`nightdesk checks`, `nightdesk accept` and `nightdesk backtest --accept`."""

import csv

import pytest
import yaml
from tests.hourly_book import hourly_tree

JUMP = "2022-03-01"
SPAN = ("--from", "2022-02-01", "--to", "2022-03-31")


@pytest.fixture(scope="module")
def jumping(bars, tmp_path_factory):
    """Real bars of a few years in which TLT is 60 % higher from a day on, and SLV for two days."""
    folder = tmp_path_factory.mktemp("jumping")
    (folder / "vix_daily.csv").write_text((bars / "vix_daily.csv").read_text())
    rows = list(csv.DictReader((bars / "multi_asset_daily.csv").open()))
    for row in rows:
        if (row["symbol"] == "TLT" and row["date"] >= JUMP) or (
            row["symbol"] == "SLV" and row["date"] in ("2022-02-15", "2022-02-16")
        ):
            for name in ("open", "high", "low", "close", "adj_close"):
                row[name] = str(float(row[name]) * 1.6)
    with (folder / "multi_asset_daily.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return f"files:{folder}"


def test_checks_shows_every_spell_with_its_reason_and_how_many_there_are_a_year(nightdesk, jumping):
    told = nightdesk.document("checks", "multi_asset", *SPAN, "--feed", jumping)
    assert [(one["symbol"], one["first"], one["sessions"], one["ongoing"]) for one in told["spells"]] == [
        ("TLT", JUMP, 23, True),
        ("SLV", "2022-02-15", 2, False),
    ]
    counts = {one["symbol"]: (one["spells"], one["sessions"]) for one in told["symbols"]}
    assert counts["TLT"] == (1, 23)
    assert counts["SPY"] == (0, 0)
    assert told["spells_a_symbol_year"] == pytest.approx(2 / told["symbol_years"], rel=0.05)
    lines = nightdesk("checks", "multi_asset", *SPAN, "--feed", jumping).stdout
    assert f"TLT, {JUMP} to 2022-03-31, still, 23 sessions (price_jump)" in lines
    assert "away from the last accepted price" in lines
    assert f"nightdesk accept multi_asset TLT --session {JUMP}" in lines


def test_a_backtest_takes_a_price_as_it_is_where_it_is_asked_to(nightdesk, jumping):
    run = ("backtest", "multi_asset", *SPAN, "--feed", jumping)
    plain = nightdesk.document(*run)
    assert plain["accepted"] == []
    assert [one["symbol"] for one in plain["metrics"]["quarantines"]] == ["TLT", "SLV"]
    taken = nightdesk.document(*run, "--accept", f"TLT:{JUMP}")
    assert taken["accepted"] == taken["metrics"]["accepted"] == [f"TLT:{JUMP}"]
    assert [one["symbol"] for one in taken["metrics"]["quarantines"]] == ["SLV"]
    assert f"accepted as it is: TLT:{JUMP}" in nightdesk(*run, "--accept", f"TLT:{JUMP}").stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("XYZ:2022-03-01", "XYZ is no symbol of book multi_asset: its symbols are"),
        ("TLT:2022-02-26", "2022-02-26 is not a session of XNYS (a weekend or a holiday)"),
        (
            "TLT:2022-02-28",
            f"nothing of TLT waits for an answer at 2022-02-28: what waits of it is {JUMP} to",
        ),
        ("SPY:2022-03-01", "no price of SPY waits at any session from"),
        ("TLT:2010-01-04", "there is no bar of TLT at 2010-01-04: the book's bars reach from"),
    ],
)
def test_a_backtest_refuses_to_accept_what_does_not_wait(nightdesk, jumping, given, said):
    assert said in nightdesk.refusal("backtest", "multi_asset", *SPAN, "--feed", jumping, "--accept", given)


def test_what_is_no_symbol_with_a_date_is_wrong_usage(nightdesk, jumping):
    told = nightdesk("checks", "multi_asset", *SPAN, "--feed", jumping, "--accept", "TLT", status=2)
    assert "'TLT' is not SYMBOL:DATE, such as AMD:2016-04-22" in " ".join(told.stderr.split())


@pytest.mark.usefixtures("database", "project")
def test_a_person_accepts_a_price_once_and_for_every_book(nightdesk, jumping):
    nightdesk("run", "multi_asset", "--session", JUMP, "--feed", jumping)
    accept = ("accept", "multi_asset", "TLT", "--session", JUMP, "--reason", "it is right")
    told = nightdesk.document(*accept, "--by", "ann")
    assert (told["symbol"], told["session"], told["again"], told["who"]) == ("TLT", JUMP, False, "ann")
    again = nightdesk(*accept).stdout
    assert again == f"TLT was accepted at {told['price']:g} of {JUMP} before; nothing has changed\n"
    said = nightdesk.refusal("accept", "multi_asset", "GLD", "--session", JUMP, "--reason", "it is right")
    assert f"nothing of GLD waits for an answer at {JUMP}: no price of GLD waits" in said


def test_spells_of_hours_are_told_by_checks_and_by_a_backtest(nightdesk, project, market):
    """AAPL's hours are raw beside adjusted days, and its 4:1 of 2020-08-31 opened 2.3 % higher."""
    feed = f"files:{market}"
    tree = hourly_tree(feeds={"daily": [feed], "hourly": [feed]})
    (project / "books" / f"{tree['name']}.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    span = (tree["name"], "--from", "2020-08-27", "--to", "2020-09-01")
    (spell,) = nightdesk.document("checks", *span)["spells"]
    assert (spell["symbol"], spell["checks"], spell["decisions"]) == ("AAPL", ["h:price_jump"], 14)
    assert spell["named"] == ["2020-08-31 10:00", "2020-09-01 16:00"]
    text = nightdesk("checks", *span).stdout
    assert "AAPL, 2020-08-31 10:00 to 2020-09-01 16:00, still, 14 decisions (h:price_jump)" in text
    assert "nightdesk action split AAPL --session 2020-08-31 --ratio 4:1" in text
    told = nightdesk("backtest", *span).stdout
    assert "in quarantine: AAPL from 2020-08-31 10:00 to 2020-09-01 16:00 (14 decisions): the hourly" in told
