"""`nightdesk factors`, `feeds` and `ingest`."""

import pandas as pd
import pytest
from tests.session.coin_desk import coin_book, write_hours

from nightdesk.cli.factor_commands import factor_frame
from nightdesk.factors import STANDARD

HEAD = "date,symbol,open,high,low,close,volume"


def test_factors_are_written_as_csv_with_full_precision(nightdesk, tmp_path, bars):
    out = tmp_path / "deep" / "factors.csv"
    span = ("--from", "2022-11-01", "--to", "2022-12-30", "--feed", f"files:{bars}")
    told = nightdesk.document("factors", "multi_asset", *span, "--out", out)
    frame = pd.read_csv(out, float_precision="round_trip")
    assert told["rows"] == len(frame) == 42 * 15
    assert tuple(frame.columns) == ("session", "symbol", *told["factors"])
    assert set(STANDARD) <= set(told["factors"])
    assert frame["session"].iloc[0] == "2022-11-01"
    assert "^VIX" not in set(frame["symbol"])
    nightdesk("factors", "multi_asset", *span, "--out", tmp_path / "factors.parquet")
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "factors.parquet").assign(session=frame["session"]),
        frame,
        check_exact=True,
    )


def test_factors_do_not_depend_on_where_their_span_ends(bars, market):
    from datetime import date

    from nightdesk.cli.book_commands import open_book

    book, feed = open_book("multi_asset"), f"files:{bars}"
    short = factor_frame(book, date(2022, 6, 1), date(2022, 6, 30), feed)
    long = factor_frame(book, date(2022, 6, 1), date(2022, 12, 30), feed)
    pd.testing.assert_frame_equal(short, long.iloc[: len(short)], check_exact=True)


def test_an_unknown_format_is_refused_before_anything_is_read(nightdesk, tmp_path):
    refusal = nightdesk.refusal(
        "factors", "multi_asset", "--from", "2022-01-03", "--to", "2022-01-04", "--out", tmp_path / "f.xlsx"
    )
    assert "end the name in one of .csv, .csv.gz, .parquet" in refusal


def test_a_span_that_ends_before_it_begins_is_wrong_usage(nightdesk, tmp_path):
    arguments = ("--from", "2022-02-01", "--to", "2022-01-03", "--out", tmp_path / "f.csv")
    assert (
        "ends (2022-01-03) before it begins"
        in nightdesk("factors", "multi_asset", *arguments, status=2).stderr
    )


def test_a_span_without_a_session_is_refused(nightdesk, tmp_path):
    arguments = ("--from", "2022-12-24", "--to", "2022-12-25", "--out", tmp_path / "f.csv")
    assert "2022-12-24 is not a session" in nightdesk.refusal("factors", "multi_asset", *arguments)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "empty"),
        (["date,symbol,open,high,low,volume", "2022-01-03,SPY,1,1,1,1"], "close"),
        ([HEAD, "2022-01-03,SPY,1,1,1,one,1"], "line 2"),
        ([HEAD, "2022-01-03,SPY,1,1,1,1,1", "2022-01-03,SPY,1,1,1,1,1"], "line"),
        ([HEAD, "soon,SPY,1,1,1,1,1"], "line 2"),
    ],
)
def test_malformed_bars_are_refused_with_file_and_place(nightdesk, tmp_path, lines, said):
    path = tmp_path / "bars.csv"
    path.write_text("\n".join([*lines, ""]) if lines else "")
    refusal = nightdesk.refusal(
        *("factors", "multi_asset", "--from", "2022-01-03", "--to", "2022-01-04"),
        *("--feed", f"files:{path}", "--out", tmp_path / "f.csv"),
    )
    assert said in refusal
    assert "bars.csv" in refusal
    assert not (tmp_path / "f.csv").exists()


@pytest.mark.parametrize(
    ("feed", "said"),
    [
        ("polygn", "there is no feed 'polygn'"),
        ("files:", "lacks its PATH"),
        ("files:/no/such/folder", "/no/such/folder"),
    ],
)
def test_an_impossible_feed_is_refused(nightdesk, tmp_path, feed, said):
    arguments = ("--from", "2022-01-03", "--to", "2022-01-04", "--feed", feed, "--out", tmp_path / "f.csv")
    assert said in nightdesk.refusal("factors", "multi_asset", *arguments)


