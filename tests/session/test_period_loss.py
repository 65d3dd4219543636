"""A lost week through the store: read from the stored marks, told once a week, the same when replayed."""

from datetime import date, timedelta

import yaml
from tests.session.small_desk import SmallDesk, session

from nightdesk.operations.replay import rewind
from nightdesk.session.loading import session_state

LIMIT = -0.002


def lows(navs: dict[date, float]) -> dict[date, float]:
    """The lowest NAV of each week so far over the last before it, less 1, by hand."""
    out = {}
    for day in navs:
        monday = day - timedelta(days=day.weekday())
        before = [nav for other, nav in navs.items() if other < monday]
        within = [nav for other, nav in navs.items() if monday <= other <= day]
        out[day] = min(0.0, min(within) / (before[-1] if before else within[0]) - 1)
    return out


def test_a_lost_week_opens_nothing_is_told_once_and_is_the_same_when_replayed(desk: SmallDesk) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    tree["limits"]["period_loss"] = {"week": LIMIT}
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    for number in range(10):
        desk.run(number)
    rows = desk.rows("SELECT session, nav FROM nightdesk.portfolio ORDER BY session")
    expected = lows({day: float(nav) for day, nav in rows})  # type: ignore[arg-type,misc]
    for number in range(10):
        with desk.at(number) as context:
            assert abs(session_state(context).periods.week - expected[session(number)]) < 1e-12
    lost = {day for day, low in expected.items() if low < LIMIT}
    assert lost
    bought = {day for (day,) in desk.rows("SELECT session FROM nightdesk.orders WHERE side = 'buy'")}
    assert bought
    assert not lost & bought  # type: ignore[operator]
    alerts = desk.rows(
        "SELECT level, subject FROM nightdesk.alerts WHERE subject LIKE '%%period_loss' ORDER BY subject"
    )
    assert len(alerts) == len({day - timedelta(days=day.weekday()) for day in lost})
    assert {level for level, _ in alerts} == {"CRITICAL"}
    once = desk.dump()
    with desk.at(5) as context:
        rewind(context)
    for number in range(5, 10):
        desk.run(number)
    assert desk.dump() == once
