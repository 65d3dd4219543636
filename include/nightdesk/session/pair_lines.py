"""What a decision did with its pairs, in sentences: which it enters, leaves and has left, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from nightdesk.alerts.figures import money
from nightdesk.core.pair_records import PairState
from nightdesk.store.cockpit_pair_rows import pair_stays
from nightdesk.store.db import Connection
from nightdesk.store.pair_rows import pair_states_before, pair_states_of

_States = Mapping[tuple[str, str, str], PairState]


def pair_lines(conn: Connection, book: str, as_of: datetime) -> tuple[str, ...]:
    """What a decision did with its pairs; empty where its strategies have none.

    First how many there are, then those that are entered, being left and out, by name. Entries that gave way
    to another pair are dropped entries of the decision, and told there.
    """
    now = _by_pair(pair_states_of(conn, book, as_of))
    if not now:  # it has none, or has not decided yet
        return ()
    before = _by_pair(pair_states_before(conn, book, as_of))
    return (
        _counted(now),
        *_entered(now),
        *_being_left(before, now),
        *_out(conn, book, as_of, before, now),
    )


def _by_pair(states: Mapping[str, tuple[PairState, ...]]) -> dict[tuple[str, str, str], PairState]:
    return {(strategy, *one.legs): one for strategy, own in sorted(states.items()) for one in own}


def _counted(now: _States) -> str:
    counts = Counter(one.phase for one in now.values())
    words = (f"{counts['open']} open", f"{counts['cooling']} cooling", f"{counts['candidate']} candidates")
    return f"Pairs: {', '.join(words)}."


def _entered(now: _States) -> Iterator[str]:
    for one in now.values():
        if _is_new(one):
            yield f"{one.name} is entered {'long' if one.side > 0 else 'short'}: {one.reason}."


def _being_left(before: _States, now: _States) -> Iterator[str]:
    for key, one in now.items():
        earlier = before.get(key)
        if one.leaving and (earlier is None or not earlier.leaving):
            yield f"{one.name} is being left: {one.reason.removeprefix('left: ')}."


def _out(conn: Connection, book: str, as_of: datetime, before: _States, now: _States) -> Iterator[str]:
    """Pairs that were open before this decision and hold neither leg at it, with what they made."""
    for key, earlier in before.items():
        later = now.get(key)
        if earlier.phase != "open" or (later is not None and later.phase == "open" and not _is_new(later)):
            continue
        ended = (one for one in pair_stays(conn, book, as_of, pair=key, rows=2) if one.left_at == as_of)
        for stay in ended:
            sessions = "1 session" if stay.sessions == 1 else f"{stay.sessions} sessions"
            made = money(stay.profit, signed=True)
            yield f"{earlier.name} is out after {sessions}, {made} with all costs: {stay.why_out}."


def _is_new(state: PairState) -> bool:
    return state.phase == "open" and state.sessions == 0
