"""`nightdesk screen`: what is stored of a screen, made by hand, computed again, and written as files."""

import csv
from pathlib import Path

import pytest
from tests.conftest import open_connection
from tests.screened_market import ScreenedMarket, screened_market, session
from tests.session.quick_checks import check_quickly
from typer.testing import CliRunner

from nightdesk.cli import app


@pytest.fixture
def weekly(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> ScreenedMarket:
    check_quickly(monkeypatch)
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", database)
    return screened_market(tmp_path / "weekly")


def asked(market: ScreenedMarket, *options: str) -> tuple[int, str]:
    shown = CliRunner().invoke(app, ["screen", str(market.book), *options])
    return shown.exit_code, shown.stdout + shown.stderr


def test_a_screen_is_made_by_hand_shown_and_computed_again(weekly: ScreenedMarket) -> None:
    day = str(session(0))
    code, told = asked(weekly, "--session", day)
    assert code == 1
    assert f"no good screen of book screened is stored for session {day}" in told
    code, told = asked(weekly, "--session", day, "--run", "--again")
    assert code == 0, told
    assert (
        "screened, screen of 2022-02-27 23:00 UTC, in force from 2022-02-28: 8 members of 12 stocks" in told
    )
    lines = [line.split() for line in told.splitlines()]
    assert ["exchanges", "NYSE", "or", "NASDAQ", "2"] in lines
    assert ["S10", "energy"] in lines
    assert "tests" in told
    assert "screened again: nothing differs" in told


def test_the_status_says_which_screen_is_in_force_and_that_a_later_one_failed(
    weekly: ScreenedMarket, database: str
) -> None:
    from nightdesk.operations.screen_standing import screen_lines

    with open_connection(database) as conn:
        assert screen_lines(conn, "screened") == ()
        asked(weekly, "--session", str(session(0)), "--run")
        good = "screen of 2022-02-27: 8 members of 12 stocks"
        (line,) = screen_lines(conn, "screened")
        assert line.startswith(good)
        nothing = dict.fromkeys(("exchanges", "securities", "market_cap"))
        weekly.write_book(criteria={"price": [5000, 6000], **nothing})
        code, told = asked(weekly, "--session", str(session(3)), "--run")
        assert code == 1
        assert "keeps out 12" in told
        first, second = screen_lines(conn, "screened")
        assert first == line
        assert second.startswith("SCREEN FAILED: that of 2022-03-06: none of 12 stocks passes: price")
        assert second.endswith("that of 2022-02-27 stays in force until 2022-03-13 at most")


def test_what_would_differ_by_other_terms_is_said_and_the_stored_screen_stays(weekly: ScreenedMarket) -> None:
    day = str(session(0))
    asked(weekly, "--session", day, "--run")
    weekly.write_book(size=2, pairs=None)
    code, told = asked(weekly, "--session", day, "--run", "--again")
    assert code == 0, told
    assert "8 members of 12 stocks" in told
    assert "S10: member was True, would be False" in told or "S11: member was True, would be False" in told
    assert "nothing differs" not in told


def test_the_files_hold_every_criterion_of_every_stock_the_pairs_and_the_members(
    weekly: ScreenedMarket, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, told = asked(weekly, "--session", str(session(0)), "--run", "--out", str(out))
    assert code == 0, told

    def rows(name: str) -> list[dict[str, str]]:
        with (out / name).open(newline="") as file:
            return list(csv.DictReader(file))

    results = rows("results.csv")
    assert len({row["symbol"] for row in results}) == 12
    (cap,) = [row for row in results if (row["symbol"], row["criterion"]) == ("S06", "market_cap")]
    assert (float(cap["value"]), cap["asked"], cap["outcome"]) == (5e7, "above 100,000,000 $", "failed")
    assert len(rows("members.csv")) == 8
    pairs = rows("pairs.csv")
    assert pairs
    assert [int(row["place"]) for row in pairs] == list(range(1, len(pairs) + 1))


def test_a_book_without_a_screen_is_refused(weekly: ScreenedMarket) -> None:
    text = weekly.book.read_text()
    before, after = text[: text.index("universe:")], text[text.index("strategies:") :]
    weekly.book.write_text(f"{before}universe: {{GLD: {{max_weight: 0.2}}}}\n{after}")
    code, told = asked(weekly)
    assert code == 1
    assert "book screened has no screen: its universe is a list of symbols" in told
