"""Sources of facts in turn: what one lacks is asked of the next, and no fault of one loses facts."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from nightdesk.core.errors import Refused, Transient
from nightdesk.core.facts import MACRO, QUOTES, FactKind
from nightdesk.feeds.chain import MemoryHealth
from nightdesk.feeds.fact_chain import FactQuestion, GatheredFacts, gather_facts, refuse_missing
from nightdesk.feeds.fact_checks import check_facts
from nightdesk.feeds.fact_feed import FactFeed, FetchedFacts, fact_frame
from nightdesk.feeds.feed import Fault, Missing

FIRST, LAST = date(2024, 1, 1), date(2024, 6, 3)
KNOWN = pd.Timestamp("2024-02-01 14:00")


class Told(FactFeed):
    """A source that has certain values, and gives or does what a test says of the others."""

    kinds = (MACRO, QUOTES)

    def __init__(self, name: str, values: dict[str, float], fault: Missing | Exception | None = None) -> None:
        super().__init__(environ={})
        self.name, self.values, self.fault = name, values, fault  # type: ignore[misc]
        self.asked: list[tuple[str, ...]] = []

    def fetch(self, kind: FactKind, subjects: Sequence[str], first: date, last: date) -> FetchedFacts:
        self.asked.append(tuple(subjects))
        if isinstance(self.fault, Exception):
            raise self.fault
        lacking = [one for one in subjects if one not in self.values]
        rows = [(one, FIRST, KNOWN, self.values[one], self.name) for one in subjects if one in self.values]
        return FetchedFacts(
            fact_frame(kind, rows), dict.fromkeys(lacking, self.fault or Missing("it has none")), {"odd": 1}
        )


def gather(
    *sources: Told,
    subjects: Sequence[str] = ("CPI", "DFF"),
    question: Callable[[str, Sequence[str]], Sequence[FactQuestion]] = lambda name, some: [
        FactQuestion(some, FIRST)
    ],
    health: MemoryHealth | None = None,
    **more: Any,
) -> GatheredFacts:
    feeds: dict[str, FactFeed] = {one.name: one for one in sources}
    return gather_facts(MACRO, feeds, subjects, question, LAST, health or MemoryHealth(), **more)


def values(found: GatheredFacts) -> dict[str, tuple[float, str]]:
    rows = found.rows
    return {
        name: (value, source)
        for name, value, source in zip(rows["series"], rows["value"], rows["source"], strict=True)
    }


def test_the_next_source_is_asked_for_what_the_first_lacks_and_for_nothing_else() -> None:
    first, second = Told("a", {"CPI": 1.0}), Told("b", {"CPI": 9.0, "DFF": 2.0})
    found = gather(first, second)
    assert values(found) == {"CPI": (1.0, "a"), "DFF": (2.0, "b")}
    assert second.asked == [("DFF",)]
    assert found.missing == {}
    assert found.failures == {}
    assert found.dropped == {"odd": 2}


def test_what_no_source_has_is_told_with_all_reasons() -> None:
    found = gather(Told("a", {}), Told("b", {"DFF": 2.0}, Missing("HTTP 500", Fault.PASSING)))
    assert found.missing == {"CPI": Missing("a: it has none; b: HTTP 500", Fault.PASSING)}
    assert found.heard == {"a": ("CPI", "DFF"), "b": ("DFF",)}
    with pytest.raises(
        Transient, match="the macro facts did not come: CPI: a: it has none; b: HTTP 500; try"
    ):
        refuse_missing(MACRO, found)


def test_a_source_that_breaks_is_told_and_the_next_one_asked() -> None:
    found = gather(Told("a", {}, Refused("HTTP 401: wrong key")), Told("b", {"CPI": 1.0, "DFF": 2.0}))
    assert values(found) == {"CPI": (1.0, "b"), "DFF": (2.0, "b")}
    assert found.failures["a"].fault is Fault.FINAL
    assert "HTTP 401: wrong key" in found.failures["a"].reason
    refuse_missing(MACRO, found)
    lost = gather(Told("a", {}, Refused("HTTP 401: wrong key")))
    with pytest.raises(
        Refused, match=r"HTTP 401: wrong key; correct the source, or leave it out of feeds.macro"
    ):
        refuse_missing(MACRO, lost)


def test_that_nothing_new_came_is_no_lack() -> None:
    """A month's figure has no news in most weeks; no other source is asked then."""
    second = Told("b", {"CPI": 9.0})
    found = gather(
        Told("a", {"DFF": 2.0}), second, question=lambda name, some: [FactQuestion(some, FIRST, whole=False)]
    )
    assert found.missing == {}
    assert second.asked == []


def test_a_source_that_fails_five_times_is_not_asked_for_a_minute() -> None:
    health, broken, moment = (
        MemoryHealth(),
        Told("a", {}, Transient("HTTP 500")),
        datetime(2024, 6, 3, tzinfo=UTC),
    )
    for _ in range(6):
        found = gather(broken, health=health, now=lambda: moment)
    assert len(broken.asked) == 5
    assert "not asked, its circuit is open since 00:00:00 UTC (HTTP 500)" in found.missing["CPI"].reason
    gather(broken, health=health, now=lambda: moment + timedelta(seconds=61))
    assert len(broken.asked) == 6
    row = health.load("macro:a")
    assert row is not None
    assert row["last_error"] == "HTTP 500"


def test_a_malformed_answer_is_a_fault_of_its_source() -> None:
    """All or nothing: of a source that holds one impossible value nothing counts."""
    found = gather(Told("a", {"CPI": float("inf"), "DFF": 2.0}), Told("b", {"CPI": 1.0, "DFF": 3.0}))
    assert values(found) == {"CPI": (1.0, "b"), "DFF": (3.0, "b")}
    assert (
        "macro:a: malformed facts of kind macro: CPI of 2024-01-01 has value inf"
        in found.failures["a"].reason
    )


SOUND = ("SPY", date(2024, 1, 2), pd.Timestamp("2024-01-02 21:00"), 1.0, 2.0, 3.0, 4.0, "a")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"symbol": "QQQ"}, "symbol 'QQQ' was not asked for"),
        ({"known_at": None}, "SPY of 2024-01-02 has no known_at"),
        ({"session": None}, "SPY of no day has no session"),
        ({"session": date(1800, 1, 2)}, "SPY of 1800-01-02 lies before 1900-01-01"),
        ({"known_at": pd.Timestamp("2024-01-01")}, "is known at 2024-01-01 00:00:00, before what it is of"),
        ({"bid": -1.0}, "SPY of 2024-01-02 has bid -1"),
        ({"source": ""}, "SPY of 2024-01-02 names no source"),
        ({"source": None}, "has source None, which is no text"),
        ({}, "has two versions known at 2024-01-02 21:00:00"),
    ],
)
def test_malformed_facts_are_refused_with_what_is_wrong(changed: dict[str, Any], words: str) -> None:
    frame = fact_frame(QUOTES, [SOUND])
    check_facts(QUOTES, frame, ["SPY"], "a")
    other = fact_frame(QUOTES, [tuple((dict(zip(QUOTES.columns, SOUND, strict=True)) | changed).values())])
    with pytest.raises(Refused, match=words):
        check_facts(QUOTES, pd.concat([frame, other], ignore_index=True), ["SPY"], "a")
    with pytest.raises(Refused, match="facts of kind quotes have the columns symbol, session"):
        check_facts(QUOTES, frame.drop(columns="bid"), ["SPY"], "a")
