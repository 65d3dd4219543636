"""`nightdesk backtest`."""

import csv
import filecmp
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from nightdesk.cli.data_notes import folded
from nightdesk.core.calendar import get_calendar
from nightdesk.research.backtest.tables import TABLES

TOMORROW = str(get_calendar().shift(get_calendar().latest_completed(datetime.now(UTC)), 1))
SPAN = ("--from", "2021-01-02", "--to", "2021-12-31")


@pytest.fixture(scope="module")
def written(bars, tmp_path_factory):
    """The folder of a backtest of 2021 on real bars, and what was said of it."""
    from tests.cli.conftest import Command

    out = tmp_path_factory.mktemp("backtest") / "deep" / "run"
    told = Command().document("backtest", "multi_asset", *SPAN, "--feed", f"files:{bars}", "--out", out)
    return out, told


def read(folder, name):
    with (folder / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_folder_holds_every_table_the_figures_and_a_tear_sheet(written):
    out, told = written
    files = {*(f"{name}.csv" for name in TABLES), "metrics.json", "tearsheet.html"}
    assert {path.name for path in out.iterdir()} == files
    page = (out / "tearsheet.html").read_text(encoding="utf-8")
    assert f"<dd>{told['metrics']['panel_hash']}</dd>" in page
    assert f'<td class="num ">{told["metrics"]["sharpe"]:.2f}</td>' in page
    assert "2021-01-04 to 2021-12-31, 252 sessions" in page
    assert json.loads((out / "metrics.json").read_text()) == told["metrics"]


def test_nav_is_cash_and_positions_in_every_row(written):
    rows = read(written[0], "nav")
    assert len(rows) == written[1]["sessions"] == 252
    assert (rows[0]["session"], rows[0]["nav"]) == ("2021-01-04", "100000.00")
    assert all(Decimal(row["nav"]) == Decimal(row["cash"]) + Decimal(row["positions_value"]) for row in rows)


def test_the_positions_of_a_session_add_up_to_their_value(written):
    sums = {}
    for row in read(written[0], "positions"):
        sums[row["session"]] = sums.get(row["session"], Decimal(0)) + Decimal(row["value"])
    for row in read(written[0], "nav"):
        assert Decimal(row["positions_value"]) == sums.get(row["session"], Decimal(0))


def test_every_fill_is_of_an_order_of_the_session_before(written):
    out, _ = written
    sessions = [row["session"] for row in read(out, "nav")]
    decided = {row["client_order_id"]: row for row in read(out, "orders")}
    fills = read(out, "fills")
    assert fills
    for fill in fills:
        order = decided[fill["client_order_id"]]
        assert sessions.index(fill["session"]) == sessions.index(order["session"]) + 1
        assert (fill["symbol"], fill["side"]) == (order["symbol"], order["side"])


def test_the_same_backtest_writes_the_same_bytes(nightdesk, written, bars, tmp_path):
    out, _ = written
    nightdesk("backtest", "multi_asset", *SPAN, "--feed", f"files:{bars}", "--out", tmp_path)
    names = [path.name for path in out.iterdir()]
    assert filecmp.cmpfiles(out, tmp_path, names, shallow=False) == (names, [], [])


def test_a_value_that_is_set_takes_the_place_of_the_books(nightdesk, written, bars):
    feed = ("--feed", f"files:{bars}")
    calm = nightdesk.document(
        "backtest", "multi_asset", *SPAN, *feed, "--set", "portfolio.volatility_target=0.02"
    )
    assert calm["metrics"]["annual_volatility"] < written[1]["metrics"]["annual_volatility"] / 2
    assert calm["metrics"]["config_hash"] != written[1]["metrics"]["config_hash"]


def test_a_drill_of_the_kill_switch_blocks_entries_until_its_release(nightdesk, bars, tmp_path):
    drill = ("--kill", "2021-03-01", "--release", "2021-05-03")
    nightdesk("backtest", "multi_asset", *SPAN, *drill, "--feed", f"files:{bars}", "--out", tmp_path)
    bought = {row["session"] for row in read(tmp_path, "orders") if row["side"] == "buy"}
    assert not [day for day in bought if "2021-03-01" <= day < "2021-05-03"]
    assert [day for day in bought if day < "2021-03-01"]
    assert [day for day in bought if day >= "2021-05-03"]
    blocked = [
        row
        for row in read(tmp_path, "verdicts")
        if row["rule"] == "kill_switch" and row["action"] == "reject"
    ]
    assert blocked
    told = [
        (row["session"], row["kind"])
        for row in read(tmp_path, "risk_events")
        if row["kind"] in ("kill", "release")
    ]
    assert told == [("2021-03-01", "kill"), ("2021-05-03", "release")]


def test_a_book_that_a_rule_has_stopped_is_told_of_and_goes_on_where_it_is_released(nightdesk, bars):
    kills = ("--set", "limits.daily_loss.kills=true", "--set", "limits.daily_loss.limit=-0.005")
    span = ("--from", "2021-01-04", "--to", "2021-02-26", "--feed", f"files:{bars}")
    said = nightdesk("backtest", "multi_asset", *span, *kills).stdout
    words = r"^KILLED from 2021-01-\d\d to the end, \d+ sessions in which nothing was opened: daily loss: "
    assert re.search(words, said, re.MULTILINE)
    said = nightdesk("backtest", "multi_asset", *span, *kills, "--release-after", "3").stdout
    assert re.search(r"^killed and released \d times?, \d+ sessions in which nothing was", said, re.MULTILINE)
    assert "released by simulated person: daily loss: " in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--set", "portfolio.volatility_targt=0.02"),
            "portfolio.volatility_targt: unknown key (did you mean",
        ),
        (("--set", "portfolio.volatility_target=-1"), "portfolio.volatility_target: found -1"),
        (("--set", "limits.trades_per_day.limit=many"), "limits.trades_per_day"),
        (("--set", "origin=2021-06-01"), "origin"),
        (("--feed", "files:/no/such/folder"), "/no/such/folder"),
    ],
)
def test_what_cannot_be_tried_is_refused(nightdesk, arguments, said):
    assert said in nightdesk.refusal("backtest", "multi_asset", *SPAN, *arguments)


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2024-01-06", "2024-01-07", "there is no session of XNYS from 2024-01-06 to 2024-01-07"),
        ("2024-01-02", TOMORROW, "is not over: the newest session with bars is"),
        ("1991-01-02", "1991-12-31", "504 sessions before 1991-01-02 is outside the XNYS calendar"),
    ],
    ids=["no session", "not over", "before all"],
)
def test_a_span_that_cannot_be_tried_is_refused_with_what_can(nightdesk, first, last, said):
    assert said in nightdesk.refusal("backtest", "multi_asset", "--from", first, "--to", last)


