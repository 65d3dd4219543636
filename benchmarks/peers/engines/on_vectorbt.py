"""vectorbt: an order function that leaves small changes alone, one group with shared cash, sales first."""

import numpy as np
import told
import vectorbt as vbt
from numba import njit
from vectorbt.portfolio import nb
from vectorbt.portfolio.enums import SizeType


@njit
def before_segment(c, weights, order_value):
    """Value the group at the session's closes, and put sales first."""
    for col in range(c.from_col, c.to_col):
        c.last_val_price[col] = c.close[c.i, col]
    nb.sort_call_seq_nb(c, weights[c.i], SizeType.TargetPercent, 2, order_value[c.from_col : c.to_col])
    return ()


@njit
def order(c, weights, threshold, cost):
    """A change of weight, in units."""
    weight = weights[c.i, c.col]
    if np.isnan(weight):
        return nb.order_nothing_nb()
    price = c.close[c.i, c.col]
    change = weight - c.position_now * price / c.value_now
    if abs(change) < threshold:
        return nb.order_nothing_nb()
    return nb.order_nb(size=change * c.value_now / price, price=price, size_type=SizeType.Amount, fees=cost)


def run(task: told.PeerTask) -> float:
    """Equity at the last close."""
    folio = vbt.Portfolio.from_order_func(
        task.close, order, task.weights, task.threshold, task.cost,
        pre_segment_func_nb=before_segment,
        pre_segment_args=(task.weights, np.empty(task.close.shape[1])),
        init_cash=task.capital, cash_sharing=True, group_by=True, freq="D",
    )  # fmt: skip
    return float(folio.final_value())


told.tell(run)
