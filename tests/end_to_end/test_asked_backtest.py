"""A backtest that is asked for in a form of Airflow: made by a real task, kept once, or refused in words."""

from __future__ import annotations

import pytest
from tests.end_to_end.desk import Desk
from tests.end_to_end.project import BOOK, INCEPTION

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import NightdeskError
from nightdesk.store.backtest_rows import backtest_series, kept_backtests

#: Long: tests/dags shows the same of the operator without a scheduler.
pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(900)]

DAG = "research__backtest"
FIRST, LAST = INCEPTION, get_calendar().shift(INCEPTION, 4)


def test_a_form_becomes_a_kept_backtest_and_a_bad_one_a_note(desk: Desk) -> None:
    form = {"books": [BOOK], "from": f"{FIRST}", "to": f"{LAST}", "capital": 50_000, "note": "by hand"}
    desk.airflow.await_dag(DAG)
    good = desk.airflow.trigger(DAG, conf=form)
    bad = desk.airflow.trigger(DAG, conf={**form, "from": f"{LAST}", "to": f"{FIRST}"})
    runs = {run.run_id: run for run in desk.airflow.wait(DAG, [good, bad], timeout=400)}
    assert (runs[good].state, runs[bad].state) == ("success", "failed")
    with desk.database() as conn:
        (kept,) = kept_backtests(conn)
        course = backtest_series(conn, kept.number)
    assert (kept.book, kept.state, kept.run, kept.note) == (BOOK, "done", f"{DAG}/{good}", "by hand")
    assert (kept.first, kept.last, kept.figures["initial_nav"]) == (FIRST, LAST, 50_000.0)
    assert kept.asked_by
    assert kept.asked_by != "airflow", "the person is not known"
    assert {one.kind for one in course} == {"nav", "benchmark", "strategy"}
    assert desk.airflow.note(DAG, good).startswith(
        f"Backtest {kept.number} of {BOOK} from {FIRST} to {LAST}: "
    )
    assert desk.airflow.note(DAG, bad).startswith(
        f"Refused: the span ends ({FIRST}) before it begins ({LAST})"
    )
    with pytest.raises(NightdeskError, match="book"):
        desk.airflow.trigger(DAG, conf={**form, "books": ["<b>none of them</b>"]})
