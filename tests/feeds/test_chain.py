import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.feeds.breaker import Circuit, SourceHealth
from nightdesk.feeds.chain import MemoryHealth, fetch_with_fallback
from nightdesk.feeds.feed import (
    HOUR_COLUMNS,
    Fault,
    Feed,
    Fetched,
    Missing,
    action_frame,
    bar_frame,
    hour_frame,
)

NOW = datetime(2024, 7, 3, 22, tzinfo=UTC)
MONDAY, TUESDAY, WEDNESDAY = (date(2024, 7, day) for day in (1, 2, 3))


class Source(Feed):
    """A feed of given closes by symbol and day; a symbol with a fault instead of closes fails with it."""

    def __init__(
        self, name: str, held: Mapping[str, Mapping[date, float] | Missing], batch: int | None = None
    ):
        super().__init__(get_calendar(), now=lambda: NOW)
        self.name, self.held, self.batch = name, held, batch  # type: ignore[misc]
        self.asked: list[tuple[str, ...]] = []

    def covers(self, symbol: str) -> bool:
        return symbol in self.held

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        self.asked.append(tuple(symbols))
        rows, moves, missing = [], [], {}
        for symbol in symbols:
            held = self.held.get(symbol, Missing("no such symbol"))
            if isinstance(held, Missing):
                missing[symbol] = held
                continue
            rows += [
                (symbol, day, x, x, x, x, 100.0, self.name) for day, x in held.items() if first <= day <= last
            ]
            moves.append((symbol, TUESDAY, "dividend", 0.5, self.name))
        columns = ("symbol", "session", "open", "high", "low", "close", "volume", "source")
        bars = bar_frame(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)) if rows else {})
        return Fetched(bars, action_frame(moves), missing)


def ask(*feeds: Feed, symbols=("SPY", "TLT"), health=None, now=lambda: NOW):
    return fetch_with_fallback(feeds, symbols, MONDAY, WEDNESDAY, health or MemoryHealth(), now)


def days(*values: float) -> dict[date, float]:
    return dict(zip((MONDAY, TUESDAY, WEDNESDAY), values, strict=False))


DOWN = Missing("the server has an error of its own (500)", Fault.PASSING)
BAD_KEY = Missing("the server refuses access (401)", Fault.FINAL)


def test_the_next_source_is_asked_only_for_what_the_first_lacks():
    one = Source("one", {"SPY": days(1, 2, 3)})
    other = Source("other", {"SPY": days(9, 9, 9), "TLT": days(4, 5, 6)})
    fetched = ask(one, other).fetched
    assert other.asked == [("TLT",)]
    assert fetched.bars.groupby("symbol")["source"].unique().map(list).to_dict() == {
        "SPY": ["one"],
        "TLT": ["other"],
    }
    assert fetched.missing == {}


def test_a_source_that_lacks_the_newest_day_is_completed_by_the_next_without_changing_what_it_gave():
    one = Source("one", {"SPY": days(1, 2)})
    other = Source("other", {"SPY": days(9, 9, 9)})
    fetched = ask(one, other, symbols=("SPY",)).fetched
    assert fetched.bars["close"].tolist() == [1, 2, 9]
    assert fetched.actions["source"].tolist() == ["one"]


def test_a_symbol_that_no_source_has_is_missing_with_the_reason_of_each():
    fetched = ask(Source("one", {"SPY": days(1, 2, 3), "TLT": DOWN}), Source("other", {})).fetched
    assert set(fetched.missing) == {"TLT"}
    assert str(fetched.missing["TLT"]) == (
        "one: the server has an error of its own (500); other: no such symbol"
    )
    assert fetched.missing["TLT"].fault is Fault.PASSING


@pytest.mark.parametrize(
    ("held", "spare", "unheard"),
    [
        (days(1, 2, 3), {}, []),
        (DOWN, {}, ["TLT"]),
        (DOWN, {"TLT": days(1, 2)}, ["TLT"]),  # bars, but none of the newest day
        (DOWN, {"TLT": days(1, 2, 3)}, []),
        (BAD_KEY, {}, []),
        (Missing("no such symbol"), {}, []),
    ],
)
def test_symbols_are_unheard_whose_newest_bar_may_still_come(held, spare, unheard):
    chained = ask(Source("one", {"SPY": days(1, 2, 3), "TLT": held}), Source("spare", spare))
    assert list(chained.unheard) == unheard


def test_when_nothing_came_for_a_passing_reason_the_run_may_try_again():
    with pytest.raises(Transient) as error:
        ask(Source("one", {"SPY": DOWN, "TLT": DOWN}), Source("other", {}))
    assert str(error.value) == (
        "no source gave a bar of any symbol from 2024-07-01 to 2024-07-03: SPY, TLT: one: the server has an "
        "error of its own (500); other: no such symbol; it is tried again"
    )


def test_when_nothing_came_for_final_reasons_the_run_fails_at_once():
    with pytest.raises(Refused) as error:
        ask(Source("one", {"SPY": BAD_KEY, "TLT": BAD_KEY}))
    assert str(error.value) == (
        "no source gave a bar of any symbol from 2024-07-01 to 2024-07-03: SPY, TLT: one: the server refuses "
        "access (401); correct the key, the symbols or the feeds of the book"
    )


