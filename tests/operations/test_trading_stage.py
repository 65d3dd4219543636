"""A book's way to real money in the store: looked at, told, promoted by a person, and back."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from tests.conftest import open_connection
from tests.fakes.alpaca import FakeAlpaca
from tests.session.alpaca_desk import at_alpaca
from tests.session.small_desk import SmallDesk, die, in_child, session

from nightdesk.core.book import Book, load_book
from nightdesk.core.errors import Refused
from nightdesk.core.schedule import schedule_of
from nightdesk.core.stages import Stage
from nightdesk.engine import resolve
from nightdesk.operations import trading_stage
from nightdesk.operations.lived_books import days_of, paper_days
from nightdesk.operations.trading_stage import gate_standing, look, promote
from nightdesk.session import reconcile
from nightdesk.store.code_rows import package_of
from nightdesk.store.db import Connection, cursor
from nightdesk.store.gate_evidence_rows import evidence_of, keep_evidence
from nightdesk.store.gate_promotion_rows import newest_evaluation, promotions_of
from nightdesk.store.message_rows import alerts_of
from nightdesk.version import code_version

#: The parent's threads (of its numerical libraries) idle while it forks.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

REAL = {"first": "2018-01-02", "last": "2022-12-30", "sources": ["yahoo"]}
SHOWN: dict[Any, dict[str, Any]] = {
    "backtest": {**REAL, "sharpe": 0.9, "max_drawdown": 0.15},
    "stress": {"passed": True},
    "validation": {
        "sources": ["yahoo"],
        "checks": {
            "deflated_sharpe": {"value": 0.97},
            "overfitting": {"value": 0.02},
            "beats_cash": {"value": 0.01},
        },
    },
    "audit": {"look_ahead_passed": True, "warm_up_passed": True},
}


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk]) -> SmallDesk:
    return make_desk()


@pytest.fixture
def book(desk: SmallDesk) -> Book:
    return load_book(desk.book)


def show(conn: Connection, book: Book, *but: str) -> None:
    """Keep evidence by which a book may go to paper."""
    code = code_version(resolve(book))
    for kind, figures in SHOWN.items():
        if kind not in but:
            keep_evidence(conn, book.name, kind, book.rules_hash, code, figures)
    keep_evidence(
        conn, "", "code", "", package_of(code), {"green": True, "data_checks": True, "persistence": True}
    )


def changed(desk: SmallDesk, **keys: object) -> Book:
    tree = yaml.safe_load(Path(desk.book).read_text()) | keys
    Path(desk.book).write_text(yaml.safe_dump(tree, sort_keys=False))
    return load_book(desk.book)


def test_a_person_promotes_what_is_met_and_the_row_says_on_what(desk: SmallDesk, book: Book) -> None:
    with desk.connection() as conn:
        assert gate_standing(conn, book).stage is Stage.BACKTEST
        show(conn, book)
        assert gate_standing(conn, book).is_met

        done = promote(conn, book, Stage.PAPER, reason="it passed", who="ann")

        assert promotions_of(conn, book.name) == (done,)
        assert (done.from_stage, done.to_stage, done.who, done.reason) == (
            "backtest",
            "paper",
            "ann",
            "it passed",
        )
        assert done.evidence == (1, 2, 3, 4, 5)
        assert all(one["met"] for one in done.criteria)
        assert (done.rules_hash, done.code_version) == (book.rules_hash, code_version(resolve(book)))
        assert gate_standing(conn, book).stage is Stage.PAPER
        assert alerts_of(conn)[0]["subject"] == f"{book.name} goes from backtest to paper (no real money)"


def test_a_promotion_that_is_not_due_is_refused_and_stores_nothing(desk: SmallDesk, book: Book) -> None:
    with desk.connection() as conn:
        with pytest.raises(Refused, match="one stage after the other, the next one is paper"):
            promote(conn, book, Stage.SMALL, reason="r", who="ann")
        show(conn, book, "stress")
        with pytest.raises(
            Refused,
            match=r"1 of 13 criteria are not met: stress is not known, wanted yes "
            r"\(there is none: `nightdesk stress small --keep` makes it\)",
        ):
            promote(conn, book, Stage.PAPER, reason="r", who="ann")
        show(conn, book)
        with pytest.raises(Refused, match="wants a reason and a person"):
            promote(conn, book, Stage.PAPER, reason=" ", who="ann")
        assert promotions_of(conn, book.name) == ()
        promote(conn, book, Stage.PAPER, reason="r", who="ann")
        with pytest.raises(Refused, match="is at stage paper already"):
            promote(conn, book, Stage.PAPER, reason="r", who="ann")
        with pytest.raises(Refused, match="no account of small holds real money"):
            promote(conn, book, Stage.SMALL, reason="r", who="ann")


def test_the_way_back_is_never_refused_and_rests_on_nothing(desk: SmallDesk, book: Book) -> None:
    with desk.connection() as conn:
        show(conn, book)
        promote(conn, book, Stage.PAPER, reason="r", who="ann")
        back = promote(conn, book, Stage.BACKTEST, reason="the data is wrong", who="bob")
        assert (back.from_stage, back.to_stage, back.evidence, back.criteria) == ("paper", "backtest", (), ())
        assert gate_standing(conn, book).stage is Stage.BACKTEST


def test_other_rules_begin_anew_and_the_old_file_brings_the_stage_back(desk: SmallDesk, book: Book) -> None:
    with desk.connection() as conn:
        show(conn, book)
        promote(conn, book, Stage.PAPER, reason="r", who="ann")
        text = Path(desk.book).read_text()
        other = changed(desk, costs={"commission": 0.002, "slippage": 0.001})

        standing = gate_standing(conn, other)
        assert standing.stage is Stage.BACKTEST
        assert all("stale" in one.words for one in standing.criteria if one.name.startswith("backtest"))
        with pytest.raises(Refused, match="is of other rules"):
            promote(conn, other, Stage.PAPER, reason="r", who="ann")

        Path(desk.book).write_text(text)
        assert gate_standing(conn, load_book(desk.book)).stage is Stage.PAPER


def test_of_two_people_at_once_one_promotes(desk: SmallDesk, book: Book) -> None:
    with desk.connection() as conn:
        show(conn, book)
    outcomes: list[str] = []

    def go(who: str) -> None:
        with open_connection(desk.url) as own:
            try:
                promote(own, book, Stage.PAPER, reason="r", who=who)
                outcomes.append("promoted")
            except Refused as error:
                outcomes.append(str(error))

    threads = [Thread(target=go, args=(who,)) for who in ("ann", "bob")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(outcomes) == ["promoted", "small is at stage paper already"]
    with desk.connection() as conn:
        assert len(promotions_of(conn, book.name)) == 1


@pytest.mark.parametrize("at", ["_keep_days", "store_promotion", "_tell_promoted"])
def test_a_promotion_that_is_killed_leaves_nothing_and_can_be_made_again(
    desk: SmallDesk, book: Book, at: str
) -> None:
    with desk.connection() as conn:
        show(conn, book)

    def killed() -> None:
        with pytest.MonkeyPatch.context() as patch, open_connection(desk.url) as own:
            patch.setattr(trading_stage, at, die)
            promote(own, book, Stage.PAPER, reason="r", who="ann")

    assert in_child(killed) == -9
    with desk.connection() as conn:
        assert promotions_of(conn, book.name) == ()
        promote(conn, book, Stage.PAPER, reason="r", who="ann")
        assert len(promotions_of(conn, book.name)) == 1


def test_a_row_that_follows_the_same_one_as_another_is_refused_by_the_table(conn: Connection) -> None:
    values = "('b', 0, 'backtest', 'paper', 'r', 'c', 'x', 'ann')"
    columns = "(book, previous, from_stage, to_stage, rules_hash, code_version, reason, who)"
    with cursor(conn) as cur:
        cur.execute(f"INSERT INTO nightdesk.gate_promotions {columns} VALUES {values}")
        with pytest.raises(Exception, match="gate_promotions_book_previous_key"):
            cur.execute(f"INSERT INTO nightdesk.gate_promotions {columns} VALUES {values}")


def test_a_look_is_kept_once_and_tells_what_is_newly_met_and_missed(desk: SmallDesk, book: Book) -> None:
    def told(conn: Connection) -> list[tuple[str, str]]:
        return [
            (one["level"], one["subject"]) for one in alerts_of(conn) if one["alert_key"].startswith("gate ")
        ]

    with desk.connection() as conn:
        look(conn, book)
        first = newest_evaluation(conn, book.name)
        assert first is not None
        assert (first.stage, first.next_stage, first.is_met) == ("backtest", "paper", False)
        look(conn, book)
        assert newest_evaluation(conn, book.name) == first
        assert told(conn) == []

        show(conn, book)
        look(conn, book)
        look(conn, book)
        assert told(conn) == [("INFO", "small may be promoted to paper")]
        keep_evidence(
            conn, book.name, "stress", book.rules_hash, code_version(resolve(book)), {"passed": False}
        )
        look(conn, book)
        assert told(conn)[0] == ("WARNING", "small may no longer be promoted to paper")


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)


@pytest.mark.usefixtures("_no_pauses")
def test_sessions_on_paper_count_where_they_were_decided_in_their_own_time(
    make_desk: Callable[[], SmallDesk], fake: FakeAlpaca
) -> None:
    desk = at_alpaca(make_desk(), fake)
    for number in range(3):
        if number:
            desk.live_through(number)
        desk.decide(number)
    book = load_book(desk.book)
    schedule, packages = schedule_of(book), {package_of(code_version())}
    with desk.connection() as conn:
        days = days_of(conn, "small", book.rules_hash, schedule, packages)
        assert days is not None
        assert [one.session for one in days.lived] == [session(number) for number in range(3)]
        assert (days.sessions, days.missing, days.gaps(63), days.crashes(63)) == (3, (), (), ())
        [navs] = [[row[0] for row in desk.rows("SELECT nav FROM nightdesk.portfolio ORDER BY as_of")]]
        assert days.growth[-1] == pytest.approx(float(navs[-1]) / float(navs[0]))
        assert [one.partition(":")[0] for one in days.sources] == ["files"]
        assert days == paper_days(conn, book.rules_hash, schedule, packages)
        assert days_of(conn, "small", "other rules", schedule, packages) is None
        assert days_of(conn, "small", book.rules_hash, schedule, {"other code"}) is None

    desk.evening(5)
    desk.price_coins(5)
    with desk.connection() as conn:
        days = days_of(conn, "small", book.rules_hash, schedule, packages)
        assert days is not None
        assert days.missing == (session(3), session(4))

    desk.run(3)
    with desk.connection() as conn, cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.run_steps SET status = 'failed', error = 'cut off: its process ended' "
            "WHERE session = %s AND step = 'submit'",
            (session(2),),
        )
        days = days_of(conn, "small", book.rules_hash, schedule, packages)
        assert days is not None
        assert days.sessions == 3
        assert days.gaps(63) == (f"{session(3)}: decided late", f"{session(4)}: not decided")
        assert days.crashes(63) == (f"{session(2)}: submit was cut off",)


def test_evidence_of_the_same_rules_counts_under_another_name(desk: SmallDesk, book: Book) -> None:
    with desk.connection() as conn:
        show(conn, book)
        live = changed(
            desk,
            name="small_live",
            broker={"kind": "alpaca", "account": "42", "live": True, "capital_limit": 50_000},
        )
        assert live.rules_hash == book.rules_hash
        assert gate_standing(conn, live).is_met
        assert evidence_of(conn, "small_live", "stress") == ()
        done = promote(conn, live, Stage.PAPER, reason="as its paper book", who="ann")
        assert done.evidence == (1, 2, 3, 4, 5)
