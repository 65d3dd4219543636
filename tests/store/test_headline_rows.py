"""Headlines in the store: kept once, corrected by a version, read as they were known."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import psycopg2
import pytest

from nightdesk.feeds.news import news_frame
from nightdesk.sentiment import story_of
from nightdesk.store.bar_rows import Saved, known_now
from nightdesk.store.db import Connection, cursor
from nightdesk.store.headline_rows import (
    Reading,
    headline_words,
    headlines_changed,
    keep_reach,
    reached,
    read_headlines,
    save_headlines,
    save_scores,
    unscored_headlines,
)
from nightdesk.store.rows import read_rows

MORNING = datetime(2024, 3, 4, 14, 5, 0, 250_000, tzinfo=UTC)
READING = Reading(
    ("XOM", "AAPL"), ("files",), "lexicon", MORNING - timedelta(days=1), MORNING + timedelta(days=1)
)


def frame(*rows: tuple[str, str, str], at: datetime = MORNING) -> pd.DataFrame:
    """Headlines by symbol, article and words."""
    moment = at.replace(tzinfo=None)
    return news_frame([(symbol, moment, words, "wire", "", article) for symbol, article, words in rows])


TWO = frame(("AAPL", "1", "Apple wins"), ("XOM", "1", "Apple wins"))


def test_the_same_headlines_again_write_nothing(conn: Connection) -> None:
    assert save_headlines(conn, "files", TWO) == Saved(new=2)
    before = read_rows(conn, "headline_versions", symbol="AAPL", after=READING.after, until=READING.until)
    assert save_headlines(conn, "files", TWO) == Saved(unchanged=2)
    assert save_headlines(conn, "files", frame()) == Saved()
    after = read_rows(conn, "headline_versions", symbol="AAPL", after=READING.after, until=READING.until)
    assert before == after
    assert before[0]["published_at"] == MORNING


def test_a_headline_is_read_with_its_column_instant_story_and_score(conn: Connection) -> None:
    save_headlines(conn, "files", TWO)
    words = unscored_headlines(conn, ("AAPL",), ("files",), "lexicon")
    assert list(words.values()) == ["Apple wins"]
    assert save_scores(conn, "lexicon", dict.fromkeys(words, 0.5719)) == 1
    assert save_scores(conn, "lexicon", dict.fromkeys(words, -1.0)) == 0
    assert unscored_headlines(conn, ("AAPL",), ("files",), "lexicon") == {}
    assert len(unscored_headlines(conn, ("AAPL",), ("files",), "finbert")) == 1
    stored = read_headlines(conn, READING, known_now(conn))
    told = stored.headlines
    order = np.argsort(told.column)
    assert told.column[order].tolist() == [0, 1]
    assert told.published.tolist() == [MORNING.replace(tzinfo=None)] * 2
    assert told.story.tolist() == [story_of("apple wins!")] * 2
    np.testing.assert_array_equal(told.score[order], [np.nan, 0.5719])
    lacking = stored.unscored().tolist()
    assert headline_words(conn, lacking) == {lacking[0]: "Apple wins"}
    assert sorted(stored.scored({lacking[0]: -0.2}).score) == [-0.2, 0.5719]


def test_scores_of_another_scorer_do_not_hide_a_headline(conn: Connection) -> None:
    save_headlines(conn, "files", TWO)
    save_scores(
        conn, "finbert", dict.fromkeys(unscored_headlines(conn, ("XOM",), ("files",), "finbert"), 0.9)
    )
    assert np.isnan(read_headlines(conn, READING, known_now(conn)).headlines.score).all()


def test_a_correction_adds_a_version_and_what_was_known_before_stays_readable(conn: Connection) -> None:
    save_headlines(conn, "files", TWO)
    before = known_now(conn)
    assert not headlines_changed(conn, READING, before)
    assert save_headlines(conn, "files", frame(("AAPL", "1", "Apple loses"))) == Saved(corrected=1)
    assert headlines_changed(conn, READING, before)
    past, present = (read_headlines(conn, READING, moment) for moment in (before, known_now(conn)))
    assert set(headline_words(conn, past.number.tolist()).values()) == {"Apple wins"}
    assert set(headline_words(conn, present.number.tolist()).values()) == {"Apple wins", "Apple loses"}


def test_a_late_headline_is_known_when_it_came_whenever_it_was_published(conn: Connection) -> None:
    save_headlines(conn, "files", TWO)
    before = known_now(conn)
    save_headlines(conn, "files", frame(("AAPL", "0", "Old news"), at=MORNING - timedelta(hours=2)))
    assert len(read_headlines(conn, READING, before).headlines) == 2
    assert len(read_headlines(conn, READING, known_now(conn)).headlines) == 3
    outside = frame(("AAPL", "9", "Too old"), at=READING.after)
    before = known_now(conn)
    save_headlines(conn, "files", outside)
    assert not headlines_changed(conn, READING, before), "it is of no span that is read"


def test_other_feeds_and_symbols_are_not_read(conn: Connection) -> None:
    save_headlines(conn, "sample", TWO)
    save_headlines(conn, "files", frame(("MSFT", "1", "Of another")))
    assert len(read_headlines(conn, READING, known_now(conn)).headlines) == 0
    assert (
        len(read_headlines(conn, Reading((), ("files",), "lexicon", *[MORNING] * 2), MORNING).headlines) == 0
    )


def test_odd_characters_are_kept_and_none_breaks_the_write(conn: Connection) -> None:
    words = 'Öl "über" 100 % \\ backslash 日本 \\u0000 end'
    save_headlines(conn, "files", frame(("AAPL", "1", words)))
    assert save_headlines(conn, "files", frame(("AAPL", "1", words))).unchanged == 1
    (row,) = read_rows(conn, "headline_versions", symbol="AAPL", after=READING.after, until=READING.until)
    assert row["headline"] == words


def test_a_score_out_of_range_is_refused(conn: Connection) -> None:
    save_headlines(conn, "files", TWO)
    (number, *_) = unscored_headlines(conn, ("AAPL",), ("files",), "lexicon")
    with pytest.raises(psycopg2.errors.CheckViolation):
        save_scores(conn, "lexicon", {number: 1.01})


def test_the_reach_grows_and_begins_anew_for_other_symbols(conn: Connection) -> None:
    day, start = timedelta(days=1), MORNING
    assert reached(conn, "b", "files:x", ("A", "B"), start) is None
    keep_reach(conn, "b", "files:x", ("A", "B"), start, start + 5 * day)
    keep_reach(conn, "b", "files:x", ("A",), start + 2 * day, start + 3 * day)
    assert reached(conn, "b", "files:x", ("B",), start) == start + 5 * day
    assert reached(conn, "b", "files:x", ("B",), start - day) is None
    assert reached(conn, "b", "files:x", ("B", "C"), start) is None
    assert reached(conn, "b", "alpaca", ("B",), start) is None
    keep_reach(conn, "b", "files:x", ("B", "C"), start, start + day)
    assert reached(conn, "b", "files:x", ("C",), start) == start + day


def test_two_writers_at_once_keep_each_headline_once(conn: Connection, database: str) -> None:
    import threading

    from nightdesk.store.connection import connect

    many = frame(*[("AAPL", str(n), f"Headline {n}") for n in range(300)])
    saved: list[Saved] = []

    def write() -> None:
        own = connect(database)
        saved.append(save_headlines(own, "files", many))
        own.close()

    threads = [threading.Thread(target=write) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert sorted(one.new for one in saved) == [0, 0, 300]
    with cursor(conn) as cur:
        cur.execute("SELECT count(*) FROM nightdesk.headlines")
        assert cur.fetchone() == (300,)
