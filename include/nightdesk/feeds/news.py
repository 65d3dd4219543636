"""The interface of every source of headlines, the one form in which they answer, and asking several.

All sources of a book are asked, since no headline is no fault; what two of them tell counts once, for the
same words of the same symbol are one story (`nightdesk.sentiment`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.feeds.breaker import Circuit, SourceHealth
from nightdesk.feeds.chain import HealthStore
from nightdesk.feeds.feed import Fault, Missing

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
    """

    headlines: pd.DataFrame
    failure: Missing | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)


class NewsFeed(ABC):
    """A source of headlines.

    Parameters
    ----------
    now : callable, optional
        The clock, timezone-aware.
    """

    #: The kind of feed; headlines are stored under it.
    name: ClassVar[str]

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
        answer = _answer(feed, symbols, after, until)
        failure = answer.failure
        state = state.succeeded(now()) if failure is None else state.failed(now(), failure.reason)
        health.save(feed.source, state.as_row())
        answers.append(answer)
    return tuple(answers)


def by_kind(feeds: Sequence[NewsFeed], answers: Sequence[News]) -> dict[str, pd.DataFrame]:
    """The headlines of all sources of one kind together; of one article twice, the first source's counts."""
    import pandas as pd

    frames: dict[str, list[pd.DataFrame]] = {}
    for feed, answer in zip(feeds, answers, strict=True):
        frames.setdefault(feed.name, []).append(answer.headlines)
    return {
        kind: news_frame(pd.concat(some).drop_duplicates(["symbol", "article"], keep="first"))
        for kind, some in frames.items()
    }


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
