"""backtrader: cheat-on-close, so that an order decided at a close fills at it; the last session's do not."""

import backtrader as bt
import numpy as np
import told


class Closes(bt.feed.DataBase):
    """One symbol's closes as daily bars."""

    params = (("closes", None),)
    _first = 730_120  # a day of backtrader's own count

    def start(self):
        """Begin anew."""
        super().start()
        self._t = 0

    def _load(self):
        if self._t == len(self.p.closes):
            return False
        price = float(self.p.closes[self._t])
        self.lines.datetime[0] = self._first + self._t
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = price
        self.lines.volume[0] = 1e9
        self.lines.openinterest[0] = 0.0
        self._t += 1
        return True


class GivenChanges(bt.Strategy):
    """Sales first, then purchases."""

    params = (("weights", None), ("threshold", 0.0))

    def __init__(self):
        self.t = -1

    def next(self):
        """Trade at a session's close."""
        self.t += 1
        wanted = self.p.weights[self.t]
        if np.isnan(wanted[0]):
            return
        worth = self.broker.getvalue()
        changes = []
        for data, weight in zip(self.datas, wanted, strict=True):
            price = data.close[0]
            change = weight - self.getposition(data).size * price / worth
            if abs(change) >= self.p.threshold and change != 0.0:
                changes.append((change, data, change * worth / price))
        for _, data, size in sorted(changes, key=lambda one: one[0]):
            self.buy(data, size=size) if size > 0 else self.sell(data, size=-size)


def run(task: told.PeerTask) -> float:
    """Equity at the last close."""
    cerebro = bt.Cerebro(stdstats=False)
    for n in range(task.close.shape[1]):
        cerebro.adddata(Closes(closes=task.close[:, n], timeframe=bt.TimeFrame.Days))
    cerebro.addstrategy(GivenChanges, weights=task.weights, threshold=task.threshold)
    cerebro.broker.setcash(task.capital)
    cerebro.broker.setcommission(commission=task.cost)
    cerebro.broker.set_coc(True)
    cerebro.broker.set_checksubmit(False)
    cerebro.run()
    return float(cerebro.broker.getvalue())


told.tell(run)
