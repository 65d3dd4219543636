"""News sentiment: buy what rises on good headlines, leave it on bad ones.

After Tetlock, Saar-Tsechansky, Macskassy (2008), "More than words: quantifying language to measure firms'
fundamentals".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from nightdesk.core.exit_plan import ExitPlan
from nightdesk.strategies.comparing import above, below
from nightdesk.strategies.strategy import CLOSE, Direction, Signals, Strategy, View
from nightdesk.strategies.strategy_registry import register
from nightdesk.strategies.swing import SwingParams, check_thresholds, confidences, first_that_holds, unknown
from nightdesk.strategies.words import TOO_LITTLE_HISTORY, named, told_apart

SENTIMENT, RETURN = "sentiment", "momentum_1"


class NewsClause(IntEnum):
    """What was found of a symbol."""

    NOTHING_HOLDS = 0
    BAD_NEWS = 1
    GOOD_NEWS = 2
    NO_HEADLINES = 3
    UNKNOWN = 4


@register
class NewsSentiment(Strategy):
    """Buy good headlines that the price confirms; leave on bad ones, or by age.

    ========= ========================================================= ===========================
    SELL      sentiment < sell_below                                    1
    BUY       sentiment > buy_above, price > SMA, return > 0            0.5 + 0.5 × sentiment
    HOLD      else                                                      0
    ========= ========================================================= ===========================

    The sentiment is the mean score of a symbol's headlines of the session, in [-1, 1]; the return is the
    session's own. Without headlines nothing is said, and the reason says so. Bad ones need no price.
    """

    name = "news_sentiment"

    class Params(SwingParams):
        """Scores are in [-1, 1]."""

        buy_above: float = Field(0.3, ge=-1, le=1, description="mean score of good headlines")
        sell_below: float = Field(0.0, ge=-1, le=1, description="mean score of bad ones")
        average: int = Field(20, ge=1, le=2000, description="sessions of the average that the price is above")
        sessions: int = Field(10, ge=1, description="sessions after which a position is left")

        @model_validator(mode="after")
        def _in_order(self) -> Self:
            check_thresholds(sell_below=self.sell_below, buy_above=self.buy_above)
            return self

    params: Params

    @property
    def average(self) -> str:
        """Name of the moving average."""
        return f"sma_{self.params.average}"

    @property
    def factors(self) -> tuple[str, ...]:
        return (SENTIMENT, self.average, RETURN)

    @property
    def exit_plan(self) -> ExitPlan:
        return ExitPlan(sessions=self.params.sessions, stop=self.params.stop)

    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol; strength is the sentiment, 0 without headlines."""
        p, price = self.params, view.close
        score, average, change = (view.factors[name] for name in self.factors)
        confirmed = above(price, average) & above(change, 0.0)
        direction, reason = first_that_holds(
            [
                (NewsClause.BAD_NEWS, Direction.SELL, below(score, p.sell_below)),
                (NewsClause.GOOD_NEWS, Direction.BUY, above(score, p.buy_above) & confirmed),
                (NewsClause.NO_HEADLINES, Direction.HOLD, unknown(score)),
                (NewsClause.UNKNOWN, Direction.HOLD, unknown(price, average, change)),
            ],
            NewsClause.NOTHING_HOLDS,
        )
        return Signals(
            direction=direction,
            strength=np.clip(np.nan_to_num(score, nan=0.0), -1.0, 1.0),
            confidence=confidences(direction, 0.5 + 0.5 * score),
            reason=reason,
        )

    @property
    def words(self) -> Mapping[int, str]:
        p, score, change = self.params, named(SENTIMENT, "+.2f"), f"the return {{{RETURN}:.2%}}"
        closed, mean = told_apart(CLOSE, self.average, 2)
        close, average = f"the close {closed}", f"{self.average} {mean}"
        return {
            NewsClause.BAD_NEWS: f"{score} is below {p.sell_below:g}",
            NewsClause.GOOD_NEWS: (
                f"{score} is above {p.buy_above:g}, {close} above {average} and {change} positive"
            ),
            NewsClause.NO_HEADLINES: "no headlines of the session: nothing is said",
            NewsClause.UNKNOWN: TOO_LITTLE_HISTORY,
            NewsClause.NOTHING_HOLDS: f"no condition holds: {score}, {close}, {average}, {change}",
        }
