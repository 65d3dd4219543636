"""What is read as of an instant, against the whole history by brute force: random versions and orders."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightdesk.core.facts import FACT_KINDS, SECOND_CLOSES, FactKind
from nightdesk.core.members import Membership, MemberSpan
from nightdesk.feeds.fact_feed import fact_frame
from nightdesk.feeds.news import news_frame
from nightdesk.store.bar_rows import known_now
from nightdesk.store.db import Connection, cursor
from nightdesk.store.fact_rows import (
    SavedFacts,
    fact_history,
    known_facts,
    read_versions,
    save_facts,
    table_of,
)
from nightdesk.store.headline_rows import Reading, headline_words, read_headlines, save_headlines
from nightdesk.store.member_rows import read_stored_members, save_members

START = datetime(2024, 3, 1, tzinfo=UTC)
DAY = date(2024, 1, 2)
SUBJECTS = ("A", "B")
SPAN = {"first": date(2000, 1, 1), "last": date(2030, 1, 1)}

histories = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass(frozen=True)
class Version:
    """A version of a fact: of whom and which day, hours after the start when it is known, and its number."""

    subject: str
    day: int
    hour: int
    number: int

    @property
    def known_at(self) -> datetime:
        return START + timedelta(hours=self.hour)


VERSIONS = st.builds(
    Version,
    subject=st.sampled_from(SUBJECTS),
    day=st.integers(0, 1),
    hour=st.integers(0, 3),
    number=st.integers(0, 3),
)


def values_of(kind: FactKind, number: int) -> tuple[Any, ...]:
    """Values of a kind made of one number; 0 is what is not known."""
    made: dict[type, Callable[[], Any]] = {
        float: lambda: float(number) if number else float("nan"),
        date: lambda: DAY + timedelta(days=number) if number else None,
        str: lambda: "",
    }
    words = {"timing": ("", "before", "after", "")}
    return tuple(words[name][number] if name in words else made[one]() for name, one in kind.values.items())


def stored_values(kind: FactKind, number: int) -> tuple[Any, ...]:
    """The same as the table gives them back."""
    return tuple(None if one != one else one for one in values_of(kind, number))


def save(conn: Connection, kind: FactKind, versions: list[Version]) -> SavedFacts:
    rows = [
        (
            one.subject,
            DAY + timedelta(days=one.day),
            one.known_at.replace(tzinfo=None),
            *values_of(kind, one.number),
            "a",
        )
        for one in versions
    ]
    return save_facts(conn, kind, fact_frame(kind, rows))


def empty(conn: Connection, kind: FactKind) -> None:
    with cursor(conn) as cur:
        cur.execute(f"TRUNCATE nightdesk.{table_of(kind)}")


def read(
    conn: Connection, kind: FactKind, hour: float, known_by: datetime
) -> dict[tuple[str, int], tuple[Any, ...]]:
    found = known_facts(
        conn, kind, SUBJECTS, known_from=START + timedelta(hours=hour), known_by=known_by, **SPAN
    )
    return {
        (row[kind.subject], (row[kind.day] - DAY).days): tuple(row[name] for name in kind.values)
        for row in found
    }


def by_hand(kind: FactKind, stored: list[Version], hour: float) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Of each fact the version that was known last, of two of one instant the one that was stored last."""
    newest: dict[tuple[str, int], Version] = {}
    for one in stored:
        key = (one.subject, one.day)
        if one.hour <= hour and (key not in newest or one.hour >= newest[key].hour):
            newest[key] = one
    return {key: stored_values(kind, one.number) for key, one in newest.items()}


KINDS = pytest.mark.parametrize("kind", [*FACT_KINDS.values(), SECOND_CLOSES], ids=lambda one: one.name)


@KINDS
@histories
@given(st.lists(VERSIONS, max_size=14), st.data())
def test_reading_as_of_any_instant_is_the_history_by_hand(
    conn: Connection, kind: FactKind, versions: list[Version], data: st.DataObject
) -> None:
    """Of what came in parts; then the same again, which writes nothing."""
    empty(conn, kind)
    arrived: list[tuple[datetime, int]] = [(known_now(conn), 0)]
    done = 0
    while done < len(versions):
        part = versions[done : done + data.draw(st.integers(1, 4))]
        # One answer of a source has one version an instant.
        part = [one for n, one in enumerate(part) if _first(part, n)]
        save(conn, kind, part)
        versions[done : done + len(part)] = part
        done += len(part)
        arrived.append((known_now(conn), done))
    for known_by, count in arrived:
        for hour in (-1, 0, 1.5, 3, 99):
            assert read(conn, kind, hour, known_by) == by_hand(kind, versions[:count], hour)
    last = by_hand_versions(versions)
    before = {one: fact_history(conn, kind, one, **SPAN) for one in SUBJECTS}
    assert save(conn, kind, last) == SavedFacts(unchanged=len(last))
    assert {one: fact_history(conn, kind, one, **SPAN) for one in SUBJECTS} == before
    for known_by, count in arrived:
        assert read(conn, kind, 99, known_by) == by_hand(kind, versions[:count], 99)


def _first(part: list[Version], n: int) -> bool:
    key = (part[n].subject, part[n].day, part[n].hour)
    return all((one.subject, one.day, one.hour) != key for one in part[:n])


def by_hand_versions(versions: list[Version]) -> list[Version]:
    """The last of those of one instant: what a source gives that is asked for all again."""
    return list({(one.subject, one.day, one.hour): one for one in versions}.values())


