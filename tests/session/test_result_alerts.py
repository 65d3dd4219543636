"""Limits that are near, milestones and strategies outside their band, told at the newest session alone."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml
from tests.clock import set_clock
from tests.conftest import open_connection
from tests.fakes.smtp import mail_server
from tests.session.small_desk import STRATEGY, SmallDesk, session

from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.reporting_terms import Milestones, Routes
from nightdesk.operations.delivery import deliver
from nightdesk.risk.result_band import ResultBand
from nightdesk.session.result_alerts import milestones_reached
from nightdesk.store.strategy_bands import keep_bands


def run(desk: SmallDesk, number: int) -> None:
    set_clock(desk.url, get_calendar().known_from(session(number)) + timedelta(hours=1))
    desk.run(number)


def change(desk: SmallDesk, **alerts: Any) -> None:
    """Say something else under `alerts` of the book; it is no part of its decisions."""
    tree = yaml.safe_load(desk.book.read_text())
    desk.book.write_text(yaml.safe_dump(tree | {"alerts": alerts}, sort_keys=False))


def told(desk: SmallDesk, kind: str) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT level, subject, body FROM nightdesk.alerts WHERE alert_key LIKE %s ORDER BY alert_id",
        f"{kind} %",
    )


def test_a_limit_at_its_share_is_told_once_and_its_end_once(desk: SmallDesk) -> None:
    """Gross exposure: from nothing to what the buffer leaves, 95 % of the limit of 100 %."""
    change(desk, limits=["gross_leverage"], milestones={"profit": None, "loss": None})
    run(desk, 0)
    assert told(desk, "limit") == []
    number = 0
    while not told(desk, "limit") and number < 25:
        number += 1
        run(desk, number)
    ((level, subject, body),) = told(desk, "limit")
    gross = desk.rows("SELECT gross FROM nightdesk.portfolio WHERE session = %s", session(number))[0][0]
    assert float(str(gross)) >= 0.8
    assert (level, subject) == ("WARNING", f"small {session(number)}: near a limit: gross_leverage")
    assert "Gross exposure: " in str(body)
    assert "the limit is 100.00 %" in str(body)
    assert f"{float(str(gross)):.0%} of its reach is used" in str(body)
    desk.run(number)
    run(desk, number + 1)
    assert len(told(desk, "limit")) == 1, "the same spell is told once"
    change(desk, limits=["gross_leverage"], limit_share=1.0, milestones={"profit": None, "loss": None})
    with open_connection(desk.url) as conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM nightdesk.alert_spells WHERE kind = 'limit' AND closed_at IS NULL"
        )
        assert cursor.fetchone() == (1,)


def test_a_limit_that_is_far_again_is_told_as_over(desk: SmallDesk) -> None:
    change(desk, limits=["gross_leverage"], limit_share=0.01)
    number = 0
    while not told(desk, "limit") and number < 10:
        run(desk, number)
        number += 1
    change(desk, limits=["gross_leverage"], limit_share=1.0)
    run(desk, number)
    over = [row for row in told(desk, "over") if "gross_leverage" in str(row[1])]
    gross = desk.rows("SELECT gross FROM nightdesk.portfolio WHERE session = %s", session(number))[0][0]
    assert 0.01 < float(str(gross)) < 0.9
    assert [level for level, _, _ in over] == ["INFO"]
    assert "of its reach is used" in str(over[0][2])


def test_past_sessions_tell_no_limit_and_no_milestone(desk: SmallDesk) -> None:
    change(desk, limits=None, limit_share=0.01, milestones={"profit": 1e-9, "loss": -1e-9})
    for number in range(3):
        desk.run(number)
    assert desk.rows("SELECT alert_key FROM nightdesk.alerts") == []


@pytest.mark.parametrize(
    ("milestones", "kinds"),
    [({"profit": 1e-9, "loss": -1e-9}, True), ({"profit": None, "loss": None}, False), ({}, False)],
)
def test_a_day_beyond_a_milestone_is_told_with_its_dollars(
    desk: SmallDesk, milestones: dict[str, Any], kinds: bool
) -> None:
    change(desk, milestones=milestones)
    for number in range(3):
        run(desk, number)
    returns = {
        str(day): float(str(moved))
        for day, moved in desk.rows("SELECT session, day_return FROM nightdesk.portfolio")
    }
    rows = told(desk, "milestone")
    moved = [day for day in returns if abs(returns[day]) > 1e-9 and kinds]
    assert len(rows) == len(moved)
    for day, (level, subject, body) in zip(moved, rows, strict=True):
        what = "profit" if returns[day] > 0 else "loss"
        assert level == ("INFO" if what == "profit" else "WARNING")
        assert str(subject).startswith(f"small {day}: a day's {what} of ")
        assert f"`alerts.milestones.{what}`" in str(body)
    desk.run(2)
    assert len(told(desk, "milestone")) == len(rows)


@pytest.mark.parametrize(
    ("terms", "moved", "change", "told_of"),
    [
        ({}, 0.02, 2_000, ["profit +2.00 %"]),
        ({}, -0.0199, -1_990, []),
        ({"profit": None, "loss": None, "step": 0.01}, 0.0099, 990, []),
        ({"profit": None, "loss": None, "step": 0.01}, 0.03, 3_000, ["step +3.00 %"]),
        ({"profit": None, "loss": None, "step": 0.01}, -0.0299, -2_990, ["step −2.00 %"]),
        ({"profit": None, "loss": None, "dollars": (1_000, 500)}, 0.007, 700, ["dollars +$500.00"]),
        ({"profit": None, "loss": None, "dollars": (500, 1_000)}, -0.01, -1_000, ["dollars −$1,000.00"]),
        ({"profit": None, "loss": None, "dollars": (500,)}, 0.00499, 499, []),
        ({"step": 0.02, "dollars": (9,)}, -0.02, -2_000, ["loss −2.00 %", "step −2.00 %", "dollars −$9.00"]),
        ({"profit": None, "loss": None, "step": 0.01, "dollars": (1,)}, 0.0, 0, []),
    ],
)
def test_of_steps_and_of_dollars_the_largest_that_a_day_reached_is_told(
    terms: dict[str, Any], moved: float, change: int, told_of: list[str]
) -> None:
    found = milestones_reached(Milestones(**terms), moved, Decimal(change))
    assert [f"{one.setting} {one.words}" for one in found] == told_of


def test_each_step_of_a_day_is_told_once(desk: SmallDesk) -> None:
    change(desk, milestones={"profit": None, "loss": None, "step": 0.001})
    for number in range(4):
        run(desk, number)
    moved = [abs(float(str(one))) for (one,) in desk.rows("SELECT day_return FROM nightdesk.portfolio")]
    rows = told(desk, "milestone")
    assert len(rows) == sum(one >= 0.001 for one in moved) > 0
    assert all("`alerts.milestones.step`" in str(body) for _, _, body in rows)
    desk.run(3)
    assert told(desk, "milestone") == rows


def test_a_milestone_arrives_by_mail_once(desk: SmallDesk) -> None:
    change(desk, milestones={"profit": None, "loss": None, "dollars": [1]})
    with mail_server(None) as server:
        environ = {"NIGHTDESK_ALERT_MAIL": server.url("ops@example.com")}
        for number in range(3):
            run(desk, number)
            with desk.connection() as conn:
                deliver(conn, lambda _: Routes(), environ)
    raised = [str(subject) for _, subject, _ in told(desk, "milestone")]
    assert raised
    subjects = [str(message["Subject"]) for _, message in server.received]
    arrived = [one for one in subjects if "a day's" in one]
    assert len(arrived) == len(raised)
    assert all(one.endswith(subject) for one, subject in zip(arrived, raised, strict=True))


def keep(desk: SmallDesk, low: float, high: float, sessions: int = 5) -> None:
    book = load_book(desk.book)
    with open_connection(desk.url) as conn:
        band = {STRATEGY: ResultBand(sessions, 500, low, high)}
        keep_bands(conn, "small", book.config_hash, band, (session(-400), session(-1)), ["files"])


def page(desk: SmallDesk, number: int) -> str:
    return str(desk.rows("SELECT html FROM nightdesk.reports WHERE session = %s", session(number))[0][0])


def test_a_strategy_outside_its_band_is_told_once_and_its_return_once_and_the_page_says_where_it_is(
    desk: SmallDesk,
) -> None:
    keep(desk, 0.5, 0.6)
    for number in range(6):
        run(desk, number)
        said = f"{number} of the 5 sessions that its band is of have passed"
        assert (said in page(desk, number)) == (number < 5)
    ((level, subject, body),) = told(desk, "band")
    assert (level, subject) == ("WARNING", f"small {session(5)}: outside its backtest's band: {STRATEGY}")
    marks = desk.rows("SELECT nav FROM nightdesk.portfolio ORDER BY session")
    # The only strategy of the book earns all that the book does.
    earned = float(str(marks[5][0])) / float(str(marks[0][0])) - 1
    assert f"{abs(earned) * 100:.2f} % of NAV from the close of {session(0)}" in str(body)
    assert "below its band of +50.00 % to +60.00 %" in str(body)
    run(desk, 6)
    assert len(told(desk, "band")) == 1
    keep(desk, -0.5, 0.6)
    run(desk, 7)
    over = [row for row in told(desk, "over") if STRATEGY in str(row[1])]
    assert len(over) == 1
    assert "inside its band of" in str(over[0][2])


def test_a_band_of_an_earlier_version_of_the_book_judges_nothing_and_says_so(desk: SmallDesk) -> None:
    keep(desk, 0.5, 0.6, sessions=1)
    tree = yaml.safe_load(desk.book.read_text())
    tree["costs"] = {"commission": 0.0011, "slippage": 0.0005}
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    for number in range(3):
        run(desk, number)
    assert told(desk, "band") == []
    assert "the band is of an earlier version of the book" in page(desk, 2)


def test_without_a_kept_band_the_page_says_nothing_of_bands(desk: SmallDesk) -> None:
    desk.run(0)
    assert "beside their backtest" not in page(desk, 0)
