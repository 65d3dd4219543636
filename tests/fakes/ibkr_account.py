"""What the fake gateway says of its account: worth and margin, in dollars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tests.fakes.ibkr_messages import Margins
from tests.fakes.ibkr_state import Order, State, to_cents

Figures = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class MarginRates:
    """Shares of a position's value that are asked for as margin."""

    initial: Decimal = Decimal("0.30")
    maintenance: Decimal = Decimal("0.25")


@dataclass(frozen=True)
class Worth:
    """The account at the last prices."""

    cash: Decimal
    gross: Decimal
    net: Decimal
    initial: Decimal
    maintenance: Decimal

    @property
    def available(self) -> Decimal:
        return self.net - self.initial

    @property
    def excess(self) -> Decimal:
        return self.net - self.maintenance


def worth(state: State, rates: MarginRates, orders: Iterable[Order] = ()) -> Worth:
    """The account as it is; with orders as it would be if these were executed at the last prices."""
    units = {name: held.units for name, held in state.positions.items()}
    cash = state.cash
    for order in orders:
        name = order.stock.symbol
        units[name] = units.get(name, Decimal(0)) + order.sign * order.remaining
        cash -= order.sign * order.remaining * price_of(state, name)
    values = {name: held * price_of(state, name) for name, held in units.items()}
    gross = sum((abs(value) for value in values.values()), Decimal(0))
    net = cash + sum(values.values(), Decimal(0))
    return Worth(
        *(to_cents(one) for one in (cash, gross, net, gross * rates.initial, gross * rates.maintenance))
    )


def price_of(state: State, symbol: str) -> Decimal:
    """The last price; of what never traded the cost at which it is held."""
    held = state.positions.get(symbol)
    return state.prices.get(symbol, held.cost if held else Decimal(0))


def waiting(state: State) -> list[Order]:
    """Orders that may still be executed; of those that cancel one another only the first."""
    groups: set[str] = set()
    found = []
    for order in state.orders.values():
        if order.ended or order.parent_id or (order.oca_group and order.oca_group in groups):
            continue
        groups |= {order.oca_group} - {""}
        found.append(order)
    return found


def margins_of(state: State, rates: MarginRates, order: Order, commission: Decimal) -> Margins:
    """What an order would do to margin and equity."""
    before, after = worth(state, rates), worth(state, rates, [order])
    return Margins(
        (before.initial, after.initial),
        (before.maintenance, after.maintenance),
        (before.net, after.net - commission),
        commission,
    )


def refused_for_margin(state: State, rates: MarginRates, order: Order) -> str | None:
    """Why an order is refused: the equity after it, and all that waits, has to cover the initial margin."""
    alone = worth(state, rates, waiting(state))
    after = worth(state, rates, [*waiting(state), order])
    if after.initial <= after.net or after.initial <= alone.initial:
        return None
    return (
        "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH LOAN VALUE "
        f"[{after.net} USD] MUST EXCEED THE INITIAL MARGIN [{after.initial} USD]"
    )


def figures(state: State, rates: MarginRates, standing: Mapping[str, str]) -> Figures:
    """The account's figures by tag, each with its currency; `standing` goes before what is usual."""
    now = worth(state, rates)
    cushion = now.excess / now.net if now.net else Decimal(0)
    dollars = {
        "NetLiquidation": now.net,
        "TotalCashValue": now.cash,
        "SettledCash": now.cash,
        "AccruedCash": Decimal(0),
        "BuyingPower": max(now.available, Decimal(0)) / rates.initial,
        "EquityWithLoanValue": now.net,
        "PreviousDayEquityWithLoanValue": now.net,
        "GrossPositionValue": now.gross,
        "InitMarginReq": now.initial,
        "MaintMarginReq": now.maintenance,
        "AvailableFunds": now.available,
        "ExcessLiquidity": now.excess,
        "FullInitMarginReq": now.initial,
        "FullMaintMarginReq": now.maintenance,
        "FullAvailableFunds": now.available,
        "FullExcessLiquidity": now.excess,
        "LookAheadInitMarginReq": now.initial,
        "LookAheadMaintMarginReq": now.maintenance,
        "LookAheadAvailableFunds": now.available,
        "LookAheadExcessLiquidity": now.excess,
    }
    others = {
        "AccountType": "INDIVIDUAL",
        "Cushion": f"{cushion:.6f}",
        "DayTradesRemaining": "-1",
        "LookAheadNextChange": "0",
        "HighestSeverity": "0",
        "Leverage": f"{now.gross / now.net if now.net else Decimal(0):.2f}",
    }
    found: Figures = {tag: (f"{to_cents(value):.2f}", "USD") for tag, value in dollars.items()}
    found |= {tag: (value, "") for tag, value in others.items()}
    return found | {tag: (value, found.get(tag, ("", ""))[1]) for tag, value in standing.items()}


def ledger(state: State, rates: MarginRates) -> list[tuple[str, str, str]]:
    """What `$LEDGER` adds: tag, value and currency."""
    now = worth(state, rates)
    lines = {
        "CashBalance": now.cash,
        "TotalCashBalance": now.cash,
        "StockMarketValue": now.net - now.cash,
        "NetLiquidationByCurrency": now.net,
        "ExchangeRate": Decimal(1),
    }
    return [
        *((tag, f"{value:.2f}", "USD") for tag, value in lines.items()),
        ("Currency", "USD", "USD"),
        ("RealCurrency", "USD", "USD"),
    ]