@KINDS
@histories
@given(st.lists(VERSIONS, max_size=10), st.randoms(use_true_random=False))
def test_the_order_in_which_versions_come_changes_no_reading(
    conn: Connection, kind: FactKind, versions: list[Version], dice: Any
) -> None:
    """Where a source dates them: one by one in any order, or all at once."""
    whole = by_hand_versions(versions)
    shuffled = list(whole)
    dice.shuffle(shuffled)
    answers = []
    for parts in ([whole], [[one] for one in shuffled]):
        empty(conn, kind)
        for part in parts:
            save(conn, kind, part)
        known_by = known_now(conn)
        answers.append([read(conn, kind, hour, known_by) for hour in range(-1, 5)])
        found = read_versions(
            conn, kind, SUBJECTS, first=DAY, known_from=START + timedelta(hours=9), known_by=known_by
        )
        answers[-1].append(
            {"versions": (sorted(zip(found.subject, found.day, found.known_at, strict=True)),)}
        )
    assert answers[0] == answers[1]


@histories
@given(st.lists(st.tuples(st.sampled_from(SUBJECTS), st.integers(0, 2), st.integers(1, 3)), max_size=10))
def test_second_closes_are_read_as_they_stood_when_they_were_fetched(
    conn: Connection, seen: list[tuple[str, int, int]]
) -> None:
    """Each is known from its fetch on; one that is fetched again unchanged is no version."""
    empty(conn, SECOND_CLOSES)
    stood: dict[tuple[str, int], float] = {}
    moments = [(known_now(conn), dict(stood))]
    written = 0
    for subject, day, close in seen:
        begun = datetime.now(UTC)
        row = (subject, DAY + timedelta(days=day), begun.replace(tzinfo=None), float(close), "b")
        saved = save_facts(conn, SECOND_CLOSES, fact_frame(SECOND_CLOSES, [row]), begun)
        assert saved.new + saved.corrected == (stood.get((subject, day)) != close)
        written += saved.new + saved.corrected
        stood[subject, day] = float(close)
        moments.append((known_now(conn), dict(stood)))
    for moment, expected in moments:
        found = known_facts(conn, SECOND_CLOSES, SUBJECTS, known_from=moment, known_by=moment, **SPAN)
        assert {(row["symbol"], (row["session"] - DAY).days): row["close"] for row in found} == expected
    assert sum(len(fact_history(conn, SECOND_CLOSES, one, **SPAN)) for one in SUBJECTS) == written


@histories
@given(st.lists(st.tuples(st.sampled_from(SUBJECTS), st.integers(0, 2), st.integers(0, 3)), max_size=10))
def test_headlines_are_read_as_they_stood(conn: Connection, told: list[tuple[str, int, int]]) -> None:
    """An article's words may change; of each that stood at an instant the words of then are read."""
    with cursor(conn) as cur:
        cur.execute("TRUNCATE nightdesk.headlines CASCADE")
    published = START.replace(tzinfo=None)
    reading = Reading(SUBJECTS, ("files",), "lexicon", START - timedelta(days=1), START)
    stood: dict[tuple[str, str], str] = {}
    moments = [(known_now(conn), dict(stood))]
    for subject, article, words in told:
        frame = news_frame([(subject, published, f"Words {words}", "wire", "", str(article))])
        saved = save_headlines(conn, "files", frame)
        assert saved.new + saved.corrected == (stood.get((subject, str(article))) != f"Words {words}")
        stood[subject, str(article)] = f"Words {words}"
        moments.append((known_now(conn), dict(stood)))
    for moment, expected in moments:
        found = read_headlines(conn, reading, moment)
        words_of = headline_words(conn, found.number.tolist())
        read_back = [
            (SUBJECTS[column], words_of[number])
            for column, number in zip(found.headlines.column, found.number.tolist(), strict=True)
        ]
        assert sorted(read_back) == sorted((subject, words) for (subject, _), words in expected.items())


@histories
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(SUBJECTS), st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=2
        ),
        max_size=6,
    )
)
def test_lists_of_members_are_read_as_they_stood(
    conn: Connection, lists: list[dict[str, tuple[int, int]]]
) -> None:
    with cursor(conn) as cur:
        cur.execute("TRUNCATE nightdesk.members")
    moments: list[tuple[datetime, set[MemberSpan]]] = [(known_now(conn), set())]
    for one in lists:
        spans = {
            MemberSpan(symbol, DAY + timedelta(days=begin), DAY + timedelta(days=begin + length), "")
            for symbol, (begin, length) in one.items()
        }
        save_members(conn, "a_book", Membership(tuple(sorted(spans, key=lambda span: span.symbol))))
        moments.append((known_now(conn), spans))
    for moment, expected in moments:
        assert set(read_stored_members(conn, "a_book", moment).spans) == expected


def test_a_number_of_a_kind_comes_back_bit_by_bit(conn: Connection) -> None:
    """Thirds, sums and what is very small: no value is rounded on its way."""
    kind = FACT_KINDS["macro"]
    numbers = [1 / 3, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 4.35]
    rows = [
        ("A", DAY + timedelta(days=n), START.replace(tzinfo=None), number, "a")
        for n, number in enumerate(numbers)
    ]
    save_facts(conn, kind, fact_frame(kind, rows))
    found = read_versions(conn, kind, ["A"], first=DAY, known_from=START, known_by=known_now(conn))
    order = np.argsort(found.day)
    assert found.values["value"][order].tolist() == numbers