def test_ingest_twice_writes_nothing_the_second_time(nightdesk, database, bars):
    span = ("--from", "2022-12-01", "--to", "2022-12-30", "--feed", f"files:{bars}")
    first = nightdesk.document("ingest", "multi_asset", *span)
    again = nightdesk.document("ingest", "multi_asset", *span)
    assert first["bars"]["new"] > 15 * 20
    assert again["bars"] == {"new": 0, "corrected": 0, "unchanged": first["bars"]["new"]}


def test_feeds_tell_of_every_source_that_was_asked(nightdesk, database, bars):
    before = nightdesk("feeds").stdout.splitlines()
    assert before[0] == "no source was asked yet"
    assert "multi_asset asks for daily bars: sample" in before[1:]
    nightdesk(
        "ingest", "multi_asset", "--from", "2022-12-01", "--to", "2022-12-30", "--feed", f"files:{bars}"
    )
    (row,) = nightdesk.document("feeds")["feeds"]
    assert row["status"] == "healthy"
    assert row["failures"] == 0
    assert "healthy" in nightdesk("feeds").stdout


def test_headlines_come_with_the_bars_and_a_source_that_fails_is_named(nightdesk, database, bars, project):
    book, file = project / "books" / "multi_asset.yaml", project / "headlines.csv"
    lines = ["published_at,symbol,headline,source", "2022-12-05T15:00:00Z,GLD,Gold wins praise,wire"]
    file.write_text("\n".join(lines))
    text = book.read_text().replace("daily: [sample]", f"daily: [sample]\n  news: ['files:{file}', sample]")
    book.write_text(text)
    span = ("--from", "2022-12-01", "--to", "2022-12-09", "--feed", f"files:{bars}")
    first = nightdesk.document("ingest", "multi_asset", *span)["news"]
    assert first["headlines"] == first["new_headlines"] == first["scored"] > 20
    assert nightdesk.document("ingest", "multi_asset", *span)["news"]["new_headlines"] == 0
    file.write_text(lines[0] + "\n2022-12-05T15:00:00,GLD,Naive,wire")
    told = nightdesk("ingest", "multi_asset", *span).stdout
    assert "0 of them new" in told
    assert f"news that did not come: files:{file}: {file}, line 2, column published_at" in told
    assert {row["source"]: row["status"] for row in nightdesk.document("feeds")["feeds"]} == {
        "files": "healthy",
        "news:files": "degraded",
        "news:sample": "healthy",
    }


def test_a_backtest_reads_the_headlines_of_its_book_and_refuses_wrong_ones(nightdesk, bars, project):
    book, file = project / "books" / "multi_asset.yaml", project / "headlines.csv"
    file.write_text("published_at,symbol,headline,source\n2022-12-05T15:00:00,GLD,Naive,wire")
    book.write_text(book.read_text().replace("daily: [sample]", f"daily: [sample]\n  news: ['files:{file}']"))
    span = ("--from", "2022-12-01", "--to", "2022-12-09", "--feed", f"files:{bars}")
    refusal = nightdesk.refusal("backtest", "multi_asset", *span)
    assert "the headlines did not come" in refusal
    assert "line 2, column published_at" in refusal
    file.write_text("published_at,symbol,headline,source\n2022-12-05T15:00:00Z,GLD,Gold wins praise,wire")
    nightdesk("backtest", "multi_asset", *span)


def test_a_database_that_cannot_be_reached_is_told_in_one_paragraph(nightdesk, monkeypatch):
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", "postgresql://desk:secret@127.0.0.1:1/desk")
    refusal = nightdesk.refusal("status")
    assert "127.0.0.1:1" in refusal
    assert "cannot be reached" in refusal
    assert "secret" not in refusal


def test_hours_of_a_coin_come_with_the_bars_of_a_book_that_gathers_from_them(
    nightdesk, database, bars, market, project
):
    hours = write_hours(project, market, "2019-11-05T00")
    coin_book(project / "books", bars, hours)
    span = ("--from", "2019-10-28", "--to", "2019-11-01")
    told = nightdesk.document("ingest", "multi_asset", *span)["hours"]
    # from Friday's close at 20:00 UTC over a weekend to that of the Friday after
    assert (told["hours"], told["new_hours"], told["missing"]) == (7 * 24, 7 * 24, {})
    assert "0 new hours, 0 corrected" in nightdesk("ingest", "multi_asset", *span).stdout
    other = nightdesk.document("ingest", "multi_asset", *span, "--feed", "sample")["hours"]
    assert other["missing"] == {"BTC-USD": "sample: the sample market has no hours of it"}
