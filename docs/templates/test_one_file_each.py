"""The feed keeps what every feed must keep; its files are made of the sample market."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from nightdesk.core.errors import Refused
from nightdesk.feeds import Feed, make
from nightdesk.testing import FeedContract

SYMBOLS = ("SPY", "TLT", "BTC-USD")
SPAN = date(2024, 1, 2), date(2024, 6, 28)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    bars = make("sample").fetch(SYMBOLS, *SPAN).bars.rename(columns={"session": "date"})
    for symbol, rows in bars.groupby("symbol"):
        rows.drop(columns=["symbol", "source"]).to_csv(tmp_path / f"{symbol}.csv", index=False)
    monkeypatch.setenv("NIGHTDESK_BARS", str(tmp_path))
    return tmp_path


class TestOneFileEach(FeedContract):
    """With files of half a year."""

    @pytest.fixture
    def feed(self, folder: Path) -> Feed:
        return make("one_file_each", now=lambda: datetime(2025, 1, 2, tzinfo=UTC))

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return SYMBOLS

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return SPAN


def test_a_file_without_a_column_is_refused_with_its_path(folder: Path) -> None:
    (folder / "SPY.csv").write_text("date,open\n2024-01-02,1\n")
    with pytest.raises(Refused, match=r"SPY\.csv: .*expected the columns date, open, high"):
        make("one_file_each").fetch(["SPY"], *SPAN)
