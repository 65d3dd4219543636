"""The `rss:URL` source of headlines: one feed of RSS or Atom."""

from __future__ import annotations

import calendar
import html
import html.entities
import io
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from nightdesk.core.errors import Refused
from nightdesk.feeds.feed import Fault, Missing
from nightdesk.feeds.http_line import HttpLine
from nightdesk.feeds.news import News, NewsFeed, news_frame
from nightdesk.feeds.raw_headlines import RawHeadline, Sieve, as_it_stands, words_of
from nightdesk.feeds.source_fault import SourceFault

EXAMPLE = "rss:https://feeds.example.com/markets.xml"

_SECRET = re.compile(r"token|key|secret|pass|auth|signature", re.IGNORECASE)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
#: An ampersand that begins no entity of XML.
_BARE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)(?P<name>[A-Za-z0-9]{1,32};)?")


class RssNews(NewsFeed):
    """Headlines of a feed.

    A feed holds its newest entries only: what left it between two sessions is lost, and `News.since` says
    from when on it has all.

    Parameters
    ----------
    address : str
        Where it is: https, without a login or a key in it.
    timeout : float
        Seconds for the connection, and for each next byte.
    sleep : callable
        Waits some seconds between attempts.
    """

    name = "rss"

    def __init__(
        self,
        address: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(now=now)
        check_address(address)
        parts = urlsplit(address)
        self.host = parts.hostname or ""
        self._address = address.partition("#")[0]
        self._path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        self.line = HttpLine(
            f"rss:{address}",
            f"{parts.scheme}://{parts.netloc}",
            access="the feed wants a login, which this source has none of",
            timeout=timeout,
            sleep=sleep,
        )

    @property
    def source(self) -> str:
        """Each feed has a health of its own."""
        return f"news:rss:{self._address}"

    def fetch(self, symbols: Sequence[str], after: datetime, until: datetime) -> News:
        if not symbols:
            return News(news_frame())
        now = self.now()
        sieve = Sieve(symbols, self.keywords, after, until, now)
        try:
            feed = _parsed(self.line.text("entries", self._path))
        except SourceFault as error:
            return sieve.news(Missing(str(error), error.fault))
        publisher = words_of(feed["feed"].get("title")) or self.host
        entries = [self._raw(one, publisher) for one in feed["entries"]]
        for one in entries:
            sieve.add(one)
        moments = [one.published_at for one in entries if one.published_at is not None]
        return sieve.news(since=min(moments, default=now))

    def _raw(self, entry: Any, publisher: str) -> RawHeadline:
        link, name = as_it_stands(entry.get("link")), as_it_stands(entry.get("id"))
        # A name that is no address is one of this feed alone.
        article = name if "://" in name else f"{self.host} {name}" if name else link
        link = link if "://" in link else ""  # a name that is none stands for a link that is missing
        return RawHeadline(article, _instant(entry), words_of(entry.get("title")), publisher, link)


def check_address(address: str) -> None:
    """Refuse an address that is none, or that holds what a book must not hold."""
    parts = urlsplit(address)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or (parts.scheme != "https" and not local):
        # A login is told to nobody, wherever else the address is wrong.
        found = f" feed at {parts.hostname}" if "@" in parts.netloc else f":{address}"
        raise Refused(f"rss{found}: expected the address of a feed with https://, such as {EXAMPLE}")
    named = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if _SECRET.search(name)]
    if parts.username or parts.password or named:
        what = named[0] if named else "a login"
        raise Refused(
            f"rss feed at {parts.hostname}: its address holds {what}, and a book holds no secret: "
            "name a feed that is open to all"
        )


def _parsed(text: str) -> Any:
    """What feedparser makes of a feed; `SourceFault` where it is none.

    It is given well-formed XML without entities of its own alone: of anything else it guesses what is meant,
    and a short text may declare a very long one.
    """
    import feedparser

    if "<!entity" in text.lower():
        raise SourceFault(Fault.FINAL, "the server answered an XML that declares entities, which is not read")
    whole = _BARE.sub(_spelt_out, _DECLARATION.sub("", text))
    _refuse_malformed(whole)
    feed = feedparser.parse(
        io.BytesIO(whole.encode("utf-8", "replace")),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not feed["version"] and not feed["entries"]:
        raise SourceFault(Fault.FINAL, "the server answered no feed of RSS or Atom where one was asked for")
    return feed


def _spelt_out(found: re.Match[str]) -> str:
    """The character of an entity of HTML; an ampersand that begins none, as XML writes it."""
    name = found["name"] or ""
    return html.escape(html.entities.html5[name]) if name in html.entities.html5 else f"&amp;{name}"


def _refuse_malformed(text: str) -> None:
    from xml.parsers.expat import ExpatError, ParserCreate

    parser = ParserCreate("utf-8")
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except ExpatError as error:
        raise SourceFault(
            Fault.PASSING, f"the server answered an XML that is broken in line {error.lineno} ({error})"
        ) from None


def _instant(entry: Any) -> datetime | None:
    """When an entry said last what it says: the later of its publication and its update."""
    moments = []
    for name in ("published_parsed", "updated_parsed"):
        value = entry.get(name) if name in entry else None
        if value is None:
            continue
        try:
            moments.append(datetime.fromtimestamp(calendar.timegm(value), UTC))
        except (ValueError, OverflowError, OSError, TypeError):
            continue
    return max(moments, default=None)
