"""Headlines on their way from a vendor's answer to rows: read, tagged, and counted where left out."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from nightdesk.core.keywords import Keywords
from nightdesk.feeds.feed import Fault, Missing
from nightdesk.feeds.news import News, news_frame, plain
from nightdesk.sentiment import symbols_by_words, symbols_of

UNREADABLE = "without a headline or an instant"
FUTURE = "published in the future"
TOO_LONG = "of more than 1,000 characters"
REMOVED = "removed by their publisher"

LONGEST = 1_000
#: A longer name of an article is digested: an index holds no more than some 2,700 bytes.
LONGEST_NAME = 200

_MARKUP = re.compile(r"<[^<>]*>")


@dataclass(frozen=True)
class RawHeadline:
    """What a source says of an article; what it does not say is empty, or None.

    Attributes
    ----------
    article : str
        What names it at the source.
    published_at : datetime or None
        Timezone-aware, UTC.
    headline, source, url : str
    """

    article: str
    published_at: datetime | None
    headline: str
    source: str
    url: str


class TaggedRows:
    """Rows of headlines by the symbols that they are of.

    Parameters
    ----------
    wanted : sequence of str
        The symbols as a book names them.
    keywords : Keywords
        The book's.
    """

    def __init__(self, wanted: Sequence[str], keywords: Keywords) -> None:
        self._wanted, self._keywords = wanted, keywords
        self._named: dict[tuple[str, str], tuple[Any, ...]] = {}
        self._found: dict[tuple[str, str], tuple[Any, ...]] = {}

    def add(
        self,
        article: str,
        moment: datetime,
        headline: str,
        source: str,
        url: str,
        named: Iterable[str] = (),
    ) -> bool:
        """Enter a headline under each of its symbols, once; whether there is any.

        Parameters
        ----------
        article, headline, source, url : str
        moment : datetime
            When it was published, timezone-aware.
        named : iterable of str
            The symbols that its source names.
        """
        tagged = symbols_of(headline, named, self._wanted)
        found = symbols_by_words(headline, tagged, self._wanted, self._keywords)
        at = moment.astimezone(UTC).replace(tzinfo=None)
        for symbols, rows in ((tagged, self._named), (found, self._found)):
            for symbol in symbols:
                rows[symbol, article] = (symbol, at, headline, source, url, article)
        return bool(tagged or found)

    def news(
        self,
        failure: Missing | None = None,
        dropped: Mapping[str, int] | None = None,
        since: datetime | None = None,
    ) -> News:
        """All of it as the answer of a source; see `News`."""
        found = news_frame(list(self._found.values()))
        return News(news_frame(list(self._named.values())), failure, dropped or {}, found, since)


class Sieve:
    """What of a vendor's articles becomes headlines of a span.

    Parameters
    ----------
    symbols : sequence of str
        What is wanted.
    keywords : Keywords
    after, until : datetime
        The span, timezone-aware; its end is within it.
    now : datetime
        An article of later than this is none yet: its clock, or ours, is wrong.
    delay : timedelta
        How long after its instant an article counts as published.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        keywords: Keywords,
        after: datetime,
        until: datetime,
        now: datetime,
        delay: timedelta = timedelta(),
    ) -> None:
        self._rows = TaggedRows(tuple(dict.fromkeys(symbols)), keywords)
        self._span, self._now, self._delay = (after, until), now, delay
        self._newest: dict[str, RawHeadline] = {}
        self._dropped: dict[str, int] = {}
        self._read = 0

    def add(self, one: RawHeadline) -> None:
        """Enter an article; of one that comes twice, the newest words count."""
        fault = self._fault_of(one)
        if fault:
            self.drop(fault)
            return
        self._read += 1
        held = self._newest.get(_name_of(one))
        if held is None or _moment(held) < _moment(one):
            self._newest[_name_of(one)] = one

    def drop(self, reason: str) -> None:
        """Count an article that is left out."""
        self._dropped[reason] = self._dropped.get(reason, 0) + 1

    @property
    def standing(self) -> tuple[int, int]:
        """How many articles could be read so far, and how many could not."""
        return self._read, self._dropped.get(UNREADABLE, 0)

    def news(self, failure: Missing | None = None, since: datetime | None = None) -> News:
        """The answer; `since` as that of `News`, where it lies within the span."""
        after, until = self._span
        unread = self._dropped.get(UNREADABLE, 0)
        if failure is None and unread and not self._newest and unread == sum(self._dropped.values()):
            words = f"the server answered {unread} articles, none of which can be read"
            failure = Missing(words, Fault.PASSING)
        for name, one in self._newest.items():
            moment = _moment(one) + self._delay
            if after < moment <= until and not self._rows.add(
                name, moment, one.headline, one.source, one.url
            ):
                self.drop(OF_OTHERS)
        return self._rows.news(failure, self._dropped, since if since is not None and since > after else None)

    def _fault_of(self, one: RawHeadline) -> str:
        if not one.headline or one.published_at is None:
            return UNREADABLE
        if len(one.headline) > LONGEST:
            return TOO_LONG
        return FUTURE if one.published_at > self._now else ""


#: Not worth a person's eye: of a list of all news most are.
OF_OTHERS = "of no symbol that is wanted"


def utc_instant(text: object) -> datetime | None:
    """An instant of RFC 3339 in UTC; None when it is none, or without a zone."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return moment.astimezone(UTC) if moment is not None and moment.utcoffset() is not None else None
    except (ValueError, OverflowError):
        return None


def as_it_stands(text: object) -> str:
    """A vendor's text as one line, an address for one; empty where it is no text."""
    return plain(text) if isinstance(text, str) else ""


def words_of(text: object) -> str:
    """A vendor's text as one line of plain words, without markup; empty where it is no text."""
    return plain(_MARKUP.sub(" ", html.unescape(text))) if isinstance(text, str) else ""


def _moment(one: RawHeadline) -> datetime:
    return one.published_at or datetime.min.replace(tzinfo=UTC)


def _name_of(one: RawHeadline) -> str:
    """What names an article: as its source does, else its instant and words."""
    told = one.article or f"{_moment(one).isoformat()} {one.headline}"
    if one.article and len(told) <= LONGEST_NAME:
        return told
    return hashlib.sha256(told.encode()).hexdigest()[:32]
