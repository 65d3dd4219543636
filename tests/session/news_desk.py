"""A small desk whose book has news of a file, and a strategy that asks for them."""

import csv
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml
from tests.session.small_desk import STRATEGY, SmallDesk, session

from nightdesk.core.calendar import get_calendar
from nightdesk.strategies import Signals, View, register
from nightdesk.strategies.time_series_momentum import TimeSeriesMomentum

HEADER = ["published_at", "symbols", "headline", "source", "url"]
GOOD, BAD = "{} wins praise for great growth {}", "{} sued for fraud and terrible losses {}"
NAMES = ("sentiment", "sentiment_5", "sentiment_change_5")


@register
class Listening(TimeSeriesMomentum):
    """Asks for the sentiment beside what it decides by."""

    name = "listening_of_news"

    @property
    def factors(self) -> tuple[str, ...]:
        return (*super().factors, *NAMES)

    def signals(self, view: View) -> Signals:
        return TimeSeriesMomentum(self.params).signals(view)

    @property
    def words(self) -> Mapping[int, str]:
        return TimeSeriesMomentum(self.params).words


class NewsDesk:
    """A small desk whose book has news."""

    def __init__(self, desk: SmallDesk, sources: list[str] | None = None) -> None:
        self.desk, self.file = desk, desk.book.parent / "headlines.csv"
        self.rows: list[list[str]] = []
        self.write()
        tree = yaml.safe_load(desk.book.read_text())
        tree["strategies"] = {
            Listening.name: tree["strategies"][STRATEGY] | {"share": 0.6},
            "news_sentiment": {"share": 0.4},
        }
        tree["feeds"] = {"daily": [desk.feed], "news": sources or [f"files:{self.file}"]}
        desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))

    def say(self, **sentiment: Any) -> None:
        """Write how the book makes numbers of headlines."""
        tree = yaml.safe_load(self.desk.book.read_text())
        self.desk.book.write_text(yaml.safe_dump({**tree, "sentiment": sentiment}, sort_keys=False))

    def tell(self, moment: datetime, symbol: str, words: str) -> None:
        self.rows.append([moment.isoformat(), symbol, words, "wire", ""])
        self.write()

    def write(self) -> None:
        with self.file.open("w", newline="") as file:
            csv.writer(file).writerows([HEADER, *self.rows])

    def told(self, number: int) -> dict[str, tuple[float, int]]:
        """What the stored decision of a session made of its headlines."""
        rows = self.desk.rows(
            "SELECT symbol, score, count FROM nightdesk.sentiments WHERE session = %s", session(number)
        )
        return {str(symbol): (float(score), int(count)) for symbol, score, count in rows}  # type: ignore[arg-type]

    def stored(self, ending: str) -> int:
        """How many stored headlines end in these words."""
        rows = self.desk.rows("SELECT headline FROM nightdesk.headlines")
        return sum(str(words).endswith(ending) for (words,) in rows)

    def factor(self, number: int, name: str) -> dict[str, float]:
        rows = self.desk.rows(
            "SELECT symbol, factor_value FROM nightdesk.factors_tall WHERE session = %s AND factor = %s",
            session(number),
            name,
        )
        return {str(symbol): float(value) for symbol, value in rows}  # type: ignore[arg-type]


def close(number: int) -> datetime:
    return get_calendar().close_at(session(number))
