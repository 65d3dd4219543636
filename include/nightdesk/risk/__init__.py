"""The gate: the rules between what a book wants and what it may trade.

The order of the rules, in tens: 0 what people limit by hand; 10 members, kill switch, breaker, quarantine,
staleness, absent references, regime; 20 drawdown level; 30 stops, and what is held above leverage or margin;
40 correlation; 50 liquidity, then symbol, sector and position counts; 70 heat; 80 gross, net, cash; 90 trades
and turnover; 100 smallest trade, threshold; 110 compliance (wash sales, day trades). A rule is a class in a
file of `nightdesk.risk.rules`, registered by name. It owns what it asks for, its verdict, its distance and
what a breach of it does: nobody outside knows it by name.
"""

from nightdesk.risk import rules
from nightdesk.risk.by_hand import Override, in_force, limits_by_hand
from nightdesk.risk.concentration import Concentration
from nightdesk.risk.correlation import Correlations, correlations
from nightdesk.risk.distances import Distance, RiskMeasures
from nightdesk.risk.gate import Passage, Record, Verdict, pass_gate, verdicts, words
from nightdesk.risk.levels import Answer, LevelChange, RiskState, Signs, advance, begin
from nightdesk.risk.periods import NO_LOSS, PeriodLows, period_lows, period_starts
from nightdesk.risk.risk_event import RiskEvent
from nightdesk.risk.risk_report import Contribution, Pair, Picture, RiskReport, risk_report
from nightdesk.risk.rule import (
    Breach,
    Rule,
    Ruling,
    distance_words,
    exempted,
    make_rules,
    register,
    rule_names,
    rule_shown,
)
from nightdesk.risk.situation import (
    AccountFunds,
    Asked,
    Entering,
    Protection,
    Situation,
    Standing,
    without_entries,
)
from nightdesk.risk.stops import Holding, carry, stop_out
from nightdesk.risk.tail import Loss, TailRisk, tail_risk

#: Rules that a book with drawdown levels has.
LEVEL_RULES = tuple(
    one.name
    for one in (
        rules.drawdown.DrawdownLevel,
        rules.drawdown.LevelCut,
        rules.drawdown.Recovery,
        rules.drawdown.RecoveryLeverage,
    )
)

#: The rule that a book with a list of members has.
MEMBER_RULE = rules.member.Member.name

__all__ = [
    "LEVEL_RULES",
    "MEMBER_RULE",
    "NO_LOSS",
    "AccountFunds",
    "Answer",
    "Asked",
    "Breach",
    "Concentration",
    "Contribution",
    "Correlations",
    "Distance",
    "Entering",
    "Holding",
    "LevelChange",
    "Loss",
    "Override",
    "Pair",
    "Passage",
    "PeriodLows",
    "Picture",
    "Protection",
    "Record",
    "RiskEvent",
    "RiskMeasures",
    "RiskReport",
    "RiskState",
    "Rule",
    "Ruling",
    "Signs",
    "Situation",
    "Standing",
    "TailRisk",
    "Verdict",
    "advance",
    "begin",
    "carry",
    "correlations",
    "distance_words",
    "exempted",
    "in_force",
    "limits_by_hand",
    "make_rules",
    "pass_gate",
    "period_lows",
    "period_starts",
    "register",
    "risk_report",
    "rule_names",
    "rule_shown",
    "rules",
    "stop_out",
    "tail_risk",
    "verdicts",
    "without_entries",
    "words",
]
