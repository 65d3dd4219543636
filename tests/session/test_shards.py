"""Bars that several tasks asked for ahead: the same decisions, whatever becomes of the tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.session.small_desk import UNIVERSE, SmallDesk, begin_child, session, wait_for

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.feeds.feed import Fault, Fetched, Missing, action_frame, bar_frame
from nightdesk.feeds.files import FilesFeed
from nightdesk.session.shard_answers import ShardAnswer, packed, unpacked
from nightdesk.session.shards import fetch_shard, part_of
from nightdesk.store.packing import pack, unpack

SHARDS = 4


def shard(desk: SmallDesk, shards: int = SHARDS) -> None:
    """Have so many tasks ask for the desk's bars."""
    tree = yaml.safe_load(desk.book.read_text())
    tree["feeds"] = {**tree.get("feeds", {}), "shards": shards}
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))


def fetch(desk: SmallDesk, number: int, shards: Sequence[int] = range(SHARDS)) -> list[dict[str, int | str]]:
    """What these tasks bring of a session, one after the other."""
    counts = []
    for one in shards:
        with desk.at(number) as context:
            counts.append(fetch_shard(context, one))
    return counts


def waiting(desk: SmallDesk) -> int:
    ((count,),) = desk.rows("SELECT count(*) FROM nightdesk.bar_shards")
    return int(str(count))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The symbols of each question that the source of the bars is asked."""
    questions: list[tuple[str, ...]] = []
    original = FilesFeed.fetch

    def fetch_and_note(self: FilesFeed, symbols: Sequence[str], first: date, last: date) -> Fetched:
        questions.append(tuple(symbols))
        return original(self, symbols, first, last)

    monkeypatch.setattr(FilesFeed, "fetch", fetch_and_note)
    return questions


def test_decisions_do_not_depend_on_the_number_of_tasks(make_desk: Callable[[], SmallDesk]) -> None:
    alone, shared = make_desk(), make_desk()
    shard(shared)
    for number in range(4):
        alone.run(number)
        fetch(shared, number)
        # One task at a time stores bars, and none before the ingest.
        assert shared.rows("SELECT count(*) FROM nightdesk.bars WHERE session = %s", session(number)) == [
            (0,)
        ]
        counts = shared.run(number)
        assert counts["ingest"]["asked_ahead"] == "4 of 4 parts"
        assert waiting(shared) == 0
    one, other = alone.dump(), shared.dump()
    assert load_book(alone.book).config_hash == load_book(shared.book).config_hash
    assert one == other


def test_the_ingest_asks_nobody_for_what_came_ahead(desk: SmallDesk, asked: list[tuple[str, ...]]) -> None:
    shard(desk)
    fetch(desk, 0)
    every = load_book(desk.book).panel_symbols
    assert sorted(one for question in asked for one in question) == sorted(every)
    asked.clear()
    desk.run_steps(0, "ingest", "ingest")
    assert asked == []


def test_what_a_lost_task_did_not_bring_the_ingest_asks_for(
    desk: SmallDesk, asked: list[tuple[str, ...]]
) -> None:
    shard(desk)
    fetch(desk, 0, (0, 2, 3))
    asked.clear()
    desk.run(0)
    every = load_book(desk.book).panel_symbols
    assert [sorted(one) for one in asked] == [sorted(part_of(every, 1, SHARDS))]
    assert desk.rows("SELECT status FROM nightdesk.runs") == [("closed",)]


def test_without_any_task_the_ingest_is_what_it_was(desk: SmallDesk, asked: list[tuple[str, ...]]) -> None:
    shard(desk)
    counts = desk.run(0)
    assert counts["ingest"]["asked_ahead"] == "0 of 4 parts"
    assert [sorted(one) for one in asked] == [sorted(load_book(desk.book).panel_symbols)]


def test_a_symbol_whose_bar_may_still_come_is_asked_for_again(
    desk: SmallDesk, asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shard(desk)
    noted = FilesFeed.fetch

    def without_gold(self: FilesFeed, symbols: Sequence[str], first: date, last: date) -> Fetched:
        found = noted(self, symbols, first, last)
        if "GLD" not in symbols:
            return found
        kept = found.bars[found.bars["symbol"] != "GLD"]
        return Fetched(kept, found.actions, {"GLD": Missing("time-out", Fault.PASSING)})

    with monkeypatch.context() as failing:
        failing.setattr(FilesFeed, "fetch", without_gold)
        fetch(desk, 0)
    asked.clear()
    desk.run(0)
    assert asked == [("GLD",)]
    assert desk.rows(
        "SELECT count(*) FROM nightdesk.bars b JOIN nightdesk.symbols USING (symbol_id) "
        "WHERE symbol = 'GLD' AND session = %s",
        session(0),
    ) == [(1,)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE nightdesk.bar_shards SET stored_at = stored_at - interval '121 minutes' RETURNING 1",
        "UPDATE nightdesk.bar_shards SET made_from = 'other' RETURNING 1",
        "UPDATE nightdesk.bar_shards SET first = first - 1 RETURNING 1",
        r"UPDATE nightdesk.bar_shards SET answer = answer || '\x00'::bytea RETURNING 1",
    ],
    ids=["old", "of another book or code", "of another span", "damaged"],
)
def test_an_answer_that_does_not_fit_is_not_used(
    desk: SmallDesk, asked: list[tuple[str, ...]], change: str
) -> None:
    shard(desk)
    fetch(desk, 0)
    desk.rows(change)
    asked.clear()
    desk.run(0)
    assert [sorted(one) for one in asked] == [sorted(load_book(desk.book).panel_symbols)]
    assert waiting(desk) == 0


def test_two_attempts_of_a_task_at_once_and_two_ingests_leave_what_one_leaves(
    make_desk: Callable[[], SmallDesk],
) -> None:
    alone, twice = make_desk(), make_desk()
    shard(twice)
    alone.run_steps(0, "ingest", "ingest")
    wait = [begin_child(lambda: fetch(twice, 0, (0,))) for _ in range(2)]
    assert [wait_for(one) for one in wait] == [0, 0]
    fetch(twice, 0, (1, 2, 3))
    wait = [begin_child(lambda: twice.run_steps(0, "ingest", "ingest")) for _ in range(2)]
    assert [wait_for(one) for one in wait] == [0, 0]
    bars = (
        "SELECT symbol, session, open, high, low, close, volume::text, superseded_at "
        "FROM nightdesk.bars JOIN nightdesk.symbols USING (symbol_id) ORDER BY 1, 2"
    )
    assert twice.rows(bars) == alone.rows(bars)
    assert waiting(twice) == 0


def test_no_bar_is_known_before_the_ingest_that_stores_it(desk: SmallDesk) -> None:
    shard(desk)
    desk.run(0)
    fetch(desk, 1)
    ((before,),) = desk.rows("SELECT clock_timestamp()")
    desk.run(1)
    ((earliest, known_by),) = desk.rows(
        "SELECT min(b.known_at), max(r.known_by) FROM nightdesk.bars b JOIN nightdesk.runs r "
        "ON r.session = b.session WHERE b.session = %s",
        session(1),
    )
    assert before < earliest <= known_by  # type: ignore[operator]


def test_a_sealed_session_asks_nobody_ahead(desk: SmallDesk, asked: list[tuple[str, ...]]) -> None:
    shard(desk)
    desk.run(0)
    asked.clear()
    assert fetch(desk, 0) == [{"sealed": "an order of it was sent"}] * SHARDS
    assert asked == []
    assert waiting(desk) == 0


def test_what_nobody_used_for_a_day_is_deleted(desk: SmallDesk) -> None:
    shard(desk)
    fetch(desk, 0)
    desk.rows("UPDATE nightdesk.bar_shards SET stored_at = stored_at - interval '2 days' RETURNING 1")
    desk.run(0)
    fetch(desk, 1, (0,))
    assert waiting(desk) == 1


def test_parts_are_the_whole_once() -> None:
    symbols = [f"S{number}" for number in range(11)]
    parts = [part_of(symbols, one, SHARDS) for one in range(SHARDS)]
    assert sorted(one for part in parts for one in part) == sorted(symbols)
    assert {len(part) for part in parts} == {2, 3}


def test_an_answer_comes_back_as_it_was_packed_to_the_last_bit() -> None:
    bars = bar_frame(
        {
            "symbol": ["B", "A"],
            "session": np.array(["2022-03-01", "2022-03-02"], "datetime64[s]"),
            **{name: [1.1, 0.1 + 0.2] for name in ("open", "high", "low", "close")},
            "volume": [np.nan, 1e18],
            "source": ["files", "other"],
        }
    )
    actions = action_frame([("A", np.datetime64("2022-03-02", "s"), "split", 2.0, "files")])
    missing = {"C": Missing("none", Fault.ABSENT), "D": Missing("401", Fault.FINAL)}
    answer = ShardAnswer(
        ("A", "B", "C", "D", "E"), Fetched(bars, actions, missing, {"why": 2}, {"f": "w"}), frozenset(("E",))
    )
    content = unpack(pack(packed(answer)))
    assert content is not None
    back = unpacked(content)
    assert back.fetched.bars.equals(bars)
    assert (back.fetched.bars.dtypes == bars.dtypes).all()
    assert back.fetched.actions.equals(actions)
    assert (dict(back.fetched.missing), back.symbols, back.unheard) == (
        missing,
        answer.symbols,
        answer.unheard,
    )
    assert (back.fetched.dropped, back.fetched.passed_over) == ({"why": 2}, {"f": "w"})
    # What a source refuses for good may be answered once its key is corrected.
    assert back.settled == ("A", "B", "C")
    nothing = ShardAnswer((), Fetched(bar_frame({}), action_frame()), frozenset())
    kept = unpack(pack(packed(nothing)))
    assert kept is not None
    empty = unpacked(kept)
    assert empty.fetched.bars.equals(bar_frame({}))
    assert empty.fetched.actions.equals(action_frame())


def test_an_hourly_book_that_names_shards_is_refused(desk: SmallDesk, tmp_path: Path) -> None:
    tree: dict[str, Any] = yaml.safe_load(desk.book.read_text())
    tree |= {"schedule": "hourly", "feeds": {"daily": ["sample"], "shards": 2}}
    path = tmp_path / "hours.yaml"
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(Refused, match=r"feeds\.shards: found 2 in an hourly book"):
        load_book(path)
    assert set(UNIVERSE) <= set(tree["universe"])
