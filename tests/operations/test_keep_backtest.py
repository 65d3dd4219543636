"""Backtests that are kept: the same figures as ever, one at a time, whole or not at all, and compared."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.conftest import open_connection
from tests.session.small_desk import SmallDesk

from nightdesk.core.errors import BadRequest, NightdeskError, Refused
from nightdesk.operations import keep_backtest
from nightdesk.operations.compare_backtests import compare_backtests
from nightdesk.operations.keep_backtest import BacktestForm, read_forms, run_backtest
from nightdesk.research.backtest.decided_span import begin_span
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.run import backtest
from nightdesk.session.books import read_book
from nightdesk.store.backtest_rows import (
    BacktestSeries,
    backtest_document,
    backtest_series,
    backtests_by_number,
    begin_backtest,
    finish_backtest,
    kept_backtests,
    lone_backtest,
)
from nightdesk.store.db import Connection
from nightdesk.store.trial_rows import newest_trials

FIRST, LAST = date(2022, 3, 1), date(2022, 3, 14)
FORM = {"books": ["small"], "from": "2022-03-01", "to": "2022-03-02"}


@pytest.fixture
def project(make_desk: Callable[[], SmallDesk]) -> SmallDesk:
    """A small desk whose book lies in a project's folder and names its own file of bars."""
    desk = make_desk()
    desk.make_project()
    return desk


def environ(desk: SmallDesk) -> dict[str, str]:
    return {"NIGHTDESK_ROOT": str(desk.book.parent)}


def made(desk: SmallDesk, conn: Connection, **changed: Any) -> Any:
    form = {"book": "small", "first": FIRST, "last": LAST, **changed.pop("form", {})}
    return run_backtest(conn, BacktestForm(**form), by="ann", environ=environ(desk), **changed)


def send(desk: SmallDesk, conn: Connection, form: dict[str, Any]) -> None:
    for one in read_forms(form):
        run_backtest(conn, one, by="ann", environ=environ(desk))


def test_what_is_kept_is_what_the_backtest_says(project: SmallDesk) -> None:
    with project.connection() as conn:
        kept = made(project, conn, form={"note": "as it is"})
        (trial,) = newest_trials(conn, "small")
        course = {(one.kind, one.strategy): one for one in backtest_series(conn, kept.number)}
        document = backtest_document(conn, kept.number)
    book = read_book(project.book.parent / "books" / "small.yaml")
    start = begin_span(book, FIRST, LAST)
    result = backtest(start.book, start.read(None).panel, start.inception, start.last)
    assert kept.figures == metrics(result)
    assert (kept.book, kept.state, kept.asked_by, kept.note) == ("small", "done", "ann", "as it is")
    assert (kept.first, kept.last, kept.capital) == (FIRST, LAST, book.initial_capital)
    assert (kept.config_hash, kept.error, kept.sources) == (book.config_hash, "", ("files",))
    assert document["name"] == "small"
    assert (trial["kind"], trial["asked_by"], trial["rules_hash"]) == ("backtest", "ann", book.rules_hash)
    assert trial["annual_sharpe"] == pytest.approx(kept.figures["sharpe"], rel=1e-9)
    nav = course["nav", ""]
    assert nav.dollars == result.closing_nav.tolist()
    assert list(nav.sessions) == [one.state.mark.session for one in result.decided]
    assert course["benchmark", ""].dollars[0] == nav.dollars[0]
    profits = [one.dollars[-1] for (kind, _), one in course.items() if kind == "strategy"]
    interest = sum(float(one.cash) for one in result.entries if one.kind == "interest")
    assert sum(profits) + interest == pytest.approx(nav.dollars[-1] - nav.dollars[0], abs=0.02)