def test_a_bad_key_stays_final_when_it_opens_the_circuit():
    symbols = tuple("ABCDEFG")
    source = Source("one", dict.fromkeys(symbols, BAD_KEY), batch=1)
    with pytest.raises(Refused):
        ask(source, symbols=symbols)
    assert len(source.asked) == 5


def test_after_five_failures_running_a_source_is_left_alone_until_a_minute_has_passed():
    symbols = tuple("ABCDEFG")
    source = Source("one", dict.fromkeys(symbols, DOWN), batch=1)
    spare = Source("spare", {symbol: days(1, 2, 3) for symbol in symbols})
    health = MemoryHealth()
    first = ask(source, spare, symbols=symbols, health=health)
    assert [len(source.asked), first.health["one"].circuit(NOW)] == [5, Circuit.OPEN]
    ask(source, spare, symbols=symbols, health=health, now=lambda: NOW + timedelta(seconds=59))
    assert len(source.asked) == 5
    ask(source, spare, symbols=symbols, health=health, now=lambda: NOW + timedelta(seconds=61))
    assert len(source.asked) == 6


def test_an_open_circuit_is_told_as_the_reason():
    health = MemoryHealth()
    state = SourceHealth()
    for _ in range(5):
        state = state.failed(NOW, "no answer within 10 s")
    health.save("one", state.as_row())
    with pytest.raises(
        Transient, match=r"one: not asked, its circuit is open since 22:00:00 UTC \(no answer within 10 s\)"
    ):
        ask(Source("one", {"SPY": days(1, 2, 3)}), health=health)


def test_a_source_that_knows_no_such_symbol_is_healthy():
    source = Source("one", {"SPY": days(1, 2, 3)}, batch=1)
    assert ask(source).health["one"].status(NOW) == "healthy"


def test_what_a_source_cannot_have_hides_no_failure_of_it():
    source = Source("one", {"SPY": DOWN}, batch=1)
    spare = Source("spare", {"SPY": days(1, 2, 3), "^VIX": days(1, 2, 3)})
    health = MemoryHealth()
    for _ in range(2):
        answer = ask(source, spare, symbols=("SPY", "^VIX"), health=health)
    assert SourceHealth.from_row(health.load("one")).failures == 2
    assert set(answer.fetched.bars["symbol"]) == {"SPY", "^VIX"}
    for _ in range(3):
        ask(source, spare, symbols=("SPY", "^VIX"), health=health)
    # while its circuit is open, what it cannot have is missing there for good and not for now
    with pytest.raises(Refused, match="no such symbol"):
        ask(source, symbols=("^VIX",), health=health)


def test_a_success_closes_a_half_open_circuit_in_the_store():
    health = MemoryHealth()
    state = SourceHealth()
    for _ in range(5):
        state = state.failed(NOW - timedelta(minutes=2), "no answer")
    health.save("one", state.as_row())
    ask(Source("one", {"SPY": days(1, 2, 3)}), symbols=("SPY",), health=health)
    stored = SourceHealth.from_row(health.load("one"))
    assert (stored.circuit(NOW), stored.failures, stored.last_success) == (Circuit.CLOSED, 0, NOW)


class HourSource(Source):
    """A feed of given closes by symbol and end of an hour."""

    hourly = True

    def fetch_hours(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        self.asked.append(tuple(symbols))
        rows = [
            (symbol, end, first, x, x, x, x, 100.0, self.name)
            for symbol in symbols
            for end, x in self.held.get(symbol, {}).items()
        ]
        bars = hour_frame(
            dict(zip(HOUR_COLUMNS, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}
        )
        return Fetched(
            bars, action_frame(), {one: Missing("no hour") for one in symbols if one not in self.held}
        )


def test_hours_of_a_source_that_lacks_the_newest_are_completed_by_the_next():
    early, close = np.datetime64("2024-07-03T16:00"), np.datetime64("2024-07-03T17:00")  # it closes at 13:00
    one = HourSource("one", {"SPY": {early: 1.0}, "TLT": {early: 2.0, close: 3.0}})
    other = HourSource("other", {"SPY": {early: 9.0, close: 4.0}})
    chained = fetch_with_fallback(
        [one, other], ("SPY", "TLT"), MONDAY, WEDNESDAY, MemoryHealth(), lambda: NOW, hours=True
    )
    assert (one.asked, other.asked) == ([("SPY", "TLT")], [("SPY",)])
    bars = chained.fetched.bars
    assert tuple(bars.columns) == HOUR_COLUMNS
    assert list(zip(bars["symbol"], bars["close"], bars["source"], strict=True)) == [
        ("SPY", 1.0, "one"),
        ("SPY", 4.0, "other"),
        ("TLT", 2.0, "one"),
        ("TLT", 3.0, "one"),
    ]


def test_how_long_an_answer_took_is_kept_and_a_failure_leaves_it():
    health = MemoryHealth()

    class Slow(Source):
        def fetch(self, symbols, first, last):
            time.sleep(0.05)
            return super().fetch(symbols, first, last)

    ask(Slow("slow", {"SPY": days(1.0, 2.0, 3.0)}), symbols=("SPY",), health=health)
    took = health.load("slow")["answer_seconds"]
    assert 0.05 <= took < 30
    with pytest.raises(Transient):
        ask(Slow("slow", {"SPY": Missing("away", Fault.PASSING)}), symbols=("SPY",), health=health)
    assert health.load("slow")["answer_seconds"] == took
    assert health.load("slow")["failures"] == 1
