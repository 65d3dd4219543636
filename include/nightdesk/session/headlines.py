"""Headlines in the day's run: fetched and scored with the bars, read as they were known.

News that do not come cost the sentiment, never the session: the step tells of them, and a strategy that
needs a sentiment has none to speak on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from nightdesk.core.book import Book
from nightdesk.core.calendar import Calendar
from nightdesk.core.errors import Refused
from nightdesk.sentiment import Headlines, labels_of
from nightdesk.session.left_out import dropped_rows
from nightdesk.store.bar_rows import Saved
from nightdesk.store.book_rows import BookRecord
from nightdesk.store.db import Connection, now
from nightdesk.store.headline_rows import Reading

if TYPE_CHECKING:
    from nightdesk.feeds.news import News

#: Sessions of which headlines are fetched again at each ingest, for those that came late.
REFRESH_SESSIONS = 3


class Asking(Protocol):
    """The session of a book for which headlines are read; a `nightdesk.session.context.Context` is one."""

    @property
    def conn(self) -> Connection: ...
    @property
    def book(self) -> Book: ...
    @property
    def record(self) -> BookRecord: ...
    @property
    def session(self) -> date: ...
    @property
    def as_of(self) -> datetime: ...
    @property
    def calendar(self) -> Calendar: ...
    @property
    def environ(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Brought:
    """What became of headlines that were fetched.

    Attributes
    ----------
    told : int
        Headlines that came, one a symbol.
    saved : Saved
    scored : int
    failures : mapping of str to str
        By source, why its answer is not whole.
    dropped : mapping of str to int
        How many were left out, by reason, those that are of no symbol of the book among them.
    since : mapping of str to datetime
        Before which instant a source had nothing, of those that had not all that they were asked for.
    """

    told: int
    saved: Saved
    scored: int
    failures: Mapping[str, str]
    dropped: Mapping[str, int] = field(default_factory=dict)
    since: Mapping[str, datetime] = field(default_factory=dict)

    def counts(self) -> dict[str, int | str]:
        """Small facts for logs and people."""
        counts: dict[str, int | str] = {
            "headlines": self.told,
            "new_headlines": self.saved.new,
            "corrected_headlines": self.saved.corrected,
            "scored": self.scored,
        }
        if self.failures:
            counts["news_failed"] = "; ".join(f"{name}: {why}" for name, why in self.failures.items())
        if self.dropped:
            counts["news_dropped"] = "; ".join(f"{n} {why}" for why, n in sorted(self.dropped.items()))
        if self.since:
            counts["news_since"] = "; ".join(
                f"{name}: nothing before {at:%Y-%m-%d %H:%M} UTC" for name, at in self.since.items()
            )
        return counts

    def notes(self) -> list[dict[str, Any]]:
        """What was left out and should not have come, as rows of `ingest_notes`; of no fault is what is of
        other symbols, or came twice.
        """
        from nightdesk.feeds.news_files import TWICE
        from nightdesk.feeds.raw_headlines import OF_OTHERS

        told = {why: count for why, count in self.dropped.items() if why not in (OF_OTHERS, TWICE)}
        return dropped_rows(told, "headlines ")


def store_headlines(context: Asking) -> Brought | None:
    """Fetch headlines up to the session's close, store what is new of them, and score it.

    The first time all from the book's origin on are fetched, then what came since and some sessions more.

    Returns
    -------
    Brought or None
        With the sources that failed and why; None for a book without news.

    Raises
    ------
    Refused
        When the book's scorer is not on this machine, or no source has the name that the book gives.
    """
    from nightdesk.store.headline_rows import keep_reach, reached

    book, conn = context.book, context.conn
    if not book.feeds.news:
        return None
    origin, refresh = _first_instant(context), _refresh_from(context)
    words = book.sentiment.known_words.digest
    # Other words find other headlines: what came by those of before reaches nowhere.
    known_as = {name: f"{name}#{words}" if words else name for name in book.feeds.news}
    came = {name: reached(conn, book.name, known_as[name], book.symbols, origin) for name in known_as}
    since = {
        name: origin if until is None else max(origin, min(until, refresh)) for name, until in came.items()
    }
    brought = bring_headlines(conn, book, since, context.as_of, context.environ)
    for name, after in since.items():
        if name not in brought.failures:
            keep_reach(conn, book.name, known_as[name], book.symbols, after, context.as_of)
    # What a source has no more is no loss where it came before.
    lost = {name: at for name, at in brought.since.items() if at > (came[name] or origin)}
    return replace(brought, since=lost)


def bring_headlines(
    conn: Connection, book: Book, since: Mapping[str, datetime], until: datetime, environ: Mapping[str, str]
) -> Brought:
    """Fetch, store and score a book's headlines that were published up to `until`.

    Parameters
    ----------
    conn : Connection
        In no transaction: what happened to a source happened.
    book : Book
    since : mapping of str to datetime
        After which instant the headlines of each source are wanted, by its name in the book.
    until : datetime
    environ : mapping of str to str
        Where the keys of vendors are.

    Raises
    ------
    Refused
        As `store_headlines`; a source that fails raises nothing.
    """
    from nightdesk.feeds.news import by_kind, failures_of, gather, note_failure
    from nightdesk.feeds.news_sources import check_name, make_news
    from nightdesk.scorers import check
    from nightdesk.store.headline_rows import save_headlines
    from nightdesk.store.health_rows import Health

    check(book.sentiment.scorer, environ)
    feeds, failures = {}, {}
    for name in since:
        check_name(name)
        try:
            feeds[name] = make_news(
                name, calendar=book.calendar, environ=environ, keywords=book.sentiment.known_words
            )
        except Refused as error:
            failures[name] = str(error)
            note_failure(Health(conn), name, str(error), now(conn))
    asked = [(feed, since[name]) for name, feed in feeds.items()]
    answers = gather(asked, book.symbols, until, Health(conn))
    failures |= {name: str(why) for name, why in failures_of(list(feeds), answers).items()}
    told, saved = 0, Saved()
    for kind, headlines in by_kind(list(feeds.values()), answers).items():
        one = save_headlines(conn, kind, headlines)
        told += len(headlines)
        saved = Saved(saved.new + one.new, saved.corrected + one.corrected, saved.unchanged + one.unchanged)
    scored = _score_new(conn, book, environ)
    since = {name: one.since for name, one in zip(feeds, answers, strict=True) if one.since is not None}
    return Brought(told, saved, scored, failures, _all_dropped(answers), since)


def scored_headlines(context: Asking, known_by: datetime) -> Headlines:
    """The headlines from the book's origin to the decision's instant, as they were known at another one."""
    from nightdesk.store.headline_rows import headline_words, read_headlines

    stored = read_headlines(context.conn, _reading_of(context), known_by)
    lacking = stored.unscored()
    scores: dict[int, float] = {}
    if len(lacking):
        # Another book may have stored some between this one's scoring and its reading.
        words = headline_words(context.conn, lacking.tolist())
        scores = _scores(context.book, words, context.environ)
    headlines = stored.scored(scores)
    if context.book.sentiment.discrete:
        return replace(headlines, score=labels_of(headlines.score))
    return headlines


def news_changed(context: Asking, since: datetime) -> bool:
    """Whether the decision reads other headlines now than at `since`; never for a book without news."""
    from nightdesk.store.headline_rows import headlines_changed

    return bool(context.book.feeds.news) and headlines_changed(context.conn, _reading_of(context), since)


def _score_new(conn: Connection, book: Book, environ: Mapping[str, str]) -> int:
    """Score what the book reads and its scorer has not scored yet; how many headlines that were."""
    from nightdesk.store.headline_rows import save_scores, unscored_headlines

    words = unscored_headlines(conn, book.symbols, _kinds(book), book.sentiment.scorer)
    return save_scores(conn, book.sentiment.scorer, _scores(book, words, environ)) if words else 0


def _scores(book: Book, words: Mapping[int, str], environ: Mapping[str, str]) -> dict[int, float]:
    from nightdesk.scorers import make

    scores = make(book.sentiment.scorer, environ).score(list(words.values()))
    return dict(zip(words, scores.tolist(), strict=True))


def _reading_of(context: Asking) -> Reading:
    """Which headlines the session's decision reads."""
    return Reading(
        symbols=context.book.symbols,
        feeds=_kinds(context.book),
        scorer=context.book.sentiment.scorer,
        after=_first_instant(context),
        until=context.as_of,
    )


def _kinds(book: Book) -> tuple[str, ...]:
    """Under which names the book's headlines are stored."""
    from nightdesk.feeds.news import kinds_of

    return kinds_of(book.feeds.news, book.sentiment.known_words)


def _all_dropped(answers: Sequence[News]) -> dict[str, int]:
    from nightdesk.feeds.feed import add_up

    return add_up(*(one.dropped for one in answers))


def _first_instant(context: Asking) -> datetime:
    """The close of the session before the origin: what was published up to it is never read."""
    return context.calendar.close_at(context.calendar.shift(context.record.origin, -1))


def _refresh_from(context: Asking) -> datetime:
    return context.calendar.close_at(context.calendar.shift(context.session, -REFRESH_SESSIONS))
