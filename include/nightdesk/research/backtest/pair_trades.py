"""What a backtest has earned with each pair: stays, how they ended, profit and costs of both legs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from nightdesk.core.money import ZERO
from nightdesk.core.pair_records import PairState
from nightdesk.research.backtest.trades import trades

if TYPE_CHECKING:
    from nightdesk.accounting import Entry
    from nightdesk.performance.round_trips import RoundTrip
    from nightdesk.research.backtest.run import Result
    from nightdesk.research.backtest.simulation import Decided

#: How a stay may have ended, see `nightdesk.core.pair_records.Leaving`; `other` where its state does not say,
#: such as after a cut by the gate.
ENDS = ("reached", "stop", "age", "sign", "uneven", "other")


@dataclass
class PairTrades:
    """The stays in a pair that a strategy had; dollars and cents."""

    stays: set[int] = field(default_factory=set)
    ends: Counter[str] = field(default_factory=Counter)
    held: int = 0
    profit: Decimal = ZERO
    commission: Decimal = ZERO


def pair_rows(result: Result) -> Iterator[tuple[object, ...]]:
    """The pairs that were entered, by strategy and name; their profit is that of their legs' trades.

    A stay that is still open counts with its last mark. Legs' trades outside of any pair do not count.
    """
    found: dict[tuple[str, str], PairTrades] = {}
    entries = result.entries
    decided_at = [at for at, one in enumerate(result.decided) for _ in one.entries]
    for trade in trades(result) if result.desk.in_turn else ():
        opened = decided_at[trade.opened_by]
        state = _pair_of(result.decided[opened - 1], trade.strategy, trade.opened_as or trade.symbol)
        if state is None:
            continue
        pair = found.setdefault((trade.strategy, state.name), PairTrades())
        pair.profit += trade.profit
        pair.commission += _commission(trade, entries)
        if opened not in pair.stays:
            pair.stays.add(opened)
            if trade.closed is None:
                pair.held += 1
            else:
                left = _pair_of(result.decided[decided_at[trade.closed_by] - 1], trade.strategy, state.a)
                end = "" if left is None else left.leaving
                pair.ends[end if end in ENDS else "other"] += 1
    for (strategy, name), pair in sorted(found.items()):
        ends = (pair.ends[one] for one in ENDS)
        yield (strategy, name, len(pair.stays), *ends, pair.held, pair.commission, pair.profit)


def _pair_of(decided: Decided, strategy: str, symbol: str) -> PairState | None:
    """The open pair that a symbol is a leg of after a decision; a symbol is in one at most."""
    spoken = decided.spoken.get(strategy)
    states: Iterable[object] = () if spoken is None else spoken.states
    for one in states:
        if isinstance(one, PairState) and one.phase == "open" and symbol in one.legs:
            return one
    return None


def _commission(trade: RoundTrip, entries: Sequence[Entry]) -> Decimal:
    """What a trade paid for its fills."""
    last = len(entries) if trade.closed_by < 0 else trade.closed_by + 1
    named = {trade.symbol, trade.opened_as or trade.symbol}
    return sum(
        (
            one.commission
            for one in entries[trade.opened_by : last]
            if one.strategy == trade.strategy and one.symbol in named
        ),
        ZERO,
    )
