"""The `alpaca` source of headlines: Alpaca's news service, through its own client."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import Refused
from nightdesk.feeds.feed import Missing
from nightdesk.feeds.news import News, NewsFeed, plain
from nightdesk.feeds.raw_headlines import UNREADABLE, TaggedRows, utc_instant
from nightdesk.feeds.source_fault import SourceFault

if TYPE_CHECKING:
    from nightdesk.feeds.alpaca_data_line import AlpacaDataLine

#: The names of the key's parts in the environment, made as those of a broker's account, so that an Airflow
#: connection ``nightdesk_account_alpaca_news`` serves as well.
VARIABLES = {part: f"NIGHTDESK_ACCOUNT_ALPACA_NEWS_{part.upper()}" for part in ("key", "secret", "url")}

#: What is asked for over its line, for errors.
WHAT = "the news of alpaca"

#: Symbols of one request: they travel in its address.
BATCH = 50


class AlpacaNews(NewsFeed):
    """Headlines from Alpaca.

    An article counts from `updated_at` on: the service tells its newest words only, and nobody could know
    them before. Spans are asked for by that instant, too.

    Parameters
    ----------
    line : AlpacaDataLine
        The line to the service.
    """

    name = "alpaca"

    def __init__(
        self, line: AlpacaDataLine, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(now=now)
        self.line = line

    @classmethod
    def of(
        cls,
        environ: Mapping[str, str],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> AlpacaNews:
        """The source with the key of the environment.

        Raises
        ------
        Refused
            When key or secret is missing, naming the variables.
        """
        from nightdesk.feeds.alpaca_data_line import AlpacaDataLine

        found = {part: environ.get(name) or None for part, name in VARIABLES.items()}
        key, secret = found["key"], found["secret"]
        if key is None or secret is None:
            lacking = " and ".join(VARIABLES[part] for part in ("key", "secret") if found[part] is None)
            raise Refused(
                f"{WHAT} cannot be asked for: set {lacking} in the environment, or make the "
                "Airflow connection nightdesk_account_alpaca_news, which only tasks of Airflow read"
            )
        return cls(AlpacaDataLine(WHAT, key, secret, found["url"], timeout=timeout, sleep=sleep), now=now)

    def fetch(self, symbols: Sequence[str], after: datetime, until: datetime) -> News:
        dropped: dict[str, int] = {}
        failure: Missing | None = None
        wanted = list(dict.fromkeys(symbols))
        rows = TaggedRows(wanted, self.keywords)
        for start in range(0, len(wanted), BATCH):
            names = ",".join(map(_spelt, wanted[start : start + BATCH]))
            try:
                articles = self.line.news(names, after, min(until, self.now()))
            except SourceFault as error:
                # What came of other symbols is kept; a source that fails for these is left alone.
                failure = Missing(str(error), error.fault)
                break
            _add(rows, articles, after, until, dropped)
        return rows.news(failure, dropped)


def _add(
    rows: TaggedRows, articles: Sequence[Any], after: datetime, until: datetime, dropped: dict[str, int]
) -> None:
    for one in articles:
        headline = plain(html.unescape(str(one.get("headline") or "")))
        moment = utc_instant(one.get("updated_at") or one.get("created_at"))
        if not headline or moment is None or one.get("id") is None:
            dropped[UNREADABLE] = dropped.get(UNREADABLE, 0) + 1
            continue
        source, url = plain(str(one.get("source") or "alpaca")), plain(str(one.get("url") or ""))
        if after < moment <= until:
            rows.add(str(one["id"]), moment, headline, source, url, one.get("symbols") or ())


def _spelt(symbol: str) -> str:
    """A symbol as Alpaca writes it: BTCUSD for BTC-USD, BRK.B for BRK-B."""
    return symbol.replace("-", "") if symbol.endswith("-USD") else re.sub(r"-(?=[A-Z]$)", ".", symbol)
