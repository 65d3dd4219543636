"""Cross-sectional momentum: each symbol against the others, with a retreat into havens.

After Asness, Moskowitz, Pedersen (2013), "Value and momentum everywhere": the rank of the return of twelve
months, the newest one left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from nightdesk.core.errors import Refused
from nightdesk.core.fields import Frozen, Share, Symbol
from nightdesk.strategies.comparing import above, below
from nightdesk.strategies.strategy import CLOSE, Direction, Signals, Strategy, View
from nightdesk.strategies.strategy_registry import register
from nightdesk.strategies.words import TOO_LITTLE_HISTORY, named, told_apart

Flags = NDArray[np.bool_]

RANK, LONG = "rank_momentum_12_1", "sma_200"


class CrossSectionalClause(IntEnum):
    """What was found of a symbol; the two of the defence hold for all symbols of a session."""

    BETWEEN = 0
    LEADS = 1
    LEADS_BELOW_LONG = 2
    TRAILS = 3
    HAVEN = 4
    DEFENCE = 5
    UNKNOWN = 6


@register
class CrossSectionalMomentum(Strategy):
    """Buy the leaders that rise, leave the laggards; when the leaders fall, hold the havens alone.

    ============ ============================================ ==============
    direction    condition                                    confidence
    ============ ============================================ ==============
    STRONG_BUY   rank > long_above and price > SMA200         rank
    STRONG_SELL  rank < avoid_below                           1 - rank
    HOLD         else                                         0
    ============ ============================================ ==============

    The rank is that of the momentum among the book's symbols. A symbol whose rank, price or SMA200 is missing
    is held, with confidence 0.

    **Defence.** The top group are the symbols with a rank above `long_above`, those with a missing value left
    out. When more than `defence_above` of it is under its SMA200, every haven is a STRONG_BUY and every other
    symbol a STRONG_SELL, all with confidence 1. "At their maximum weights" is what the book's sizing gives to
    a STRONG_BUY of confidence 1. Of a symbol itself the defence needs the price alone; without one it is
    held. An empty top group is no defence.
    """

    name = "cross_sectional_momentum"

    class Params(Frozen):
        """Ranks are in (0, 1], the best symbol has 1."""

        long_above: Share = Field(0.7, description="rank of the top group")
        avoid_below: Share = Field(0.3, description="rank of what is left")
        defence_above: float = Field(
            0.5, ge=0, lt=1, description="share of the top group under its SMA200 that is too much"
        )
        havens: tuple[Symbol, ...] = Field(
            ("GLD", "TLT"), min_length=1, description="what is held in defence, all of it in the universe"
        )

        @model_validator(mode="after")
        def _in_order(self) -> Self:
            if self.avoid_below > self.long_above:
                raise ValueError(
                    f"avoid_below {self.avoid_below:g} lies above long_above {self.long_above:g}: "
                    "a symbol cannot lead and trail at once"
                )
            if len(set(self.havens)) < len(self.havens):
                raise ValueError(f"havens: each symbol is named once; found {', '.join(self.havens)}")
            return self

    params: Params

    @property
    def factors(self) -> tuple[str, ...]:
        return (RANK, LONG)

    def check(self, symbols: Sequence[str], path: str) -> None:
        """Refuse havens that the book does not trade."""
        absent = [one for one in self.params.havens if one not in symbols]
        if absent:
            raise Refused(
                f"{path}.params.havens: {', '.join(absent)} not in the book's universe: "
                "add what is missing there, or name havens of this book"
            )

    def signals(self, view: View) -> Signals:
        """Signals of every session and symbol.

        Strength is 2 × rank - 1 where the rank speaks, 1 for a haven in defence and -1 for all else in it.
        """
        p, price = self.params, view.close
        rank, average = view.factors[RANK], view.factors[LONG]
        leads, under = self._leads(view), below(price, average)
        known = np.isfinite(rank) & np.isfinite(price) & np.isfinite(average)
        defends = self._defends(leads, under)[:, None] & np.isfinite(price)
        haven = np.isin(view.symbols, p.havens)[None, :]
        cases = [
            (CrossSectionalClause.HAVEN, Direction.STRONG_BUY, defends & haven),
            (CrossSectionalClause.DEFENCE, Direction.STRONG_SELL, defends),
            (CrossSectionalClause.UNKNOWN, Direction.HOLD, ~known),
            (CrossSectionalClause.LEADS, Direction.STRONG_BUY, leads & above(price, average)),
            (CrossSectionalClause.LEADS_BELOW_LONG, Direction.HOLD, leads),
            (CrossSectionalClause.TRAILS, Direction.STRONG_SELL, below(rank, p.avoid_below)),
        ]
        reason = np.full(price.shape, CrossSectionalClause.BETWEEN, dtype=np.int8)
        direction = np.full(price.shape, Direction.HOLD, dtype=np.int8)
        for clause, meaning, holds in reversed(cases):
            reason[holds], direction[holds] = clause, meaning
        place = np.where(known, rank, 0.5)
        retreat = np.where(reason == CrossSectionalClause.HAVEN, 1.0, -1.0)
        return Signals(
            direction=direction,
            strength=np.where(defends, retreat, 2.0 * place - 1.0),
            confidence=np.select(
                [defends, reason == CrossSectionalClause.LEADS, reason == CrossSectionalClause.TRAILS],
                [1.0, place, 1.0 - place],
                0.0,
            ),
            reason=reason,
        )

    def _leads(self, view: View) -> Flags:
        """The top group: what leads and is known."""
        rank, known = view.factors[RANK], np.isfinite(view.close) & np.isfinite(view.factors[LONG])
        leads: Flags = above(rank, self.params.long_above) & known
        return leads

    def _defends(self, leads: Flags, under: Flags) -> Flags:
        """Sessions in which too much of the top group falls; shape (n_sessions,)."""
        fallen = (leads & under).sum(axis=1)
        defends: Flags = above(fallen, self.params.defence_above * leads.sum(axis=1))
        return defends

    @property
    def words(self) -> Mapping[int, str]:
        p, place = self.params, named(RANK, ".2f")
        closed, mean = told_apart(CLOSE, LONG, 2)
        close, average = f"the close {closed}", f"{LONG} {mean}"
        fallen = (
            f"{{fallen}} of the {{leaders}} symbols with a rank above {p.long_above:g} are "
            f"under their {LONG}, more than {p.defence_above:.0%}"
        )
        return {
            CrossSectionalClause.LEADS: f"{place} is above {p.long_above:g} and {close} above {average}",
            CrossSectionalClause.LEADS_BELOW_LONG: (
                f"{place} is above {p.long_above:g}, but {close} is not above {average}"
            ),
            CrossSectionalClause.TRAILS: f"{place} is below {p.avoid_below:g}",
            CrossSectionalClause.HAVEN: f"{fallen}: this is a haven",
            CrossSectionalClause.DEFENCE: f"{fallen}: only {', '.join(p.havens)} are held",
            CrossSectionalClause.UNKNOWN: TOO_LITTLE_HISTORY,
            CrossSectionalClause.BETWEEN: (
                f"{place} is neither above {p.long_above:g} nor below {p.avoid_below:g}"
            ),
        }

    def numbers(self, view: View, signals: Signals) -> Mapping[str, NDArray[np.int64]]:
        """How many lead, and how many of them are under their average."""
        leads = self._leads(view)
        under = leads & below(view.close, view.factors[LONG])
        return {"leaders": leads.sum(axis=1)[:, None], "fallen": under.sum(axis=1)[:, None]}
