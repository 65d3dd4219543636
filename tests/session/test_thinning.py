"""Old findings that passed go; a rerun of the session finds no difference in that."""

from datetime import date

from nightdesk.machine.upkeep import clean_findings
from nightdesk.store.health_rows import KEPT_CHECKS, thin_findings


def test_findings_that_passed_go_with_age_and_a_sealed_session_still_compares_as_equal(desk_after) -> None:
    desk = desk_after(2)
    before = desk.rows("SELECT * FROM nightdesk.quarantine")
    kept = desk.rows(
        "SELECT session, check_name, symbol FROM nightdesk.quality_runs "
        f"WHERE outcome <> 'passed' OR check_name IN {KEPT_CHECKS} ORDER BY 1, 2, 3"
    )
    [(all_rows,)] = desk.rows("SELECT count(*) FROM nightdesk.quality_runs")
    with desk.at(0) as context:
        assert thin_findings(context.conn, context.session) == (0, 0)
        assert thin_findings(context.conn, date(2100, 1, 1)) == (2, all_rows - len(kept))
        assert thin_findings(context.conn, date(2100, 1, 1)) == (0, 0)
    left = desk.rows("SELECT session, check_name, symbol FROM nightdesk.quality_runs ORDER BY 1, 2, 3")
    assert left == kept
    assert len({session for session, *_ in left}) == 2
    assert desk.rows("SELECT * FROM nightdesk.quarantine") == before
    desk.run_steps(0, "quality", "quality")
    [(status, differences)] = desk.rows(
        "SELECT status, differences FROM nightdesk.run_steps WHERE step = 'quality' "
        "ORDER BY run_step_id DESC LIMIT 1"
    )
    assert (status, differences) == ("compared", [])


def test_the_part_says_how_many_rows_went(desk_after) -> None:
    desk = desk_after(2)
    assert "of 0 sessions before" in clean_findings({"NIGHTDESK_DATABASE_URL": desk.url}, days=36500)
