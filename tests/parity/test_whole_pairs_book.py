"""The book of mean reversion and pairs while companies end, split and are renamed, by both drivers."""

from datetime import date
from pathlib import Path

import pytest
from tests.conftest import open_connection
from tests.odd_market import BOOK, Scene, write_odd_book
from tests.parity.checks import same_listed_decision, same_trades
from tests.session.quick_checks import check_quickly

from nightdesk.core.book import load_book
from nightdesk.feeds.sample_oddities import RENAMED
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.decided_span import Start, begin_span
from nightdesk.research.backtest.run import Decided, Result, backtest
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.db import Connection
from nightdesk.store.ledger_rows import read_entries, read_marks
from nightdesk.store.pair_rows import pair_figures_of, pair_states_of

#: What happens while it is held: the symbol, the session in which it happens.
SPLIT = Scene("SPLAS", date(2022, 8, 15), before=8, after=3)
CHANGE = Scene(RENAMED.new, RENAMED.day, before=8, after=6)
DELISTED = Scene("GONAS", date(2026, 11, 23), before=9, after=2)
SIXTY = Scene(RENAMED.new, RENAMED.day, before=30, after=30)

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(CHANGE, id="renamed"),
        pytest.param(SPLIT, id="split", marks=pytest.mark.slow),
        pytest.param(DELISTED, id="delisted", marks=pytest.mark.slow),
        pytest.param(SIXTY, id="sixty", marks=pytest.mark.slow),
    ],
)
def test_what_happens_to_a_company_that_is_held_is_the_same_to_the_cent(
    scene: Scene, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    sessions = scene.sessions
    path = write_odd_book(tmp_path / "odd", sessions[0], sessions[-1])
    start = begin_span(load_book(path), sessions[0], sessions[-1])
    result = backtest(start.book, start.read(None).panel, start.inception, start.last)
    with open_connection(database) as conn:
        for session in sessions:
            with open_context(path, session, conn=conn, turn_seconds=0) as context:
                told = run_session(context)
                assert told["close"]["closed"] == 1, told
        for at, one in enumerate(result.decided):
            same_listed_decision(result, one, conn)
            same_trades(result, at, conn, result.market.closes[one.t])
            same_pairs(result, one, conn)
            same_members(start, one, conn, path)
        assert read_marks(conn, BOOK) == tuple(one.state.mark for one in result.decided)
        assert sorted(read_entries(conn, BOOK), key=repr) == sorted(result.entries, key=repr)
        assert verify(conn, BOOK).differences == ()
    shows_it(result, scene)


def same_pairs(result: Result, one: Decided, conn: Connection) -> None:
    """Figures and states of every pair."""
    as_of = result.market.closes[one.t]
    mine = sorted(one.spoken["pairs"].states, key=lambda state: state.legs)
    assert repr(list(pair_states_of(conn, BOOK, as_of).get("pairs", ()))) == repr(mine), as_of
    figures = pair_figures_of(conn, BOOK, as_of).get("pairs", ())
    assert repr(figures) == repr(result.market.studies["pairs"][one.t]), as_of


def same_members(start: Start, one: Decided, conn: Connection, path: Path) -> None:
    """Who is a member, a pair, or off."""
    day, whole = one.state.mark.session, start.book.membership
    with open_context(path, day, conn=conn) as context:
        stored = context.as_listed().book.membership
    assert stored is not None
    assert whole is not None
    assert stored.at(day) == whole.at(day), day
    assert stored.off_at(day) == whole.off_at(day), day
    assert [(pair.a, pair.b, pair.first, pair.sector) for pair in stored.pairs_at(day)] == [
        (pair.a, pair.b, pair.first, pair.sector) for pair in whole.pairs_at(day)
    ], day


def shows_it(result: Result, scene: Scene) -> None:
    """What a parity is worth depends on what has happened in it."""
    states = [state for one in result.decided for state in one.spoken["pairs"].states]
    assert any(one.phase == "open" for one in states)
    held = {key[1] for key in held_before(result, scene.day)}
    assert held & {scene.symbol, RENAMED.old}, f"{scene.symbol} was not held"
    assert sum(len(one.fills) for one in result.decided) > 10


def held_before(result: Result, day: date) -> list[tuple[str, str]]:
    """The positions at the last decision before a session."""
    last = [one for one in result.decided if one.state.mark.session < day][-1]
    return [key for key, position in last.state.ledger.positions.items() if position.quantity]
