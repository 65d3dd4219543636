"""The interface of every source of headlines, the one form in which they answer, and asking several.

All sources of a book are asked, since no headline is no fault; what two of them tell counts once, for the
same words of the same symbol are one story (`nightdesk.sentiment`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.core.keywords import NO_KEYWORDS, Keywords
from nightdesk.feeds.breaker import Circuit, SourceHealth
from nightdesk.feeds.chain import HealthStore
from nightdesk.feeds.feed import Fault, Missing
from nightdesk.sentiment import story_numbers

if TYPE_CHECKING:
    import pandas as pd

NEWS_COLUMNS = ("symbol", "published_at", "headline", "source", "url", "article")


@dataclass(frozen=True)
class News:
    """What a source of headlines gave.

    Attributes
    ----------
    headlines : DataFrame
        Columns symbol, published_at (datetime64[us], UTC), headline, source (who wrote it), url (empty where
        there is none), article (what names it at the source); one row an article and symbol, sorted by
        published_at, symbol and article.
    failure : Missing or None
        Why the answer is not whole; None when it is.
    dropped : mapping of str to int
        How many rows were left out, by reason.
    by_words : DataFrame or None
        The same columns: rows of symbols that the source does not name, and of which the headline holds a
        keyword of the book. None where nobody looked.
    since : datetime or None
        The instant before which the source has nothing, where that lies within what it was asked for; None
        where it has all.
    """

    headlines: pd.DataFrame
    failure: Missing | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    by_words: pd.DataFrame | None = None
    since: datetime | None = None


class NewsFeed(ABC):
    """A source of headlines.

    Parameters
    ----------
    now : callable, optional
        The clock, timezone-aware.
    """

    #: The kind of feed; headlines are stored under it.
    name: ClassVar[str]
    #: What the book knows its symbols by.
    keywords: Keywords = NO_KEYWORDS

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now = now

    @property
    def source(self) -> str:
        """The name under which its health is kept: that of its bars is another matter."""
        return source_of(self.name)

    @abstractmethod
    def fetch(self, symbols: Sequence[str], after: datetime, until: datetime) -> News:
        """Headlines of `symbols` that were published after `after` and up to `until` (timezone-aware).

        Raises
        ------
        Refused
            When what the source holds is malformed or from the future.
        """


def source_of(name: str) -> str:
    """The name under which the health of a source is kept, from that by which a book lists it."""
    return f"news:{name.partition(':')[0]}"


def note_failure(health: HealthStore, name: str, reason: str, at: datetime) -> None:
    """Keep that a source failed which could not even be asked, so that people are told of it."""
    source = source_of(name)
    health.save(source, SourceHealth.from_row(health.load(source)).failed(at, reason).as_row())


def gather(
    asked: Sequence[tuple[NewsFeed, datetime]],
    symbols: Sequence[str],
    until: datetime,
    health: HealthStore,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[News, ...]:
    """Ask all sources; a fault of one is told in its answer's `failure` and never raised.

    Parameters
    ----------
    asked : sequence of (NewsFeed, datetime)
        Each source, and the instant after which its headlines are wanted.
    symbols : sequence of str
        What is wanted.
    until : datetime
        The instant up to which it is wanted.
    health : HealthStore
        Keeps the circuit breakers.
    now : callable
        The clock, timezone-aware.

    Returns
    -------
    tuple of News
        In the order of `asked`.
    """
    answers = []
    for feed, after in asked:
        state = SourceHealth.from_row(health.load(feed.source))
        if state.circuit(now()) is Circuit.OPEN:
            words = (
                f"not asked, its circuit is open since {state.opened_at:%H:%M:%S} UTC ({state.last_error})"
            )
            answers.append(News(news_frame(), Missing(words, Fault.PASSING)))
            continue
        began = monotonic()
        answer = _answer(feed, symbols, after, until)
        took, failure = monotonic() - began, answer.failure
        state = state.succeeded(now(), took) if failure is None else state.failed(now(), failure.reason)
        health.save(feed.source, state.as_row())
        answers.append(answer)
    return tuple(answers)


def stored_under(kind: str, digest: str = "") -> str:
    """The name under which headlines of a kind of source are stored.

    Those that are of a symbol by words of a book alone stand apart, under the digest of these words: another
    book, or this one with other words, does not read them.
    """
    return f"{kind}#{digest}" if digest else kind


def kinds_of(names: Sequence[str], keywords: Keywords) -> tuple[str, ...]:
    """Under which names a book's headlines are stored, whatever path or address its sources have."""
    kinds = tuple(dict.fromkeys(name.partition(":")[0] for name in names))
    return (*kinds, *(stored_under(kind, digest) for kind in kinds for digest in keywords.digests.values()))