def test_a_backtest_on_sample_data_says_so(nightdesk):
    text = nightdesk("backtest", "multi_asset", "--from", "2024-01-02", "--to", "2024-03-28").stdout
    assert "sample data: these bars are generated, not a market's" in text
    assert re.search(r"final_nav +\$\d", text)


def test_the_summary_tells_the_benchmark_the_targets_and_what_was_paid(nightdesk, written, bars):
    told = written[1]["metrics"]
    assert told["benchmark"] == "SPY"
    assert told["benchmark_total_return"] == pytest.approx(0.2875, abs=0.02)  # SPY in 2021, with dividends
    assert told["excess_total_return"] == pytest.approx(told["total_return"] - told["benchmark_total_return"])
    assert set(told["targets"]) == {
        "annual_return", "annual_volatility", "sharpe", "max_drawdown", "calmar", "win_rate",
        "profit_factor", "turnover_monthly", "cost_drag",
    }  # fmt: skip
    paid = {
        (row["session"], row["strategy"]): Decimal(row["dividends"])
        for row in read(written[0], "performance")
    }
    assert told["dividends"] == pytest.approx(float(sum(paid.values())), abs=0.001)
    text = nightdesk("backtest", "multi_asset", *SPAN, "--feed", f"files:{bars}").stdout
    for name in told["targets"]:
        assert re.search(rf"^{name} .*(met|acceptable|missed)", text, re.MULTILINE), name
    assert re.search(r"benchmark_total_return +\+\d+\.\d\d %  SPY, dividends included", text)
    assert re.search(rf"dividends +\$[\d,.]+  in {told['dividends_paid']} payments", text)
    lines = [line for line in text.splitlines() if line.split(" ")[0] in told["targets"]][:9]
    outcomes = [line.split()[-1] for line in lines]
    assert outcomes == sorted(outcomes, key=["missed", "acceptable", "met"].index)
    assert "missed" in outcomes


