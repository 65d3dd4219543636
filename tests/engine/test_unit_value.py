"""A decision counts units by what they are worth: an option at 2 is to it what a share at 200 is."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.engine.desks import SESSION, book, day

from nightdesk.accounting import Entry, capital, fold, mark
from nightdesk.engine import State, gate, plan, resolve, targets
from nightdesk.engine.risk_inputs import risk_report
from nightdesk.strategies import Direction

STRATEGY = "time_series_momentum"
CALL = "GLD261218C00100000"
LIMITS: dict[str, Any] = {
    "max_weight": {}, "cash_buffer": {"limit": 0.05}, "gross_leverage": {"limit": 0.5},
    "stop_loss": {"halve": 0.12, "leave": 0.2}, "turnover_per_day": {"limit": 0.3},
}  # fmt: skip
EXITS = {"stop": {"share": 0.05}}


def decided(*, contract: bool, held: int, bought_at: float, worth: float, way: Direction, exits: bool) -> Any:
    """Signed units that the orders for the second symbol move, and the weight and the risk in its report."""
    name, multiplier = (CALL, 100) if contract else ("SPY", 1)
    line: dict[str, Any] = {"max_weight": 0.4, "volatility_target": 0.10}
    if contract:
        line |= {"asset_class": "option", "underlying": "GLD"}
    costs = {"commission": 0.001, "slippage": 0.0005, "commission_per_unit": 0.65}
    strategies = {STRATEGY: {"exits": EXITS} if exits else {}}
    made = resolve(
        book(
            universe={"GLD": {"max_weight": 0.5, "volatility_target": 0.10}, name: line},
            limits=LIMITS, costs=costs, strategies=strategies,
        )
    )  # fmt: skip
    cost = Decimal(str(bought_at)) * held
    price, entries = worth / multiplier, [capital(SESSION, Decimal(100_000))]
    if held:
        bought = (Decimal(held), cost / held / multiplier, -cost, Decimal(0), "bought")
        entries.append(Entry(SESSION, "fill", STRATEGY, name, *bought))
    ledger = fold(entries)
    state = State(ledger, mark(ledger, SESSION, {name: price}, contracts=made.contracts))
    today = day([Direction.STRONG_BUY, way], price=np.array([100.0, price]), multiplier=made.multiplier)
    gated = gate(made, state, today, targets(made, state, today))
    orders = {one.symbol: one.signed_quantity for one in plan(made, state, today, gated.quantity)}
    report = risk_report(made, state, today, gated)
    fall = gated.judged.standing.fall.tolist()
    return orders.get(name), orders.get("GLD"), state.mark, report.volatility, fall


@pytest.mark.parametrize("way", [Direction.STRONG_BUY, Direction.HOLD, Direction.SELL])
@pytest.mark.parametrize("exits", [False, True])
@pytest.mark.parametrize(
    ("held", "bought_at", "worth"),
    [(0, 0.0, 200.0), (60, 200.0, 200.0), (60, 200.0, 172.0), (400, 150.0, 200.0)],
)
def test_only_what_a_unit_is_worth_counts(
    way: Direction, exits: bool, held: int, bought_at: float, worth: float
) -> None:
    terms: dict[str, Any] = {"held": held, "bought_at": bought_at, "worth": worth, "way": way, "exits": exits}
    plain, contracts = decided(contract=False, **terms), decided(contract=True, **terms)
    assert repr(contracts) == repr(plain)


def test_a_stop_compares_prices_with_prices() -> None:
    sold = decided(contract=True, held=60, bought_at=200.0, worth=172.0, way=Direction.HOLD, exits=True)
    assert sold[0] == -60  # 1.72 is 14 % below 2.00, and the stop stands at 5 %
