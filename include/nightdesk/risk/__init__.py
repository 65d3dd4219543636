"""The gate: the rules between what a book wants and what it may trade.

The order of the rules, in tens: 10 kill switch, breaker, quarantine, staleness, absent references, regime; 20
drawdown level; 30 stops; 40 correlation; 50 symbol, sector and position counts; 60 liquidity; 70 heat; 80
gross, net, cash; 90 trades and turnover; 100 smallest trade, threshold. A rule is a class in one of these
modules, registered by name.
"""

from nightdesk.risk import conditions, exposure, trading
from nightdesk.risk.conditions import DailyLoss
from nightdesk.risk.gate import Passage, Record, pass_gate, verdicts, words
from nightdesk.risk.rule import (
    Rule,
    Ruling,
    Situation,
    make_rules,
    register,
    rule_names,
    without_entries,
)
from nightdesk.risk.verdict import Verdict

__all__ = [
    "DailyLoss",
    "Passage",
    "Record",
    "Rule",
    "Ruling",
    "Situation",
    "Verdict",
    "conditions",
    "exposure",
    "make_rules",
    "pass_gate",
    "register",
    "rule_names",
    "trading",
    "verdicts",
    "without_entries",
    "words",
]
