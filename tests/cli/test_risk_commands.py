"""`risk`, and the level in `status`, on a real database and the sample market."""

import pytest

FIRST, SECOND = "2024-03-04", "2024-03-05"


@pytest.fixture(scope="module")
def decided(module_database, tmp_path_factory):
    """The address of a database in which two sessions were decided."""
    from tests.cli.conftest import Command

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTDESK_DATABASE_URL", module_database)
        patch.setenv("NIGHTDESK_HOME", str(tmp_path_factory.mktemp("home")))
        Command()("replay", "multi_asset", "--from", FIRST, "--to", SECOND)
        yield module_database


def test_the_newest_session_is_told_with_every_figure(nightdesk, decided):
    told = nightdesk.document("risk", "multi_asset")
    assert (told["book"], told["session"]) == ("multi_asset", SECOND)
    assert told["level"].startswith("Drawdown level 0: ")
    (standing,) = nightdesk.document("status", "multi_asset")["books"]
    assert told["nav"] == pytest.approx(standing["mark"]["nav"])
    held = {row["symbol"] for row in standing["positions"]}
    assert {one["symbol"] for one in told["contributions"]} == held == set(told["picture"]["symbols"])
    assert sum(one["contribution"] for one in told["contributions"]) == pytest.approx(told["volatility"])
    loss = told["tail"]["historical"]["var"]
    assert told["dollars"]["historical_var"] == pytest.approx(loss * told["nav"])
    assert told["tail"]["sessions"] == 252
    cash = next(one for one in told["distances"] if one["rule"] == "cash_buffer")
    assert cash["value"] == pytest.approx(1 - standing["mark"]["gross"], abs=1e-6)
    assert len(told["picture"]["matrix"]) == len(held)


def test_a_session_is_told_in_words(nightdesk, decided):
    text = nightdesk("risk", "multi_asset", "--session", SECOND).stdout
    assert f"multi_asset at the mark of {SECOND}, NAV $" in text
    assert "loss of one session at 95 %, from past returns: VaR " in text
    assert "Gross exposure" in text
    assert "adds to volatility" in text


def test_the_first_session_holds_cash_only(nightdesk, decided):
    told = nightdesk.document("risk", "multi_asset", "--session", FIRST)
    assert (told["volatility"], told["contributions"], told["picture"]["highest"]) == (0, [], None)
    assert told["concentration"]["herfindahl"] is None
    assert "the book holds cash only" in nightdesk("risk", "multi_asset", "--session", FIRST).stdout


def test_a_session_without_a_report_is_refused_with_what_there_is(nightdesk, decided):
    said = nightdesk.refusal("risk", "multi_asset", "--session", "2024-03-06")
    assert "multi_asset has no risk report of 2024-03-06 (its newest is of 2024-03-05)" in said


def test_a_book_that_never_decided_has_no_report(nightdesk, database):
    assert "has no risk report (none of its sessions has)" in nightdesk.refusal("risk", "multi_asset")


def test_status_tells_the_drawdown_level_in_one_line(nightdesk, decided):
    (book,) = nightdesk.document("status", "multi_asset")["books"]
    assert book["level"]["level"] == 0
    assert book["level"]["session"] == SECOND
    lines = [line.strip() for line in nightdesk("status", "multi_asset").stdout.splitlines()]
    assert any(line.startswith("drawdown level 0, ") and line.endswith(" below that peak") for line in lines)


def test_both_drawdowns_are_told_with_their_peaks(nightdesk, decided):
    told = nightdesk.document("risk", "multi_asset")["drawdown"]
    assert told["from_highest"] == told["since_reset"] >= 0
    assert told["highest_nav"] == told["peak_nav"] > 0
    assert not told["peak_was_reset"]
    assert nightdesk.document("status", "multi_asset")["books"][0]["drawdown"] == told
    assert "below its highest NAV of" in nightdesk("risk", "multi_asset").stdout
    assert "below the highest NAV ever" in nightdesk("status", "multi_asset").stdout


def test_status_tells_the_benchmark_beside_the_book_and_the_day_by_strategy(nightdesk, decided):
    (book,) = nightdesk.document("status", "multi_asset")["books"]
    told = book["since_inception"]
    assert (told["since"], told["until"], told["sessions"], told["benchmark"]) == (FIRST, SECOND, 2, "SPY")
    assert told["total_return"] == pytest.approx(book["mark"]["nav"] / 100_000 - 1)
    beyond = told["total_return"] - told["benchmark_total_return"]
    assert told["excess_total_return"] == pytest.approx(beyond)
    days = book["by_strategy"]
    assert [day["strategy"] for day in days][-1] == ""
    assert sum(day["profit"] for day in days) == pytest.approx(book["profit"], abs=0.001)
    assert f"since {FIRST}; SPY with dividends" in nightdesk("status", "multi_asset").stdout
