"""The gate: the rules between what a book wants and what it may trade.

The order of the rules, in tens: 10 kill switch, breaker, quarantine, staleness, absent references, regime; 20
drawdown level; 30 stops; 40 correlation; 50 symbol, sector and position counts; 60 liquidity; 70 heat; 80
gross, net, cash; 90 trades and turnover; 100 smallest trade, threshold; 110 compliance (wash sales, day
trades). A rule is a class in one of these modules, registered by name.
"""

from nightdesk.risk import admission, conditions, drawdown, exposure, trading
from nightdesk.risk.compliance import PatternDayTrader, WashSale
from nightdesk.risk.concentration import Concentration
from nightdesk.risk.conditions import DailyLoss
from nightdesk.risk.correlation import Correlations, correlations
from nightdesk.risk.distances import Distance, Measured
from nightdesk.risk.gate import Passage, Record, pass_gate, verdicts, words
from nightdesk.risk.levels import Answer, Change, RiskState, Signs, advance, begin
from nightdesk.risk.report import Contribution, Pair, Picture, RiskReport, risk_report
from nightdesk.risk.risk_event import RiskEvent
from nightdesk.risk.rule import (
    Entering,
    Rule,
    Ruling,
    Situation,
    Standing,
    make_rules,
    register,
    rule_names,
    without_entries,
)
from nightdesk.risk.stops import Holding, StopLoss, carry, stop_out
from nightdesk.risk.tail import Loss, TailRisk, tail_risk
from nightdesk.risk.verdict import Verdict

#: Rules that a book with drawdown levels has.
LEVEL_RULES = tuple(
    one.name
    for one in (
        drawdown.DrawdownLevel,
        drawdown.LevelCut,
        drawdown.Recovery,
        drawdown.RecoveryLeverage,
    )
)

__all__ = [
    "LEVEL_RULES",
    "Answer",
    "Change",
    "Concentration",
    "Contribution",
    "Correlations",
    "DailyLoss",
    "Distance",
    "Entering",
    "Holding",
    "Loss",
    "Measured",
    "Pair",
    "Passage",
    "PatternDayTrader",
    "Picture",
    "Record",
    "RiskEvent",
    "RiskReport",
    "RiskState",
    "Rule",
    "Ruling",
    "Signs",
    "Situation",
    "Standing",
    "StopLoss",
    "TailRisk",
    "Verdict",
    "WashSale",
    "admission",
    "advance",
    "begin",
    "carry",
    "conditions",
    "correlations",
    "drawdown",
    "exposure",
    "make_rules",
    "pass_gate",
    "register",
    "risk_report",
    "rule_names",
    "stop_out",
    "tail_risk",
    "trading",
    "verdicts",
    "without_entries",
    "words",
]
