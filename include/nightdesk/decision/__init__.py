"""The top of the pure rooms: one session's decision of a book, the same for every driver."""

from nightdesk.decision.day import Day, Facts, RiskEvent, State, Targets, facts_at
from nightdesk.decision.desk import Desk, resolve
from nightdesk.decision.market import Market, observe
from nightdesk.decision.steps import Gated, gate, held_quantities, kill_reason, plan, plan_crosses, targets

__all__ = [
    "Day",
    "Desk",
    "Facts",
    "Gated",
    "Market",
    "RiskEvent",
    "State",
    "Targets",
    "facts_at",
    "gate",
    "held_quantities",
    "kill_reason",
    "observe",
    "plan",
    "plan_crosses",
    "resolve",
    "targets",
]
