"""How a book, a source or an alert stands: the gravest first."""

from datetime import date
from decimal import Decimal

import pytest

from nightdesk.alerts.concerns import Gravity, concerns, gravest, sort_alerts, sort_sources
from nightdesk.risk import RiskState
from nightdesk.store.kill_switch_rows import KillSwitchState

RELEASED = KillSwitchState(on=False)
STOPPED = KillSwitchState(on=True, reason="prices look wrong", who="ann", session=date(2024, 3, 5))
SINCE = date(2024, 3, 1)


def at(level, answered_by="", recovery=None):
    peak = Decimal(100_000)
    return RiskState(level, peak, peak, since=SINCE, answered_by=answered_by, recovery=recovery)


def test_everything_that_stands_against_a_book_is_told_the_gravest_first():
    found = concerns(
        STOPPED,
        at(3),
        stale=[("GLD", "no bar since 2024-03-01 (2 sessions)")],
        quarantined=[("since 2024-03-04", "TLT: a jump")],
        silent=["rotation"],
        failed="session 2024-03-05",
        blocked=["^VIX has no bar of this session"],
        foreign=["buy 1 GLD, open"],
        without_file="swing.yaml is gone",
        unsent=["buy 3 SPY rejected: no buying power"],
    )
    assert [one.line for one in found] == [
        "STOPPED since 2024-03-05 by ann: prices look wrong",
        "WAITS FOR A PERSON: drawdown level 3 since 2024-03-01, waits for a person to review",
        "FOREIGN ORDER at its account: buy 1 GLD, open",
        "ONLY REDUCES: ^VIX has no bar of this session",
        "NO FILE: swing.yaml is gone",
        "FAILED in session 2024-03-05: it is not decided before the failed task, whose log says why, has run "
        "again",
        "NOT IN THE MARKET: buy 3 SPY rejected: no buying power",
        "DEGRADED: decided without rotation, which gave no signals: nothing new was opened for it, and its "
        "positions were kept but for those that a stop or their age ends",
        "IN QUARANTINE since 2024-03-04: TLT: a jump",
        "STALE GLD: no bar since 2024-03-01 (2 sessions)",
    ]
    assert gravest(found) == "stopped"
    assert [one.state.colour for one in found] == ["loss"] * 7 + ["warn"] * 3


@pytest.mark.parametrize(
    ("risk", "state"),
    [
        (None, "well"),
        (at(0), "well"),
        (at(0, recovery=4), "limited"),
        (at(1), "limited"),
        (at(2), "only reduces"),
        (at(3), "waits for a person"),
        (at(3, "ann"), "only reduces"),
        (at(4), "waits for a person"),
    ],
)
def test_a_drawdown_level_is_as_grave_as_what_it_forbids(risk, state):
    assert gravest(concerns(RELEASED, risk)) == state


def test_an_answered_level_says_who_has_answered():
    (one,) = concerns(RELEASED, at(4, "ann"))
    assert one.line == "ONLY REDUCES: drawdown level 4 since 2024-03-01, answered by ann"


def test_a_switch_that_stops_reductions_too_says_so():
    (one,) = concerns(KillSwitchState(on=True, reason="all wrong", who="ann", session=SINCE, everything=True))
    assert one.line == "STOPPED since 2024-03-01 by ann: all wrong, nothing at all may be sent"


def test_well_is_the_least_grave_and_every_state_has_its_place():
    assert sorted(Gravity, key=lambda one: one.rank) == list(Gravity)
    assert gravest(()) is Gravity.WELL


def test_a_source_that_is_not_asked_any_more_stands_before_those_that_answer():
    rows = [("a", "healthy"), ("b", "degraded"), ("c", "open circuit"), ("d", "degraded")]
    told = sort_sources({"source": source, "status": status} for source, status in rows)
    assert "".join(one["source"] for one in told) == "cbda"


def test_alerts_that_nobody_has_acknowledged_stand_first_by_level_and_the_others_by_age():
    levels = [(1, "EMERGENCY"), (2, "INFO"), (3, "WARNING"), (4, "CRITICAL"), (5, "EMERGENCY"), (6, "INFO")]
    told = sort_alerts(
        {"alert_id": number, "level": level, "acknowledged_at": SINCE if number in (5, 6) else None}
        for number, level in levels
    )
    assert [one["alert_id"] for one in told] == [1, 4, 3, 2, 6, 5]
