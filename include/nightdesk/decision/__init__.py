"""The top of the pure rooms: one session's decision of a book, the same for every driver."""

from nightdesk.decision.carried import Carried
from nightdesk.decision.compliance import counted_sessions, watches_taxes
from nightdesk.decision.day import Day, Facts, State, Targets, facts_at
from nightdesk.decision.desk import Desk, resolve
from nightdesk.decision.injection import Injection, inject, overlay, parse_injections, within
from nightdesk.decision.judging import Judged, judge
from nightdesk.decision.market import Market, observe
from nightdesk.decision.reporting import measure, risk_report
from nightdesk.decision.stale import StaleHolding, stale_holdings
from nightdesk.decision.steps import (
    Gated,
    as_asked,
    gate,
    held_quantities,
    kill_reason,
    plan,
    plan_crosses,
    targets,
)

__all__ = [
    "Carried",
    "Day",
    "Desk",
    "Facts",
    "Gated",
    "Injection",
    "Judged",
    "Market",
    "StaleHolding",
    "State",
    "Targets",
    "as_asked",
    "counted_sessions",
    "facts_at",
    "gate",
    "held_quantities",
    "inject",
    "judge",
    "kill_reason",
    "measure",
    "observe",
    "overlay",
    "parse_injections",
    "plan",
    "plan_crosses",
    "resolve",
    "risk_report",
    "stale_holdings",
    "targets",
    "watches_taxes",
    "within",
]