def test_another_capital_is_one_of_its_changes_and_compares_as_such(project: SmallDesk) -> None:
    with project.connection() as conn:
        one = made(project, conn)
        other = made(project, conn, form={"capital": Decimal("250000.00")})
        same = made(project, conn)
        assert other.changes == {"initial_capital": "250000.00"}
        assert other.figures["initial_nav"] == 250_000.0
        assert [each.number for each in kept_backtests(conn, "small")] == [
            same.number, other.number, one.number,
        ]  # fmt: skip
        assert [each.number for each in kept_backtests(conn, newest=1, before=other.number)] == [one.number]
        told = compare_backtests(conn, [one.number, other.number])
        assert {each.key for each in told.differences} >= {"capital", "initial_capital"}
        assert told.differences[0].values == ("100000.00", "250000.00")
        alike = compare_backtests(conn, [one.number, same.number])
        assert alike.alike
        assert alike.kept[0].figures == alike.kept[1].figures
        for numbers, words in (([one.number], "name 2 to 8"), ([one.number, 999], "no kept backtest 999")):
            with pytest.raises(BadRequest, match=words):
                compare_backtests(conn, numbers)


def test_who_releases_the_book_is_asked_for_kept_and_compared(project: SmallDesk) -> None:
    path, last = project.book.parent / "books" / "small.yaml", date(2022, 6, 30)
    tree = yaml.safe_load(path.read_text())
    tree["limits"]["daily_loss"] = {"limit": -0.003, "kills": True}
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    (form,) = read_forms({**FORM, "to": f"{last}", "release_after": 5})
    with project.connection() as conn:
        nobody = made(project, conn, form={"last": last})
        released = run_backtest(conn, form, by="ann", environ=environ(project))
        assert (nobody.release_after, released.release_after) == (None, 5)
        told = compare_backtests(conn, [nobody.number, released.number])
    assert [(one.key, one.values) for one in told.differences] == [("release after", ("", "5"))]
    book = read_book(path)
    start = begin_span(book, FIRST, last)
    result = backtest(start.book, start.read(None).panel, start.inception, start.last, release_after=5)
    assert released.figures == metrics(result) != nobody.figures


def test_of_two_backtests_of_a_book_at_once_the_second_is_refused(project: SmallDesk) -> None:
    with (
        project.connection() as conn,
        open_connection(project.url) as other,
        lone_backtest(other, "small") as first,
    ):
        assert first
        with pytest.raises(Refused, match="a backtest of small is under way: one at a time"):
            made(project, conn)
        assert kept_backtests(conn) == ()


def test_one_whose_process_ended_is_marked_by_whoever_comes_next(project: SmallDesk) -> None:
    with project.connection() as conn:
        before = made(project, conn)
        asked = keep_backtest.asked_of(*_begun(project), by="bob", changes={})
        left = begin_backtest(conn, asked)
        made(project, conn)
        found = backtests_by_number(conn, [left, before.number])
    assert (found[left].state, found[left].error) == ("failed", "its process ended before it was done")
    assert found[left].ended_at is not None
    assert found[before.number].state == "done"


def _begun(desk: SmallDesk) -> tuple[Any, Any]:
    book = read_book(desk.book.parent / "books" / "small.yaml")
    return book, begin_span(book, FIRST, LAST)


