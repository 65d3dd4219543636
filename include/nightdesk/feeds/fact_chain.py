"""Several sources of one kind of facts in order: what the first lacks of a subject is asked of the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import NightdeskError, Refused, Transient
from nightdesk.core.fact_versions import FactVersions
from nightdesk.core.facts import FactKind
from nightdesk.feeds.breaker import Circuit, SourceHealth
from nightdesk.feeds.chain import HealthStore, in_words
from nightdesk.feeds.fact_checks import check_facts
from nightdesk.feeds.fact_feed import FactFeed, FetchedFacts, fact_frame
from nightdesk.feeds.feed import Fault, Missing, add_up

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FactQuestion:
    """What is asked of a source: of whom, from which day on, and whether that is all that is ever read.

    Where it is all, a subject of which nothing comes is lacking; where it is what came since the last time,
    no news is good news.
    """

    subjects: Sequence[str]
    first: date
    whole: bool = True


@dataclass(frozen=True)
class GatheredFacts:
    """What the sources of a kind gave.

    Attributes
    ----------
    rows : DataFrame
        See `nightdesk.feeds.fact_feed.fact_frame`; of one subject and day those of the first source that
        gave it.
    missing : mapping of str to Missing
        Subjects that no source gave, and why.
    failures : mapping of str to Missing
        Sources, by their names in the book, that failed, and why; what they lacked may have come from others.
    dropped : mapping of str to int
        Rows that sources left out, by reason.
    heard : mapping of str to tuple of str
        The subjects of which a source answered well, by its name in the book.
    """

    rows: pd.DataFrame
    missing: Mapping[str, Missing] = field(default_factory=dict)
    failures: Mapping[str, Missing] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    heard: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def gather_facts(
    kind: FactKind,
    feeds: Mapping[str, FactFeed],
    subjects: Sequence[str],
    questions: Callable[[str, Sequence[str]], Sequence[FactQuestion]],
    last: date,
    health: HealthStore,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> GatheredFacts:
    """Ask sources in turn; a fault of one is told and never raised.

    Parameters
    ----------
    kind : FactKind
    feeds : mapping of str to FactFeed
        By their names in the book, in the order in which they are asked.
    subjects : sequence of str
        What is wanted.
    questions : callable
        A source's name and the subjects that it is asked for, to what is asked of it: each subject once.
    last : date
        The day up to which it is wanted.
    health : HealthStore
        Keeps the circuit breakers; a source is known by its kind and name, as ``macro:fred``.
    now : callable
        The clock, timezone-aware.
    """
    gathered = _Gathering(kind)
    lacking = list(dict.fromkeys(subjects))
    for name, feed in feeds.items():
        if not lacking:
            break
        without: set[str] = set()
        for one in questions(name, lacking):
            answer = _asked(kind, feed, one.subjects, one.first, last, health, now)
            without |= gathered.add(name, one, answer)
        lacking = [one for one in lacking if one in without]
    return gathered.together(lacking)


class _Gathering:
    """What the sources gave so far."""

    def __init__(self, kind: FactKind) -> None:
        self._kind = kind
        self._frames: list[pd.DataFrame] = []
        self._reasons: dict[str, list[tuple[str, Missing]]] = {}
        self._failures: dict[str, Missing] = {}
        self._dropped: dict[str, int] = {}
        self._heard: dict[str, tuple[str, ...]] = {}

    def add(self, name: str, question: FactQuestion, answer: FetchedFacts) -> set[str]:
        """Take in an answer; the subjects that are to be asked of the next source."""
        self._frames.append(answer.rows)
        self._dropped = add_up(self._dropped, answer.dropped)
        failed = {one: why for one, why in answer.missing.items() if why.fault is not Fault.ABSENT}
        if failed:
            self._failures[name] = Missing(in_words(failed), next(iter(failed.values())).fault)
        well = (one for one in question.subjects if one not in failed)
        self._heard[name] = (*self._heard.get(name, ()), *well)
        for subject, why in answer.missing.items():
            self._reasons.setdefault(subject, []).append((name, why))
        # Of a short span a source that has nothing new answers well.
        return set(answer.missing if question.whole else failed)

    def together(self, lacking: Sequence[str]) -> GatheredFacts:
        """All of it; `lacking` are the subjects that no source gave."""
        missing = {one: _together(self._reasons[one]) for one in lacking if one in self._reasons}
        rows = _one_frame(self._kind, self._frames)
        return GatheredFacts(rows, missing, self._failures, self._dropped, self._heard)


def refuse_missing(kind: FactKind, gathered: GatheredFacts) -> None:
    """Raise where a source failed and no other gave what it lacked: a result on half of the facts is none.

    Raises
    ------
    Transient
        When a passing fault is among the reasons.
    Refused
        When all of them are final.
    """
    lost = {one: why for one, why in gathered.missing.items() if why.fault is not Fault.ABSENT}
    if not lost:
        return
    told = f"the {kind.name} facts did not come: {in_words(lost)}"
    if any(why.fault is Fault.PASSING for why in lost.values()):
        raise Transient(f"{told}; try again")
    raise Refused(f"{told}; correct the source, or leave it out of feeds.{kind.name}")


def versions_of(kind: FactKind, rows: pd.DataFrame, subjects: Sequence[str], first: date) -> FactVersions:
    """Facts as arrays, those of days from `first` on; the same as the store gives of the same versions."""
    import numpy as np

    from nightdesk.core.fact_versions import WORDS, number_columns

    kept = rows[rows[kind.day] >= np.datetime64(first, "D")]
    place = {subject: n for n, subject in enumerate(subjects)}
    values = {}
    for name in number_columns(kind):
        column: Any = kept[name]
        if name in WORDS:
            column = column.map(WORDS[name])
        elif kind.values[name] is date:
            days = column.to_numpy("datetime64[D]")
            column = np.where(np.isnat(days), np.nan, days.astype(np.int64).astype(np.float64))
        values[name] = np.asarray(column, dtype=np.float64)
    return FactVersions(
        tuple(subjects),
        np.array([place[one] for one in kept[kind.subject]], dtype=np.intp),
        kept[kind.day].to_numpy("datetime64[D]"),
        kept["known_at"].to_numpy("datetime64[us]"),
        values,
    )


def _asked(
    kind: FactKind,
    feed: FactFeed,
    subjects: Sequence[str],
    first: date,
    last: date,
    health: HealthStore,
    now: Callable[[], datetime],
) -> FetchedFacts:
    """A source's answer behind its circuit breaker; what is malformed in it is a fault of the source."""
    source = f"{kind.name}:{feed.name}"
    state = SourceHealth.from_row(health.load(source))
    if state.circuit(now()) is Circuit.OPEN:
        words = f"not asked, its circuit is open since {state.opened_at:%H:%M:%S} UTC ({state.last_error})"
        return _nothing(kind, subjects, Missing(words, Fault.PASSING))
    began = monotonic()
    try:
        answer = feed.fetch(kind, subjects, first, last)
        check_facts(kind, answer.rows, subjects, source)
    except NightdeskError as error:
        fault = Fault.PASSING if isinstance(error, Transient) else Fault.FINAL
        answer = _nothing(kind, subjects, Missing(str(error), fault))
    failed = next((why for why in answer.missing.values() if why.fault is not Fault.ABSENT), None)
    took = monotonic() - began
    state = state.succeeded(now(), took) if failed is None else state.failed(now(), failed.reason)
    health.save(source, state.as_row())
    return answer


def _nothing(kind: FactKind, subjects: Sequence[str], why: Missing) -> FetchedFacts:
    return FetchedFacts(fact_frame(kind), dict.fromkeys(subjects, why))


def _together(reasons: Sequence[tuple[str, Missing]]) -> Missing:
    worst = next(one for one in Fault if any(why.fault is one for _, why in reasons))
    return Missing("; ".join(f"{name}: {why.reason}" for name, why in reasons), worst)


def _one_frame(kind: FactKind, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All answers; of a fact that an earlier source gave, a later one's versions do not count."""
    import pandas as pd

    some = [one for one in frames if len(one)]
    if len(some) < 2:  # the keys of years of facts take more memory than the facts
        return fact_frame(kind, *some)
    found: list[pd.DataFrame] = []
    known: set[tuple[object, ...]] = set()
    for frame in some:
        keys = list(zip(*(frame[name] for name in kind.key), strict=True))
        found.append(frame[[key not in known for key in keys]])
        known.update(keys)
    return fact_frame(kind, pd.concat(found))
