"""Sweeps that are kept: pieces in any order, once, by anybody, are the sweep of one process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from tests.session.small_desk import STRATEGY, SmallDesk

from nightdesk.core.errors import BadRequest, Refused
from nightdesk.operations.keep_sweep import (
    SweepForm,
    keep_swept,
    plan_sweep,
    read_sweep_form,
    read_swept,
    try_points,
)
from nightdesk.research.backtest.decided_span import begin_span
from nightdesk.research.sweep.trials import SweepSpan, Trial, sweep
from nightdesk.session.books import read_book
from nightdesk.store.db import Connection
from nightdesk.store.sweep_rows import kept_sweeps, sweep_points
from nightdesk.store.trial_rows import trials_of

FIRST, LAST = date(2022, 3, 1), date(2022, 3, 14)
GRID = ("portfolio.volatility_target=0.05,0.10,-1", f"strategies.{STRATEGY}.params.window=40,60")
FORM = {"book": "small", "from": f"{FIRST}", "to": f"{LAST}", "set": list(GRID)}


@pytest.fixture
def project(make_desk: Callable[[], SmallDesk]) -> SmallDesk:
    """A small desk whose book lies in a project's folder."""
    desk = make_desk()
    desk.make_project()
    return desk


def planned(desk: SmallDesk, conn: Connection, run: str = "", piece: int = 4) -> tuple[int, list[list[int]]]:
    form = SweepForm("small", FIRST, LAST, GRID, piece=piece, note="as it is")
    kept, pieces = plan_sweep(conn, form, by="ann", run=run, environ=desk.make_project())
    return kept.number, pieces


def in_one_process(desk: SmallDesk) -> list[Trial]:
    from nightdesk.research.sweep.grid import points, read_axis

    path = desk.book.parent / "books" / "small.yaml"
    book = read_book(path)
    start = begin_span(book, FIRST, LAST)
    return sweep(
        book,
        points([read_axis(one) for one in GRID]),
        lambda settings: read_book(path, settings),
        SweepSpan(start.read(None).panel, start.origin, start.inception, start.last),
    )


def test_pieces_in_any_order_are_the_sweep_of_one_process(project: SmallDesk) -> None:
    with project.connection() as conn:
        number, pieces = planned(project, conn)
        assert pieces == [[0, 1, 2, 3], [4, 5]]
        for piece in reversed(pieces):
            assert len(try_points(conn, number, piece, environ=project.make_project())) == len(piece)
        swept = read_swept(conn, number)
        tried = trials_of(conn, "small")
    assert (tried.count, tried.asked, tried.rules) == (4, 4, 4), "points with a result count, each once"
    assert swept.kept.done
    assert (swept.kept.asked_by, swept.kept.note, swept.kept.sources) == ("ann", "as it is", ("files",))
    assert list(swept.trials) == in_one_process(project)
    assert sum(bool(one.refused) for one in swept.trials) == 2
    assert len({one.config_hash for one in swept.trials if not one.refused}) == 4


def test_what_is_tried_again_is_kept_once(project: SmallDesk) -> None:
    with project.connection() as conn:
        number, pieces = planned(project, conn, run="research__sweep/1")
        assert planned(project, conn, run="research__sweep/1") == (number, pieces), "a second try of the plan"
        assert try_points(conn, number, [0], environ=project.make_project())
        before = sweep_points(conn, number)
        again = try_points(conn, number, [0, 1], environ=project.make_project())
        assert [one.point for one in again] == [1]
        assert sweep_points(conn, number)[:1] == before
        (kept,) = kept_sweeps(conn)
        assert (kept.tried, kept.points, kept.done) == (2, 6, False)
        assert len(read_swept(conn, number).trials) == 2


def test_points_on_other_bars_or_of_another_book_are_refused_and_not_kept(project: SmallDesk) -> None:
    with project.connection() as conn:
        number, _ = planned(project, conn)
        try_points(conn, number, [0], environ=project.make_project())
        bars = project.bars.read_text()
        project.change_bar("SPY", FIRST, 1.01)
        with pytest.raises(Refused, match=r"sweep \d+: its sources give other bars"):
            try_points(conn, number, [1], environ=project.make_project())
        project.bars.write_text(bars)
        text = project.book.read_text()
        project.book.write_text(text.replace("initial_capital: 100000", "initial_capital: 90000"))
        with pytest.raises(Refused, match="the book's file changed since it began"):
            try_points(conn, number, [1], environ=project.make_project())
        assert [one.point for one in sweep_points(conn, number)] == [0]


def test_a_sweep_of_a_command_is_kept_whole(project: SmallDesk) -> None:
    book = read_book(project.book.parent / "books" / "small.yaml")
    start = begin_span(book, FIRST, LAST)
    trials = in_one_process(project)
    with project.connection() as conn:
        number = keep_swept(
            conn, book, start, start.read(None), GRID, trials, metric="sharpe", by="ann", note="by hand"
        )
        swept = read_swept(conn, number)
        assert list(swept.trials) == trials
        assert (swept.kept.run, swept.kept.note, swept.kept.done) == ("", "by hand", True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"set": []}, "set: a sweep needs parameters and their values"),
        ({"set": None}, "set: found None; expected parameters"),
        ({"set": "  \n"}, "set: a sweep needs parameters and their values"),
        ({"set": ["portfolio.volatility_target"]}, "is not KEY=V1,V2"),
        ({"set": ["a=" + ",".join(map(str, range(1_000_000)))]}, "at most 10,000 are tried"),
        ({"set": [7]}, r"set: found \[7\]"),
        ({"metric": "luck"}, "metric: found 'luck'; known are"),
        ({"piece": 0}, "piece: found 0"),
        ({"piece": 1, "set": ["a=" + ",".join(map(str, range(1_001)))]}, "are more than 1,000 tasks"),
        ({"strange": 1}, "'strange' is no key of the form"),
        ({"note": "x" * 501}, "note: 501 characters"),
        ({"to": "2022-02-01"}, "ends"),
    ],
)
def test_a_bad_form_is_refused_in_words(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        read_sweep_form({**FORM, **wrong})


def test_a_book_or_a_span_that_cannot_be_is_refused_before_anything_is_kept(project: SmallDesk) -> None:
    with project.connection() as conn:
        for changed, words in (({"book": "none"}, "known are small"), ({"to": "2999-01-04"}, "is not over")):
            form = read_sweep_form({**FORM, **changed})
            with pytest.raises(BadRequest, match=words):
                plan_sweep(conn, form, by="ann", run="", environ=project.make_project())
        assert kept_sweeps(conn) == ()
        with pytest.raises(BadRequest, match="no kept sweep 7"):
            read_swept(conn, 7)
