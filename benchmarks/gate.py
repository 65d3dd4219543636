"""The gate with every rule that there is, over a hundred positions, beside the same limits by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from time import process_time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import plain_gate
from benchmarks.measurement import Measurement, medians
from nightdesk import risk
from nightdesk.accounting.ledger import Entry, capital, fold, mark
from nightdesk.core.book import parse_book
from nightdesk.core.panel import Floats
from nightdesk.engine import Day, Desk, State, gate, resolve, targets
from nightdesk.engine.inputs import Targets
from nightdesk.risk.rule import rule_class

SIZE, REPEATS = 100, 20
SESSION = date(2020, 3, 16)
LIMIT = 7.0

#: Numbers of rules that have no defaults; every rule is in the book.
NUMBERS: dict[str, dict[str, Any]] = {
    "daily_loss": {"limit": -0.02},
    "position_count": {"limit": 120},
    "gross_leverage": {"limit": 1.0},
    "cash_buffer": {"limit": 0.05},
    "trades_per_day": {"limit": 30},
    "turnover_per_day": {"limit": 0.30},
    "smallest_trade": {"limit": 500},
    "rebalance_threshold": {"limit": 0.001},
    "wash_sale": {"purchases": "refuse"},
}

#: Rules that came after the row: it stays comparable with its reference and with what was measured before.
LEFT_OUT = {
    *("period_loss", "max_drawdown", "leverage_reduction", "maintenance_margin", "stop_required"),
    *("group_count", "liquidity", "stop_heat", "net_leverage", "member"),
}


def make_desk() -> Desk:
    """A hundred symbols, five strategies of the swing kind, drawdown levels and all rules."""
    rules = [name for name in risk.rule_names() if name not in (*risk.LEVEL_RULES, *LEFT_OUT)]
    names = ("rsi_mean_reversion", "ma_crossover", "ml_momentum", "news_sentiment", "volatility_breakout")
    limits = {name: NUMBERS.get(name, {}) for name in rules if name in NUMBERS or not rule_class(name).always}
    tree = {
        "name": "hundred",
        "title": "A hundred positions",
        "initial_capital": 1_000_000,
        "broker": {"account": "hundred"},
        "universe": {f"S{n:03d}": {"max_weight": 0.012} for n in range(SIZE)},
        "strategies": {name: {"share": 1.0, "sizing": "atr_risk"} for name in names},
        "regime": [{"name": "ANY", "heat": 0.95}],
        "portfolio": {"capital": "shared", "one_entry_per_symbol": True, "entry_correlation": 0.7},
        "levels": {"havens": ["S000"]},
        "limits": limits,
    }
    return resolve(parse_book(tree, "the benchmark"))


def make_case(desk: Desk) -> tuple[State, Day, Targets]:
    """A hundred positions of one strategy or another; some are left, and other strategies want to enter."""
    dice = np.random.default_rng(7)
    price = dice.uniform(20.0, 200.0, SIZE).round(2)
    names = tuple(desk.strategies)
    entries = [capital(SESSION, Decimal(1_000_000))]
    for n, symbol in enumerate(desk.symbols):
        units = Decimal(int(9_000 / price[n]))
        paid = Decimal(str(round(price[n] * float(dice.uniform(0.9, 1.1)), 2)))
        strategy = names[n % len(names)]
        entries.append(
            Entry(SESSION, "fill", strategy, symbol, units, paid, -units * paid, Decimal(0), symbol)
        )
    ledger = fold(entries)
    prices = dict(zip(desk.symbols, price.tolist(), strict=True))
    state = State(ledger, mark(ledger, SESSION, prices))
    shape = (len(names), SIZE)
    common = dice.standard_normal((60, 1)) * 0.008
    returns = common + dice.standard_normal((60, SIZE)) * 0.01
    day = Day(
        session=SESSION,
        as_of=datetime(2020, 3, 16, 20, tzinfo=UTC),
        price=price,
        has_bar=np.ones(SIZE, dtype=bool),
        age=np.zeros(SIZE, dtype=np.int64),
        quarantined=np.zeros(SIZE, dtype=bool),
        factors={name: np.full(SIZE, 3.0) for name in desk.factor_names},
        returns=returns,
        history=returns,
        direction=dice.choice([-1, 0, 0, 1], shape).astype(np.int8),
        confidence=dice.uniform(0.5, 1.0, shape),
        previous_direction=np.zeros(shape, dtype=np.int8),
        vix=14.0,
        band=0,
    )
    return state, day, targets(desk, state, day)


#: The numbers of the book's rules, defaults included.
BY_HAND = plain_gate.Limits(
    max_weight=0.012,
    correlation=0.7,
    joint_cap=0.75,
    positions=120,
    heat=0.95,
    gross=1.0,
    buffer=0.05,
    trades=30,
    turnover=0.30,
    smallest=500.0,
    threshold=0.001,
)


def by_hand(desk: Desk, state: State, day: Day, wanted: Targets) -> Floats:
    """Net shares that the limits leave, by the reference."""
    mark, net, held = state.mark, wanted.quantity.sum(axis=0), wanted.held.sum(axis=0)
    adds = (wanted.quantity > wanted.held) & (wanted.quantity > 0)
    confidence = np.where(adds, wanted.confidence, 0.0).max(axis=0)
    numbers = (desk.costs_at(day.price), float(mark.cash), float(mark.nav), BY_HAND)
    return plain_gate.run(net, held, confidence, day.price, day.returns, *numbers)


def measure() -> list[Measurement]:
    """One passage with its drawdown level and the sharing; refuses to compare what does not agree."""
    desk = make_desk()
    state, day, wanted = make_case(desk)
    gated = gate(desk, state, day, wanted)
    # In calm no rule on the way back from a drawdown is asked.
    asked = {record.rule for record in gated.passage.records}
    if len(asked) < 18 or len(state.ledger.held()) != SIZE:
        raise AssertionError(f"only {len(asked)} rules were asked of {len(state.ledger.held())} positions")
    left = by_hand(desk, state, day, wanted)
    if not np.array_equal(gated.passage.quantity, left):
        raise AssertionError(f"by hand {left.tolist()} are left, the gate leaves {gated.passage.quantity}")
    with threadpool_limits(1):  # more threads do the same work, and wait for each other where others work too
        hand, taken = medians(
            lambda: [by_hand(desk, state, day, wanted) for _ in range(REPEATS)],
            lambda: [gate(desk, state, day, wanted) for _ in range(REPEATS)],
            clock=process_time,
        )
    name = f"the gate with every rule, {SIZE} positions"
    return [Measurement(name, taken / REPEATS, "the limits by hand", hand / REPEATS, LIMIT)]
