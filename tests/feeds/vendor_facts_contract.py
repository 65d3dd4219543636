"""What every vendor of facts promises, as tests that each vendor's own test class inherits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.fakes.loopback import Bad
from tests.fakes.raw_server import RawServer, sending, trickling
from tests.fakes.scripted import ScriptedServer
from tests.fakes.yahoo import EMPTY, HTML, SERVER_ERROR, SILENT, too_many

from nightdesk.core.errors import Refused
from nightdesk.core.facts import EARNINGS, FACT_KINDS, FactKind
from nightdesk.feeds.fact_checks import check_facts
from nightdesk.feeds.fact_feed import FetchedFacts
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.vendor_facts import VendorFacts
from nightdesk.testing import FactFeedContract

Make = Callable[..., VendorFacts]

MOVED = Bad(302, "", {"Location": "http://127.0.0.1:9/"})
HUGE = Bad(200, "[" + " " * (5 * 1024 * 1024) + "]")

#: (what happens, answer, fault, words, how often one subject is asked for)
LINE_FAULTS = [
    ("a key that is refused", Bad(401, '{"error":"no"}'), Fault.FINAL, "refuses access (401)", 1),
    ("another plan", Bad(403, '{"message":"upgrade your plan"}'), Fault.FINAL, "refuses access (403)", 1),
    ("too many requests", too_many(), Fault.PASSING, "asks for fewer requests (429", 3),
    ("a short wait", too_many("1"), Fault.PASSING, "asks for fewer requests (429", 3),
    ("a long wait", too_many("600"), Fault.PASSING, "it wants to be asked again in 600 s", 1),
    ("an error of the server", SERVER_ERROR, Fault.PASSING, "has an error of its own (500", 3),
    ("a gateway that gives up", Bad(504, ""), Fault.PASSING, "has an error of its own (504", 3),
    ("HTML", HTML, Fault.PASSING, "asked for", 3),
    ("nothing", EMPTY, Fault.PASSING, "asked for", 3),
    ("half of the JSON", Bad(200, '{"status":"OK","results":[{"a":1'), Fault.PASSING, "asked for", None),
    ("another JSON", Bad(200, '{"a":[1,2,{"b":null}]}'), Fault.PASSING, "", None),
    ("a number", Bad(200, "7"), Fault.PASSING, "", None),
    ("too much", HUGE, Fault.PASSING, "", None),
    ("elsewhere", MOVED, Fault.FINAL, "a redirection (302)", 1),
    ("silence", SILENT, Fault.PASSING, "no answer within 0.5 s", 3),
]


def sound(kind: FactKind, facts: FetchedFacts, subjects: tuple[str, ...], now: datetime, name: str) -> None:
    """What holds of every answer, whatever the vendor said."""
    rows = facts.rows
    check_facts(kind, rows, subjects, name)
    assert tuple(rows.columns) == kind.columns
    assert rows[kind.day].dtype == "datetime64[s]"
    assert rows["known_at"].dtype == "datetime64[us]"
    assert not rows[[kind.subject, kind.day, "known_at"]].isna().any(axis=None)
    assert not rows.duplicated([kind.subject, kind.day, "known_at"]).any()
    assert (rows["known_at"] <= pd.Timestamp(now).tz_convert("UTC").tz_localize(None)).all()
    if kind.name != EARNINGS.name:
        assert (rows["known_at"] >= rows[kind.day]).all()
    assert set(rows["source"]) <= {name}
    # Each subject has facts, or a reason why not; never both, and never neither.
    assert set(rows[kind.subject]) | set(facts.missing) == set(subjects)
    assert not set(rows[kind.subject]) & set(facts.missing)
    assert all(str(why) for why in facts.missing.values())
    assert all(count > 0 for count in facts.dropped.values())
    for column, of in kind.values.items():
        if of is float:
            assert rows[column].dtype == "float64"
            assert not np.isinf(rows[column]).any()
        elif of is str:
            assert all(isinstance(one, str) and "\n" not in one and "\0" not in one for one in rows[column])
        else:
            assert rows[column].dtype == "datetime64[s]"


class VendorFactsContract(FactFeedContract):
    """A class below it gives what follows, and the fixtures `server` and `waits`."""

    #: The source's class, the kind that is asked for, its path at the fake, its own key.
    source: ClassVar[type[VendorFacts]]
    of_kind: ClassVar[FactKind]
    where: ClassVar[str]
    secret: ClassVar[str]
    #: Subjects of which the fake has facts, and one of which it has none.
    known: ClassVar[tuple[str, ...]]
    unknown: ClassVar[str]
    within: ClassVar[tuple[date, date]]
    now: ClassVar[datetime]
    #: The variable without which nothing comes; empty where none is needed.
    needed: ClassVar[str]

    @pytest.fixture
    def waits(self) -> list[float]:
        return []

    @pytest.fixture
    def make(self, server: ScriptedServer, waits: list[float]) -> Make:
        def made(environ: Mapping[str, str] | None = None, **more: Any) -> VendorFacts:
            options = {"timeout": 0.5, "sleep": waits.append, "now": lambda: self.now} | more
            return self.source(environ=server.environ if environ is None else environ, **options)

        return made

    @pytest.fixture
    def feed(self, make: Make) -> VendorFacts:
        return make()

    @pytest.fixture
    def kind(self) -> FactKind:
        return self.of_kind

    @pytest.fixture
    def subjects(self) -> tuple[str, ...]:
        return self.known

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return self.within

    def answer(self, feed: VendorFacts, *subjects: str) -> FetchedFacts:
        facts = feed.fetch(self.of_kind, subjects or self.known, *self.within)
        sound(self.of_kind, facts, subjects or self.known, feed.now(), feed.name)
        return facts

    def test_facts_come_in_the_canonical_form(self, make: Make) -> None:
        facts = self.answer(make())
        assert set(facts.rows[self.of_kind.subject]) == set(self.known)
        assert not facts.missing

    def test_asking_again_gives_the_same(self, make: Make) -> None:
        pd.testing.assert_frame_equal(self.answer(make()).rows, self.answer(make()).rows)

    def test_a_subject_that_it_does_not_know_is_absent_and_loses_no_other(
        self, make: Make, waits: list[float]
    ) -> None:
        alone = self.answer(make())
        facts = self.answer(make(), *self.known, self.unknown)
        assert set(facts.missing) == {self.unknown}
        assert facts.missing[self.unknown].fault is Fault.ABSENT
        pd.testing.assert_frame_equal(facts.rows, alone.rows)

    def test_a_subject_that_is_asked_for_twice_counts_once(self, make: Make) -> None:
        twice = make().fetch(self.of_kind, [*self.known, *self.known], *self.within)
        pd.testing.assert_frame_equal(twice.rows, self.answer(make()).rows)

    def test_no_subject_is_no_question(self, server: ScriptedServer, make: Make) -> None:
        facts = make().fetch(self.of_kind, (), *self.within)
        assert (len(facts.rows), facts.missing, server.asked) == (0, {}, [])

    def test_another_kind_is_refused(self, make: Make) -> None:
        other = next(one for one in FACT_KINDS.values() if one not in self.source.kinds)
        with pytest.raises(Refused, match=f"has no {other.name}: it has .*name another one"):
            make().fetch(other, self.known, *self.within)

    @pytest.mark.parametrize(
        ("answer", "fault", "words", "tries"),
        [one[1:] for one in LINE_FAULTS],
        ids=[one[0] for one in LINE_FAULTS],
    )
    def test_a_fault_is_told_apart(
        self,
        server: ScriptedServer,
        make: Make,
        waits: list[float],
        answer: Bad,
        fault: Fault,
        words: str,
        tries: int,
    ) -> None:
        server.always(self.where, answer)
        why = self.answer(make(), self.known[0]).missing[self.known[0]]
        assert words in str(why)
        assert why.fault is fault
        assert self.secret not in str(why)
        if tries is not None:
            assert len(server.asked) == tries
        if words.endswith("(429") and answer.headers:
            assert max(waits) >= 1.0

    def test_a_source_that_fails_on_and_on_is_left_alone(self, server: ScriptedServer, make: Make) -> None:
        server.always(self.where, Bad(401, "{}"))
        subjects = [self.known[0], *(f"{self.unknown}{n}"[-6:] for n in range(20))]
        missing = make().fetch(self.of_kind, subjects, *self.within).missing
        assert set(missing) == set(subjects)
        assert len(server.asked) <= 5

    def test_a_fault_that_heals_leaves_no_trace(
        self, server: ScriptedServer, make: Make, waits: list[float]
    ) -> None:
        good = self.answer(make())
        server.script(self.where, SERVER_ERROR, too_many())
        facts = self.answer(make())
        assert not facts.missing
        pd.testing.assert_frame_equal(facts.rows, good.rows)
        assert len(waits) >= 2

    def test_an_answer_that_trickles_ends(self, server: ScriptedServer, make: Make, monkeypatch: Any) -> None:
        for module in ("http_line", "polygon_http", "alpaca_data_line"):
            monkeypatch.setattr(f"nightdesk.feeds.{module}.WHOLE_SECONDS", 0.4)
        start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
        with RawServer(trickling(start, 5.0)) as slow:
            feed = make(self._at(server, slow.url), timeout=5.0)
            why = self.answer(feed, self.known[0]).missing[self.known[0]]
        assert why.fault is Fault.PASSING
        # On a busy machine the time may be over before the head has come.
        assert re.search(r"did not end within 0\.4 s|no answer within", str(why)), str(why)

    def test_an_answer_that_ends_in_the_middle_is_none(self, server: ScriptedServer, make: Make) -> None:
        head = b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"a":'
        with RawServer(sending(head)) as broken:
            why = self.answer(make(self._at(server, broken.url)), self.known[0]).missing[self.known[0]]
        assert why.fault is Fault.PASSING

    def test_a_server_that_cannot_be_reached_is_a_passing_fault(
        self, server: ScriptedServer, make: Make
    ) -> None:
        why = self.answer(make(self._at(server, "http://127.0.0.1:9")), self.known[0]).missing[self.known[0]]
        assert (why.fault, "the connection failed" in str(why)) == (Fault.PASSING, True)

    def test_a_wrong_key_is_refused_and_shows_nowhere(self, server: ScriptedServer, make: Make) -> None:
        wrong = {
            name: "wrong-key-0123456789" if name.endswith("_KEY") else value
            for name, value in server.environ.items()
        }
        why = self.answer(make(wrong), self.known[0]).missing[self.known[0]]
        assert why.fault is Fault.FINAL
        assert "wrong-key" not in str(why)
        assert len(server.asked) == 1

    def test_without_a_key_every_subject_is_missing_and_says_what_to_set(
        self, server: ScriptedServer, make: Make
    ) -> None:
        without = {name: value for name, value in server.environ.items() if name != self.needed}
        facts = self.answer(make(without))
        if not self.needed:
            assert not facts.missing
            return
        assert {one.fault for one in facts.missing.values()} == {Fault.FINAL}
        assert f"set {self.needed} in the environment" in str(facts.missing[self.known[0]])
        assert server.asked == []

    @pytest.mark.parametrize(
        ("url", "words"),
        [("http://example.org", "would send the key unencrypted"), ("example", "must be https")],
    )
    def test_an_address_that_would_give_the_key_away_is_refused(
        self, server: ScriptedServer, make: Make, url: str, words: str
    ) -> None:
        with pytest.raises(Refused, match=words):
            self.answer(make(self._at(server, url)))

    def test_random_answers_give_sound_facts_or_a_clear_reason(
        self, server: ScriptedServer, make: Make, payloads: st.SearchStrategy[str]
    ) -> None:
        self._survives(server, make, payloads, 25)

    @pytest.mark.slow
    @pytest.mark.timeout(600)
    def test_500_random_answers_give_sound_facts_or_a_clear_reason(
        self, server: ScriptedServer, make: Make, payloads: st.SearchStrategy[str]
    ) -> None:
        self._survives(server, make, payloads, 500)

    def _survives(
        self, server: ScriptedServer, make: Make, payloads: st.SearchStrategy[str], count: int
    ) -> None:
        outcomes = {"facts": 0, "missing": 0}

        @settings(
            max_examples=count,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(payloads)
        def survive(body: str) -> None:
            server.always(self.where, Bad(200, body))
            facts = self.answer(make(), self.known[0])
            outcomes["facts" if len(facts.rows) else "missing"] += 1

        survive()
        # Both ways were gone: a strategy that is always refused, or never, tries nothing.
        assert min(outcomes.values()) > 0, outcomes

    def _at(self, server: ScriptedServer, url: str) -> dict[str, str]:
        return {name: url if name.endswith("_URL") else value for name, value in server.environ.items()}


#: JSON of any kind, and text that is none.
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)

#: Numbers as vendors write them, and what comes in their place.
NUMBERS = (
    st.integers(0, 10**9).map(str)
    | st.floats(0, 1e6).map(str)
    | st.integers(-5, 10**7)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.sampled_from(["", ".", "x", "1_000", "1,000", "nan", "inf", "1e400", "٣", None, True, [], {}])
)

#: Days as vendors write them, and what comes in their place.
DAYS = st.dates(date(2022, 1, 1), date(2026, 12, 31)).map(str) | st.sampled_from(
    [
        "",
        "soon",
        "2024-13-01",
        "2024-06-31",
        "20240610",
        "9999-12-31",
        "0001-01-01",
        None,
        7,
        [],
        "2024-06-04T00:00:00.000",
    ]
)


def utc(*parts: int) -> datetime:
    """An instant of UTC."""
    return datetime(*parts, tzinfo=UTC)
