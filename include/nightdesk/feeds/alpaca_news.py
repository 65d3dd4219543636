"""The `alpaca` source of headlines: Alpaca's news service, through its own client."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import Refused
from nightdesk.feeds.feed import Fault, Missing
from nightdesk.feeds.news import News, NewsFeed, plain
from nightdesk.feeds.raw_headlines import TaggedRows, utc_instant
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

UNREADABLE = "without a headline, a name, an instant or a list of symbols"


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
            readable = [one for one in articles if _is_readable(one)]
            if len(readable) < len(articles):
                dropped[UNREADABLE] = dropped.get(UNREADABLE, 0) + len(articles) - len(readable)
            if articles and not readable:
                words = f"the server answered {len(articles)} articles, all of them {UNREADABLE}"
                failure = Missing(words, Fault.PASSING)
                break
            _add(rows, readable, after, until)
        return rows.news(failure, dropped)


def _is_readable(article: Mapping[str, Any]) -> bool:
    """Whether it has words, a name, an instant and a list of symbols."""
    headline, name, symbols = (article.get(key) for key in ("headline", "id", "symbols"))
    return (
        isinstance(headline, str)
        and bool(plain(html.unescape(headline)))
        and isinstance(name, int | str)
        and isinstance(symbols or [], list)
        and all(isinstance(one, str) for one in symbols or [])
        and _told_at(article) is not None
    )


def _add(rows: TaggedRows, articles: Sequence[Mapping[str, Any]], after: datetime, until: datetime) -> None:
    for one in articles:
        headline, moment = plain(html.unescape(one["headline"])), _told_at(one)
        source, url = plain(str(one.get("source") or "alpaca")), plain(str(one.get("url") or ""))
        if moment is not None and after < moment <= until:
            rows.add(plain(str(one["id"])), moment, headline, source, url, one.get("symbols") or ())


def _told_at(article: Mapping[str, Any]) -> datetime | None:
    return utc_instant(article.get("updated_at") or article.get("created_at"))


def _spelt(symbol: str) -> str:
    """A symbol as Alpaca writes it: BTCUSD for BTC-USD, BRK.B for BRK-B."""
    return symbol.replace("-", "") if symbol.endswith("-USD") else re.sub(r"-(?=[A-Z]$)", ".", symbol)