def test_one_that_fails_is_kept_with_its_reason_and_its_next_try_is_the_same_one(
    project: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_FEED_SECRET", "hush-hush-hush")
    whole = project.bars.read_text()
    for symbol in ("SPY", "^VIX"):
        project.remove_bars(symbol, FIRST)
    with project.connection() as conn:
        with pytest.raises(NightdeskError):
            made(project, conn, run="research__backtest/one")
        (failed,) = kept_backtests(conn)
        assert failed.state == "failed"
        assert failed.error
        assert failed.figures == {}
        assert backtest_series(conn, failed.number) == ()
        project.bars.write_text(whole)
        done = made(project, conn, run="research__backtest/one")
        assert (done.number, done.state, done.error) == (failed.number, "done", "")
        assert made(project, conn, run="research__backtest/one") == done
        assert len(kept_backtests(conn)) == 1

        def break_down(*_: object, **__: object) -> None:
            raise RuntimeError("the key is hush-hush-hush")

        monkeypatch.setattr("nightdesk.research.backtest.run.backtest", break_down)
        with pytest.raises(RuntimeError):
            made(project, conn)
        assert kept_backtests(conn)[0].error == "RuntimeError('the key is ***')"


def test_figures_and_course_are_kept_whole_or_not_at_all(project: SmallDesk) -> None:
    with project.connection() as conn, lone_backtest(conn, "small"):
        number = begin_backtest(conn, keep_backtest.asked_of(*_begun(project), by="bob", changes={}))
        good = BacktestSeries("nav", "", [FIRST], [1.0])
        uneven = BacktestSeries("benchmark", "", [FIRST], [1.0, 2.0])
        with pytest.raises(Exception, match="backtest_series"):
            finish_backtest(conn, number, figures={}, series=[good, uneven], sources=[])
        assert backtest_series(conn, number) == ()
        unknown = BacktestSeries("benchmark", "", [FIRST, LAST], [float("nan"), 2.0])
        finish_backtest(conn, number, figures={"sharpe": None}, series=[unknown], sources=["sample"])
        (back,) = backtest_series(conn, number)
        assert np.isnan(back.dollars[0])
        assert back.dollars[1] == 2.0


def test_a_person_s_words_are_masked_and_on_one_line(
    project: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_FEED_SECRET", "hush-hush-hush")
    (form,) = read_forms(
        {"books": ["small"], "from": "2022-03-01", "to": "2022-03-02", "note": "hush-hush-hush\n<b>"}
    )
    with project.connection() as conn:
        kept = run_backtest(conn, form, by="ann\nroot", environ=environ(project))
    assert (kept.note, kept.asked_by) == ("*** <b>", "ann root")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"books": "small"}, "books: found 'small'; expected the names of one book or more"),
        ({"books": []}, "books: found []; expected the names"),
        ({"books": [7]}, "book: found 7; expected the name of a book"),
        ({"books": ["x" * 10_000]}, "known are small"),
        ({"books": ["../small"]}, "book: found '../small'; known are small"),
        ({"from": "01.03.2022"}, "from: found '01.03.2022'; expected a date such as 2022-12-30"),
        ({"to": 20220301}, "to: found 20220301; expected a date"),
        ({"from": "2022-03-03"}, "the span ends (2022-03-02) before it begins (2022-03-03)"),
        ({"capital": 0}, "capital: found 0; expected dollars above 0"),
        ({"capital": "nan"}, "capital: found 'nan'; expected dollars"),
        ({"capital": True}, "capital: found True; expected dollars"),
        ({"capital": 1e300}, "capital: found 1e+300; expected dollars"),
        ({"release_after": 0}, "release_after: found 0; expected sessions from 1 to 2,520, or nothing"),
        ({"release_after": 2.5}, "release_after: found 2.5; expected sessions"),
        ({"release_after": True}, "release_after: found True; expected sessions"),
        ({"release_after": "soon"}, "release_after: found 'soon'; expected sessions"),
        ({"note": ["x"]}, "note: found ['x']; expected words"),
        ({"note": "x" * 501}, "note: 501 characters; at most 500 are kept"),
        (
            {"book_": "x"},
            "'book_' is no key of the form: known are books, from, to, capital, release_after, note",
        ),
    ],
)
def test_a_form_that_cannot_be_meant_is_refused_in_words(
    project: SmallDesk, changed: dict[str, Any], words: str
) -> None:
    with project.connection() as conn:
        with pytest.raises(BadRequest) as refused:
            send(project, conn, {**FORM, **changed})
        assert words in str(refused.value)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 300
        assert kept_backtests(conn) == ()


def test_a_book_whose_file_is_wrong_is_refused_with_the_file(project: SmallDesk) -> None:
    path: Path = project.book.parent / "books" / "small.yaml"
    path.write_text("name: [small")
    with project.connection() as conn, pytest.raises(BadRequest, match=r"small\.yaml"):
        made(project, conn)
