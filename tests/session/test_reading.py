"""What a session asks of the database: counts, which no clock makes wrong."""

from functools import partial

from benchmarks.reading import count_apart, count_together
from tests.session.kept_desk import DeskAfter

#: A book of one strategy that sends an order; each further strategy adds five, each order six. What the whole
#: books ask is counted by `make bench`.
STATEMENTS, STATEMENTS_APART = 98, 135


def test_a_session_in_one_process_reads_the_bars_and_checks_them_once(desk_after: DeskAfter) -> None:
    desk = desk_after(2)
    counts = count_together(partial(desk.at, 2))
    assert counts.passes == 1
    assert counts.panels <= 2, "the panel of the checks, and what an ingest compares restated bars with"
    assert counts.statements <= STATEMENTS, counts.by_step


def test_the_steps_of_a_session_each_by_itself_check_the_bars_once(desk_after: DeskAfter) -> None:
    desk = desk_after(2)
    counts = count_apart(partial(desk.at, 2))
    assert counts.passes == 1
    assert counts.panels <= 3, "the panels of the checks and the factors, and that of an ingest"
    assert counts.statements <= STATEMENTS_APART, counts.by_step
    assert desk.rows("SELECT status FROM nightdesk.runs ORDER BY session DESC LIMIT 1") == [("closed",)]
