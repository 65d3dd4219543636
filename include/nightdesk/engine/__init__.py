"""One decision of a book, the same for every driver: inputs in, targets, gate and plan out."""

from nightdesk.engine.bracketing import Bracketed, bracketed
from nightdesk.engine.decision import (
    Gated,
    as_asked,
    gate,
    held_quantities,
    kill_reason,
    plan,
    plan_all,
    plan_crosses,
    sizing_figures,
    targets,
)
from nightdesk.engine.desk import Desk, resolve
from nightdesk.engine.injection import Injection, inject, overlay, parse_injections, within
from nightdesk.engine.inputs import Carried, Day, Facts, State, Targets, facts_at
from nightdesk.engine.judging import Judged, judge
from nightdesk.engine.market import Market
from nightdesk.engine.observing import observe
from nightdesk.engine.protective import placed_by, plan_protection
from nightdesk.engine.risk_inputs import measure, risk_report
from nightdesk.engine.rule_inputs import counted_sessions, watches_taxes
from nightdesk.engine.stale import StaleHolding, stale_holdings
from nightdesk.engine.turns import heard, with_turns

__all__ = [
    "Bracketed",
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
    "bracketed",
    "counted_sessions",
    "facts_at",
    "gate",
    "heard",
    "held_quantities",
    "inject",
    "judge",
    "kill_reason",
    "measure",
    "observe",
    "overlay",
    "parse_injections",
    "placed_by",
    "plan",
    "plan_all",
    "plan_crosses",
    "plan_protection",
    "resolve",
    "risk_report",
    "sizing_figures",
    "stale_holdings",
    "targets",
    "watches_taxes",
    "with_turns",
    "within",
]
