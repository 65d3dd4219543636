"""Headlines from files, and what is refused of them."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nightdesk.core.errors import Refused
from nightdesk.feeds.news import NewsFeed
from nightdesk.feeds.news_files import FilesNews
from nightdesk.feeds.news_sources import check_news, make_news
from nightdesk.testing.news_contract import NewsContract

HEADER = "published_at,symbols,headline,source,url"
NOW = datetime(2024, 3, 8, 22, tzinfo=UTC)
SPAN = (datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 8, 21, tzinfo=UTC))

LINES = (
    "2024-03-04T09:05:00-05:00,AAPL,Apple wins award,wire,https://news.example/1",
    '2024-03-04T14:05:00Z,AAPL;XOM,"Oil, phones and  growth",wire,',
    "2024-03-05T12:00:00+09:00,,$XOM sued for fraud,wire,https://news.example/2",
    "2024-03-06T21:00:00.5Z,MSFT,Of another symbol,wire,",
    "2024-03-07T15:00:00Z,xom,Lower case,,",
)


def write(folder: Path, *lines: str, header: str = HEADER, name: str = "headlines.csv") -> Path:
    path, text = folder / name, "\n".join((header, *lines)) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode("utf-8-sig"))
    return folder


def fetch(path: Path, *symbols: str):
    return FilesNews(path, now=lambda: NOW).fetch(symbols or ("AAPL", "XOM"), *SPAN)


class TestFilesNews(NewsContract):
    @pytest.fixture
    def feed(self, tmp_path: Path) -> NewsFeed:
        return FilesNews(write(tmp_path, *LINES), now=lambda: NOW)

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("AAPL", "XOM")

    @pytest.fixture
    def span(self) -> tuple[datetime, datetime]:
        return SPAN


@pytest.mark.parametrize("name", ["headlines.csv", "headlines.csv.gz"])
def test_a_file_is_read_with_its_symbols_zones_and_defaults(tmp_path, name):
    answer = fetch(write(tmp_path, *LINES, name=name))
    rows = answer.headlines.drop(columns="article").astype({"published_at": str})
    assert sorted(map(tuple, rows.itertuples(index=False))) == [
        ("AAPL", "2024-03-04 14:05:00", "Apple wins award", "wire", "https://news.example/1"),
        ("AAPL", "2024-03-04 14:05:00", "Oil, phones and growth", "wire", ""),
        ("XOM", "2024-03-04 14:05:00", "Oil, phones and growth", "wire", ""),
        ("XOM", "2024-03-05 03:00:00", "$XOM sued for fraud", "wire", "https://news.example/2"),
        ("XOM", "2024-03-07 15:00:00", "Lower case", "files", ""),
    ]
    assert answer.dropped == {"of no symbol that is wanted": 1}
    assert len(fetch(tmp_path / name).headlines) == 5


@pytest.mark.parametrize(
    ("header", "line", "words"),
    [
        (HEADER, "2024-03-04T09:05:00,AAPL,Words,wire,", "line 2, column published_at: found '2024-03-"),
        (HEADER, "2024-03-04T09:05:00,AAPL,Words,wire,", "which has no time zone: write the zone with it"),
        (HEADER, "2024-03-04,AAPL,Words,wire,", "which has no time zone"),
        (HEADER, "yesterday,AAPL,Words,wire,", "line 2, column published_at: found 'yesterday', expected"),
        (HEADER, "2024-03-04T09:05:00Z,AAPL,  ,wire,", "line 2, column headline: found nothing"),
        (HEADER, "2024-03-04T09:05:00Z,AAPL,One, two,wire,", "line 2: found 6 fields, expected 5"),
        (HEADER, '2024-03-04T09:05:00Z,AAPL,"One" two,wire,', "line 2: not CSV"),
        (HEADER, "2024-03-09T09:05:00Z,AAPL,Words,wire,", "is in the future (it is 2024-03-08 22:00 UTC)"),
        ("published_at,headline,url", "x,y,z", "the columns source, symbol (or symbols) is missing; found"),
        ("published_at,symbol,headline", "x,y,z", "line 1: the column source is missing"),
        (f"{HEADER},symbol", "x", "line 1: found symbol and symbols: keep one"),
        (f"{HEADER},source", "x", "line 1: the column source is there twice"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_its_line_and_column(tmp_path, header, line, words):
    folder = write(tmp_path, line, header=header)
    with pytest.raises(Refused) as refusal:
        fetch(folder)
    assert words in str(refusal.value)
    assert str(folder / "headlines.csv") in str(refusal.value)


def test_an_empty_file_and_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "headlines.csv").write_bytes(b"")
    with pytest.raises(Refused, match="the file is empty; expected published_at, headline"):
        fetch(tmp_path)
    (tmp_path / "headlines.csv").write_bytes(b"published_at,symbol\n\xff\xfe\n")
    with pytest.raises(Refused, match="cannot be read"):
        fetch(tmp_path)
    (tmp_path / "headlines.csv").unlink()
    (tmp_path / "headlines.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(Refused, match="cannot be read"):
        fetch(tmp_path)


def test_a_line_that_is_given_twice_counts_once_and_two_headlines_of_one_address_are_refused(tmp_path):
    answer = fetch(write(tmp_path, LINES[0], LINES[0]))
    assert len(answer.headlines) == 1
    assert answer.dropped == {"given twice": 1}
    other = LINES[0].replace("wins", "loses")
    with pytest.raises(Refused, match=r"line 2 and line 3: two headlines of AAPL at https://news.example/1"):
        fetch(write(tmp_path, LINES[0], other))


def test_a_changed_headline_stays_the_same_article_where_it_has_an_address(tmp_path):
    first = fetch(write(tmp_path, *LINES[:2])).headlines.set_index("symbol")
    changed = fetch(write(tmp_path, LINES[0].replace("wins", "loses"), LINES[1])).headlines
    assert set(changed["article"]) == set(first["article"])
    assert "Apple loses award" in set(changed["headline"])


def test_a_path_without_headlines_is_refused_when_it_is_named(tmp_path):
    with pytest.raises(Refused, match=r"there is no such file, and no headlines\.csv"):
        check_news(f"files:{tmp_path / 'nowhere'}")
    with pytest.raises(Refused, match="lacks its PATH"):
        check_news("files:")
    with pytest.raises(Refused, match=r"'alpca'; did you mean alpaca"):
        make_news("alpca")
    write(tmp_path, *LINES)
    check_news(f"files:{tmp_path}")
    write(tmp_path, *LINES, name="headlines.csv.gz")
    with pytest.raises(Refused, match="keep one of them"):
        check_news(f"files:{tmp_path}")
