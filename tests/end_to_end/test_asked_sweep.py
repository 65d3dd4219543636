"""Two hundred points that are asked for in a form, tried by mapped tasks: the same as in one process."""

from __future__ import annotations

import pytest
from tests.end_to_end.desk import Desk
from tests.end_to_end.project import BOOK, INCEPTION

from nightdesk.core.calendar import get_calendar
from nightdesk.operations.keep_sweep import points_of, read_swept
from nightdesk.research.backtest.decided_span import begin_span
from nightdesk.research.sweep.trials import SweepSpan, sweep
from nightdesk.session.books import read_book
from nightdesk.store.sweep_rows import kept_sweeps

#: Long: tests/dags shows the same of the operators without a scheduler.
pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(2_400)]

DAG = "research__sweep"
FIRST, LAST = INCEPTION, get_calendar().shift(INCEPTION, 20)
TARGETS = ",".join(f"{0.05 + 0.005 * n:.3f}" for n in range(20))
WINDOWS = ",".join(str(20 + 10 * n) for n in range(10))
GRID = (
    f"portfolio.volatility_target={TARGETS}",
    f"strategies.time_series_momentum.params.window={WINDOWS}",
)


def test_two_hundred_points_in_mapped_tasks_are_those_of_one_process(desk: Desk) -> None:
    form = {"book": BOOK, "from": f"{FIRST}", "to": f"{LAST}", "set": list(GRID), "metric": "total_return"}
    desk.airflow.await_dag(DAG)
    run = desk.airflow.trigger(DAG, conf=form)
    (ended,) = desk.airflow.wait(DAG, [run], timeout=1_800)
    assert ended.state == "success", desk.airflow.note(DAG, run)
    with desk.database() as conn:
        (kept,) = kept_sweeps(conn)
        swept = read_swept(conn, kept.number)
    assert (kept.points, kept.tried, kept.run) == (200, 200, f"{DAG}/{run}")
    assert desk.airflow.note(DAG, run).startswith(
        f"Sweep {kept.number} of {BOOK} from {FIRST} to {LAST}, 200 points. The best total_return is "
    )
    path = desk.home.root / "books" / f"{BOOK}.yaml"
    book = read_book(path)
    start = begin_span(book, FIRST, LAST)
    span = SweepSpan(start.read(None).panel, start.origin, start.inception, start.last)
    alone = sweep(book, points_of(GRID), lambda settings: read_book(path, settings), span)
    assert list(swept.trials) == alone
    assert len({tuple(one.figures.items()) for one in alone}) > 100, "the parameters change nothing"