def by_kind(feeds: Sequence[NewsFeed], answers: Sequence[News]) -> dict[str, pd.DataFrame]:
    """The headlines of all sources by the name under which they are stored.

    Of one article twice, the first source's counts.
    """
    import pandas as pd

    frames: dict[str, list[pd.DataFrame]] = {}
    for feed, answer in zip(feeds, answers, strict=True):
        frames.setdefault(feed.name, []).append(answer.headlines)
        if answer.by_words is not None:
            for symbol, part in answer.by_words.groupby("symbol", sort=False):
                name = stored_under(feed.name, feed.keywords.digests[str(symbol)])
                frames.setdefault(name, []).append(part)
    return {
        kind: news_frame(pd.concat(some).drop_duplicates(["symbol", "article"], keep="first"))
        for kind, some in frames.items()
    }


def one_frame(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The headlines of `by_kind` one below the other, with columns `story`, and `symbols`: of how many an
    article is. Some sources number articles a symbol: those of one number are one where they tell the same.
    """
    import pandas as pd

    kinds = {name: frame.assign(kind=name.partition("#")[0]) for name, frame in frames.items()}
    whole = pd.concat(kinds.values(), ignore_index=True)
    whole = whole.assign(story=story_numbers(whole["headline"].tolist()))
    return whole.assign(symbols=whole.groupby(["kind", "article", "story"])["symbol"].transform("nunique"))


def failures_of(names: Sequence[str], answers: Sequence[News]) -> dict[str, Missing]:
    """Why sources failed, by their names; without those that did not."""
    pairs = zip(names, answers, strict=True)
    return {name: answer.failure for name, answer in pairs if answer.failure is not None}


def refuse_failures(failures: Mapping[str, Missing]) -> None:
    """Raise where a source failed: for work in which half of the news is none.

    Raises
    ------
    Transient
        When a passing fault is among the failures.
    Refused
        When all of them are final.
    """
    if not failures:
        return
    told = f"the headlines did not come: {in_words(failures)}"
    if any(one.fault is Fault.PASSING for one in failures.values()):
        raise Transient(f"{told}; try again")
    raise Refused(f"{told}; correct the source, or leave it out of feeds.news")


def refuse_gaps(names: Sequence[str], answers: Sequence[News], after: datetime) -> None:
    """Raise where a source has nothing of the beginning of a span that begins after `after`.

    Raises
    ------
    Refused
        With the source, and from when on it has headlines.
    """
    for name, answer in zip(names, answers, strict=True):
        if answer.since is not None:
            raise Refused(
                f"{name} has headlines from {answer.since:%Y-%m-%d %H:%M} UTC on alone, and they are wanted "
                f"from {after:%Y-%m-%d %H:%M} on: a result on half of the news would look like one on all. "
                "Take headlines of files: for what lies before, or leave the source out of feeds.news"
            )


def in_words(failures: Mapping[str, Missing]) -> str:
    """Which sources failed and why."""
    return "; ".join(f"{name}: {why.reason}" for name, why in failures.items())


def news_frame(rows: Sequence[tuple[Any, ...]] | pd.DataFrame = ()) -> pd.DataFrame:
    """Headlines in the canonical columns, types and order; without rows an empty frame."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(NEWS_COLUMNS))
    types: dict[str, Any] = dict.fromkeys(NEWS_COLUMNS, object) | {"published_at": "datetime64[us]"}
    return frame.astype(types).sort_values(["published_at", "symbol", "article"], ignore_index=True)


def plain(text: str) -> str:
    """Words with single blanks between them, without what no table holds (character 0, half characters)."""
    return " ".join(text.replace("\0", "").encode("utf-8", "replace").decode("utf-8").split())


def _answer(feed: NewsFeed, symbols: Sequence[str], after: datetime, until: datetime) -> News:
    try:
        return feed.fetch(symbols, after, until)
    except NightdeskError as error:
        fault = Fault.PASSING if isinstance(error, Transient) else Fault.FINAL
        return News(news_frame(), Missing(str(error), fault))
