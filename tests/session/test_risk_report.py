"""The risk report in the daily run: made by the gate, kept with its session, shown on its page."""

import pytest
from tests.session.small_desk import SmallDesk, instant, session

from nightdesk.core.errors import Refused
from nightdesk.operations.replay import rewind
from nightdesk.session import steps
from nightdesk.store.ledger_rows import read_mark
from nightdesk.store.risk_report_rows import read_risk_report

TABLES = ("risk_reports", "risk_distances", "risk_contributions", "risk_correlations")


@pytest.fixture
def decided(desk: SmallDesk) -> SmallDesk:
    """A desk with three closed sessions, which holds several positions by then."""
    for number in range(3):
        desk.run(number)
    return desk


def contents(desk: SmallDesk) -> dict[str, list[str]]:
    """All rows of the report's tables, as text: NaN is itself there."""
    return {
        table: [repr(row) for row in desk.rows(f"SELECT * FROM nightdesk.{table} ORDER BY 1, 2, 3")]
        for table in TABLES
    }


def test_every_session_has_a_report_of_what_it_held_and_shows_it(decided: SmallDesk) -> None:
    with decided.at(2) as context:
        told = read_risk_report(context.conn, "small", instant(2))
        mark = read_mark(context.conn, "small", instant(2))
        page = (context.reports / "small" / f"{session(2)}.html").read_text()
    assert told is not None
    assert mark is not None
    assert len(told.contributions) >= 2
    assert told.nav == float(mark.nav)
    assert sum(abs(one.weight) for one in told.contributions) == pytest.approx(mark.gross, abs=1e-6)
    assert sum(one.contribution for one in told.contributions) == pytest.approx(told.volatility)
    assert told.tail.sessions == 252
    for section in ("<h2>Risk</h2>", "<h2>Distance to the limits</h2>", "<h2>Correlation</h2>"):
        assert section in page


def test_a_closed_session_is_compared_and_not_rewritten(decided: SmallDesk) -> None:
    with decided.at(2) as context:
        assert steps.gate(context)["differs"] == 0
        with context.conn.cursor() as cursor:
            cursor.execute(
                "UPDATE nightdesk.risk_reports SET historical_var = 0 WHERE session = %s", [session(2)]
            )
        assert steps.gate(context)["differs"] == 1
    ((found,),) = decided.rows(
        "SELECT differences FROM nightdesk.run_steps WHERE step = 'gate' ORDER BY run_step_id DESC LIMIT 1"
    )
    assert str(found[0]).startswith("risk_reports: historical_var 0 would become 0.0")
    assert decided.rows("SELECT historical_var FROM nightdesk.risk_reports ORDER BY session")[-1] == (0.0,)


def test_taking_a_book_back_takes_its_reports_too(decided: SmallDesk) -> None:
    before = contents(decided)
    with decided.at(1) as context:
        rewind(context)
    for table in TABLES:
        kept = decided.rows(f"SELECT DISTINCT session FROM nightdesk.{table}")
        assert {day for (day,) in kept} <= {session(0)}, table
    for number in (1, 2):
        decided.run(number)
    assert contents(decided) == before


def test_a_session_without_its_report_is_not_closed(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "report")
    with desk.at(0) as context:
        with context.conn.cursor() as cursor:
            cursor.execute("DELETE FROM nightdesk.risk_reports")
        with pytest.raises(Refused, match="risk_reports has 0 rows of 1"):
            steps.close(context)
