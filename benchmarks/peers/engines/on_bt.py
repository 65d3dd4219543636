"""bt: an algo of one's own that hands over the changes which are not small."""

import bt
import numpy as np
import pandas as pd
import told


class TradeChanges(bt.Algo):
    """Trades the changes of weight that are not small, at the close of the session."""

    def __init__(self, days, task):
        super().__init__()
        self.row, self.task = {day: t for t, day in enumerate(days)}, task

    def __call__(self, target):
        t = self.row[target.now]
        wanted, price = self.task.weights[t], self.task.close[t]
        if np.isnan(wanted[0]):
            return True
        worth = target.value
        for name, weight, close in zip(target.universe.columns, wanted, price, strict=True):
            child = target.children.get(name)
            change = weight - (0.0 if child is None else child.value / worth)
            if abs(change) >= self.task.threshold and change != 0.0:
                target._create_child_if_needed(name)
                target.children[name].transact(change * worth / close, update=False)
        target.root.update(target.now)
        return True


def run(task: told.PeerTask) -> float:
    """Equity at the last close."""
    days = pd.bdate_range("2000-01-03", periods=len(task.close))
    data = pd.DataFrame(task.close, days, [f"S{n:04}" for n in range(task.close.shape[1])])
    test = bt.Backtest(
        bt.Strategy("peer", [TradeChanges(days, task)]), data, initial_capital=task.capital,
        integer_positions=False, progress_bar=False,
        commissions=lambda quantity, price: abs(quantity) * price * task.cost,
    )  # fmt: skip
    test.run()
    return float(test.strategy.values.iloc[-1])


told.tell(run)
