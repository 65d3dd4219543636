"""The rules of the gate, one file a family; importing this room registers them all."""

from nightdesk.risk.rules import (
    admission,
    correlated,
    drawdown,
    exposure,
    halts,
    law,
    legs,
    liquidity,
    member,
    overridden,
    reduction,
    stop_loss,
    strategy_stops,
    trading,
)

__all__ = [
    "admission",
    "correlated",
    "drawdown",
    "exposure",
    "halts",
    "law",
    "legs",
    "liquidity",
    "member",
    "overridden",
    "reduction",
    "stop_loss",
    "strategy_stops",
    "trading",
]
