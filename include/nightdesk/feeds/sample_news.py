"""The `sample` source of headlines: made up, marked as such, and the same on every machine and day."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from nightdesk.core.calendar import get_calendar
from nightdesk.feeds.news import News, NewsFeed, news_frame
from nightdesk.feeds.sample_process import FIRST_DAY

SEED = 41
#: Every headline begins with it: nobody shall take one for news.
MARK = "[sample]"

#: Of the mood of a symbol: share that is left after a session.
PERSISTENCE = 0.85
#: Chances that a session has one headline more, tried one after the other.
CHANCES = (0.45, 0.35, 0.25)

GOOD = (
    "{} wins praise for strong growth",
    "Analysts are optimistic on {} after an excellent quarter",
    "{} profit improves, investors are happy",
    "{} celebrates a great success in its new business",
)
PLAIN = (
    "{} holds its annual meeting",
    "{} to present at a conference",
    "What to know of {} this week",
    "{} names a new head of accounting",
)
BAD = (
    "{} sued over fraud, shares suffer",
    "{} warns of weak demand and losses",
    "Analysts fear trouble at {} after a terrible quarter",
    "{} hurt by a failed launch",
)

#: Random numbers a session: mood, and of each headline its chance, tone, words and time.
_WIDTH = 1 + 4 * len(CHANCES)


class SampleNews(NewsFeed):
    """Up to three headlines a session of any symbol, from the sample market's first day on.

    Each symbol has a mood that lasts some sessions and colours its headlines; it knows nothing of prices.

    Parameters
    ----------
    calendar : str
        The exchange in whose sessions they are published.
    """

    name = "sample"

    def __init__(
        self, calendar: str = "XNYS", *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(now=now)
        self.calendar = get_calendar(calendar)

    def fetch(self, symbols: Sequence[str], after: datetime, until: datetime) -> News:
        newest = self.calendar.latest_completed(self.now())
        sessions = self.calendar.between(FIRST_DAY, newest)
        at = np.searchsorted(self.calendar.sessions, sessions)
        closes = self.calendar.closes[at].astype("datetime64[s]")
        opened = self.calendar.closes[at - 1].astype("datetime64[s]")
        span = tuple(np.datetime64(one.astimezone(UTC).replace(tzinfo=None), "s") for one in (after, until))
        rows: list[tuple[Any, ...]] = []
        for symbol in dict.fromkeys(symbols):
            rows += _headlines(symbol, sessions, opened, closes, span)
        return News(news_frame(rows))


def _headlines(symbol: str, sessions: Any, opened: Any, closes: Any, span: Any) -> list[tuple[Any, ...]]:
    """The headlines of one symbol in a span; nothing of a session depends on a later one."""
    from scipy.signal import lfilter
    from scipy.special import ndtri

    bits = np.random.Philox(key=[SEED, zlib.crc32(symbol.encode())]).random_raw(len(sessions) * _WIDTH)
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5).reshape(len(sessions), _WIDTH) / 2.0**53
    mood = lfilter([np.sqrt(1.0 - PERSISTENCE**2)], [1.0, -PERSISTENCE], ndtri(uniform[:, 0]))
    lots = uniform[:, 1:].reshape(len(sessions), len(CHANCES), 4)
    told = np.logical_and.accumulate(lots[:, :, 0] < CHANCES, axis=1)
    tone = mood[:, None] + ndtri(lots[:, :, 1])
    length = (closes - opened).astype(np.int64)
    moment = opened[:, None] + (lots[:, :, 3] * length[:, None]).astype("timedelta64[s]")
    inside = told & (moment > span[0]) & (moment <= span[1])
    rows = []
    for t, k in zip(*np.nonzero(inside), strict=True):
        texts = GOOD if tone[t, k] > 0.6 else BAD if tone[t, k] < -0.6 else PLAIN
        words = texts[int(lots[t, k, 2] * len(texts))].format(symbol)
        article = f"{sessions[t]} {k + 1}"
        rows.append((symbol, moment[t, k], f"{MARK} {words}", SampleNews.name, "", article))
    return rows