def test_a_target_in_euros_is_told_in_both_with_its_rate_and_kept_in_the_figures(nightdesk, bars):
    euros = "targets.profit_daily={above: 50, eur_rate: 1.08, eur_rate_of: 2025-03-28}"
    options = ("backtest", "multi_asset", *SPAN, "--feed", f"files:{bars}", "--set", euros)
    aimed = "above 50.00 EUR, $54.00 (at 1.08 dollars a euro, of 2025-03-28)"
    line = next(one for one in nightdesk(*options).stdout.splitlines() if one.startswith("profit_daily"))
    found = re.fullmatch(
        rf"profit_daily +(−?)\$([\d.]+) \((−?)([\d.]+) EUR\) +{re.escape(aimed)} +(met|missed)", line
    )
    assert found is not None, line
    assert float(found[2]) / 1.08 == pytest.approx(float(found[4]), abs=0.01)
    told = json.loads(nightdesk(*options, "--json").stdout)["metrics"]["targets"]["profit_daily"]
    assert (told["eur_rate"], told["eur_rate_of"]) == (1.08, "2025-03-28")
    assert told["outcome"] == found[5] == ("met" if told["value"] > 54.0 else "missed")


def test_what_the_bars_lack_is_told_before_the_figures_and_named_in_json(nightdesk, bars, tmp_path):
    """A symbol without bars, bars that no market can have made, rows without prices, a file of no bars."""
    folder = tmp_path / "market"
    folder.mkdir()
    for path in bars.iterdir():
        rows = list(csv.reader(path.open()))
        head, kept = rows[0], [row for row in rows[1:] if "VNQ" not in row]
        symbol, day, close = (
            head.index(name) if name in head else None for name in ("symbol", "date", "close")
        )
        for row in kept:
            if symbol is not None and row[symbol] == "XLE" and "2021-03-08" <= row[day] <= "2021-03-10":
                row[close] = str(float(row[close]) * 3)
            if row[symbol] == "XLF" and row[day] == "2021-05-04":
                row[close] = ""
        with (folder / path.name).open("w", newline="") as file:
            csv.writer(file).writerows([head, *kept])
    (folder / "shopping.csv").write_text("what,how many\nmilk,2\n")
    told = nightdesk.document("backtest", "multi_asset", *SPAN, "--feed", f"files:{folder}")
    assert set(told["missing"]) == {"VNQ"}
    (spell,) = [one for one in told["metrics"]["quarantines"] if one["symbol"] == "XLE"][:1]
    assert spell["first"] == "2021-03-08"
    assert spell["sessions"] >= 3
    assert spell["reason"]
    assert sum(told["dropped_rows"].values()) >= 1
    assert [Path(name).name for name in told["unread_files"]] == ["shopping.csv"]
    text = nightdesk("backtest", "multi_asset", *SPAN, "--feed", f"files:{folder}").stdout
    places = [
        text.index(words)
        for words in (
            "without VNQ",
            "in quarantine: XLE from 2021-03-08",
            "not read: ",
            "rows dropped: ",
            "final_nav",
        )
    ]
    assert places == sorted(places)


def test_many_of_a_kind_are_folded_and_counted():
    lines = [f"line {n}" for n in range(20)]
    assert list(folded(lines, "spells")) == [*lines[:5], "and 15 more spells; --json names all"]
    assert list(folded(lines[:6], "spells")) == lines[:6]


def test_a_band_is_kept_for_each_strategy_and_named_in_the_summary(nightdesk, database, conn, bars):
    from nightdesk.cli.book_commands import open_book
    from nightdesk.store.strategy_bands import kept_bands

    span = ("--from", "2020-12-01", "--to", "2022-03-31", "--feed", f"files:{bars}")
    told = nightdesk("backtest", "multi_asset", *span, "--keep-band").stdout
    book, kept = open_book("multi_asset"), kept_bands(conn, "multi_asset")
    assert kept.keys() == book.strategies.keys()
    for name, one in kept.items():
        assert (one.config_hash, one.band.sessions, str(one.last)) == (book.config_hash, 20, "2022-03-31")
        assert one.band.known == (one.band.windows >= 250)
        assert f"band of {name} over 20 sessions: " in told
    assert any(one.band.known and one.band.low < 0 < one.band.high for one in kept.values())


def test_an_exercise_is_no_yardstick(nightdesk):
    said = nightdesk(
        "backtest", "multi_asset", *SPAN, "--set", "costs.slippage=0.001", "--keep-band", status=2
    ).stderr
    assert "leave out --set" in said
