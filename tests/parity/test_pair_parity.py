"""A book of pairs: its steps on PostgreSQL and its backtest in memory decide the same, whatever happens."""

from datetime import datetime
from pathlib import Path

import pytest
from tests.conftest import open_connection
from tests.pair_market import INCEPTION, PAIRS, Incident, pair_market, session
from tests.parity.checks import same_sessions
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import die, in_child

from nightdesk.core.book import load_book
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.session import decide
from nightdesk.session.entry import open_context
from nightdesk.session.steps import factors, run_session, targets
from nightdesk.store import db
from nightdesk.store.pair_rows import pair_figures_of, pair_series, pair_states_of

#: All that `shows_everything` asks for happens in so many sessions.
WHOLE = 60
#: It is killed here in the midst of the targets, after what was said in turn was written.
KILLED = 8
#: Steps of this session are run twice, and give what they gave.
RERUN = 10
INCIDENTS = (
    Incident("DDD", "halted", 9, 11),  # when its exit is to be filled
    Incident("FFF", "unbelievable", 15, 15),
    Incident("BBB", "unbelievable", 24, 24),  # while it is held
    Incident("EEE", "split", 27, 27, ratio=2.0),  # while it is held
    Incident("JJJ", "halted", 34, 35),  # while it is held
    Incident("GGG", "split", 50, 50, ratio=0.5),  # while it is held
)
#: Many pairs are entered, and soon.
PARAMS = {
    "pairs": [list(one) for one in (*PAIRS, ("BBB", "HHH"), ("GGG", "FFF"), ("EEE", "JJJ"))],
    "enter": 0.9,
    "stop": 2.6,
    "sessions": 6,
    "volatility_window": 5,
    "volatility_mean": 20,
}
#: So little of a bar's volume that legs are filled in part.
BROKER = {"account": "paper-couples", "max_volume_share": 0.00003}

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [16, pytest.param(WHOLE, marks=pytest.mark.slow)])
def test_sessions_of_pairs_are_the_same_to_the_cent(
    count: int, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    market = pair_market(tmp_path / "couples", INCIDENTS, PARAMS, broker=BROKER)
    book, last = load_book(market.book), session(count - 1)
    assert book.origin is not None
    result = backtest(book, read_market(book, book.origin, last).panel, INCEPTION, last)

    def run(number: int) -> None:
        with (
            open_connection(database) as conn,
            open_context(market.book, session(number), conn=conn, turn_seconds=0) as context,
        ):
            run_session(context)

    def killed() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(decide.Saver, "speaking", die_after(decide.Saver.speaking))
            run(KILLED)

    for number in range(count):
        if number == KILLED:
            assert in_child(killed) == -9
        if number == RERUN:
            with (
                open_connection(database) as conn,
                open_context(market.book, session(number), conn=conn, turn_seconds=0) as context,
            ):
                run_session(context, last="gate")
                assert factors(context)["written"] == 0
                assert targets(context)["written"] == 0
        run(number)
    with open_connection(database) as conn:
        same_sessions(result, conn)
        same_turns(result, conn)
        assert verify(conn, book.name).differences == ()
        pair = ("AAA", "BBB")
        last_close = result.market.closes[-1]
        series = pair_series(conn, book.name, "pairs", *pair, until=last_close, newest=30)
        assert [one.session for one in series] == [session(n) for n in range(max(0, count - 30), count)]
        assert {one.state for one in series} >= {"candidate"}
        assert all(one.reason for one in series)
    shows_states(result)
    if count == WHOLE:
        shows_everything(result)


def die_after(speaking):  # type: ignore[no-untyped-def]
    """Die when the rows of targets are to be kept: those of what was said in turn are written by then."""

    def dying(self, table, part, rows, **more):  # type: ignore[no-untyped-def]
        if table == "targets":
            die()
        speaking(self, table, part, rows, **more)

    return dying


def same_turns(result: Result, conn: db.Connection) -> None:
    """Figures and states of every pair."""
    for one in result.decided:
        as_of: datetime = result.market.closes[one.t]
        assert repr(pair_states_of(conn, "couples", as_of)["pairs"]) == repr(one.spoken["pairs"].states)
        figures = pair_figures_of(conn, "couples", as_of)["pairs"]
        assert repr(figures) == repr(result.market.studies["pairs"][one.t])


def shows_states(result: Result) -> None:
    """What a parity of pairs is worth depends on what has happened in it."""
    states = [state for one in result.decided for state in one.spoken["pairs"].states]
    assert {one.phase for one in states} == {"candidate", "open", "cooling"}
    assert {"reached", "age"} <= {one.leaving for one in states}


def shows_everything(result: Result) -> None:
    """What takes longer to happen."""
    states = [state for one in result.decided for state in one.spoken["pairs"].states]
    assert any("is in quarantine" in one.reason for one in states)
    assert any("z is not known" in one.reason for one in states if one.phase == "open")
    found = [one.targets.bundles for one in result.decided]
    assert any(one is not None and one.uneven.any() for one in found), "no leg was filled unlike the other"
    assert any(drop.filter == "pair" for one in result.decided for drop in one.targets.dropped)
    assert sum(len(one.fills) for one in result.decided) > 20
