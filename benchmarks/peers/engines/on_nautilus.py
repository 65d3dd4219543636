"""nautilus_trader: market orders at the close of the bar that decided them, through its matching engine."""

from decimal import Decimal

import numpy as np
import told
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, AssetClass, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Cfd
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

PEER = Venue("PEER")
PRICE_DIGITS, SIZE_DIGITS = 6, 6
DAY = 86_400_000_000_000


def bars_of(kind, closes, stamps):
    """Bars of one price each; their wrangler does not take the arrays of pandas 3."""
    size = Quantity(1e9, SIZE_DIGITS)
    prices = [Price(one, PRICE_DIGITS) for one in closes]
    return [Bar(kind, p, p, p, p, size, at, at) for p, at in zip(prices, stamps, strict=True)]


def instrument(n, cost):
    """A contract in fractions, at whose trades the desk's costs are paid."""
    symbol = f"S{n:04}"
    return Cfd(
        instrument_id=InstrumentId(Symbol(symbol), PEER), raw_symbol=Symbol(symbol),
        asset_class=AssetClass.EQUITY, quote_currency=USD,
        price_precision=PRICE_DIGITS, size_precision=SIZE_DIGITS,
        price_increment=Price(10**-PRICE_DIGITS, PRICE_DIGITS),
        size_increment=Quantity(10**-SIZE_DIGITS, SIZE_DIGITS),
        margin_init=Decimal(0), margin_maint=Decimal(0),
        maker_fee=Decimal(str(cost)), taker_fee=Decimal(str(cost)), ts_event=0, ts_init=0,
    )  # fmt: skip


class ChangesAtTheClose(Strategy):
    """Trades after the last symbol's bar of a session: then all closes of it are known."""

    def __init__(self, bar_types, instruments, task):
        super().__init__(StrategyConfig())
        self.bar_types, self.instruments, self.task, self.t = bar_types, instruments, task, -1
        self.held = np.zeros(len(instruments))
        self.cash = task.capital
        self.last = bar_types[-1]

    def on_start(self):
        """Ask for every bar."""
        for one in self.bar_types:
            self.subscribe_bars(one)

    def on_bar(self, bar):
        """Trade at a session's close."""
        if bar.bar_type != self.last:
            return
        self.t += 1
        wanted, price = self.task.weights[self.t], self.task.close[self.t]
        if np.isnan(wanted[0]):
            return
        worth = self.cash + float(self.held @ price)
        change = wanted - self.held * price / worth
        change[np.abs(change) < self.task.threshold] = 0.0
        for n in np.argsort(change):
            size = round(abs(change[n]) * worth / price[n], SIZE_DIGITS)
            if size > 0:
                side = OrderSide.BUY if change[n] > 0 else OrderSide.SELL
                quantity = Quantity(size, SIZE_DIGITS)
                self.submit_order(self.order_factory.market(self.instruments[n].id, side, quantity))

    def on_order_filled(self, event):
        """Book a fill."""
        n = int(event.instrument_id.symbol.value[1:])
        sign = 1 if event.order_side == OrderSide.BUY else -1
        quantity = sign * event.last_qty.as_double()
        self.held[n] += quantity
        self.cash -= quantity * event.last_px.as_double() + event.commission.as_double()


def run(task: told.PeerTask) -> float:
    """Equity at the last close."""
    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=True),
            run_analysis=False,
        )
    )  # fmt: skip
    engine.add_venue(
        PEER, OmsType.NETTING, AccountType.MARGIN, [Money(task.capital, USD)], base_currency=USD,
        default_leverage=Decimal(10), bar_execution=True,
    )  # fmt: skip
    stamps = [DAY * t for t in range(1, len(task.close) + 1)]
    instruments = [instrument(n, task.cost) for n in range(task.close.shape[1])]
    types = []
    for n, one in enumerate(instruments):
        engine.add_instrument(one)
        kind = BarType.from_str(f"{one.id}-1-DAY-LAST-EXTERNAL")
        engine.add_data(bars_of(kind, task.close[:, n], stamps), sort=False)
        types.append(kind)
    engine.sort_data()
    strategy = ChangesAtTheClose(types, instruments, task)
    engine.add_strategy(strategy)
    engine.run()
    equity = strategy.cash + float(strategy.held @ task.close[-1])
    engine.dispose()
    return equity


told.tell(run)
