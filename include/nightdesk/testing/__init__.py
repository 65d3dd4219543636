"""What plug-ins are tested by: a contract for each kind, which a test class inherits.

pytest and hypothesis are needed here, and nowhere else in the package.
"""

import pytest

_KINDS = ("accrual", "broker", "fact_feed", "factor", "feed", "news", "rule", "sizing", "strategy")
pytest.register_assert_rewrite(*(f"nightdesk.testing.{kind}_contract" for kind in _KINDS))

from nightdesk.testing.accrual_contract import AccrualContract  # noqa: E402 (asserts are rewritten first)
from nightdesk.testing.broker_contract import BrokerContract, OpenMarket  # noqa: E402
from nightdesk.testing.fact_feed_contract import FactFeedContract  # noqa: E402
from nightdesk.testing.factor_contract import FactorContract, assert_truncation_changes_nothing  # noqa: E402
from nightdesk.testing.feed_contract import FeedContract  # noqa: E402
from nightdesk.testing.news_contract import NewsContract  # noqa: E402
from nightdesk.testing.rule_contract import RuleContract  # noqa: E402
from nightdesk.testing.sizing_contract import SizingContract  # noqa: E402
from nightdesk.testing.strategy_contract import AcrossSymbolsContract, StrategyContract  # noqa: E402

__all__ = [
    "AccrualContract",
    "AcrossSymbolsContract",
    "BrokerContract",
    "FactFeedContract",
    "FactorContract",
    "FeedContract",
    "NewsContract",
    "OpenMarket",
    "RuleContract",
    "SizingContract",
    "StrategyContract",
    "assert_truncation_changes_nothing",
]
